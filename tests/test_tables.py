import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse import tables
from emofuse.errors import InputError

ENGINE = {"engine": "corpus", "engine_model": "none", "engine_version": "1"}
ROWS = pd.DataFrame({"example_id": ["b", "a"], "text": ["", "hello"], "confidence": [None, -1.5], **ENGINE})


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


EVERY_TABLE = [value for value in vars(tables).values() if isinstance(value, tables.Table)]


@pytest.mark.parametrize("table", EVERY_TABLE, ids=lambda t: t.name)
def test_a_tables_key_is_of_its_own_columns_and_an_empty_one_survives_the_disk(tmp_path, table):
    assert set(table.key) <= set(table.columns) and not any(table.columns[name].nullable for name in table.key)
    tables.write(table.empty(), tmp_path / "t.parquet", table)
    read = tables.read(tmp_path / "t.parquet", table)
    assert list(read.columns) == list(table.columns) and len(read) == 0


def test_every_table_is_exported_under_a_name_of_its_own():
    assert len({t.name for t in EVERY_TABLE}) == len(EVERY_TABLE) >= 12
    assert {name for name, value in vars(tables).items() if isinstance(value, tables.Table)} <= set(tables.__all__)


def test_a_window_need_not_have_audio(tmp_path):
    columns = {name: None for name, column in tables.EXAMPLES.columns.items() if column.nullable}
    row = columns | {"example_id": "wesad:S2:00000.00", "corpus": "wesad", "recording": "wesad:S2", "start_s": 0.0, "end_s": 4.0}
    tables.write(pd.DataFrame([row]), tmp_path / "t.parquet", tables.EXAMPLES)
    assert tables.read(tmp_path / "t.parquet", tables.EXAMPLES)[["path", "arousal3", "valence3"]].isna().all(axis=None)


def test_a_damaged_file_is_told_or_reads_as_before_wherever_the_damage_is(tmp_path):
    path = tmp_path / "t.parquet"
    tables.write(ROWS, path, tables.TRANSCRIPTS)
    whole, told = path.read_bytes(), 0
    before = tables.read(path, tables.TRANSCRIPTS)
    rng = np.random.default_rng(0)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << rng.integers(8)]) + whole[place + 1 :])
        try:
            pd.testing.assert_frame_equal(tables.read(path, tables.TRANSCRIPTS), before)
        except InputError as error:
            assert str(error).startswith(f"{path}: expected the Transcripts table, found") and "\n" not in str(error)
            told += 1
    assert told > len(whole) / 2  # much of the rest are statistics, which nobody reads


def test_damage_that_the_formats_own_checksums_do_not_cover_is_told(tmp_path):
    path = tmp_path / "t.parquet"
    tables.write(ROWS, path, tables.TRANSCRIPTS)
    frame = pq.read_table(path)
    for other in (frame.slice(0, 1), frame.take([1, 0]), frame.rename_columns(["example_id", "said", *frame.column_names[2:]])):
        pq.write_table(other.replace_schema_metadata(frame.schema.metadata), path, write_page_checksum=True)
        with pytest.raises(InputError, match="not of the SHA-256 that it was written with"):
            tables.read(path, tables.TRANSCRIPTS)
    pq.write_table(frame.replace_schema_metadata(None), path)
    with pytest.raises(InputError, match="lacks the SHA-256 of its values"):
        tables.read(path, tables.TRANSCRIPTS)


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=9),
    confidence=st.lists(st.none() | st.floats(allow_nan=False), min_size=9, max_size=9),
)
@settings(max_examples=60, deadline=None)
def test_every_table_that_is_written_is_accepted_and_written_again_the_same(tmp_path_factory, texts, confidence):
    folder = tmp_path_factory.mktemp("t")
    rows = pd.DataFrame({"example_id": [f"e{i}" for i in range(len(texts))], "text": texts, "confidence": confidence[: len(texts)]})
    tables.write(rows.assign(**ENGINE).astype({"text": object}), folder / "1.parquet", tables.TRANSCRIPTS)
    tables.write(tables.read(folder / "1.parquet", tables.TRANSCRIPTS), folder / "2.parquet", tables.TRANSCRIPTS)
    assert (folder / "1.parquet").read_bytes() == (folder / "2.parquet").read_bytes()
