"""The invented WESAD: what its pickles hold, judged with pickle itself, and its oddities."""

import hashlib
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from emofuse.errors import InputError
from emofuse.params.wearable import ToySubjects
from emofuse.toy import wesad

SIZES = ToySubjects(subjects=3, duration_s=90)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("toy_wesad") / "wesad"
    wesad.write(root, 3, SIZES)
    return root


def content(root: Path, subject: str) -> dict:
    return pickle.loads((root / subject / f"{subject}.pkl").read_bytes(), encoding="latin1")


def test_shapes_are_those_of_the_release(written):
    found = content(written, "S2")
    assert found["subject"] == "S2" and found["label"].shape == (90 * 700,)
    assert {k: v.shape for k, v in found["signal"]["wrist"].items()} == {
        "ACC": (90 * 32, 3),
        "BVP": (90 * 64, 1),
        "EDA": (90 * 4, 1),
        "TEMP": (90 * 4, 1),
    }
    assert {k: v.shape for k, v in found["signal"]["chest"].items()} == {
        "ACC": (90 * 700, 3),
        **{k: (90 * 700, 1) for k in ("ECG", "EMG", "EDA", "Temp", "Resp")},
    }


def test_acceleration_is_in_other_units_at_wrist_and_chest(written):
    signal = content(written, "S3")["signal"]
    assert 60 < np.median(np.linalg.norm(signal["wrist"]["ACC"], axis=1)) < 68
    assert np.array_equal(signal["wrist"]["ACC"], np.round(signal["wrist"]["ACC"]))
    assert 0.9 < np.median(np.linalg.norm(signal["chest"]["ACC"], axis=1)) < 1.1


def test_a_load_without_encoding_fails(written):
    with pytest.raises(UnicodeDecodeError):
        pickle.loads((written / "S2" / "S2.pkl").read_bytes())


def test_chest_and_wrist_are_of_one_heart(written):
    """The wrist's pulse is a blurred copy of the chest's beats, so their rates agree."""
    signal = content(written, "S2")["signal"]

    def rate_hz(values: np.ndarray, sample_rate_hz: float) -> float:
        spectrum = np.abs(np.fft.rfft(values - values.mean()))
        frequencies = np.fft.rfftfreq(len(values), 1 / sample_rate_hz)
        within = (frequencies > 0.8) & (frequencies < 2.2)
        return float(np.average(frequencies[within], weights=spectrum[within] ** 2))

    beats = (np.asarray(signal["chest"]["ECG"])[:, 0] > 0.6).astype(float)
    assert rate_hz(signal["wrist"]["BVP"][:, 0], 64) == pytest.approx(rate_hz(beats, 700), abs=0.15)


def test_the_wrist_moves_more_under_stress_than_in_meditation(tmp_path):
    wesad.write(tmp_path / "wesad", 7, ToySubjects(subjects=4, duration_s=270))
    moved = {2: [], 4: []}
    for subject in ("S2", "S3", "S4", "S5"):
        found = content(tmp_path / "wesad", subject)
        steps = np.abs(np.diff(found["signal"]["wrist"]["ACC"], axis=0)).mean(axis=1)
        labels = found["label"][(np.arange(len(steps)) * 700 / 32).astype(int)]
        for label, values in moved.items():
            values.append(steps[labels == label].mean())
    assert np.mean(moved[2]) > 1.3 * np.mean(moved[4])


def test_numbers_that_the_release_lacks_are_left_out(tmp_path):
    wesad.write(tmp_path / "wesad", 3, ToySubjects(subjects=12, duration_s=9))
    assert {p.name for p in (tmp_path / "wesad").iterdir() if p.is_dir()} == {f"S{n}" for n in (*range(2, 12), 13, 14)}


def test_the_questionnaire_has_a_time_without_its_zero_and_the_zip_file_holds_an_export(written):
    assert ";7.4;" in (written / "S2" / "S2_quest.csv").read_text()
    with zipfile.ZipFile(written / "S2" / "S2_E4_Data.zip") as archive:
        assert archive.read("ACC.csv").splitlines()[1] == b"32.000000, 32.000000, 32.000000"
        assert archive.read("EDA.csv").splitlines()[2] == b"0.000000"


def test_labels_occur_in_order_for_equally_long():
    found = wesad.labels(90)
    assert np.array_equal(found, np.repeat(wesad.LABELS, 90 * 700 // 9))


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(written, tmp_path):
    def digest(root: Path) -> dict[str, str]:
        return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()}

    wesad.write(tmp_path / "again", 3, SIZES)
    wesad.write(tmp_path / "other", 4, SIZES)
    assert digest(tmp_path / "again") == digest(written)
    assert digest(tmp_path / "other")["S2/S2.pkl"] != digest(written)["S2/S2.pkl"]


def test_other_files_are_not_overwritten(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "S2.pkl").write_text("mine")
    with pytest.raises(InputError, match="mine"):
        wesad.write(tmp_path / "mine", 3, SIZES)
