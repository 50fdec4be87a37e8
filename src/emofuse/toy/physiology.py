"""Invented feelings over time, and what a body shows of them: signals of wearable devices, all from one heart, one skin, one wrist.

The finding of paper B is planted here and in ``toy.voices``: wearables say much of arousal and little of valence. Windows of 4 s are
standardised one by one later, so feelings show in the shape within seconds (rate of the pulse and width of its waves, responses of the
skin, sign of the slope of the temperature, fidgeting relative to gravity), not in levels. Shapes count for more than rates: the encoders
end in a maximum over time. The strengths below were set so that encoders this small hear of arousal and no signal is certain of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, lfilter, sosfilt

RATE_HZ = 4.0  # of feelings
_GRID_HZ = 32.0  # of everything slow in a body
_LEVELS = (-1.2247, 0.0, 1.2247)  # equally frequent, variance 1
_STAY_S = (9.0, 20.0)  # how long one level lasts: every minute of a debate holds some changes
_TURN_S = 0.8  # sd of the smoothing of a change

Samples = Float64[np.ndarray, "sample"]


@dataclass(frozen=True)
class Feelings:
    """Arousal and valence over time at ``RATE_HZ``, about mean 0 and sd 1, independent of each other."""

    arousal: Samples
    valence: Samples

    @property
    def duration_s(self) -> float:
        """Length in s."""
        return len(self.arousal) / RATE_HZ

    def at(self, times_s: Float64[np.ndarray, "time"]) -> tuple[Float64[np.ndarray, "time"], Float64[np.ndarray, "time"]]:
        """Arousal and valence at times in s from the beginning, by linear interpolation; the ends last forever."""
        known = np.arange(len(self.arousal)) / RATE_HZ
        return np.interp(times_s, known, self.arousal), np.interp(times_s, known, self.valence)


@dataclass(frozen=True)
class Person:
    """What stays the same of one body: levels at rest, and ``reactivity``, the factor by which feelings show."""

    heart_rate_bpm: float
    breaths_hz: float
    conductance_us: float
    temperature_degc: float
    dicrotic: float  # height of the second wave of a pulse relative to the first
    posture: tuple[float, float, float]  # direction of gravity, a unit vector
    reactivity: float


def feelings(duration_s: float, rng: np.random.Generator, shared: Feelings | None = None, share: float = 0.5) -> Feelings:
    """A random trajectory that is low, middle and high about equally often and stays so for some 10 to 20 s.

    ``share`` is the part of the variance that comes from ``shared`` (as long or longer): partners of a debate share a mood.
    """
    count = round(duration_s * RATE_HZ)
    stays = rng.uniform(*_STAY_S, size=int(duration_s / _STAY_S[0]) + 2)
    changes = np.cumsum(stays) - rng.uniform(0, _STAY_S[0])
    part = np.searchsorted(changes, np.arange(count) / RATE_HZ, side="right")
    own = [_trajectory(part, len(stays) + 1, rng) for _ in range(2)]
    if shared is not None:
        own = [
            np.sqrt(share) * theirs[:count] + np.sqrt(1 - share) * mine
            for theirs, mine in zip((shared.arousal, shared.valence), own, strict=True)
        ]
    return Feelings(*own)


def _trajectory(part: NDArray[np.int64], parts: int, rng: np.random.Generator) -> Samples:
    """One level for each part, from shuffled decks of the three, then smoothed."""
    decks = np.concatenate([rng.permutation(_LEVELS) for _ in range(parts // 3 + 1)])
    levels = decks[:parts] + 0.2 * rng.standard_normal(parts)
    return np.asarray(gaussian_filter1d(levels[part], _TURN_S * RATE_HZ, mode="nearest"))


def person(rng: np.random.Generator) -> Person:
    """A new body."""
    direction = rng.standard_normal(3)
    x, y, z = direction / np.linalg.norm(direction)
    return Person(
        heart_rate_bpm=rng.uniform(70, 86),
        breaths_hz=rng.uniform(0.22, 0.28),
        conductance_us=float(np.exp(rng.uniform(np.log(1.0), np.log(8.0)))),
        temperature_degc=rng.uniform(31.0, 34.5),
        dicrotic=rng.uniform(0.35, 0.5),
        posture=(float(x), float(y), float(z)),
        reactivity=rng.uniform(0.8, 1.2),
    )


@dataclass(frozen=True)
class _Body:
    """The slow course of everything at ``_GRID_HZ``, and the heart's beats, before any device measures it."""

    felt: Feelings
    who: Person
    seconds: Samples
    arousal: Samples
    valence: Samples
    breath: Samples  # -1 to 1
    beats_s: Float64[np.ndarray, "beat"]  # from before the first to after the last sample
    restlessness: Samples  # amplitude of fidgeting in g


