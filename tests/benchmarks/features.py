"""Time log-Mel extraction, file to cache, against librosa on the same files: `make bench`.

Both routes run in this process on one thread, turn by turn, five times; the ratio of medians is the figure to trust.
Usage: python tests/benchmarks/features.py [FOLDER]    (default: the toy corpora, made by `make repro`)
"""

import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import librosa
import numpy as np
import torch

from emofuse import arrays, audio
from emofuse.features import logmel
from emofuse.params import load

ROUNDS = 5


def by_librosa(path: Path) -> np.ndarray:
    """The same spectrogram by librosa, read by librosa."""
    waveform, _ = librosa.load(path, sr=16000)
    power = librosa.feature.melspectrogram(
        y=waveform, sr=16000, n_fft=512, hop_length=160, n_mels=64, fmin=50, fmax=8000, pad_mode="reflect"
    )
    return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).T.astype(np.float16)


def main(folder: Path) -> None:
    """Print the medians and their ratio."""
    files = sorted(p for kind in ("*.wav", "*.flac") for p in folder.rglob(kind) if not p.name.startswith("."))[:400]
    if not files:
        sys.exit(f"{folder}: expected WAV or FLAC files, found none; run `make repro` first or name a folder")
    torch.set_num_threads(1)
    settings = load().features.logmel
    seconds = sum(audio.inspect(path).duration_s for path in files)

    def ours(path: Path) -> np.ndarray:
        return logmel.compute(audio.read(path), settings, 0.1).astype(np.float16)

    times: dict[str, list[float]] = {"librosa": [], "emofuse": []}
    largest = max(np.abs(ours(p).astype(float) - by_librosa(p)).max() for p in files[:20])
    for _ in range(ROUNDS):
        times["librosa"].append(_to_cache(files, by_librosa))
        times["emofuse"].append(_to_cache(files, ours))
    print(
        f"{len(files)} files, {seconds:.0f} s of audio; {platform.processor() or platform.machine()}, Python {platform.python_version()}, "
    )
    print(f"torch {torch.__version__}, librosa {librosa.__version__}; one thread, {ROUNDS} rounds, file to cache")
    for name, found in times.items():
        median = statistics.median(found)
        print(f"{name:8s} median {median:.3f} s (min {min(found):.3f}, max {max(found):.3f}) = {seconds / median:,.0f} x real time")
    print(f"ratio librosa / emofuse: {statistics.median(times['librosa']) / statistics.median(times['emofuse']):.2f}")
    print(f"largest difference on 20 files: {largest:.3f} dB (float16 rounding is up to 0.03 dB)")


def _to_cache(files: list[Path], compute: Callable[[Path], np.ndarray]) -> float:
    def pairs() -> Iterator[tuple[str, np.ndarray]]:
        for path in files:
            yield str(path), compute(path)

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        arrays.write(Path(folder) / "cache", pairs())
        return time.perf_counter() - start


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("data/toy"))
