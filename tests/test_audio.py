import hashlib
import math
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse import audio
from emofuse.audio import ffmpeg
from emofuse.errors import InputError

SEEDS: dict[str, bytes] = {}
FUZZED = Path()


def tone(rate, seconds=0.5, hz=440.0):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


def problem(path):
    with pytest.raises(InputError) as error:
        audio.inspect(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)
    return str(error.value)


def encode(path, samples, rate, *options):
    """Samples (sample, channel) by ffmpeg's own encoders."""
    data = samples.astype("<f4").tobytes()
    source = ["-f", "f32le", "-ar", str(rate), "-ac", str(samples.shape[1]), "-i", "pipe:0"]
    subprocess.run([ffmpeg.program("test"), "-v", "error", "-y", *source, *options, f"file:{path}"], input=data, check=True)
    return path


@pytest.fixture(scope="module")
def surround(tmp_path_factory):
    """MP4 with AAC in 5.1: a tone of its own in every channel; and those samples."""
    samples = np.stack([tone(48000, 0.5, hz) for hz in (300, 500, 700, 90, 1100, 1300)], axis=1) / 4
    return encode(tmp_path_factory.mktemp("surround") / "clip.mp4", samples, 48000, "-c:a", "aac", "-b:a", "384k"), samples


def fake(folder, monkeypatch, script):
    program = folder / "fake-ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: str(program))
    (folder / "clip.mp4").write_bytes(b"something")
    return folder / "clip.mp4"


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


@pytest.fixture(scope="module", autouse=True)
def seeds(tmp_path_factory):
    """One small file of each format of libsndfile, for the fuzzer."""
    global FUZZED
    FUZZED = tmp_path_factory.mktemp("fuzz")
    for form in ("wav", "flac", "ogg", "mp3"):
        soundfile.write(FUZZED / f"seed.{form}", tone(16000, 0.2), 16000)
        SEEDS[form] = (FUZZED / f"seed.{form}").read_bytes()


def test_text_an_lfs_pointer_and_an_absent_file_are_told_apart(tmp_path):
    (tmp_path / "t.wav").write_text("not audio at all, but words")
    assert "expected WAV, FLAC, OGG or MP3" in problem(tmp_path / "t.wav")
    for suffix in ("wav", "mp4"):
        (tmp_path / f"p.{suffix}").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
        assert "git lfs pull" in problem(tmp_path / f"p.{suffix}")
    assert "no such file" in problem(tmp_path / "absent.wav")


