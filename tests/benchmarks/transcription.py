"""Word error rate and real-time factor of the recognisers on a folder of recordings with transcripts: `transcripts.tsv`, NAME TAB TEXT.

Recordings whose names begin alike (up to the first `_`) are one line of the table. Settings are those of params.yaml, but for the two
Whispers, which hear by the genuine weights of Whisper tiny.en that come with a package of the tests. One thread and one process unless a
second argument says otherwise; three rounds, of which the median counts; loading the model is in the time. Beside the wall time stands the
processors' own time, which hardly changes where something else runs.
Usage: python tests/benchmarks/transcription.py FOLDER [THREADS]
"""

import importlib.util
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pandas as pd
import soundfile

from emofuse import params, tables
from emofuse.errors import InputError
from emofuse.transcription.engine import Machine, Recognition
from emofuse.word_errors import word_errors

ROUNDS = 3
REPOSITORY = Path(__file__).resolve().parents[2]


def recordings(folder: Path) -> pd.DataFrame:
    """An Examples table of the recordings that `transcripts.tsv` lists, with what is said."""
    lines = [line.split("\t", 1) for line in (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines()]
    rows = [{"example_id": f"{name.split('_')[0]}:{name}", "path": name, "transcript": said, "start_s": 0.0} for name, said in lines]
    for row in rows:
        row |= {"corpus": str(row["example_id"]).split(":")[0], "end_s": soundfile.info(folder / str(row["path"])).duration}
    return pd.DataFrame(rows).reindex(columns=list(tables.EXAMPLES.columns))


def engines(work: Path) -> Iterator[tuple[str, str, params.Transcription]]:
    """Name of the line, engine and settings; ``work`` takes the converted weights."""
    settings = params.load(REPOSITORY / "params.yaml").transcription
    yield "pocketsphinx", "pocketsphinx", settings
    weights = _weights()
    source = weights.folder()
    if source is None:
        print(f"no {weights.PACKAGE} here, hence neither Whisper")
        return
    for kind, beams in (("int8", 1), ("float32", 1), ("int8", 5)):
        own = settings.faster_whisper.model_copy(update={"model": str(source), "compute_type": kind, "beams": beams})
        yield f"faster_whisper {kind} {beams}", "faster_whisper", settings.model_copy(update={"faster_whisper": own})
    weights.convert(source, work / "tiny.en")
    for batch_size in (1, 8):
        update = {"model": str(work / "tiny.en"), "batch_size": batch_size, "beams": 1, "dtype": "float32"}
        yield f"whisper batch {batch_size}", "whisper", settings.model_copy(update={"whisper": settings.whisper.model_copy(update=update)})


def measure(
    examples: pd.DataFrame, folder: Path, engine: str, settings: params.Transcription, machine: Machine
) -> tuple[list[Recognition], float, float]:
    """What the engine hears, and the medians of its wall times and of its processor times, child processes included, in s."""
    module = import_module(f"emofuse.transcription.{engine}")
    wall, busy = [], []
    for _ in range(ROUNDS):
        start, before = time.perf_counter(), sum(os.times()[:4])
        found = list(module.recognise(examples, folder, settings, machine))
        wall.append(time.perf_counter() - start)
        busy.append(sum(os.times()[:4]) - before)
    return found, statistics.median(wall), statistics.median(busy)


def main(folder: Path, threads: int) -> None:
    """Print one line per engine and group of recordings."""
    examples = recordings(folder)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {threads} thread(s), {ROUNDS} rounds")
    print(f"{'engine':25s} {'recordings':12s} words  sub  del  ins   WER  audio s  real-time factor, of processor time")
    with tempfile.TemporaryDirectory() as work:
        for title, engine, settings in engines(Path(work)):
            for group, part in examples.groupby("corpus", sort=True):
                try:
                    found, wall_s, busy_s = measure(part, folder, engine, settings, Machine(threads, "cpu"))
                except InputError as error:
                    print(f"{title:25s} {error}")
                    break
                texts = pd.DataFrame({"example_id": part["example_id"].to_numpy(), "text": [text for text, _ in found]})
                texts = texts.assign(engine=engine, engine_model=title)
                row = word_errors(str(group), texts, part.set_index("example_id")["transcript"]).iloc[0]
                counts = f"{row['words']:5d} {row['substitutions']:4d} {row['deletions']:4d} {row['insertions']:4d} {row['wer']:5.2f}"
                audio_s = float((part["end_s"] - part["start_s"]).sum())
                print(f"{title:25s} {group:12s} {counts} {audio_s:8.1f} {wall_s / audio_s:8.3f} {busy_s / audio_s:8.3f}")


def _weights() -> ModuleType:
    path = REPOSITORY / "tests" / "transcription" / "ct2_whisper.py"
    spec = importlib.util.spec_from_file_location("ct2_whisper", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else 1)
    except (InputError, OSError) as error:
        sys.exit(str(error))