def record(felt: Feelings, who: Person, rates_hz: Mapping[str, float], rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Measure the signals named in ``rates_hz`` at these rates, all of one body, each of round(duration * rate) samples.

    Known are acc (sample, 3) in g, and bvp in a.u., eda in uS, temp in degC, ecg in mV, resp in %, emg in mV, each (sample,).
    A generator in the same state gives the same heart beats, whatever the names and rates: two devices on one body.
    EDA is 0 for a second now and then, as when the electrodes lose contact.
    """
    seed = int(rng.integers(2**62))
    body = _body(felt, who, np.random.default_rng(seed))
    measured = {}
    for name, rate_hz in rates_hz.items():
        times_s = np.arange(round(felt.duration_s * rate_hz)) / rate_hz
        own = np.random.default_rng([seed, list(_SENSORS).index(name)])  # a signal does not depend on which others are measured
        measured[name] = _SENSORS[name](body, times_s, own)
    return measured


def _body(felt: Feelings, who: Person, rng: np.random.Generator) -> _Body:
    seconds = np.arange(round(felt.duration_s * _GRID_HZ) + 1) / _GRID_HZ
    arousal, valence = felt.at(seconds)
    breaths_hz = who.breaths_hz * np.exp(0.15 * who.reactivity * arousal + 0.1 * _wander(len(seconds), 8.0, rng))
    breath = np.sin(2 * np.pi * (np.cumsum(breaths_hz) / _GRID_HZ + rng.random()))
    at_ease_bpm = who.heart_rate_bpm + 5.0 * _wander(len(seconds), 6.0, rng) + 3.0 * breath
    rate_bpm = (at_ease_bpm + 11.0 * who.reactivity * arousal).clip(45, 140)
    phase = np.cumsum(rate_bpm / 60) / _GRID_HZ + rng.random()
    whole = np.arange(-2, int(phase[-1]) + 4)
    beats_s = np.interp(whole, phase, seconds)
    before, after = whole < phase[0], whole > phase[-1]  # the heart beat before and will after
    beats_s[before] = (whole[before] - phase[0]) * 60 / rate_bpm[0]
    beats_s[after] = seconds[-1] + (whole[after] - phase[-1]) * 60 / rate_bpm[-1]
    restlessness = 0.08 * np.exp(0.9 * who.reactivity * arousal + 0.4 * _wander(len(seconds), 4.0, rng))
    return _Body(felt, who, seconds, arousal, valence, breath, beats_s, restlessness)


def _wander(count: int, seconds: float, rng: np.random.Generator) -> Samples:
    """Noise of mean 0 and sd 1 on the grid that forgets itself within ``seconds``."""
    keep = np.exp(-1 / (_GRID_HZ * seconds))
    start = rng.standard_normal()
    steps = np.sqrt(1 - keep**2) * rng.standard_normal(count)
    return np.asarray(lfilter([1.0], [1.0, -keep], steps, zi=[keep * start])[0])


def _band(count: int, low_hz: float, high_hz: float, rng: np.random.Generator) -> Samples:
    """Noise of sd 1 on the grid between two frequencies."""
    noise = np.asarray(sosfilt(butter(2, [low_hz, high_hz], "bandpass", fs=_GRID_HZ, output="sos"), rng.standard_normal(count + 64)))[64:]
    return noise / np.sqrt(2 * (high_hz - low_hz) / _GRID_HZ)


def _since_beat(body: _Body, times_s: Samples) -> tuple[Samples, Samples, NDArray[np.int64]]:
    """Time since the last beat and the one before, and the number of the last beat."""
    last = np.searchsorted(body.beats_s, times_s, side="right") - 1
    return times_s - body.beats_s[last], times_s - body.beats_s[last - 1], last


def _bump(times_s: Samples, centre_s: float, width_s: float | Samples) -> Samples:
    return np.asarray(np.exp(-0.5 * ((times_s - centre_s) / width_s) ** 2))


def _bvp(body: _Body, times_s: Samples, rng: np.random.Generator) -> Samples:
    now, before, last = _since_beat(body, times_s)
    heights = 60.0 * np.exp(0.12 * rng.standard_normal(len(body.beats_s)))
    tense = body.who.reactivity * np.interp(body.beats_s, body.seconds, body.arousal)
    # vessels that narrow make a wave steeper and its second hump lower
    widths_s = 0.08 * np.exp(-0.25 * tense)
    notches = body.who.dicrotic * np.exp(-0.5 * tense)

    def wave(since_s: Samples, beat: NDArray[np.int64]) -> Samples:
        return heights[beat] * (_bump(since_s, 0.22, widths_s[beat]) + notches[beat] * _bump(since_s, 0.50, 0.09))

    pulse = wave(now, last) + wave(before, last - 1)
    shaken = 100.0 * body.restlessness * _band(len(body.seconds), 0.5, 3.0, rng)
    baseline = 12.0 * _wander(len(body.seconds), 2.0, rng) + shaken.clip(-150, 150)
    return pulse - 22.0 + np.interp(times_s, body.seconds, baseline) + 2.0 * rng.standard_normal(len(times_s))


def _ecg(body: _Body, times_s: Samples, rng: np.random.Generator) -> Samples:
    now, _, last = _since_beat(body, times_s)
    ahead = times_s - body.beats_s[last + 1]  # negative
    beat = 1.1 * (_bump(now, 0.0, 0.011) + _bump(ahead, 0.0, 0.011)) - 0.25 * _bump(now, 0.03, 0.01)
    beat += 0.3 * _bump(now, 0.27, 0.045) + 0.12 * _bump(ahead, -0.16, 0.025)
    baseline = 0.1 * body.breath + 0.1 * _wander(len(body.seconds), 1.0, rng)
    return beat + np.interp(times_s, body.seconds, baseline) + 0.02 * rng.standard_normal(len(times_s))


def _eda(body: _Body, times_s: Samples, rng: np.random.Generator) -> Samples:
    count = len(body.seconds)
    often_hz = 0.15 * np.exp(1.2 * body.who.reactivity * body.arousal)
    sizes = 0.35 * np.exp(0.5 * body.arousal + 0.5 * rng.standard_normal(count))
    impulses = (rng.random(count) < often_hz / _GRID_HZ) * sizes
    rise, fall = np.exp(-1 / (_GRID_HZ * 0.7)), np.exp(-1 / (_GRID_HZ * 3.5))  # s; a response peaks after about 1.4 s
    responses = lfilter([1.6 * (1 - rise)], np.convolve([1, -rise], [1, -fall]), impulses)
    level = body.who.conductance_us * np.exp(0.05 * body.arousal + 0.05 * _wander(count, 60.0, rng))
    skin = np.interp(times_s, body.seconds, level + body.who.conductance_us**0.5 * np.asarray(responses))
    skin = (skin + 0.004 * rng.standard_normal(len(times_s))).clip(0.01, None)
    for lost_s in rng.uniform(0, max(body.felt.duration_s - 1.0, 0.0), rng.poisson(body.felt.duration_s / 90.0)):
        skin[(times_s >= lost_s) & (times_s < lost_s + 1.0)] = 0.0
    return np.asarray(skin)


def _temp(body: _Body, times_s: Samples, rng: np.random.Generator) -> Samples:
    count = len(body.seconds)
    slope = 0.02 * body.who.reactivity * (0.3 * body.valence - body.arousal) + 0.01 * _wander(count, 5.0, rng)  # degC per s
    back = np.exp(-1 / (_GRID_HZ * 120.0))  # to the level at rest, within minutes
    drift = np.asarray(lfilter([1 / _GRID_HZ], [1.0, -back], slope))
    return body.who.temperature_degc + np.interp(times_s, body.seconds, drift) + 0.012 * rng.standard_normal(len(times_s))


def _acc(body: _Body, times_s: Samples, rng: np.random.Generator) -> Float64[np.ndarray, "sample 3"]:
    count = len(body.seconds)
    turns = np.stack([0.2 * _wander(count, 20.0, rng) for _ in range(3)], axis=1)
    down = np.array(body.who.posture) + turns
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    quick = 1 / (1 + np.exp(-2.0 * body.arousal))  # share of quick movements
    jerks = [np.sqrt(quick) * _band(count, 3.0, 7.0, rng) + np.sqrt(1 - quick) * _band(count, 0.5, 2.0, rng) for _ in range(3)]
    moved = down + body.restlessness[:, None] * np.stack(jerks, axis=1)
    axes = [np.interp(times_s, body.seconds, moved[:, k]) for k in range(3)]
    return np.stack(axes, axis=1) + 0.004 * rng.standard_normal((len(times_s), 3))


def _resp(body: _Body, times_s: Samples, rng: np.random.Generator) -> Samples:
    chest = 8.0 * body.breath + 2.0 * _wander(len(body.seconds), 4.0, rng)
    return np.interp(times_s, body.seconds, chest) + 0.2 * rng.standard_normal(len(times_s))


def _emg(body: _Body, times_s: Samples, rng: np.random.Generator) -> Samples:
    tension = 0.01 * np.exp(0.5 * body.who.reactivity * body.arousal + 0.4 * _wander(len(body.seconds), 4.0, rng))
    return np.interp(times_s, body.seconds, tension) * rng.standard_normal(len(times_s))


_SENSORS: dict[str, Callable[[_Body, Samples, np.random.Generator], NDArray[np.float64]]] = {
    "acc": _acc,
    "bvp": _bvp,
    "eda": _eda,
    "temp": _temp,
    "ecg": _ecg,
    "resp": _resp,
    "emg": _emg,
}
