"""The invented CLAS: its layout, its traps, and that its reader gives back what was planted."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emofuse.params.wearable import ToySubjects
from emofuse.recordings import clas as reader
from emofuse.remarks import LeftOut
from emofuse.signals import Recording
from emofuse.toy import clas, physiology

DETAILS = "Block,Block Type, ECG File,EDA&PPG File,Length(s),EDA Quality,ECG Quality,PPG Quality,"
SIZES = ToySubjects(subjects=2, duration_s=60)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clas") / "clas"
    clas.write(root, 3, SIZES)
    return root


@pytest.fixture(scope="module")
def recordings(root: Path) -> list[Recording]:
    return [one for one in reader.read(root, "2019") if isinstance(one, Recording)]


def digests(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*")) if p.is_file()}


def test_tree_is_that_of_the_release(root: Path) -> None:
    files = ("1_gsr_ppg_.csv", "1_ecg_.csv", "2_gsr_ppg_mathtest.csv", "2_ecg_mathtest.csv", "11_gsr_ppg_.csv", "11_ecg_.csv")
    names = {f"Participants/Part{k}/by_block/{name}" for k in (1, 2) for name in files}
    names |= {f"Block_details/Part{k}_Block_Details.csv" for k in (1, 2)} | {"Participants/Part25 - Copy/by_block/1_gsr_ppg_.csv"}
    assert set(digests(root)) == {f"CLAS_Database/CLAS/{name}" for name in names} | {"SYNTHETIC_README.txt"}


def test_equal_seeds_give_equal_bytes_and_others_do_not(tmp_path: Path) -> None:
    sizes = ToySubjects(subjects=2, duration_s=12)
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        clas.write(tmp_path / name, seed, sizes)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a") != digests(tmp_path / "c")


def test_the_table_of_blocks_has_the_genuine_header_and_names_that_are_not_on_disk(root: Path) -> None:
    path = root / "CLAS_Database" / "CLAS" / "Block_details" / "Part1_Block_Details.csv"
    assert path.read_text().splitlines()[0] == DETAILS
    named = pd.read_csv(path)["EDA&PPG File"]
    assert not any((root / "CLAS_Database/CLAS/Participants/Part1/by_block" / name).exists() for name in named)


def test_blocks_share_the_length_that_was_asked_for(recordings: list[Recording]) -> None:
    assert [r.native_id for r in recordings] == [f"Part{k}/{block}" for k in (1, 2) for block in (1, 2, 11)]
    assert [r.annotations[0].text for r in recordings[:3]] == ["Baseline", "Math Test", "Video clip"]
    assert {len(t.samples) for r in recordings for t in r.tracks.values()} == {20 * 256}


def test_acceleration_is_in_one_unit_or_the_other_on_disk_and_in_g_when_read(root: Path, recordings: list[Recording]) -> None:
    magnitudes = []
    for participant in ("Part1", "Part2"):
        rows = pd.read_csv(root / f"CLAS_Database/CLAS/Participants/{participant}/by_block/2_gsr_ppg_mathtest.csv")
        magnitudes.append(float(np.median(np.linalg.norm(rows[["accelx", "accely", "accelz"]], axis=1))))
    assert magnitudes == pytest.approx([9.81, 1.0], rel=0.1)  # a wrist that fidgets adds to gravity
    for recording in recordings:
        assert np.linalg.norm(recording.tracks["acc"].samples, axis=1).mean() == pytest.approx(1, rel=0.1)


def test_what_is_read_is_what_was_recorded(recordings: list[Recording]) -> None:
    rng = np.random.default_rng([3, 62, 1])
    who = physiology.person(rng)
    measured = physiology.record(physiology.feelings(20.0, rng), who, dict.fromkeys(("acc", "bvp", "eda", "ecg"), 256.0), rng)
    tracks = recordings[0].tracks
    np.testing.assert_allclose(tracks["acc"].samples, measured["acc"], atol=1e-4)
    assert np.corrcoef(tracks["bvp"].samples, measured["bvp"])[0, 1] > 0.9999
    touching = measured["eda"] > 0
    np.testing.assert_allclose(tracks["eda"].samples[touching], measured["eda"][touching], atol=1e-3)
    assert (tracks["eda"].samples > 0).all()


def test_a_repeated_header_a_block_without_files_and_a_stray_folder_are_said(root: Path) -> None:
    said = [one for one in reader.read(root, "2019") if isinstance(one, LeftOut)]
    assert [one.reason for one in said] == ["known_fault", "lost_rows", "lost_rows", "missing_signal"]
    assert all("found 1 of 5121 rows" in one.detail for one in said[1:3])
    assert "14_gsr_ppg*.csv for block 14 ('Neutral')" in said[3].detail


def test_one_participant_has_no_time_columns(root: Path) -> None:
    columns = [list(pd.read_csv(root / f"CLAS_Database/CLAS/Participants/Part{k}/by_block/11_gsr_ppg_.csv", nrows=1)) for k in (1, 2)]
    hand = ["accelx", "accely", "accelz", "ppg", "gsr"]
    assert columns == [["Timestamp", "PythonTimestamp", *hand], hand]
