"""Turn the speech of one corpus into text, or take the text that came with it."""

import logging
import os
from pathlib import Path

from emofuse import code_digest, study, tables, transcription
from emofuse.params import load
from emofuse.stage import run
from emofuse.transcription import journal
from emofuse.transcription.engine import Machine

log = logging.getLogger("transcribe")


def main(corpus: str) -> None:
    """Write data/transcripts/<corpus>.parquet and results/recognition/<corpus>.parquet; an interrupted call is gone on with."""
    params = load()
    section = params.corpus(corpus)
    engine: str = params.at_scale(section.transcripts)
    examples = tables.read(study.examples_file(corpus), tables.EXAMPLES)
    jobs = params.execution.jobs if isinstance(params.execution.jobs, int) else len(os.sched_getaffinity(0))
    machine = Machine(jobs, params.execution.device)
    kept = Path("runs/transcripts") / f"{corpus}.jsonl"
    code = code_digest.of_stage("transcribe")
    transcripts, recognition = transcription.transcribe(examples, Path(section.root), engine, params.transcription, machine, kept, code)
    tables.write(recognition, study.recognition_file(corpus), tables.RECOGNITION)
    tables.write(transcripts, study.transcripts_file(corpus), tables.TRANSCRIPTS)
    journal.delete(kept)
    row = recognition.iloc[0]
    log.info("%s: %d examples -> %d transcripts by %s, %d empty", corpus, len(examples), len(transcripts), engine, row["empty"])
    if row["real_time_factor"] > 0:
        minutes = row["audio_s"] / 60, row["recognition_s"] / 60
        log.info("%s: %.1f min of audio in %.1f min, real-time factor %.3f", corpus, *minutes, row["real_time_factor"])


if __name__ == "__main__":
    run(main)