@pytest.mark.parametrize("suffix", audio.SUFFIXES)
def test_an_empty_file_a_folder_and_words_are_refused_under_every_suffix(tmp_path, suffix):
    (tmp_path / f"empty{suffix}").touch()
    assert "empty file" in problem(tmp_path / f"empty{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    assert "folder" in problem(tmp_path / f"folder{suffix}")
    (tmp_path / f"words{suffix}").write_text("not audio at all, but words " * 100)
    assert "expected" in problem(tmp_path / f"words{suffix}")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert "device" in problem(tmp_path / "pipe.wav")


def test_a_file_without_permission_is_named(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", tone(16000), 16000)

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "Permission denied; change its permissions" in problem(tmp_path / "a.wav")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_not_finite_are_damage(tmp_path, value, channels):
    samples = np.repeat(tone(16000)[:, None], channels, axis=1)
    samples[100, 0] = value
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    assert "1 NaN or infinite" in problem(tmp_path / "a.wav")
    with pytest.raises(InputError, match="NaN or infinite"):
        audio.read(tmp_path / "a.wav")


def test_the_peak_is_the_largest_magnitude_of_either_sign(tmp_path):
    for name, samples in (("low", [0.25, -0.75, 0.5]), ("high", [0.25, 0.5, -0.125]), ("silent", [0.0, 0.0])):
        soundfile.write(tmp_path / f"{name}.wav", np.array(samples), 16000, subtype="FLOAT")
    assert [audio.inspect(tmp_path / f"{name}.wav").peak for name in ("low", "high", "silent")] == [0.75, 0.5, 0.0]


def test_a_long_file_in_several_blocks_equals_one_block(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.flac", np.random.default_rng(1).uniform(-0.5, 0.5, (5000, 2)), 16000)
    whole = audio.read(tmp_path / "a.flac")
    monkeypatch.setattr(audio, "_BLOCK_SAMPLES", 1000)
    np.testing.assert_array_equal(audio.read(tmp_path / "a.flac"), whole)


def test_a_small_file_that_decodes_to_more_than_an_hour_is_refused_undecoded(tmp_path):
    with soundfile.SoundFile(tmp_path / "bomb.flac", "w", 48000, 8) as file:
        file.write(np.zeros((4096, 8)))
    data = bytearray((tmp_path / "bomb.flac").read_bytes())
    data[21:26] = bytes([data[21] & 0xF0 | 0xF, 255, 255, 255, 255])  # STREAMINFO: 2^36 - 1 samples, 2 TB
    (tmp_path / "bomb.flac").write_bytes(data)
    assert "at most 3600 s" in problem(tmp_path / "bomb.flac")


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp4"])
def test_a_file_beyond_the_limit_is_refused(tmp_path, monkeypatch, suffix):
    path = encode(tmp_path / f"clip.{suffix}", np.repeat(tone(16000, 3.0)[:, None], 1, axis=1), 16000)
    assert audio.inspect(path).duration_s == pytest.approx(3.0, abs=0.1)
    monkeypatch.setattr(audio, "LONGEST_S", 2.0)
    assert "expected at most 2 s" in problem(path)


def test_a_wav_that_was_written_to_a_pipe_is_read_to_its_end(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(16000), 16000)
    command = [ffmpeg.program("test"), "-v", "error", "-i", str(tmp_path / "a.wav"), "-f", "wav", "pipe:1"]
    (tmp_path / "piped.wav").write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    np.testing.assert_array_equal(audio.read(tmp_path / "piped.wav"), audio.read(tmp_path / "a.wav"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_file_with_wrong_bytes_is_read_or_refused_in_one_line(data):
    form = data.draw(st.sampled_from(sorted(SEEDS)))
    content = bytearray(SEEDS[form])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, min(len(content), 200) - 1))] = data.draw(st.integers(0, 255))
    path = FUZZED / f"fuzzed.{form}"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        found = audio.inspect(path)
    except InputError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)
    else:
        assert 0 < found.duration_s <= audio.LONGEST_S and math.isfinite(found.peak)


@pytest.mark.parametrize(("suffix", "rate"), [("m4a", 16000), ("mp4", 44100), ("aac", 22050), ("opus", 48000)])
def test_what_libsndfile_does_not_know_is_read_at_its_own_rate(tmp_path, suffix, rate):
    path = encode(tmp_path / f"clip.{suffix}", tone(rate, 1.0)[:, None], rate, "-b:a", "96k")
    found = audio.inspect(path)
    assert found.rate_hz == rate and found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.duration_s == pytest.approx(1.0, abs=0.13)  # raw AAC keeps the encoder's padding
    samples = audio.read(path)
    spectrum = np.abs(np.fft.rfft(samples[2000:14000] * np.hanning(12000)))
    assert np.argmax(spectrum) * 16000 / 12000 == pytest.approx(440, abs=2)
    assert np.sqrt(2 * np.mean(samples[2000:14000] ** 2)) == pytest.approx(0.5, rel=0.03)


def test_mp3_and_ogg_are_read(tmp_path):
    for suffix in ("mp3", "ogg"):
        soundfile.write(tmp_path / f"a.{suffix}", tone(16000, 1.0), 16000)
        assert audio.inspect(tmp_path / f"a.{suffix}").duration_s == pytest.approx(1.0, abs=0.15)


def test_surround_sound_is_mixed_as_the_standard_says(surround):
    path, samples = surround
    weights = np.array([math.sqrt(0.5), math.sqrt(0.5), 1, 0, 0.5, 0.5])  # ITU-R BS.775: L, R, C, LFE, Ls, Rs
    expected = soxr.resample(samples @ weights / weights.sum(), 48000, 16000)
    read = audio.read(path)
    assert len(read) == len(expected)
    np.testing.assert_allclose(read[1000:-1000], expected[1000:-1000], atol=6e-3)  # of 0.125: AAC


def test_the_downmix_has_the_proportions_of_ffmpegs_own(surround):
    path, _ = surround
    command = [ffmpeg.program("test"), "-v", "error", "-i", str(path), "-ac", "1", "-ar", "48000", "-f", "f32le", "pipe:1"]
    theirs = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<f4")
    ours = audio.read(path, 48000)
    assert np.corrcoef(ours, theirs[: len(ours)])[0, 1] > 0.9999


@pytest.mark.parametrize(
    ("channels", "mask", "weights"),
    [(1, 0, [1]), (2, 0, [0.5, 0.5]), (2, 0x3, [0.5, 0.5]), (4, 0, [0.25] * 4), (1, 0x8, [1]), (3, 0x3, [1 / 3] * 3), (2, 0xC, [1, 0])],
)
def test_channels_without_positions_are_averaged(channels, mask, weights):
    np.testing.assert_allclose(ffmpeg.downmix(channels, mask), weights, rtol=1e-6)


@pytest.mark.parametrize("name", ["-i.mp4", "http:x.mp4", "%d a'b$(touch x).mp4", "é\udcff.mp4"])
def test_a_name_is_never_an_option_a_protocol_or_a_command(surround, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(surround[0].read_bytes())
    assert audio.inspect(Path(name)).duration_s == 0.5
    assert len(list(tmp_path.iterdir())) == 1


def test_a_play_list_cannot_name_other_files(surround, tmp_path):
    (tmp_path / "secret.mp4").write_bytes(surround[0].read_bytes())
    (tmp_path / "hls.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n")
    (tmp_path / "concat.mp4").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    for name in ("hls.mp4", "concat.mp4"):
        assert "expected sound that ffmpeg can decode" in problem(tmp_path / name)


def test_a_clip_without_its_index_cut_short_or_overwritten_is_damaged(surround, tmp_path):
    data = surround[0].read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    assert "moov atom not found" in problem(tmp_path / "cut.mp4")
    whole = tmp_path / "whole.mp4"
    command = [ffmpeg.program("test"), "-v", "error", "-i", str(surround[0]), "-c", "copy", "-movflags", "faststart", str(whole)]
    subprocess.run(command, check=True)
    data = whole.read_bytes()
    (tmp_path / "partial.mp4").write_bytes(data[: len(data) * 2 // 3])
    problem(tmp_path / "partial.mp4")
    (tmp_path / "overwritten.mp4").write_bytes(data[: len(data) // 2] + b"\x5a" * 400 + data[len(data) // 2 + 400 :])
    problem(tmp_path / "overwritten.mp4")


def test_a_film_without_sound_is_refused(tmp_path):
    source = ["-f", "lavfi", "-i", "color=s=16x16:d=0.2", "-c:v", "mpeg4"]
    subprocess.run([ffmpeg.program("test"), "-v", "error", *source, str(tmp_path / "film.mp4")], check=True)
    assert "matches no streams" in problem(tmp_path / "film.mp4")


def test_without_the_program_the_user_is_told_to_install_it(surround, monkeypatch):
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert problem(surround[0]).endswith("found none; install ffmpeg")


def test_a_program_that_does_not_end_is_stopped(tmp_path, monkeypatch):
    path = fake(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(ffmpeg, "TIME_LIMIT_S", 0.2)
    assert "within 0.2 s" in problem(path)


def test_a_program_that_complains_without_end_does_not_block(tmp_path, monkeypatch):
    path = fake(tmp_path, monkeypatch, "head -c 300000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; exit 1")
    message = problem(path)
    assert "xxx" in message and len(message) < 500


def test_a_program_that_writes_without_end_is_stopped(tmp_path, monkeypatch):
    header = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<IHHIIHH", 16, 3, 1, 8000, 32000, 4, 32) + b"data\xff\xff\xff\xff"
    (tmp_path / "header").write_bytes(header)
    path = fake(tmp_path, monkeypatch, f"cat '{tmp_path}/header' /dev/zero")
    monkeypatch.setattr(audio, "LONGEST_S", 10.0)
    assert "expected at most 10 s" in problem(path)


def test_a_program_that_cannot_be_started_is_named(tmp_path, monkeypatch):
    path = fake(tmp_path, monkeypatch, "")
    (tmp_path / "fake-ffmpeg").write_bytes(b"\x7fELF but not really")
    assert "did not start" in problem(path)


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
