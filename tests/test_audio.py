import hashlib

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

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


def test_a_cut_holds_the_samples_between_its_ends():
    samples = np.arange(16000, dtype=np.float32)
    np.testing.assert_array_equal(audio.cut(samples, 0.25, 0.5, 16000, "a"), samples[4000:8000])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([8000, 11025, 16000, 22050, 32000, 44100, 48000]), st.integers(400, 9000))
def test_a_cut_from_the_beginning_to_the_duration_is_the_whole_file(rate, length):
    samples = soxr.resample(np.ones(length, np.float32), rate, 16000)
    assert len(audio.cut(samples, 0.0, length / rate, 16000, "a")) == len(samples)


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 50, allow_nan=False))
def test_cuts_of_equal_duration_are_equally_long_wherever_they_start(start_s):
    assert len(audio.cut(np.zeros(60 * 16000, np.float32), start_s, start_s + 4.0, 16000, "a")) == 64000


def test_a_cut_may_lack_one_sample_at_the_end_but_not_two():
    assert len(audio.cut(np.zeros(15999, np.float32), 0.0, 1.0, 16000, "a")) == 15999
    with pytest.raises(InputError, match=r"^corpus:P1:3: expected audio from 0\.000 to 1\.000 s, found 1\.000 s") as error:
        audio.cut(np.zeros(15998, np.float32), 0.0, 1.0, 16000, "corpus:P1:3")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("start_s", "end_s"), [(-1.0, 0.5), (0.5, 0.5), (0.6, 0.5)])
def test_a_cut_before_the_file_or_without_duration_is_refused(start_s, end_s):
    with pytest.raises(InputError, match=r"^a: expected audio from"):
        audio.cut(np.zeros(16000, np.float32), start_s, end_s, 16000, "a")
