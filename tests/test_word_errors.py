import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from emofuse import tables
from emofuse.errors import InputError
from emofuse.word_errors import normalise, word_errors

WORDS = st.lists(st.sampled_from(["a", "be", "see", "don't", "é"]), max_size=6)


def transcripts(texts: dict[str, str]) -> pd.DataFrame:
    rows = [{"example_id": name, "text": text, "engine": "e", "engine_model": "m", "engine_version": "v"} for name, text in texts.items()]
    return pd.DataFrame(rows).reindex(columns=list(tables.TRANSCRIPTS.columns))


def measured(said: dict[str, str | None], heard: dict[str, str]) -> dict[str, float]:
    frame = word_errors("toy", transcripts(heard), pd.Series(said, dtype=object))
    assert len(frame) == 1 and list(frame.columns) == list(tables.WORD_ERRORS.columns)
    return dict(frame.iloc[0])


def distance(one: list[str], other: list[str]) -> int:
    """Levenshtein's, by the textbook's table."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


@pytest.mark.parametrize(
    ("said", "heard", "counts"),
    [
        # substitutions, deletions, insertions
        ("the cat sat on the mat", "the cat sat on mat", (0, 1, 0)),
        ("the cat sat on the mat", "the cat sad on the the mat", (1, 0, 1)),
        ("it is easy to recognise speech", "it is easy to wreck a nice beach", (2, 0, 2)),
        ("one", "", (0, 1, 0)),
        ("one", "two three", (1, 0, 1)),
    ],
)
def test_errors_are_those_counted_by_hand(said: str, heard: str, counts: tuple[int, int, int]) -> None:
    found = measured({"toy:a": said}, {"toy:a": heard})
    assert (found["substitutions"], found["deletions"], found["insertions"]) == counts
    assert found["wer"] == sum(counts) / len(said.split())


@hypothesis_settings(deadline=None)
@given(pairs=st.lists(st.tuples(WORDS.filter(len), WORDS), min_size=1, max_size=4))
def test_errors_are_as_few_as_the_edit_distance_summed_over_utterances(pairs: list[tuple[list[str], list[str]]]) -> None:
    found = measured({f"{k}": " ".join(p[0]) for k, p in enumerate(pairs)}, {f"{k}": " ".join(p[1]) for k, p in enumerate(pairs)})
    assert found["substitutions"] + found["deletions"] + found["insertions"] == sum(distance(*pair) for pair in pairs)
    assert found["words"] == sum(len(said) for said, _ in pairs)
    assert found["wer"] == sum(distance(*pair) for pair in pairs) / found["words"]


@hypothesis_settings(deadline=None)
@given(said=WORDS.filter(len))
def test_equal_texts_have_no_errors(said: list[str]) -> None:
    assert measured({"a": " ".join(said)}, {"a": " ".join(said).upper() + " ..."})["wer"] == 0


@hypothesis_settings(deadline=None)
@given(said=WORDS.filter(len), place=st.integers(0, 6))
def test_a_word_too_many_is_one_insertion(said: list[str], place: int) -> None:
    found = measured({"a": " ".join(said)}, {"a": " ".join([*said[:place], "extra", *said[place:]])})
    assert (found["insertions"], found["wer"]) == (1, 1 / len(said))


def test_texts_meet_by_example_and_not_by_place() -> None:
    found = measured({"b": "two", "a": "one"}, {"a": "one", "b": "two", "c": "not in the references"})
    assert (found["utterances"], found["words"], found["wer"]) == (2, 2, 0)


def test_references_without_words_are_no_utterances() -> None:
    found = measured({"a": "one", "b": " -- ", "c": None, "d": ""}, {"a": "one", "b": "noise", "d": "noise"})
    assert (found["utterances"], found["insertions"]) == (1, 0)


def test_a_missing_transcript_is_named() -> None:
    with pytest.raises(InputError, match=r"^b: expected a transcript .* \(nor for 1 others\)"):
        measured({"a": "one", "b": "two", "c": "three"}, {"a": "one"})


def test_no_words_at_all_is_an_error() -> None:
    with pytest.raises(InputError, match=r"^toy: expected reference texts with words"):
        measured({"a": " ", "b": None}, {"a": "one"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don’t! 'Tis the boys' rock'n'roll", "don't tis the boys rock'n'roll"),
        ("ＦＵＬＬ ﬁne \u00a0 e\u0301te\u0301", "full fine été"),
        ("wait…what—no_way, 3.5%", "wait what no way 3 5"),
        ("so [LAUGHTER] yes [breath] [", "so yes"),
        ("हिन्दी में", "हिन्दी में"),
        ("''", ""),
    ],
)
def test_texts_are_compared_as_documented(text: str, expected: str) -> None:
    assert normalise(text) == expected


@hypothesis_settings(deadline=None)
@given(text=st.text(max_size=30))
def test_a_normalised_text_has_single_spaces_and_apostrophes_only_within_words(text: str) -> None:
    found = normalise(text)
    assert found == " ".join(found.split())
    assert not re.search(r"(^|\s)'|'($|\s)|[.,;:!?\"_-]", found)
    assert normalise(found) == found or any(ord(c) > 0x7F for c in text)
