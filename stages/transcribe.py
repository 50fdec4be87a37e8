"""Turn the speech of one corpus into text, or take the text that came with it."""

import logging
import os
from pathlib import Path

from emofuse import study, tables, transcription
from emofuse.params import load
from emofuse.stage import run

log = logging.getLogger("transcribe")


def main(corpus: str) -> None:
    """Write data/transcripts/<corpus>.parquet."""
    params = load()
    section = params.corpus(corpus)
    engine: str = params.at_scale(section.transcripts)
    examples = tables.read(study.examples_file(corpus), tables.EXAMPLES)
    at_once = params.execution.jobs if isinstance(params.execution.jobs, int) else len(os.sched_getaffinity(0))
    transcripts = transcription.transcribe(examples, Path(section.root), engine, params.transcription, at_once)
    tables.write(transcripts, study.transcripts_file(corpus), tables.TRANSCRIPTS)
    log.info(
        "%s: %d examples -> %d transcripts by %s, %d empty",
        corpus,
        len(examples),
        len(transcripts),
        engine,
        (transcripts["text"] == "").sum(),
    )


if __name__ == "__main__":
    run(main)
