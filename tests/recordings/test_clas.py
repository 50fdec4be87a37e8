"""CLAS's reader against a small tree written here, without the toy generator."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emofuse.errors import InputError
from emofuse.recordings import clas as reader
from emofuse.remarks import Count, LeftOut, exactly
from emofuse.signals import Annotation, Recording

DETAILS = "Block,Block Type, ECG File,EDA&PPG File,Length(s),EDA Quality,ECG Quality,PPG Quality,"
HEADER = "Timestamp,PythonTimestamp, accelx,accely,accelz,ppg ,gsr"
ROWS = 512  # 2 s


def rows(unit: float = 9.81, count: int = ROWS) -> list[str]:
    """Gravity points along y; the pulse counts from 0, the skin from 10 in steps of 1/64."""
    return [HEADER, *(f"{4 * k},1560000000.5,0,{unit},0,{k},{10 + k / 64}" for k in range(count))]


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Participants 2 and 10; blocks 1, 2 and 11, of which participant 10 lacks the last."""
    release = tmp_path / "CLAS_Database" / "CLAS"
    for participant, unit in (("Part10", 1.0), ("Part2", 9.81)):
        folder = release / "Participants" / participant / "by_block"
        table = [DETAILS]
        for block, kind, name in ((1, "Baseline", "1_gsr_ppg_"), (2, "Math Test", "2_gsr_ppg_mathtest"), (11, "IQ Test", "11_gsr_ppg_")):
            table.append(f"{block},{kind},{block}_ecg.csv,{block}_gsr_ppg.csv,2.05,2,2,2,")
            if (participant, block) != ("Part10", 11):
                write(folder / f"{name}.csv", rows(unit))
                write(folder / f"{block}_ecg_.csv", ["ecg1,ecg2", "0,0"])
        write(release / "Block_details" / f"{participant}_Block_Details.csv", [*table, ",,,,,,,,"])
    shutil.copytree(release / "Participants" / "Part2", release / "Participants" / "Part25 - Copy")
    return tmp_path


def block_file(root: Path, participant: str = "Part2") -> Path:
    return root / "CLAS_Database" / "CLAS" / "Participants" / participant / "by_block" / "1_gsr_ppg_.csv"


def details(root: Path) -> Path:
    return root / "CLAS_Database" / "CLAS" / "Block_details" / "Part2_Block_Details.csv"


def read(root: Path) -> list[Recording]:
    return [one for one in reader.read(root, "2019") if isinstance(one, Recording)]


def left_out(root: Path) -> list[LeftOut]:
    return [one for one in reader.read(root, "2019") if isinstance(one, LeftOut)]


def problem(root: Path, release: str = "2019") -> str:
    with pytest.raises(InputError) as error:
        list(reader.read(root, release))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_each_block_is_a_recording_by_its_exact_number_and_one_without_a_file_is_left_out(root: Path) -> None:
    assert [(r.native_id, r.subject) for r in read(root)] == [
        ("Part2/1", "Part2"), ("Part2/2", "Part2"), ("Part2/11", "Part2"), ("Part10/1", "Part10"), ("Part10/2", "Part10"),
    ]  # fmt: skip
    copy, absent = left_out(root)
    assert (copy.item, copy.reason) == ("CLAS_Database/CLAS/Participants/Part25 - Copy", "known_fault")
    assert (absent.item, absent.reason) == ("CLAS_Database/CLAS/Block_details/Part10_Block_Details.csv:4", "missing_signal")
    folder = block_file(root, "Part10").parent
    assert absent.detail == f"{folder}: expected 11_gsr_ppg*.csv for block 11 ('IQ Test'), found none"


