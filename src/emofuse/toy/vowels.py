"""Short vowels in place of acted sentences: for corpora whose text says nothing, pitch, level and brightness say the emotion."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int16

LENGTH_S = 0.4  # long enough for every network, short enough for a corpus of 1 MB
_FORMANTS_HZ = (600.0, 1200.0, 2600.0)
_BANDWIDTH_HZ = 120.0
_NOISE = 0.001  # of full scale: the room; genuine recordings are never digital silence


@dataclass(frozen=True)
class Manner:
    """How an emotion sounds beside the neutral voice: factor of the pitch, its rise over the vowel, level in dB, tilt in dB per octave."""

    pitch: float
    rise: float
    level_db: float
    tilt_db: float


MANNERS = {
    "neutral": Manner(1.0, 0.0, 0, -6),
    "calm": Manner(0.95, -0.05, -3, -7),
    "happy": Manner(1.4, 0.25, 3, -4),
    "sad": Manner(0.9, -0.15, -8, -9),
    "angry": Manner(1.25, -0.1, 7, -2),
    "fear": Manner(1.6, 0.05, -2, -5),
    "disgust": Manner(0.85, -0.25, 0, -4),
    "surprise": Manner(1.3, 0.6, 4, -5),
    "boredom": Manner(0.8, -0.02, -6, -8),
}


def pitch_hz(gender: str, rng: np.random.Generator) -> float:
    """The neutral pitch of a new speaker."""
    return float(rng.uniform(180, 230) if gender == "female" else rng.uniform(95, 130))


def say(
    emotion: str, pitch_hz: float, sample_rate_hz: int, rng: np.random.Generator, length_s: float = LENGTH_S
) -> Int16[np.ndarray, "sample"]:
    """One vowel of a speaker whose neutral pitch is ``pitch_hz``, in the manner of ``emotion``; no two calls sound equal."""
    manner = MANNERS[emotion]
    time_s = np.arange(round(length_s * sample_rate_hz)) / sample_rate_hz
    fundamental_hz = pitch_hz * manner.pitch * rng.uniform(0.95, 1.05)
    phase = 2 * np.pi * fundamental_hz * (time_s + manner.rise * time_s**2 / (2 * length_s))
    highest = int(min(4000, 0.4 * sample_rate_hz) / (fundamental_hz * (1 + max(manner.rise, 0))))
    number = np.arange(1, highest + 1)
    gains = _envelope(number * fundamental_hz, manner.tilt_db)
    samples = gains @ np.sin(number[:, None] * phase + rng.uniform(0, 2 * np.pi, (highest, 1)))  # (sample,)
    samples *= np.minimum(1, np.minimum(time_s, length_s - time_s) / 0.02)  # 20 ms in and out, no clicks
    level = 0.08 * 10 ** ((manner.level_db + rng.uniform(-1, 1)) / 20)
    samples = samples * level / np.sqrt(np.mean(samples**2)) + _NOISE * rng.standard_normal(len(samples))
    return np.round(32767 * samples.clip(-1, 1)).astype(np.int16)


def silence(sample_rate_hz: int) -> Int16[np.ndarray, "sample"]:
    """Digital silence as long as a vowel."""
    return np.zeros(round(LENGTH_S * sample_rate_hz), dtype=np.int16)


def _envelope(frequency_hz: Float64[np.ndarray, "harmonic"], tilt_db: float) -> Float64[np.ndarray, "harmonic"]:
    distance = (frequency_hz[:, None] - np.array(_FORMANTS_HZ)) / _BANDWIDTH_HZ
    resonance = 0.1 + (1 / (1 + distance**2)).sum(axis=1)
    return resonance * 10 ** (tilt_db * np.log2(frequency_hz / 100) / 20)
