"""AffectiveROAD's reader against the invented corpus, changed file by file."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from emofuse import recordings as corpora
from emofuse.errors import InputError
from emofuse.params.wearable import ToySubjects
from emofuse.remarks import Count, LeftOut
from emofuse.signals import Recording
from emofuse.toy import affective_road

DURATION_S = 85


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("road") / "AffectiveROAD_Data"
    affective_road.write(root, 5, ToySubjects(subjects=2, duration_s=DURATION_S))
    return root


@pytest.fixture
def database(written, tmp_path) -> Path:
    """A copy of the written corpus that a test may change."""
    return Path(shutil.copytree(written / "Database", tmp_path / "Database"))


def read(root: Path) -> list[Recording]:
    return [one for one in corpora.read("affective_road", root, "2018") if isinstance(one, Recording)]


def left_out(root: Path) -> dict[tuple[str, str], str]:
    """The detail of each item and reason."""
    return {(one.item, one.reason): one.detail for one in corpora.read("affective_road", root, "2018") if isinstance(one, LeftOut)}


def counts(root: Path) -> dict[str, tuple[int, int | None, int | None]]:
    return {one.what: (one.found, one.least, one.most) for one in corpora.read("affective_road", root, "2018") if isinstance(one, Count)}


def refusal(root: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_wrist_is_a_recording_and_so_is_each_piece(written):
    found = read(written)
    assert [(r.native_id, r.subject, r.device) for r in found] == [
        ("Drv1/left", "Drv1", "left"),
        ("Drv1/right", "Drv1", "right"),
        ("Drv2/left1", "Drv2", "left"),
        ("Drv2/left2", "Drv2", "left"),
        ("Drv2/right", "Drv2", "right"),
    ]
    first, second = found[2], found[3]
    end_s = first.t0_unix_s + len(first.tracks["bvp"].samples) / 64
    assert second.t0_unix_s == end_s + 4  # the wristband had stopped
    assert not first.annotations and not second.annotations
    assert list(left_out(written)) == [
        ("Database/E4/1-E4-Drv1/Right/TEMP.csv", "lost_rows"),  # its last line is cut
        *(("Drv2/left1", "unlabelled"), ("Drv2/left2", "unlabelled")),
    ]


def test_roads_there_and_back_are_on_the_wristbands_clock(written):
    recording = read(written)[0]
    roads = [(a.text, a.start_s, a.end_s) for a in recording.annotations if a.name == "road"]
    assert roads == [(name.lower(), start_s, end_s) for name, start_s, end_s in affective_road.roads(DURATION_S)]
    assert [name for name, _, _ in roads] == ["z", "city1", "hwy", "city2"] * 2


def test_stress_is_brought_to_the_wristbands_clock(written):
    recording = read(written)[0]
    stress = [a for a in recording.annotations if a.name == "stress"]
    lines = (written / "Database/Subj_metric/SM_Drv1.csv").read_text().split()[1:]
    assert [a.value for a in stress] == [float(line) for line in lines]
    assert np.allclose([a.start_s for a in stress], affective_road.RATING_DELAY_S + 0.25 * np.arange(len(lines)))


def test_a_wristband_that_starts_late_shifts_its_annotations(database):
    for file in ("ACC", "BVP", "TEMP"):
        path = database / f"E4/1-E4-Drv1/Left/{file}.csv"
        first, rest = path.read_text().split("\n", 1)
        path.write_text(first.replace("1560086400", "1560086398") + "\n" + rest)
    before, after = (
        [a.start_s for a in read(database)[index].annotations if a.name in ("road", "stress")] for index in (1, 0)
    )  # the right wristband is as it was
    assert np.allclose(np.array(after) - np.array(before), 2)


@pytest.mark.parametrize("name", ["1", "1-E4-Drv1", "Drive1"])
def test_drives_are_known_by_their_number(database, name):
    path = database / "E4/Annot_E4_Left.csv"
    path.write_text(path.read_text().replace("Drv1,", f"{name},"))
    assert len([a for a in read(database)[0].annotations if a.name == "road"]) == 8


def test_what_is_not_annotated_is_left_out(database):
    path = database / "E4/Annot_E4_Left.csv"
    header, row, *rest = path.read_text().split("\n")
    cells = row.split(",")
    cells[1] = cells[2] = ""
    path.write_text("\n".join([header, ",".join(cells), *rest]))
    recording = read(database)[0]
    assert next(a.text for a in recording.annotations if a.name == "road") == "city1"
    assert next(a.start_s for a in recording.annotations if a.name == "stress") == affective_road.RATING_DELAY_S  # by the next road
    path.unlink()
    assert read(database)[0].annotations == ()
    assert {item for item, reason in left_out(database) if reason == "unlabelled"} >= {"E4/Annot_E4_Left.csv", "Drv1/left/stress"}
    shutil.rmtree(database / "Subj_metric")
    assert {item for item, reason in left_out(database) if reason == "unlabelled"} >= {
        "Subj_metric/Annot_Subjective_metric.csv",
        *(f"Subj_metric/SM_Drv{drive}.csv" for drive in (1, 2)),
    }


def test_ratings_without_a_road_that_the_wristband_knows_have_no_time(database):
    path = database / "Subj_metric/Annot_Subjective_metric.csv"
    path.write_text(path.read_text().replace("Drv1,", "Drv9,"))
    assert {a.name for a in read(database)[0].annotations} == {"road"}
    found = left_out(database)
    rated = len((database / "Subj_metric/SM_Drv1.csv").read_text().split()) - 1
    assert f"{rated} ratings have no time" in found["Drv1/left/stress", "unlabelled"]
    assert ("Drv9", "missing_signal") in found


def test_a_road_that_outlasts_the_recording_is_cut(database):
    path = database / "E4/Annot_E4_Right.csv"
    lines = path.read_text().rstrip().split("\n")
    lines[1] = lines[1].rsplit(",", 1)[0] + ",99999"
    path.write_text("\n".join(lines))
    assert [a for a in read(database)[1].annotations if a.name == "road"][-1].end_s == DURATION_S
    assert f"city2 ends {99999 / 4 - DURATION_S:.2f} s after" in left_out(database)["Drv1/right/city2/2", "surplus"]


def test_roads_may_have_any_names(database):
    path = database / "E4/Annot_E4_Left.csv"
    lines = path.read_text().rstrip().split("\n")
    path.write_text("\n".join([f"{lines[0]},Rest_Start,Rest_End", *(f"{line},330,334" for line in lines[1:])]))
    assert [(a.text, a.start_s, a.end_s) for a in read(database)[0].annotations if a.name == "road"][-1] == ("rest", 82.5, 83.5)


def test_an_absent_wristband_or_file_is_said(database):
    shutil.rmtree(database / "E4/1-E4-Drv1/Left")
    (database / "E4/1-E4-Drv1/Right/TEMP.csv").unlink()
    (database / "E4/2-E4-Drv2/Right/EDA.csv").unlink()
    (database / "E4/2-E4-Drv2/old").mkdir()
    found = left_out(database)
    assert set(found) >= {
        *(("Drv1/left", "missing_signal"), ("Drv1/right/temp", "missing_signal"), ("Drv2/right/eda", "missing_signal")),
        *(("Drv2/right", "unlabelled"), ("E4/2-E4-Drv2/old", "extra_file")),
    }
    assert [r.native_id for r in read(database)] == ["Drv1/right", "Drv2/left1", "Drv2/left2", "Drv2/right"]
    assert counts(database)["recordings with 8 samples of ACC for each of EDA"] == (3, 3, 3)


def test_a_row_that_is_cut_is_said_by_its_file(database):
    path = database / "E4/1-E4-Drv1/Left/BVP.csv"
    path.write_bytes(path.read_bytes()[:-2])
    assert ("E4/1-E4-Drv1/Left/BVP.csv", "lost_rows") in left_out(database)


def test_two_folders_of_one_drive_are_refused(database):
    shutil.copytree(database / "E4/1-E4-Drv1", database / "E4/01-E4-Drv1")
    assert "1-E4-Drv1: expected one folder of Drv1, found 01-E4-Drv1 too" in refusal(database)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("E4/Annot_E4_Left.csv", "Z_End", "City_End", "expected columns Z_Start, Z_End and so on"),
        ("E4/Annot_E4_Left.csv", "Drv1,20,", "Drv1,oops,", "Drv1: z: expected a sample and a later one, found 'oops'"),
        ("E4/Annot_E4_Left.csv", "Drv1,20,", "Drv1,2000,", "Drv1: z: expected a sample and a later one, found '2000'"),
        ("E4/Annot_E4_Left.csv", "Drv1,20,", "Drv1,", "'Drv1': expected a drive, once, and 16 samples"),
        ("E4/Annot_E4_Left.csv", "Drv1,20,", "Drv2,20,", "'Drv2': expected a drive, once"),
        ("E4/Annot_E4_Left.csv", "Drv1,20,", "first,20,", "'first': expected a drive, once"),
        ("Subj_metric/SM_Drv1.csv", "x\n0.", "x\n1.", "row 2: expected a stress from 0 to 1, found '1."),
        ("Subj_metric/SM_Drv1.csv", "x\n", "x\noops\n", "row 2: expected a stress from 0 to 1, found 'oops'"),
        ("E4/2-E4-Drv2/Left1/EDA.csv", "\n0.000000", "\nnone", "line 3: expected 1 number(s), found 'none'"),
    ],
)
def test_a_damaged_file_is_named(database, file, old, new, message):
    path = database / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    found = refusal(database)
    assert found.startswith(str(path)) and message in found


def test_a_drive_without_wristbands_is_named(database):
    shutil.rmtree(database / "E4/1-E4-Drv1")
    (database / "E4/1-E4-Drv1/Chest").mkdir(parents=True)
    assert "1-E4-Drv1: expected folders Left and Right, found ['Chest']" in refusal(database)


def test_drives_are_counted_and_lengths_of_acceleration_compared(database):
    assert counts(database) == {"drives": (2, 13, 13), "recordings with 8 samples of ACC for each of EDA": (5, 5, 5)}
    path = database / "E4/1-E4-Drv1/Left/ACC.csv"
    path.write_text("\n".join(path.read_text().split("\n")[: 2 + 32 * (DURATION_S - 11)]) + "\n")
    assert counts(database)["recordings with 8 samples of ACC for each of EDA"] == (4, 5, 5)


def test_a_root_of_something_else_is_named(tmp_path):
    assert "expected AffectiveROAD" in refusal(tmp_path)
