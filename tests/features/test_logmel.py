import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse import audio, params
from emofuse.features import logmel

SETTINGS = params.LogMel(sample_rate_hz=16000, n_fft=512, hop=160, n_mels=64, f_min_hz=50.0, f_max_hz=8000.0, floor=1e-10, dtype="float16")


def by_librosa(waveform):
    power = librosa.feature.melspectrogram(
        y=waveform.astype(np.float64), sr=16000, n_fft=512, hop_length=160, n_mels=64, fmin=50, fmax=8000, pad_mode="reflect", power=2
    )
    return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).T


def speech_like(seconds=3.0, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(int(16000 * seconds)) / 16000
    f0 = 120 * (1 + 0.2 * np.sin(2 * np.pi * 0.7 * t))
    phase = 2 * np.pi * np.cumsum(f0) / 16000
    voiced = sum(np.sin(k * phase) / k for k in range(1, 30)) * (0.3 + 0.7 * (np.sin(2 * np.pi * 3 * t) > -0.3))
    return (0.1 * voiced + 0.001 * rng.normal(size=len(t))).astype(np.float32)


@pytest.mark.parametrize("kind", ["speech", "silence inside", "noise"])
def test_it_agrees_with_librosa(kind):
    """Tolerances: mean 1e-4 dB, 99.9 % quantile 1e-3 dB, largest 0.2 dB (float32 against float64)."""
    waveform = speech_like()
    if kind == "silence inside":
        waveform[16000:32000] = 0
    if kind == "noise":
        waveform = (0.1 * np.random.default_rng(1).normal(size=48000)).astype(np.float32)
    difference = np.abs(logmel.compute(waveform, SETTINGS, 0.1) - by_librosa(waveform))
    assert difference.mean() < 1e-4 and np.quantile(difference, 0.999) < 1e-3 and difference.max() < 0.2


def test_it_agrees_with_librosa_on_real_speech(recordings):
    path = sorted(recordings.glob("ravdess_4class/*/Actor_01/*.flac"))[0]
    waveform = audio.read(path)
    difference = np.abs(logmel.compute(waveform, SETTINGS, 0.1) - by_librosa(waveform))
    assert difference.mean() < 1e-4 and difference.max() < 0.2


def test_digital_silence_is_exactly_minus_100_db():
    assert (logmel.compute(np.zeros(16000, np.float32), SETTINGS, 1.0) == -100).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(257, 40000))
def test_frames_are_one_more_than_whole_hops(samples):
    assert logmel.compute(np.zeros(samples, np.float32), SETTINGS, 0.01).shape == (1 + samples // 160, 64)


def test_six_seconds_are_601_frames():
    assert logmel.compute(np.zeros(96000, np.float32), SETTINGS, 3.0).shape == (601, 64)


def test_a_short_utterance_is_padded_with_silence_in_the_waveform():
    short = speech_like(0.5)
    padded = logmel.compute(short, SETTINGS, 2.0)
    assert len(padded) == 201
    np.testing.assert_array_equal(padded, logmel.compute(np.pad(short, (0, 24000)), SETTINGS, 0.1))
    assert (padded[60:] == -100).all()


def test_twice_the_amplitude_is_six_db_more():
    waveform = speech_like(1.0)
    difference = logmel.compute(2 * waveform, SETTINGS, 1.0) - logmel.compute(waveform, SETTINGS, 1.0)
    np.testing.assert_allclose(difference, 20 * np.log10(2), atol=1e-3)


def test_a_tone_peaks_in_the_band_that_contains_it():
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    centres = librosa.mel_frequencies(66, fmin=50, fmax=8000)[1:-1]
    assert abs(centres[logmel.compute(tone, SETTINGS, 1.0)[50].argmax()] - 1000) < 60
