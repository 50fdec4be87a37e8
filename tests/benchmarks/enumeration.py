"""What it costs to find out which runs are missing, at the published number of utterances: seconds, memory, and what a worker is sent.

Tables and feature caches of both corpora of paper A are invented: labels, texts and features at random, of which only the digests are read.
Each line is measured in a process of its own.
Usage: python tests/benchmarks/enumeration.py
"""

import json
import os
import pickle
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from emofuse import arrays, code_digest, params, speech_text, study, tables
from emofuse.runs import Store
from emofuse.study import Cell

REPOSITORY = Path(__file__).resolve().parents[2]
SPLITS = {"train": 38_179, "dev": 7_538, "test1": 12_902}  # MSP-Podcast 1.7
SPEAKERS, IEMOCAP = 10, 10_039
CLASSES = ("angry", "happy", "neutral", "sad", "fear")


def write() -> None:
    """Write the tables and caches below the current folder."""
    rng = np.random.default_rng(0)
    split = np.repeat(list(SPLITS), list(SPLITS.values()))
    _write_corpus(
        "msp_podcast", pd.DataFrame({"split": split, "speaker": [f"msp_podcast:{name}-{k % 300}" for k, name in enumerate(split)]}), rng
    )
    number = np.arange(IEMOCAP) % SPEAKERS
    session, gender = number // 2 + 1, np.where(number % 2, "M", "F")
    frame = {
        "speaker": [f"iemocap:Ses{s:02d}{g}" for s, g in zip(session, gender, strict=True)],
        "partner": [f"iemocap:Ses{s:02d}{'F' if g == 'M' else 'M'}" for s, g in zip(session, gender, strict=True)],
        "session": [f"Ses{s:02d}" for s in session],
    }
    _write_corpus("iemocap", pd.DataFrame(frame), rng)


def _write_corpus(corpus: str, frame: pd.DataFrame, rng: np.random.Generator) -> None:
    ids = [f"{corpus}:{k:06d}" for k in range(len(frame))]
    ratings = {name: rng.uniform(1, 5, len(frame)) for name in ("arousal", "valence", "dominance")}
    known = {"example_id": ids, "corpus": corpus, "path": ids, "audio_sha256": "0" * 64, "start_s": 0.0, "end_s": 4.5, "emotion_raw": "x"}
    frame = frame.assign(**known, **ratings, emotion=rng.choice(CLASSES, len(frame)), scale_min=1.0, scale_max=5.0)
    tables.write(frame.reindex(columns=list(tables.EXAMPLES.columns)), study.examples_file(corpus), tables.EXAMPLES)
    texts = pd.DataFrame({"example_id": ids, "text": "some words that somebody said", "confidence": None})
    texts = texts.assign(engine="corpus", engine_model="none", engine_version="1")
    tables.write(texts, study.transcripts_file(corpus), tables.TRANSCRIPTS)
    for feature in ("logmel", "text_embeddings"):
        values = rng.normal(size=(len(ids), 1, 4)).astype(np.float32)  # only the digests are read
        arrays.write(study.features_folder(feature, corpus), zip(ids, values, strict=True))


def measure(what: str) -> dict[str, float]:
    """Enumerate a cell, or all of them; runs, seconds, bytes of a pickled run, and the process' largest memory in MiB before and after."""
    read = params.load(REPOSITORY / "params.yaml").model_copy(update={"scale": "paper", "tasks": [*ALL_TASKS]})
    before, start = _memory(), time.perf_counter()
    first = Cell("avd", "msp_podcast", "mfcnn14") if what == "ahead" else Cell(*what.split("/"))
    jobs = speech_text.jobs(read, first, code_digest.of_recipe)
    if what == "ahead":
        jobs += speech_text.ahead(read, first, code_digest.of_recipe, Store(Path("runs")))
    keys = {job.key for job in jobs}
    assert len(keys) == len(jobs)
    seconds = time.perf_counter() - start
    return {"runs": len(jobs), "seconds": seconds, "bytes": len(pickle.dumps(jobs[0])), "before": before, "peak": _memory()}


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


ALL_TASKS = ("emotion4", "arousal", "valence", "dominance", "avd")
WHAT = ("emotion4/iemocap/mfcnn14", "emotion4/iemocap/bert", "avd/msp_podcast/mfcnn14", "ahead")


def main() -> None:
    """Print one line for each."""
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    print("| enumerated | runs | s | MiB before | MiB at most | a run as it is sent, MB |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for what in ("write", *WHAT):
            environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
            done = subprocess.run(
                [sys.executable, __file__, what], cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
            )
            if what != "write":
                m = json.loads(done.stdout)
                print(
                    f"| {what} | {m['runs']} | {m['seconds']:.1f} | {m['before']:.0f} | {m['peak']:.0f} | {m['bytes'] / 1e6:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        write()
    elif sys.argv[1:]:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
