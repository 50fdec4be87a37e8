import dataclasses

import numpy as np
import pytest

from emofuse.errors import InputError
from emofuse.toy import speech

SAID = speech.Utterance("we had a wonderful celebration", "f2", 170, 50, 50, 1.0, -26.0, 0.0, -58.0, 7)  # f2 has breath noise


def one(**changes: object) -> np.ndarray:
    return next(iter(speech.speak([dataclasses.replace(SAID, **changes)], jobs=1)))


def pitch_hz(samples: np.ndarray) -> float:
    """Median over frames of the autocorrelation's peak between 60 and 400 Hz."""
    found = []
    for start in range(0, len(samples) - 1024, 512):
        frame = samples[start : start + 1024].astype(float)
        if frame.std() > 300:
            power = np.correlate(frame, frame, "full")[1023:]
            found.append(16000 / (40 + power[40:267].argmax()))
    return float(np.median(found))


def test_same_samples_in_any_order_and_number_of_processes() -> None:
    others = [dataclasses.replace(SAID, text=f"number {k} was boring", seed=k) for k in range(3)]
    alone = one()
    first, *_ = speech.speak([SAID, *others], jobs=1)
    *_, last = speech.speak([*others, SAID], jobs=2)
    assert np.array_equal(alone, first)
    assert np.array_equal(alone, last)


def test_seed_moves_breath_and_room() -> None:
    assert not np.array_equal(one(seed=8), one())


def test_level_is_the_rms_of_the_words() -> None:
    words = one(noise_dbfs=-120.0)[1920:-1920] / 32768
    assert 20 * np.log10(np.sqrt(np.mean(words**2))) == pytest.approx(-26, abs=0.1)


def test_room_noise_has_its_level() -> None:
    pause = one()[:1600] / 32768
    assert 20 * np.log10(pause.std()) == pytest.approx(-58, abs=0.5)


def test_pitch_parameter_raises_the_pitch() -> None:
    assert pitch_hz(one(variant="", pitch=80)) > 1.2 * pitch_hz(one(variant="", pitch=30))


def test_rate_parameter_shortens() -> None:
    assert len(one(rate_wpm=220)) < 0.85 * len(one(rate_wpm=150))


def test_tilt_is_in_db_per_octave() -> None:
    flat, tilted = (np.abs(np.fft.rfft(one(noise_dbfs=-120.0, tilt_db=t).astype(float))) for t in (0.0, -3.0))
    hz = np.fft.rfftfreq(2 * len(flat) - 2, 1 / 16000)
    low, high = ((hz > a) & (hz < a * 1.1) for a in (500, 2000))
    change = 20 * np.log10(tilted[high].mean() / tilted[low].mean() * flat[low].mean() / flat[high].mean())
    assert change == pytest.approx(-6, abs=1.0)


def test_unknown_variant_is_named() -> None:
    with pytest.raises(InputError, match="nosuch"):
        one(variant="nosuch")
