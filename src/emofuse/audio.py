"""Audio files in, mono float32 at one sample rate out."""

import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32

from emofuse.errors import InputError

SAMPLE_RATE_HZ = 16000  # of both corpora's releases; log-Mel settings and recognisers are defined at this rate
_FUZZ = 1e-6  # of a sample: what multiplying s by a rate may be off


@dataclass(frozen=True)
class AudioFile:
    """What ingest records of one file: its duration in s, its sample rate in Hz, and the SHA-256 of its bytes."""

    duration_s: float
    rate_hz: int
    sha256: str


def inspect(path: Path) -> AudioFile:
    """Decode the whole file once and return its duration and digest; raises InputError where it is absent, empty or cut short."""
    data = _bytes(path)
    with _open(path, data) as file:
        expected, rate = file.frames, file.samplerate
        found = len(_decode(path, file))
    promised = int.from_bytes(data[4:8], "little") + 8 if data[:4] == b"RIFF" else 0  # libsndfile believes a short file's own length
    if promised > len(data):
        raise InputError(f"{path}: expected {promised} bytes by its header, found {len(data)}; the file is cut short: unpack it again")
    if found != expected or found == 0:
        raise InputError(
            f"{path}: expected {expected} samples by its header, found {found} in {len(data)} bytes; the file is cut short: unpack it again"
        )
    return AudioFile(duration_s=expected / rate, rate_hz=rate, sha256=hashlib.sha256(data).hexdigest())


def read(path: Path, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Float32[np.ndarray, "sample"]:
    """The whole file in [-1, 1], averaged to mono and resampled (soxr, high quality) to ``sample_rate_hz``."""
    with _open(path, _bytes(path)) as file:
        samples = _decode(path, file).mean(axis=1, dtype=np.float32)
        rate = file.samplerate
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
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: listed by the corpus, found no such file; unpack the release's audio there") from None
    if data.startswith(b"version https://git-lfs"):
        raise InputError(f"{path}: expected audio, found a Git LFS pointer; run `git lfs pull` in the corpus")
    return data


def _open(path: Path, data: bytes) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(io.BytesIO(data))
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: expected WAV or FLAC audio, found {len(data)} bytes that are not ({error.error_string})") from error


def _decode(path: Path, file: soundfile.SoundFile) -> np.ndarray:
    try:
        return file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: decoding stopped: {error.error_string}; the file is damaged: unpack it again") from error
