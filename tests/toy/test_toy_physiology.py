"""What is planted in the invented bodies: feelings show in the shape of seconds, arousal much, valence little, nothing for certain."""

import numpy as np
import pytest
from scipy.signal import find_peaks
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emofuse.toy import physiology

E4 = {"acc": 32.0, "bvp": 64.0, "eda": 4.0, "temp": 4.0}
WINDOW_S, HOP_S = 4.0, 3.0


def constant(arousal: float, valence: float, duration_s: float = 120.0) -> physiology.Feelings:
    count = round(duration_s * physiology.RATE_HZ)
    return physiology.Feelings(np.full(count, arousal), np.full(count, valence))


def measure(felt: physiology.Feelings, name: str, rate_hz: float, seed: int = 0) -> np.ndarray:
    who = physiology.person(np.random.default_rng(5))
    return physiology.record(felt, who, {name: rate_hz}, np.random.default_rng(seed))[name]


def test_feelings_are_standardised_and_visit_low_middle_and_high_equally_often() -> None:
    rng = np.random.default_rng(0)
    many = [physiology.feelings(300, rng) for _ in range(40)]
    for values in (np.concatenate([f.arousal for f in many]), np.concatenate([f.valence for f in many])):
        assert values.mean() == pytest.approx(0, abs=0.1)
        assert values.std() == pytest.approx(1, abs=0.1)
        assert np.mean(values < -0.5) == pytest.approx(1 / 3, abs=0.06)
        assert np.mean(values > 0.5) == pytest.approx(1 / 3, abs=0.06)


def test_arousal_and_valence_are_independent() -> None:
    rng = np.random.default_rng(1)
    many = [physiology.feelings(300, rng) for _ in range(40)]
    assert abs(np.corrcoef(np.concatenate([f.arousal for f in many]), np.concatenate([f.valence for f in many]))[0, 1]) < 0.15


def test_a_window_of_4_s_mostly_has_one_feeling() -> None:
    arousal = physiology.feelings(2000, np.random.default_rng(2)).arousal
    windows = np.lib.stride_tricks.sliding_window_view(arousal, 16)
    assert np.mean(np.ptp(windows, axis=1) < 0.5) > 0.6


def test_partners_share_the_share_of_variance() -> None:
    rng = np.random.default_rng(3)
    pairs = []
    for _ in range(60):
        mood = physiology.feelings(300, rng)
        pairs.append([physiology.feelings(300, rng, mood, 0.5).arousal for _ in range(2)])
    one, other = (np.concatenate(values) for values in zip(*pairs, strict=True))
    assert np.corrcoef(one, other)[0, 1] == pytest.approx(0.5, abs=0.1)
    assert one.std() == pytest.approx(1, abs=0.1)


def test_a_share_of_one_is_the_shared_feeling() -> None:
    mood = physiology.feelings(60, np.random.default_rng(4))
    assert np.array_equal(physiology.feelings(30, np.random.default_rng(5), mood, 1.0).valence, mood.valence[:120])


def test_feelings_are_interpolated_and_last_beyond_their_ends() -> None:
    felt = physiology.Feelings(np.array([0.0, 1.0, 3.0]), np.array([2.0, 0.0, -2.0]))
    arousal, valence = felt.at(np.array([-1.0, 0.125, 0.375, 9.0]))
    assert arousal.tolist() == [0.0, 0.5, 2.0, 3.0]
    assert valence.tolist() == [2.0, 1.0, -1.0, -2.0]
    assert felt.duration_s == 0.75


def test_every_signal_has_its_length_and_is_finite() -> None:
    felt = physiology.feelings(10.5, np.random.default_rng(0))
    rates = {"acc": 32.0, "bvp": 64.0, "eda": 4.0, "temp": 4.0, "ecg": 700.0, "resp": 256.0, "emg": 1000.0}
    found = physiology.record(felt, physiology.person(np.random.default_rng(0)), rates, np.random.default_rng(0))
    assert {name: len(samples) for name, samples in found.items()} == {name: round(10.5 * rate) for name, rate in rates.items()}
    assert all(np.isfinite(samples).all() for samples in found.values())
    assert found["acc"].shape == (336, 3)
    assert np.median(np.linalg.norm(found["acc"], axis=1)) == pytest.approx(1, abs=0.05)


def test_equal_generators_give_equal_signals_whatever_else_is_measured() -> None:
    felt, who = physiology.feelings(20, np.random.default_rng(0)), physiology.person(np.random.default_rng(0))
    alone = physiology.record(felt, who, {"eda": 4.0}, np.random.default_rng(7))
    among = physiology.record(felt, who, {"ecg": 256.0, **E4}, np.random.default_rng(7))
    other = physiology.record(felt, who, {"eda": 4.0}, np.random.default_rng(8))
    assert np.array_equal(alone["eda"], among["eda"])
    assert not np.array_equal(alone["eda"], other["eda"])