def test_signals_come_from_the_named_columns_at_256_hz_in_g(root: Path) -> None:
    for recording in read(root):  # one participant's acceleration is in m/s^2, the other's in g
        assert set(recording.tracks) == {"acc", "bvp", "eda"}
        assert {(t.rate_hz, t.start_s, t.samples.dtype.name) for t in recording.tracks.values()} == {(256.0, 0.0, "float32")}
        np.testing.assert_allclose(recording.tracks["acc"].samples, np.tile([0, 1, 0], (ROWS, 1)), atol=1e-6)
        np.testing.assert_array_equal(recording.tracks["bvp"].samples, np.arange(ROWS))
        np.testing.assert_array_equal(recording.tracks["eda"].samples, 10 + np.arange(ROWS) / 64)


def test_the_type_of_a_block_spans_it(root: Path) -> None:
    assert [r.annotations for r in read(root)[:3]] == [
        (Annotation(0.0, 2.0, "block_type", text=kind),) for kind in ("Baseline", "Math Test", "IQ Test")
    ]


def test_the_folder_may_be_called_data(root: Path) -> None:
    before = [r.native_id for r in read(root)]
    release = root / "CLAS_Database" / "CLAS"
    (release / "Participants").rename(release / "Data")
    assert [r.native_id for r in read(root)] == before
    shutil.copytree(release / "Data", release / "Participants")
    assert "found them in both" in problem(root)


garbage = st.one_of(
    st.just(HEADER),
    st.sampled_from(
        [
            "0,0,x,9.81,0,1,1",
            "0,0,\xff,9.81,0,1,1",
            "2019-01-01,0,0,true,0,1,1",
            "0,0,0,9.81,0,,1",
            "0,0,0,9.81,0,1,inf",
            "0,0,0,9.81,0,1",
            "garbage",
            "\xa3\xff",
            "a,b,c,d,e,f,g,h",
        ]
    ),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, ROWS), garbage), min_size=1, max_size=20))
