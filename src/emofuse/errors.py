"""The one error that a user sees: a single line that names the record, what was expected, what was found and what to do."""


class InputError(Exception):
    """Input from outside (a corpus, params.yaml, a table on disk) is not what the pipeline can use.

    The message is one line: subject, expected, found, remedy. Stages print it and exit with code 1.
    """
