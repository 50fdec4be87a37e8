"""Train and evaluate every run (fold x seed) of one cell; runs that the run store already holds are not repeated."""

import logging
from pathlib import Path

from emofuse import cells, speech_text, study, tables
from emofuse.params import load
from emofuse.runners import local
from emofuse.runs import Store
from emofuse.stage import LOG_FOLDER, run

log = logging.getLogger("train")


def main(task: str, corpus: str, model: str) -> None:
    """Write results/<task>/<corpus>/<model>/{predictions,history}.parquet."""
    params = load()
    cell = study.cell(params, task, corpus, model)
    store = Store(Path("runs"))
    jobs = [] if study.omitted(params, cell) else speech_text.jobs(params, cell, study.code_of("train", model))
    missing = [job for job in jobs if not cells.finished(job, store)]
    log.info("%s: %d runs, %d in the run store, %d to execute", cell.name, len(jobs), len(jobs) - len(missing), len(missing))
    if missing:
        execution = params.execution
        local.run(missing, store, execution.jobs, execution.device, LOG_FOLDER / f"train-{task}-{corpus}-{model}.log")
    predictions, history = cells.collect(jobs, store)
    tables.write(predictions, cell.folder / "predictions.parquet", tables.PREDICTIONS)
    tables.write(history, cell.folder / "history.parquet", tables.HISTORY)


if __name__ == "__main__":
    run(main)
