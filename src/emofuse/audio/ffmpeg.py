"""What libsndfile does not know, decoded by the program ffmpeg: the first audio stream of a file, at its own rate, in mono.

Downmix: ITU-R BS.775-3's to one channel (left and right .7071, centre 1, surrounds .5, no low-frequency effects), divided by the sum of
its weights. In a film's 5.1 sound, as in MELD, the centre carries the speech and the others music and laughter, of which the plain mean
would take more; for two channels it is the plain mean, and divided by the sum nothing can clip that did not before. Channels without
positions are averaged.

Nothing of the file is trusted: the program gets a list of arguments and no shell, opens local files of the named containers only (a play
list would name others), stops at the first error instead of inventing sound, and has limits of time and samples.
"""

import re
import shutil
import struct
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float32

from emofuse.errors import InputError

SUFFIXES = (".mp4", ".m4a", ".aac", ".opus")
TIME_LIMIT_S = 300.0  # wall time for one file; a clip of 3 s takes 0.05 s
_CONTAINERS = "mov,aac,ogg"  # demuxers behind these suffixes, by ffmpeg's names
_BLOCK_SAMPLES = 1 << 20  # of all channels, read from the pipe at once
_WEIGHTS = {0x1: 0.5**0.5, 0x2: 0.5**0.5, 0x4: 1.0, 0x8: 0.0}  # by WAVE_FORMAT_EXTENSIBLE's bit of the position: FL, FR, FC, LFE
_SURROUND = 0.5  # weight of every other position
_ORIGIN = re.compile(r"^(\[[^\]]* @ 0x[0-9a-f]+\] )+")  # which part of ffmpeg speaks, with its address in memory


def program(wanted_for: str) -> str:
    """Path of ffmpeg: the one that is installed, else that of the package imageio_ffmpeg; raises InputError where there is neither."""
    installed = shutil.which("ffmpeg")
    if installed:
        return installed
    try:
        from imageio_ffmpeg import get_ffmpeg_exe  # type: ignore[import-not-found, import-untyped, unused-ignore]

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise InputError(f"{wanted_for}: expected the program ffmpeg to decode it, found none; install ffmpeg") from None


def read(path: Path, longest_s: float, most_samples: int) -> tuple[Float32[np.ndarray, "sample"], int]:
    """Samples in mono and their rate in Hz.

    Raises InputError where there is no ffmpeg, where it stops (its first complaint is in the message), and for more than ``longest_s`` or
    ``most_samples``.
    """
    command = [program(str(path)), "-nostdin", "-hide_banner", "-v", "error", "-xerror", "-threads", "1"]
    command += ["-protocol_whitelist", "file,pipe", "-format_whitelist", _CONTAINERS, "-i", f"file:{path}", "-map", "0:a:0"]
    command += ["-t", f"{longest_s + 1:g}", "-c:a", "pcm_f32le", "-f", "wav", "-bitexact", "pipe:1"]
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints)
        except OSError as error:
            raise InputError(
                f"{path}: expected {command[0]} to decode it, it did not start: {error.strerror}; install ffmpeg again"
            ) from error
        assert process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(TIME_LIMIT_S, stop)
        timer.start()
        try:
            blocks, rate = _mono(process.stdout, longest_s, most_samples)
        finally:
            process.stdout.close()  # makes a program that still writes stop
            status = process.wait()
            timer.cancel()
        too_long = sum(map(len, blocks)) > min(most_samples, longest_s * rate)
        if late.is_set():
            raise InputError(f"{path}: expected ffmpeg to decode it within {TIME_LIMIT_S:g} s, found it still at work; remove it")
        if too_long:
            raise InputError(f"{path}: expected at most {longest_s:g} s of audio at up to 48 kHz, found more; cut the file")
        if status != 0 or not blocks:
            raise InputError(f"{path}: expected sound that ffmpeg can decode, found: {_complaint(complaints)}; unpack it again")
    return np.concatenate(blocks), rate


def _mono(stream: IO[bytes], longest_s: float, most_samples: int) -> tuple[list[np.ndarray], int]:
    """Blocks of mono samples until the stream ends or there are too many; no blocks where it is no WAV."""
    rate, weights = _format(stream)
    blocks: list[np.ndarray] = []
    if rate == 0:
        return blocks, rate
    frame_bytes = 4 * len(weights)
    limit, found = min(most_samples, longest_s * rate), 0
    while found <= limit and (data := stream.read(max(1, _BLOCK_SAMPLES // len(weights)) * frame_bytes)):
        whole = np.frombuffer(data, "<f4", count=len(data) // frame_bytes * len(weights)).reshape(-1, len(weights))
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused by the caller
            blocks.append(whole @ weights if len(weights) > 1 else whole[:, 0])
        found += len(whole)
    return blocks, rate


def _format(stream: IO[bytes]) -> tuple[int, Float32[np.ndarray, "channel"]]:
    """Rate in Hz (0 where the stream is no WAV) and the weight of each channel, having read up to the samples."""
    rate, weights = 0, np.ones(1, np.float32)
    if stream.read(12)[:4] != b"RIFF":
        return 0, weights
    while len(head := stream.read(8)) == 8 and head[:4] != b"data":
        body = stream.read(struct.unpack("<I", head[4:])[0])
        if head[:4] == b"fmt " and len(body) >= 16:
            tag, channels, rate = struct.unpack("<HHI", body[:8])
            mask = struct.unpack("<I", body[20:24])[0] if tag == 0xFFFE and len(body) >= 24 else 0
            weights = downmix(channels, mask)
    return rate, weights


def downmix(channels: int, mask: int) -> Float32[np.ndarray, "channel"]:
    """Weight of each channel in the mono sum; ``mask`` has a bit for each channel's position, 0 where positions are unknown.

    >>> downmix(2, 0x3)
    array([0.5, 0.5], dtype=float32)
    """
    places = [1 << bit for bit in range(32) if mask >> bit & 1]
    weights = np.array([_WEIGHTS.get(place, _SURROUND) for place in places])
    if len(weights) != channels or weights.sum() == 0:
        weights = np.ones(channels)
    return (weights / weights.sum()).astype(np.float32)


def _complaint(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = [_ORIGIN.sub("", line.strip()) for line in complaints.read(1 << 16).decode("utf-8", "replace").splitlines()]
    return next((line[:200] for line in lines if line), "no sound")
