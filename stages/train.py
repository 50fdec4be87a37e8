"""Train and evaluate every run (fold x seed) of one cell; runs that the run store already holds are not repeated."""

import logging
from pathlib import Path

from emofuse import cells, code_digest, runners, speech_text, study, tables
from emofuse.jobs import unfinished
from emofuse.params import load
from emofuse.runs import Store
from emofuse.stage import run

log = logging.getLogger("train")


def main(task: str, corpus: str, model: str) -> None:
    """Write results/<task>/<corpus>/<model>/{predictions,history}.parquet."""
    params = load()
    cell = study.cell(params, task, corpus, model)
    store, code = Store(Path(params.execution.store)), code_digest.of_runs("train")
    jobs = [] if study.omitted(params, cell) else speech_text.jobs(params, cell, code)
    missing = unfinished(jobs, store)
    log.info("%s: %d runs, %d in the run store, %d to execute", cell.name, len(jobs), len(jobs) - len(missing), len(missing))
    if missing:
        ahead = speech_text.ahead(params, cell, code, store) if params.execution.ahead else []
        runners.run(missing, store, params.execution, ahead)
    predictions, history = cells.collect(jobs, store)
    tables.write(predictions, cell.folder / "predictions.parquet", tables.PREDICTIONS)
    tables.write(history, cell.folder / "history.parquet", tables.HISTORY)


if __name__ == "__main__":
    run(main)
