import pandas as pd
import pytest

from emofuse import references
from emofuse.errors import InputError

EXAMPLES = pd.DataFrame({"example_id": ["toy:a", "toy:b", "toy:c"], "transcript": ["one", None, ""]})
SAID = "example_id,text\ntoy:c,three\na,eins\n"


def texts(table):
    return dict(zip(table["example_id"], table["text"], strict=True))


def test_the_corpus_own_transcripts_are_what_was_said(tmp_path):
    assert texts(references.of_corpus(EXAMPLES, tmp_path)) == {"toy:a": "one", "toy:c": ""}


def test_of_an_invented_corpus_it_is_what_was_spoken(tmp_path):
    (tmp_path / "SYNTHETIC_TEXT.csv").write_text(SAID)
    assert texts(references.of_corpus(EXAMPLES, tmp_path)) == {"toy:a": "one", "toy:c": ""}  # a file of that name in a genuine corpus
    (tmp_path / "SYNTHETIC_README.txt").write_text("invented")
    assert texts(references.of_corpus(EXAMPLES, tmp_path)) == {"toy:a": "eins", "toy:c": "three"}


def test_a_corpus_without_texts_has_no_references(tmp_path):
    assert texts(references.of_corpus(EXAMPLES.assign(transcript=None), tmp_path)) == {}


def test_texts_of_ones_own_are_of_the_examples_that_they_name(tmp_path):
    own = tmp_path / "said.csv"
    own.write_text("example_id,text\ntoy:b,two\n")
    assert texts(references.own(own, EXAMPLES)) == {"toy:b": "two"}
    with pytest.raises(InputError, match=f"{tmp_path}/none.csv"):
        references.own(tmp_path / "none.csv", EXAMPLES)
