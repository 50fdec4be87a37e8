"""Time the reading of a large MSP-Podcast: labels, every audio file decoded once, the tables.

The corpus is generated in a temporary folder: labels of as many turns as asked for, audio that links to a few dozen WAV files of noise as
long as the corpus' turns are on average. Each round reads it in a process of its own, whose memory is measured.
Usage: python tests/benchmarks/ingest.py [TURNS] [ROUNDS]    (default: 60000 turns, 3 rounds)
"""

import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from emofuse import corpora

WAVS = 48
MEAN_S = 5.6  # of release 1.8: 113.6 h in 73,042 turns
RATE_HZ = 16000
TURNS_PER_PODCAST = 60
SPLITS = ("Train", "Train", "Train", "Train", "Train", "Train", "Validation", "Test1", "Test1", "Test2")


def generate(root: Path, turns: int, seed: int = 0) -> None:
    """Write labels of release 1.7 and links to audio; equal arguments give equal bytes."""
    rng = np.random.default_rng(seed)
    (root / "Labels").mkdir(parents=True)
    (root / "Audios").mkdir()
    (root / "wav").mkdir()
    (root / "SYNTHETIC_README.txt").write_text("Invented labels and noise, for a benchmark.\n", encoding="utf-8")
    for k in range(WAVS):
        samples = rng.uniform(-0.3, 0.3, round(RATE_HZ * MEAN_S * rng.uniform(0.5, 1.5)))
        soundfile.write(root / "wav" / f"{k}.wav", samples, RATE_HZ, subtype="PCM_16")
    ratings = np.round(rng.uniform(1, 7, (turns, 3)), 6)
    lines = ["FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"]
    for k in range(turns):
        podcast, turn = divmod(k, TURNS_PER_PODCAST)
        name = f"MSP-PODCAST_{podcast + 1:04d}_{turn + 1:04d}.wav"
        numbers = ",".join(str(value) for value in ratings[k])
        split = SPLITS[podcast % len(SPLITS)]
        lines.append(f"{name},{'ASHUFDCNOX'[k % 10]},{numbers},{podcast + 1},{('Male', 'Female')[podcast % 2]},{split}")
        (root / "Audios" / name).symlink_to(Path("..", "wav", f"{k % WAVS}.wav"))
    (root / "Labels" / "labels_concensus.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def measure(root: Path) -> dict[str, float]:
    """Read the corpus: seconds, examples, and the process' largest memory before and after, in MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    found = corpora.read("msp_podcast", root, "1.7")
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "examples": len(found.examples), "before": before, "peak": peak}


def main(turns: int, rounds: int) -> None:
    """Print medians: utterances per second, peak memory, memory per utterance."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "msp_podcast"
        generate(root, turns)
        command = [sys.executable, __file__, "--measure", str(root)]
        each = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(rounds)]
    examples = int(each[0]["examples"])
    seconds = statistics.median(run["seconds"] for run in each)
    peak, before = (statistics.median(run[name] for run in each) for name in ("peak", "before"))
    print(f"{examples} utterances of {MEAN_S} s; {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    spread = f"min {min(run['seconds'] for run in each):.1f}, max {max(run['seconds'] for run in each):.1f}"
    print(f"ingest     median {seconds:.1f} s ({spread}) = {examples / seconds:,.0f} utterances per second")
    print(f"memory     peak {peak:.0f} MiB, {before:.0f} MiB before reading: {(peak - before) * 1024 / examples:.2f} KiB per utterance")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 60000, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
