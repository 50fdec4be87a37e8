"""Time Empatica E4 exports to windows: reading the CSV files, cutting all four signals, and writing the feature caches: `make bench`.

One thread, five rounds; the medians are the figures to trust.
Usage: python tests/benchmarks/windows.py [FOLDER]    (default: the invented drives, data/toy/affective_road)
"""

import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

from emofuse import arrays, recordings, windows
from emofuse.errors import InputError
from emofuse.params import load
from emofuse.params.wearable import Windows
from emofuse.signals import SIGNALS, Recording

ROUNDS = 5
REPOSITORY = Path(__file__).resolve().parents[2]


def cut_all(read: list[Recording], settings: Windows) -> tuple[dict[str, list[tuple[str, windows.Cut]]], float]:
    """The windows of all signals of all recordings, and the seconds that the recordings span."""
    found: dict[str, list[tuple[str, windows.Cut]]] = {signal: [] for signal in SIGNALS}
    seconds = 0.0
    for recording in read:
        tracks = recording.tracks.values()
        start_s, end_s = recording.span_s or (
            max(t.start_s for t in tracks),
            min(t.start_s + len(t.samples) / t.rate_hz for t in tracks),
        )
        starts = windows.starts(start_s, end_s, settings)
        seconds += end_s - start_s
        for signal, track in recording.tracks.items():
            part = windows.cut(track.samples, track.rate_hz, track.start_s, starts, signal, settings)
            found[signal].append((recording.native_id, part))
    return found, seconds


def main(folder: Path) -> None:
    """Print the medians and the multiples of real time."""
    settings = load(REPOSITORY / "params.yaml").wearable.windows
    times: dict[str, list[float]] = {"read": [], "cut": [], "write": []}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        read = list(recordings.read("empatica_e4", folder, "any", False))
        times["read"].append(time.perf_counter() - start)
        start = time.perf_counter()
        found, seconds = cut_all(read, settings)
        times["cut"].append(time.perf_counter() - start)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as out:
            for signal, parts in found.items():
                pairs = ((f"{name}:{i}", window) for name, part in parts for i, window in enumerate(part.windows) if not part.absent[i])
                arrays.write(Path(out) / signal, pairs)
        times["write"].append(time.perf_counter() - start)
    print(
        f"{len(read)} recordings, {seconds / 3600:.1f} h; {platform.processor() or platform.machine()}, Python {platform.python_version()}"
    )
    for signal, parts in found.items():
        cuts = [part for _, part in parts]
        constant, absent = sum(int(c.constant.sum()) for c in cuts), sum(int(c.absent.sum()) for c in cuts)
        print(f"{signal:5s} {sum(len(c.windows) for c in cuts)} windows, {constant} constant, {absent} absent")
    times["read + cut"] = [a + b for a, b in zip(times["read"], times["cut"], strict=True)]
    times["all"] = [a + b for a, b in zip(times["read + cut"], times["write"], strict=True)]
    for name, each in times.items():
        median = statistics.median(each)
        print(f"{name:10s} median {median:.3f} s (min {min(each):.3f}, max {max(each):.3f}) = {seconds / median:,.0f} x real time")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "data" / "toy" / "affective_road")
    except InputError as error:
        sys.exit(f"{error}; or run `make repro` first, which invents some")
