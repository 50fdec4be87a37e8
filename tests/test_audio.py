import hashlib

import numpy as np
import pytest
import soundfile

from emofuse import audio
from emofuse.errors import InputError


def tone(rate, seconds=0.5, hz=440.0):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


def test_a_wav_at_the_right_rate_is_read_sample_by_sample(tmp_path):
    samples = (tone(16000) * 32767).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    np.testing.assert_array_equal(audio.read(tmp_path / "a.wav"), samples.astype(np.float32) / 32768)


def test_stereo_at_44100_becomes_the_same_tone_in_mono_at_16000(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.stack([tone(44100), np.zeros(22050)], axis=1), 44100)
    read = audio.read(tmp_path / "a.flac")
    assert read.dtype == np.float32 and len(read) == 8000
    np.testing.assert_allclose(read[500:-500], (tone(16000) / 2)[500:-500], atol=2e-3)


def test_inspect_gives_duration_and_digest(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(16000), 16000)
    found = audio.inspect(tmp_path / "a.wav")
    assert found.duration_s == 0.5 and found.sha256 == hashlib.sha256((tmp_path / "a.wav").read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["wav", "flac"])
@pytest.mark.parametrize("cut", [0, 30, 0.5])
def test_an_empty_or_truncated_file_is_named(tmp_path, kind, cut):
    path = tmp_path / f"clip.{kind}"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 16000), 16000)
    data = path.read_bytes()
    path.write_bytes(data[: round(cut * len(data)) if cut < 1 else cut])
    with pytest.raises(InputError, match=rf"clip\.{kind}: ") as error:
        audio.inspect(path)
    assert "\n" not in str(error.value)


def test_text_an_lfs_pointer_and_an_absent_file_are_told_apart(tmp_path):
    (tmp_path / "t.wav").write_text("not audio at all, but words")
    with pytest.raises(InputError, match="expected WAV or FLAC"):
        audio.inspect(tmp_path / "t.wav")
    (tmp_path / "p.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(InputError, match="git lfs pull"):
        audio.inspect(tmp_path / "p.wav")
    with pytest.raises(InputError, match="no such file"):
        audio.inspect(tmp_path / "absent.wav")
