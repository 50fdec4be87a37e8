import pandas as pd
import pytest

from emofuse import tables
from emofuse.errors import InputError

ROWS = pd.DataFrame(
    {"example_id": ["b", "a"], "text": ["", "hello"], "confidence": [None, -1.5], "engine": "corpus", "engine_model": "none"}
)


def test_what_is_written_is_read_sorted_by_key(tmp_path):
    tables.write(ROWS, tmp_path / "t.parquet", tables.TRANSCRIPTS)
    read = tables.read(tmp_path / "t.parquet", tables.TRANSCRIPTS)
    assert list(read["example_id"]) == ["a", "b"] and list(read["text"]) == ["hello", ""]


def test_row_order_does_not_change_the_bytes(tmp_path):
    tables.write(ROWS, tmp_path / "1.parquet", tables.TRANSCRIPTS)
    tables.write(ROWS[::-1], tmp_path / "2.parquet", tables.TRANSCRIPTS)
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="text"), ["missing ['text']"]),
        (lambda f: f.assign(extra=1), ["unknown ['extra']"]),
        (lambda f: f.assign(example_id="a"), ["one row per", "found two for a"]),
        (lambda f: f.assign(text=["x", None]), ["Transcripts.text may not be null", "a"]),
        (lambda f: f.assign(confidence=["loud", "low"]), ["wrong kind"]),
    ],
)
def test_a_wrong_frame_is_refused_and_nothing_is_left(tmp_path, change, words):
    with pytest.raises(InputError) as error:
        tables.write(change(ROWS), tmp_path / "t.parquet", tables.TRANSCRIPTS)
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_an_absent_or_broken_file_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="found no file; run `dvc repro`"):
        tables.read(tmp_path / "t.parquet", tables.EXAMPLES)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(InputError, match=r"t\.parquet: .*unreadable"):
        tables.read(tmp_path / "t.parquet", tables.EXAMPLES)
