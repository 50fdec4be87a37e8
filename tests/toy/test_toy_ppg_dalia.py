"""The invented PPG-DaLiA: what its pickles hold, judged with pickle itself, and its oddities."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from emofuse.params.wearable import ToySubjects
from emofuse.toy import ppg_dalia


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("toy_dalia") / "ppg_dalia"
    ppg_dalia.write(root, 3, ToySubjects(subjects=3, duration_s=120))
    return root


def content(root: Path, subject: str) -> dict:
    return pickle.loads((root / subject / f"{subject}.pkl").read_bytes(), encoding="latin1")


def test_the_last_subject_is_s6_whatever_their_number(written, tmp_path):
    assert sorted(p.name for p in written.iterdir() if p.is_dir()) == ["S1", "S2", "S6"]
    ppg_dalia.write(tmp_path / "more", 3, ToySubjects(subjects=8, duration_s=20))
    assert {p.name for p in (tmp_path / "more").iterdir() if p.is_dir()} == {f"S{n}" for n in range(1, 9)}


def test_there_is_a_heart_rate_for_each_window(written):
    for subject, duration_s in (("S1", 120), ("S6", 72)):
        found = content(written, subject)
        assert len(found["label"]) == (duration_s - 8) / 2 + 1
        assert found["signal"]["wrist"]["BVP"].shape == (64 * duration_s, 1)
        assert found["activity"].shape == (4 * duration_s, 1)
        assert found["signal"]["wrist"]["EDA"].shape == (4 * duration_s - 1, 1)


def test_heart_rates_agree_with_the_number_of_beats(written):
    found = content(written, "S1")
    high = found["signal"]["chest"]["ECG"][:, 0] > 0.8
    rises = np.flatnonzero(high[1:] & ~high[:-1])
    beats = 1 + (np.diff(rises) > 35).sum()  # 50 ms: noise crosses the threshold twice now and then
    assert len(found["rpeaks"]) == pytest.approx(beats, abs=1)
    assert beats / 2 == pytest.approx(found["label"].mean(), abs=2)  # in 2 min


def test_heart_rates_of_regular_beats_are_their_rate():
    assert ppg_dalia.heart_rates(np.arange(0, 60, 0.8), 20) == pytest.approx([75] * 7)


def test_acceleration_is_in_g_in_steps_of_the_device(written):
    acceleration = content(written, "S2")["signal"]["wrist"]["ACC"]
    assert 0.9 < np.median(np.linalg.norm(acceleration, axis=1)) < 1.1
    assert np.array_equal(64 * acceleration, np.round(64 * acceleration))


def test_the_subject_that_ends_early_has_peaks_twice_and_lacks_activities_and_dummies(written):
    early, whole = content(written, "S6"), content(written, "S1")
    assert (np.diff(early["rpeaks"]) == 0).sum() == 3 and (np.diff(whole["rpeaks"]) > 0).all()
    assert set(np.unique(early["activity"])) == set(range(6)) and set(np.unique(whole["activity"])) == set(range(9))
    assert "Temp" in whole["signal"]["chest"] and "Temp" not in early["signal"]["chest"]


def test_a_load_without_encoding_fails(written):
    with pytest.raises(UnicodeDecodeError):
        pickle.loads((written / "S6" / "S6.pkl").read_bytes())


def test_equal_seeds_give_equal_bytes(written, tmp_path):
    ppg_dalia.write(tmp_path / "again", 3, ToySubjects(subjects=3, duration_s=120))
    for path in written.rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(written)).read_bytes() == path.read_bytes()