def test_rows_that_are_not_numbers_are_dropped_and_counted(root: Path, planted: list[tuple[int, str]]) -> None:
    lines = rows()
    for place, line in planted:
        lines.insert(place, line)
    block_file(root).write_text("\n".join(lines) + "\n", encoding="latin-1")
    said, recording = (one for one in list(reader.read(root, "2019"))[2:4])
    assert isinstance(recording, Recording) and isinstance(said, LeftOut)
    np.testing.assert_array_equal(recording.tracks["bvp"].samples, np.arange(ROWS))
    np.testing.assert_array_equal(recording.tracks["eda"].samples, 10 + np.arange(ROWS) / 64)
    assert (said.item, said.reason) == (block_file(root).relative_to(root).as_posix(), "lost_rows")
    assert said.detail.endswith(f"found {len(planted)} of {ROWS + len(planted)} rows that are not")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (rows()[:400] + ["x,x,x,x,x,x,x"] * 113, "113 of 512 rows"),
        (rows(count=480), "rates do not match"),
        (rows(count=555), "rates do not match"),
        (rows(unit=30.0), "median magnitude"),
        ([HEADER.replace("ppg", "bvp"), *rows()[1:]], "['ppg']"),
        ([HEADER], "0 of 0 rows"),
        ([], "columns"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(root: Path, lines: list[str], expected: str) -> None:
    write(block_file(root), lines)
    message = problem(root)
    assert str(block_file(root)) in message
    assert expected in message


def test_a_second_equal_file_of_a_block_is_left_out_and_another_refused(root: Path) -> None:
    second = Path(shutil.copy(block_file(root), block_file(root).with_name("1_gsr_ppg_b.csv")))
    before = [r.native_id for r in read(root)]
    assert [(one.item.rpartition("/")[2], one.reason) for one in left_out(root)][1] == ("1_gsr_ppg_b.csv", "copy")
    write(second, rows(count=500))
    assert "found ['1_gsr_ppg_.csv', '1_gsr_ppg_b.csv']; keep the genuine one" in problem(root)
    second.rename(second.with_name("21_gsr_ppg_.csv"))
    assert [r.native_id for r in read(root)] == before
    assert ("21_gsr_ppg_.csv", "extra_file") in [(one.item.rpartition("/")[2], one.reason) for one in left_out(root)]


def test_skin_resistance_is_told_from_conductance_by_its_level(root: Path) -> None:
    lines = [",".join([*row.split(",")[:6], "0" if k == 7 else "250"]) for k, row in enumerate(rows()[1:])]
    write(block_file(root), [HEADER, *lines])
    skin = read(root)[0].tracks["eda"].samples
    assert np.isnan(skin[7])
    assert set(np.delete(skin, 7)) == {4.0}  # 1 / 250 kOhm


def test_a_byte_order_mark_changes_nothing(root: Path) -> None:
    lines = [row.split(",", 2)[2].strip() for row in rows()]
    block_file(root).write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    np.testing.assert_allclose(read(root)[0].tracks["acc"].samples, np.tile([0, 1, 0], (ROWS, 1)), atol=1e-6)


def test_a_table_of_blocks_of_nobody_is_said(root: Path) -> None:
    shutil.copy(details(root), details(root).with_name("Part3_Block_Details.csv"))
    (block_file(root).parents[2] / "Notes").mkdir()
    said = [(one.item.removeprefix("CLAS_Database/CLAS/"), one.reason) for one in left_out(root)]
    assert said[:3] == [
        ("Participants/Notes", "extra_file"), ("Participants/Part25 - Copy", "known_fault"),
        ("Block_details/Part3_Block_Details.csv", "missing_signal"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("\n1,Baseline", "\none,Baseline", "row 2: Block expects"),
        ("\n2,Math", "\n1,Math", "row 3: Block expects each block once"),
        ("Math Test", " ", "row 3: Block Type"),
        ("11_gsr_ppg.csv,2.05", "11_gsr_ppg.csv,-2", "row 4: Length(s)"),
        ("11_gsr_ppg.csv,2.05", "11_gsr_ppg.csv,two", "row 4: Length(s)"),
        ("Length(s)", "Length", "'Length(s)'"),
        ("11,IQ Test,", "11,IQ,Test,,,,,,", "row 4: expected 9 fields as in the first row, found more"),
        ("EDA Quality", " Block", "found none or two called ['Block']"),
    ],
)
def test_a_damaged_table_of_blocks_is_named_with_its_row(root: Path, old: str, new: str, expected: str) -> None:
    details(root).write_text(details(root).read_text().replace(old, new, 1))
    message = problem(root)
    assert str(details(root)) in message
    assert expected in message


def test_an_absent_table_of_blocks_is_named(root: Path) -> None:
    details(root).unlink()
    assert str(details(root)) in problem(root)


def test_a_tree_without_any_block_file_is_refused(root: Path) -> None:
    for path in root.rglob("*_gsr_ppg*.csv"):
        path.unlink()
    assert "found none" in problem(root)


def test_participants_and_blocks_are_counted_beside_what_is_published(root: Path) -> None:
    counts = [one for one in reader.read(root, "2019") if isinstance(one, Count)]
    assert counts == [Count("participants", 2, 55, 62), exactly("blocks", None, 6)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_is_read_or_refused_in_one_line_that_names_the_file(root: Path, data: st.DataObject) -> None:
    write(block_file(root), rows())
    write(details(root), [DETAILS, "1,Baseline,1_ecg.csv,1_gsr_ppg.csv,2.05,2,2,2,", "2,Math Test,,,2.05,2,2,2,"])
    path = data.draw(st.sampled_from([block_file(root), details(root)]))
    sound = path.read_bytes()
    at, junk = data.draw(st.integers(0, min(len(sound), 300))), data.draw(st.binary(max_size=6))
    path.write_bytes(sound[:at] + junk + data.draw(st.sampled_from([b"", sound[at:], sound[at + len(junk) :]])))
    try:
        assert {r.subject for r in read(root)} >= {"Part10"}
    except InputError as error:
        assert "\n" not in str(error) and str(path) in str(error)


def test_another_release_or_an_empty_folder_is_answered(root: Path, tmp_path: Path) -> None:
    assert "'2020'" in problem(root, release="2020")
    (tmp_path / "empty").mkdir()
    assert "Participants/Part1" in problem(tmp_path / "empty")
