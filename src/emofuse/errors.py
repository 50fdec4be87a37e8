"""The one error that a user sees: a single line that names the record, what was expected, what was found and what to do."""

_MOST_CHARACTERS = 2000  # of one line


class InputError(Exception):
    """Input from outside (a corpus, params.yaml, a table on disk) is not what the pipeline can use.

    The message is one line: subject, expected, found, remedy. Stages print it and exit with code 1. What names and contents of files bring
    along is made printable.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


def printable(text: str) -> str:
    r"""The text in one line, what cannot be printed (line ends, a terminal's control sequences) escaped, the middle of a long one left out.

    >>> print(printable("a\nb"))
    a\nb
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    half = _MOST_CHARACTERS // 2
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:half]} ... {text[-half:]}"
