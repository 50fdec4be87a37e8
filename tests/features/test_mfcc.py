import warnings

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile

from emofuse import audio, params, tables
from emofuse.errors import InputError
from emofuse.features import mel, mfcc
from emofuse.params.wearable import MFCC

SETTINGS = MFCC(
    **{"sample_rate_hz": 16000, "n_fft": 400, "hop": 160, "n_mels": 40, "n_coefficients": 40, "f_min_hz": 0.0, "f_max_hz": 8000.0},
    **{"floor": 1e-10, "top_db": None, "frames": 400},
)


def by_librosa(waveform, top_db=None):
    power = librosa.feature.melspectrogram(
        y=waveform.astype(np.float64), sr=16000, n_fft=400, hop_length=160, n_mels=40, fmin=0, fmax=8000, pad_mode="reflect", power=2
    )
    return librosa.feature.mfcc(S=librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=top_db), n_mfcc=40, dct_type=2, norm="ortho").T


def voice(seconds=4.0, seed=0):
    """A gliding harmonic tone that comes and goes, over faint noise."""
    t = np.arange(round(16000 * seconds)) / 16000
    phase = 2 * np.pi * np.cumsum(140 * (1 + 0.2 * np.sin(2 * np.pi * 0.7 * t))) / 16000
    tone = sum(np.sin(k * phase) / k for k in range(1, 25)) * (np.sin(2 * np.pi * 2.5 * t) > -0.3)
    return (0.1 * tone + 0.001 * np.random.default_rng(seed).normal(size=len(t))).astype(np.float32)


@pytest.mark.parametrize("top_db", [None, 80.0, 30.0])
@pytest.mark.parametrize("kind", ["voice", "noise", "silence inside"])
def test_it_agrees_with_librosa(kind, top_db):
    waveform = voice()
    if kind == "noise":
        waveform = (0.1 * np.random.default_rng(1).normal(size=64000)).astype(np.float32)
    if kind == "silence inside":
        waveform[16000:32000] = 0
    found = mfcc.compute(waveform, SETTINGS.model_copy(update={"top_db": top_db}))
    assert found.dtype == np.float32 and found.shape == (401, 40)
    np.testing.assert_allclose(found, by_librosa(waveform, top_db), atol=1e-2)


def test_it_agrees_with_librosa_on_real_speech(recordings):
    path = sorted(recordings.glob("ravdess_4class/*/Actor_01/*.flac"))[0]
    waveform = audio.read(path)
    np.testing.assert_allclose(mfcc.compute(waveform, SETTINGS), by_librosa(waveform), atol=1e-2)


def test_no_mel_band_is_empty():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torchaudio and librosa warn of empty bands
        mel._transform.cache_clear()
        mfcc.compute(voice(0.1), SETTINGS)
        bands = librosa.filters.mel(sr=16000, n_fft=400, n_mels=40, fmin=0, fmax=8000)
    assert (bands > 0).sum(axis=1).min() == 3


def test_digital_silence_is_the_floor_in_coefficient_0_alone():
    found = mfcc.compute(np.zeros(64000, np.float32), SETTINGS)
    np.testing.assert_allclose(found[:, 0], -100 * np.sqrt(40), rtol=1e-6)
    np.testing.assert_allclose(found[:, 1:], 0, atol=1e-3)


def test_twice_the_amplitude_changes_coefficient_0_alone():
    waveform = voice()
    difference = mfcc.compute(2 * waveform, SETTINGS) - mfcc.compute(waveform, SETTINGS)
    np.testing.assert_allclose(difference[:, 0], 20 * np.log10(2) * np.sqrt(40), atol=1e-2)
    np.testing.assert_allclose(difference[:, 1:], 0, atol=1e-2)


@pytest.fixture
def parameters(repository):
    return params.load(repository / "params.yaml")


@pytest.fixture
def debate(tmp_path):
    """10.5 s of one debate, of which two partners have three windows each; returned with its samples."""
    soundfile.write(tmp_path / "p1.p2.wav", voice(10.5), 16000, subtype="FLOAT")
    rows = [
        {"example_id": f"kemocon:{subject}:{start:08.2f}", "path": "p1.p2.wav", "start_s": start, "end_s": start + 4.0}
        for subject in ("P1", "P2")
        for start in (0.0, 3.0, 6.0)
    ]
    return pd.DataFrame(rows, columns=list(tables.EXAMPLES.columns)), voice(10.5)


def test_each_window_is_computed_on_its_own_samples(tmp_path, debate, parameters):
    examples, samples = debate
    found = dict(mfcc.extract(examples, tmp_path, parameters))
    assert set(found) == set(examples["example_id"])
    for subject in ("P1", "P2"):
        for start in (0, 3, 6):
            expected = by_librosa(samples[start * 16000 : (start + 4) * 16000])[:400]
            np.testing.assert_allclose(found[f"kemocon:{subject}:{start:08.2f}"], expected, atol=1e-2)


def test_partners_share_the_decoding_and_the_windows(tmp_path, debate, parameters, monkeypatch):
    count = {"read": 0, "computed": 0}
    read, compute = audio.read, mfcc.compute

    def counting(name, function):
        def counted(*arguments):
            count[name] += 1
            return function(*arguments)

        return counted

    monkeypatch.setattr(audio, "read", counting("read", read))
    monkeypatch.setattr(mfcc, "compute", counting("computed", compute))
    assert len(list(mfcc.extract(debate[0], tmp_path, parameters))) == 6 and count == {"read": 1, "computed": 3}


def test_stereo_at_44100_becomes_400_frames_up_to_the_end_of_the_file(tmp_path, parameters):
    soundfile.write(tmp_path / "p1.p2.wav", np.zeros((44100 * 7 - 1, 2)), 44100)
    rows = pd.DataFrame([{"example_id": "kemocon:P1:3", "path": "p1.p2.wav", "start_s": 3.0, "end_s": 7.0}])
    [(_, found)] = mfcc.extract(rows, tmp_path, parameters)
    assert found.shape == (400, 40)


def message(examples, root, parameters):
    with pytest.raises(InputError) as error:
        list(mfcc.extract(examples, root, parameters))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_windows_without_audio_are_left_out_but_a_corpus_without_any_is_an_error(tmp_path, debate, parameters):
    examples = debate[0]
    part = examples.assign(path=[*examples["path"][:5], None])
    assert {i for i, _ in mfcc.extract(part, tmp_path, parameters)} == set(examples["example_id"][:5])
    assert "expected a corpus with speech" in message(examples.assign(path=None), tmp_path, parameters)


def test_a_window_beyond_its_file_is_named(tmp_path, debate, parameters):
    examples = debate[0].assign(start_s=lambda rows: rows["start_s"] + 1, end_s=lambda rows: rows["end_s"] + 1)
    assert message(examples, tmp_path, parameters).startswith("kemocon:P1:00006.00: expected audio from 7.000 to 11.000 s, found 10.500 s")


def test_a_window_of_too_few_frames_is_named(tmp_path, debate, parameters):
    examples = debate[0].assign(end_s=lambda rows: rows["start_s"] + 3)
    assert "expected at least wearable.mfcc.frames = 400 frames in 3 s, found 301" in message(examples, tmp_path, parameters)
