"""The invented CASE: its layout, its traps, and that its reader gives back what was planted."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emofuse.params.wearable import ToySubjects
from emofuse.recordings import case as reader
from emofuse.signals import Recording
from emofuse.toy import case, physiology

SIZES = ToySubjects(subjects=2, duration_s=60)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("case") / "case"
    case.write(root, 5, SIZES)  # with this seed the first subject's electrodes would lose contact
    return root


@pytest.fixture(scope="module")
def recordings(root: Path) -> list[Recording]:
    return [one for one in reader.read(root, "interpolated") if isinstance(one, Recording)]


def digests(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*")) if p.is_file()}


def test_tree_is_that_of_the_release(root: Path) -> None:
    folders = [f"data/{folder}/{kind}" for folder in ("interpolated", "non-interpolated") for kind in ("physiological", "annotations")]
    names = {f"{folder}/sub_{k}.csv" for folder in folders for k in (1, 2)}
    names |= {f"data/raw/physiological/sub{k}_DAQ.txt" for k in (1, 2)} | {f"data/raw/annotations/sub{k}_joystick.txt" for k in (1, 2)}
    names |= {"data/interpolated/physiological/._sub_1.csv", "metadata/seqs_order.txt", "metadata/videos_duration.txt"}
    assert set(digests(root)) == {f"case_dataset-master/{name}" for name in names} | {"SYNTHETIC_README.txt"}


def test_equal_seeds_give_equal_bytes_and_others_do_not(tmp_path: Path) -> None:
    sizes = ToySubjects(subjects=2, duration_s=10)
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        case.write(tmp_path / name, seed, sizes)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a") != digests(tmp_path / "c")


def test_signals_are_as_long_as_asked_and_in_the_release_units(recordings: list[Recording]) -> None:
    for recording in recordings:
        assert {name: (t.rate_hz, len(t.samples)) for name, t in recording.tracks.items()} == dict.fromkeys(
            ("bvp", "eda", "temp"), (1000.0, 60_000)
        )
        bvp, eda, temp = (recording.tracks[name].samples for name in ("bvp", "eda", "temp"))
        assert 0 < bvp.min() < bvp.max() < 100  # %
        assert 0 < eda.min() < eda.max() < 40  # uS: no loss of contact in a laboratory
        assert 28 < temp.min() < temp.max() < 38


def test_columns_are_those_of_the_release(root: Path) -> None:
    data = root / "case_dataset-master" / "data"
    for folder in ("interpolated", "non-interpolated"):
        signals = pd.read_csv(data / folder / "physiological" / "sub_1.csv")
        assert list(signals) == ["daqtime", "ecg", "bvp", "gsr", "rsp", "skt", "emg_zygo", "emg_coru", "emg_trap", "video"]
        assert list(pd.read_csv(data / folder / "annotations" / "sub_1.csv")) == ["jstime", "valence", "arousal", "video"]
        assert signals.notna().all(axis=None)


def test_the_pulse_of_the_file_beats_with_the_heart_of_the_ecg(root: Path) -> None:
    signals = pd.read_csv(root / "case_dataset-master" / "data" / "interpolated" / "physiological" / "sub_1.csv")
    rates = []
    for column in ("bvp", "ecg"):
        values = signals[column].to_numpy() - signals[column].mean()
        echo = np.fft.irfft(np.abs(np.fft.rfft(values, 2 * len(values))) ** 2)
        rates.append(400 + int(np.argmax(echo[400:1200])))  # ms from beat to beat
    assert rates[0] == pytest.approx(rates[1], rel=0.12)  # the rate wanders, and echoes are strongest at different beats


def test_films_come_in_an_order_of_each_subjects_own(root: Path, recordings: list[Recording]) -> None:
    orders = pd.read_csv(root / "case_dataset-master" / "metadata" / "seqs_order.txt", sep="\t")
    for recording in recordings:
        shown = [a.text for a in recording.annotations if a.name == "video"]
        assert shown[0::2][0] == "start screen"
        assert shown[-1] == "end"
        assert shown[1:-1:2] == [reader.VIDEOS[film] for film in orders[recording.subject]]
        assert set(shown[2:-1:2]) == {"pause"}
    assert list(orders["sub_1"]) != list(orders["sub_2"])


def test_the_joystick_rests_in_the_middle_without_a_film_and_follows_the_feelings_with_one(recordings: list[Recording]) -> None:
    rng = np.random.default_rng([5, 30, 1])
    rng.permutation(8)
    felt = physiology.feelings(60, rng)
    annotations = recordings[0].annotations
    films = [(a.start_s, a.end_s) for a in annotations if a.name == "video" and a.text not in ("start screen", "pause", "end")]
    for name in ("arousal", "valence"):
        rated = [a for a in annotations if a.name == name]
        times = np.array([a.start_s for a in rated])
        values = np.array([a.value for a in rated])
        watching = np.any([(times >= start) & (times < end) for start, end in films], axis=0)
        latent = np.interp(times, np.arange(240) / 4, getattr(felt, name))
        assert len(rated) == 1200
        assert (values[~watching] == 5).all()
        assert np.corrcoef(values[watching], latent[watching])[0, 1] > 0.95


def test_uninterpolated_stamps_have_jitter_a_gap_and_a_row_twice_and_are_read(root: Path, recordings: list[Recording]) -> None:
    stamps = pd.read_csv(root / "case_dataset-master" / "data" / "non-interpolated" / "physiological" / "sub_1.csv")["daqtime"].diff()[1:]
    assert stamps.min() == 0
    assert ((stamps > 0.5) & (stamps < 1.5) & (stamps != 1)).mean() > 0.9
    assert stamps.max() > 55
    track = next(one for one in reader.read(root, "non_interpolated") if isinstance(one, Recording)).tracks["temp"]
    first = round(1000 * track.start_s)
    exact = recordings[0].tracks["temp"].samples[first : first + len(track.samples)]
    lost = np.isnan(track.samples)
    assert 50 < lost.sum() < 70
    assert np.abs(track.samples - exact)[~lost].max() < 0.1  # jitter of 0.3 ms between samples of noise


def test_the_recorders_own_files_hold_the_same_signals_and_ratings(root: Path, recordings: list[Recording]) -> None:
    raw = [one for one in reader.read(root, "raw") if isinstance(one, Recording)]
    assert [one.subject for one in raw] == [one.subject for one in recordings]
    for one, other in zip(raw, recordings, strict=True):
        for signal, step in (("bvp", 0.004), ("eda", 0.003), ("temp", 0.002)):  # half of 0.1 mV, and of the other file's third decimal
            track = one.tracks[signal]
            assert (track.start_s, len(track.samples)) == (0, 4000)
            np.testing.assert_allclose(track.samples, other.tracks[signal].samples[:4000], atol=step)
        for name in ("valence", "arousal"):
            rated = [[a.value for a in r.annotations if a.name == name][:80] for r in (one, other)]
            np.testing.assert_allclose(*rated, atol=1e-3)
        assert {len([a for a in one.annotations if a.name == name]) for name in ("valence", "arousal")} == {80}
    assert sum(path.stat().st_size for path in root.rglob("*.txt")) < 700_000  # bytes
