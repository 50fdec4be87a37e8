"""The invented AffectiveROAD: its layout, and its oddities."""

import csv
from pathlib import Path

import numpy as np
import pytest

from emofuse.params.wearable import ToySubjects
from emofuse.toy import affective_road


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("toy_road") / "affective_road"
    affective_road.write(root, 3, ToySubjects(subjects=3, duration_s=240))
    return root / "Database"


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_the_left_wristband_of_drive_2_gave_two_pieces(written):
    sides = {d.name: sorted(s.name for s in d.iterdir()) for d in (written / "E4").iterdir() if d.is_dir()}
    assert sides == {"1-E4-Drv1": ["Left", "Right"], "2-E4-Drv2": ["Left1", "Left2", "Right"], "3-E4-Drv3": ["Left", "Right"]}


def test_files_are_as_the_wristband_exports_them(written):
    folder = written / "E4/1-E4-Drv1/Left"
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"{n}.csv" for n in ("ACC", "BVP", "EDA", "HR", "IBI", "TEMP", "tags"))
    lines = {path.stem: path.read_text().split("\n") for path in folder.iterdir()}
    assert lines["ACC"][:2] == ["1560086400.000000, 1560086400.000000, 1560086400.000000", "32.000000, 32.000000, 32.000000"]
    assert lines["EDA"][2] == "0.000000" and lines["HR"][0] == "1560086410.000000" and lines["tags"] == [""]
    acceleration = np.array([[int(cell) for cell in line.split(",")] for line in lines["ACC"][2:-1]])
    assert len(acceleration) == 8 * (len(lines["EDA"]) - 3) == 32 * 240
    assert 60 < np.median(np.linalg.norm(acceleration, axis=1)) < 68


def test_the_last_line_of_one_file_is_cut(written):
    unfinished = [
        path.relative_to(written).as_posix() for path in sorted(written.rglob("*.csv")) if path.read_bytes()[-1:] not in (b"\n", b"")
    ]
    assert unfinished == ["E4/1-E4-Drv1/Right/TEMP.csv"]
    assert len((written / unfinished[0]).read_text().split("\n")) == 2 + 4 * 240 + 1  # start, rate, samples, what is cut


def test_the_chest_device_has_another_separator(written):
    lines = (written / "Bioharness/Bio_Drv1.csv").read_text().split("\n")
    assert lines[0] == "Time;HR;BR;Posture;Activity" and {line.count(";") for line in lines[1:-1]} == {4}


def test_names_of_roads_occur_twice_in_each_header(written):
    for path, key in (("E4/Annot_E4_Left.csv", "Drive-id"), ("Subj_metric/Annot_Subjective_metric.csv", "Drive_id")):
        header, *others = rows(written / path)
        assert header[0] == key and header[1:9] == header[9:] and len(set(header[1:9])) == 8
        assert [row[0] for row in others] == ["Drv1", "Drv2", "Drv3"]


def test_roads_lie_within_the_recording_and_the_rating_in_order():
    for duration_s in (60, 85, 240, 247):
        ends = [end_s for _, *stretch in affective_road.roads(duration_s) for end_s in stretch]
        assert ends == sorted(set(ends)) and ends[0] == affective_road.RATING_DELAY_S and ends[-1] <= duration_s


def test_the_rating_starts_later_than_the_wristbands(written):
    of_eda, of_rating = (rows(written / path)[1][1:] for path in ("E4/Annot_E4_Left.csv", "Subj_metric/Annot_Subjective_metric.csv"))
    assert {int(a) - int(b) for a, b in zip(of_eda, of_rating, strict=True)} == {4 * affective_road.RATING_DELAY_S}
    assert len(rows(written / "Subj_metric/SM_Drv1.csv")) == 1 + 4 * (240 - affective_road.RATING_DELAY_S)


def test_stress_is_higher_in_the_city_than_at_rest(tmp_path):
    affective_road.write(tmp_path / "road", 3, ToySubjects(subjects=4, duration_s=480))
    level: dict[str, list[float]] = {"Z": [], "City1": []}
    for drive in range(1, 5):
        stress = [float(row[0]) for row in rows(tmp_path / f"road/Database/Subj_metric/SM_Drv{drive}.csv")[1:]]
        for road, start_s, end_s in affective_road.roads(480):
            first, last = (4 * (time_s - affective_road.RATING_DELAY_S) for time_s in (start_s, end_s))
            level.get(road, []).extend(stress[first:last])
    assert np.mean(level["City1"]) > np.mean(level["Z"]) + 0.15


def test_equal_seeds_give_equal_bytes(written, tmp_path):
    affective_road.write(tmp_path / "again", 3, ToySubjects(subjects=3, duration_s=240))
    for path in written.rglob("*.csv"):
        assert (tmp_path / "again" / "Database" / path.relative_to(written)).read_bytes() == path.read_bytes()