def test_pulse_and_ecg_come_from_the_same_beats_faster_with_arousal() -> None:
    who = physiology.person(np.random.default_rng(0))
    rates_bpm = []
    for arousal in (-1.2, 1.2):
        found = physiology.record(constant(arousal, 0.0), who, {"ecg": 250.0, "bvp": 64.0}, np.random.default_rng(1))
        beats = find_peaks(found["ecg"], height=0.7, distance=75)[0] / 250
        rates_bpm.append(60 * len(beats) / 120)
        spectrum = np.abs(np.fft.rfft(found["bvp"] * np.hanning(len(found["bvp"])), 8192))
        hz = np.fft.rfftfreq(8192, 1 / 64)
        pulse_bpm = 60 * hz[np.argmax(np.where((hz > 0.8) & (hz < 2.2), spectrum, 0))]
        assert pulse_bpm == pytest.approx(rates_bpm[-1], rel=0.15)  # a peak of a rate that varies
    assert rates_bpm[1] - rates_bpm[0] == pytest.approx(2.4 * 11 * who.reactivity, rel=0.3)
    assert 45 < rates_bpm[0] < rates_bpm[1] < 130


def test_skin_responds_more_often_with_arousal() -> None:
    calm, excited = (measure(constant(arousal, 0.0), "eda", 4.0) for arousal in (-1.2, 1.2))
    rises = [np.sum(np.diff(skin) > 0.05) for skin in (calm, excited)]
    assert rises[1] > 2 * max(rises[0], 1)


def test_electrodes_lose_contact_for_a_second_now_and_then() -> None:
    skin = np.concatenate([measure(constant(0.0, 0.0, 300.0), "eda", 4.0, seed) for seed in range(4)])
    assert 0.002 < np.mean(skin == 0) < 0.04
    assert skin[skin != 0].min() >= 0.01


def test_temperature_rises_with_valence() -> None:
    for seed in range(3):
        sad, glad = (measure(constant(0.0, valence), "temp", 4.0, seed) for valence in (-1.2, 1.2))
        assert glad[-1] - glad[0] > sad[-1] - sad[0] + 0.2


def test_the_wrist_fidgets_more_and_faster_with_arousal() -> None:
    calm, excited = (np.diff(measure(constant(arousal, 0.0), "acc", 32.0), axis=0) for arousal in (-1.2, 1.2))
    assert excited.std() > 2 * calm.std()


@pytest.fixture(scope="module")
def accuracies() -> dict[str, tuple[float, float]]:
    """Share of right guesses of three levels of (arousal, valence) from standardised windows of unseen people."""
    rng = np.random.default_rng(0)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in E4}
    levels, people = [], []
    for number in range(24):
        felt = physiology.feelings(150, rng)
        found = physiology.record(felt, physiology.person(rng), E4, rng)
        for start_s in np.arange(0, 146, HOP_S):
            levels.append([np.digitize(value[0], [-0.5, 0.5]) for value in felt.at(np.array([start_s + WINDOW_S / 2]))])
            people.append(number)
            for name, rate in E4.items():
                rows[name].append(shape(found[name][round(start_s * rate) :][: round(WINDOW_S * rate)], name))
    known, test = np.array(levels), np.array(people) % 3 == 0
    scores = {}
    for name, features in rows.items():
        x = np.array(features)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300))
        scores[name] = tuple(float(model.fit(x[~test], known[~test, k]).score(x[test], known[test, k])) for k in (0, 1))
    return scores


def shape(window: np.ndarray, name: str) -> np.ndarray:
    """Features of a window that neither its level nor its scale changes."""
    z = (window - window.mean()) / max(window.std(), 1e-9)
    if name == "acc":
        return np.log(1e-3 + np.abs(np.fft.rfft(z - z.mean(axis=0), axis=0)).mean(axis=1)[1:40])
    if name == "bvp":
        return np.abs(np.fft.rfft(z * np.hanning(len(z)), 1024))[:80]
    return np.append(z, [np.diff(z).std(), np.abs(np.diff(z)).max()])


@pytest.mark.parametrize(("name", "lowest"), [("acc", 0.7), ("bvp", 0.7), ("eda", 0.42), ("temp", 0.6)])
def test_each_signal_alone_says_something_of_arousal_and_nothing_for_certain(
    name: str, lowest: float, accuracies: dict[str, tuple[float, float]]
) -> None:
    assert lowest < accuracies[name][0] < 0.94


def test_no_signal_says_much_of_valence(accuracies: dict[str, tuple[float, float]]) -> None:
    assert max(accuracies[name][1] for name in ("acc", "bvp", "eda")) < 0.42
    assert accuracies["temp"][1] < 0.5
