import pytest

from emofuse import tables
from emofuse.remarks import REASONS, Count, LeftOut, counts_table, exactly, left_out_table


def test_what_was_left_out_becomes_a_table_sorted_by_reason_and_item(tmp_path):
    items = [
        LeftOut("b.wav", "silent_audio", f"{tmp_path}/wav/b.wav: found silence"),
        LeftOut("b", "copy", "found two"),
        LeftOut("a.wav", "silent_audio", "too"),
    ]
    table = left_out_table("ravdess", items, tmp_path)
    assert list(table[["corpus", "reason", "item"]].itertuples(index=False, name=None)) == [
        ("ravdess", "copy", "b"),
        ("ravdess", "silent_audio", "a.wav"),
        ("ravdess", "silent_audio", "b.wav"),
    ]
    assert table["detail"].iloc[2] == "wav/b.wav: found silence"
    tables.write(table, tmp_path / "left_out.parquet", tables.LEFT_OUT)
    assert tables.read(tmp_path / "left_out.parquet", tables.LEFT_OUT).equals(table)
    assert len(left_out_table("ravdess", [], tmp_path)) == 0


def test_a_reason_must_be_known():
    with pytest.raises(ValueError, match="'broken' is none of"):
        LeftOut("a.wav", "broken", "found nothing")
    assert {severity for severity, _ in REASONS.values()} == {"error", "warning", "note"}


@pytest.mark.parametrize("published", [True, False])
def test_published_numbers_stand_beside_what_was_found_only_where_they_apply(tmp_path, published):
    counts = [exactly("examples", 1440, 672), Count("participants", 60, 55, 62), exactly("hours", None, 3)]
    tables.write(counts_table("clas", counts, published), tmp_path / "counts.parquet", tables.COUNTS)
    table = tables.read(tmp_path / "counts.parquet", tables.COUNTS).set_index("what")
    assert table["found"].to_dict() == {"examples": 672, "hours": 3, "participants": 60}
    assert table.loc["hours", ["least", "most"]].isna().all()
    if published:
        assert table.loc["examples", ["least", "most"]].tolist() == [1440, 1440]
        assert table.loc["participants", ["least", "most"]].tolist() == [55, 62]
    else:
        assert table[["least", "most"]].isna().all(axis=None)
