"""Audio files in, mono float32 at one sample rate out.

WAV, FLAC, OGG and MP3 are decoded by libsndfile, what else ``SUFFIXES`` lists by ffmpeg. Channels become one by their mean (libsndfile)
or by ``ffmpeg.downmix``.
"""

import hashlib
import io
import math
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32

from emofuse.audio import ffmpeg
from emofuse.errors import InputError

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", *ffmpeg.SUFFIXES)  # of what counts as an audio file, in lower case
SAMPLE_RATE_HZ = 16000  # of both corpora's releases; log-Mel settings and recognisers are defined at this rate
LONGEST_S = 3600.0  # of one file: a small file can decode to days; the longest recording of any corpus here has 17 minutes
_MOST_SAMPLES = round(LONGEST_S * 48000)  # of one channel
_MOST_BYTES = 1 << 32  # what a RIFF header can count
_BLOCK_SAMPLES = 1 << 22  # of all channels, decoded at once
_FUZZ = 1e-6  # of a sample: what multiplying s by a rate may be off


@dataclass(frozen=True)
class AudioFile:
    """What ingest records of one file: duration in s, sample rate in Hz, SHA-256 of its bytes, largest magnitude (of 1) in mono."""

    duration_s: float
    rate_hz: int
    sha256: str
    peak: float


def inspect(path: Path) -> AudioFile:
    """Decode the whole file once and return its duration, rate, digest and peak.

    Raises InputError where it is absent, unreadable, empty, not audio, cut short (as far as its format tells), longer than
    ``LONGEST_S``, or holds samples that are not finite.
    """
    data = _bytes(path)
    samples, rate, peak = _decode(path, data)
    return AudioFile(duration_s=len(samples) / rate, rate_hz=rate, sha256=hashlib.sha256(data).hexdigest(), peak=peak)


def read(path: Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Float32[np.ndarray, "sample"]:
    """The whole file in [-1, 1], in mono and resampled (soxr, high quality) to ``sample_rate_hz``; raises InputError as ``inspect``."""
    samples, rate, _ = _decode(path, _bytes(path))
    return samples if rate == sample_rate_hz else soxr.resample(samples, rate, sample_rate_hz).astype(np.float32)


def cut(
    samples: Float32[np.ndarray, "sample"], start_s: float, end_s: float, sample_rate_hz: int, where: str
) -> Float32[np.ndarray, "part"]:
    """The part from ``start_s`` to ``end_s``, as a view; parts of equal duration are equally long wherever they start.

    A part may miss the sample or two that rounding asks for at the end of the file; raises InputError, naming ``where``, for more.
    """
    first = _nearest(start_s * sample_rate_hz)
    if first < 0 or end_s <= start_s or end_s * sample_rate_hz - len(samples) > 1 + _FUZZ:
        raise InputError(
            f"{where}: expected audio from {start_s:.3f} to {end_s:.3f} s, found {len(samples) / sample_rate_hz:.3f} s of it; "
            "replace the audio file by the whole one"
        )
    return samples[first : first + _nearest((end_s - start_s) * sample_rate_hz)]


def _nearest(position: float) -> int:
    return math.floor(position + 0.5 + _FUZZ)  # half up, as soxr rounds lengths; Python's round takes halves to even


def _bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise InputError(f"{path}: expected an audio file, found a folder or device; unpack the release's audio there")
        if status.st_size > _MOST_BYTES:
            raise InputError(f"{path}: expected audio of at most {_MOST_BYTES} bytes, found {status.st_size}; cut the file")
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: listed by the corpus, found no such file; unpack the release's audio there") from None
    except OSError as error:
        raise InputError(
            f"{path}: expected an audio file that can be read, found: {error.strerror}; change its permissions or unpack it again"
        ) from error
    if data.startswith(b"version https://git-lfs"):
        raise InputError(f"{path}: expected audio, found a Git LFS pointer; run `git lfs pull` in the corpus")
    if not data:
        raise InputError(f"{path}: expected audio, found an empty file; unpack it again")
    return data


def _decode(path: Path, data: bytes) -> tuple[Float32[np.ndarray, "sample"], int, float]:
    """Samples in mono, their rate in Hz and largest magnitude; ``data`` are the bytes of the file at ``path``."""
    if path.suffix.lower() in ffmpeg.SUFFIXES:
        samples, rate = ffmpeg.read(path, LONGEST_S, _MOST_SAMPLES)
    else:
        samples, rate = _by_libsndfile(path, data)
    peak = float(max(samples.max(), -samples.min()))
    if not math.isfinite(peak):
        raise InputError(f"{path}: expected finite samples, found {(~np.isfinite(samples)).sum()} NaN or infinite ones; unpack it again")
    return samples, rate, peak


def _by_libsndfile(path: Path, data: bytes) -> tuple[Float32[np.ndarray, "sample"], int]:
    promised = int.from_bytes(data[4:8], "little") if data[:4] == b"RIFF" else 0  # libsndfile believes a short file's own length
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            expected, rate, channels = file.frames, file.samplerate, file.channels
            limit = min(LONGEST_S * rate, _MOST_SAMPLES)
            blocks: list[np.ndarray] = []
            found = 0
            while found < expected <= limit:
                block = file.read(min(_BLOCK_SAMPLES // channels, expected - found), dtype="float32", always_2d=True)
                with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused by the caller
                    blocks.append(block.mean(axis=1, dtype=np.float32) if channels > 1 else block[:, 0])
                found += len(block)
                if not len(block):
                    break
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{path}: expected WAV, FLAC, OGG or MP3 audio, found {len(data)} bytes that cannot be decoded ({error.error_string}); "
            "unpack it again"
        ) from error
    if expected > limit:
        raise InputError(f"{path}: expected at most {LONGEST_S:g} s of audio at up to 48 kHz, found more; cut the file")
    if len(data) < promised + 8 and promised != 0xFFFFFFFF:  # written to a pipe, whose length was not known yet
        raise InputError(f"{path}: expected {promised + 8} bytes by its header, found {len(data)}; the file is cut short: unpack it again")
    if found != expected or found == 0:
        raise InputError(
            f"{path}: expected {expected} samples by its header, found {found} in {len(data)} bytes; the file is cut short: unpack it again"
        )
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks), rate
