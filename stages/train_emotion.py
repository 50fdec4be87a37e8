"""Train and evaluate the models of one group on self-reports, every fold of every protocol; finished runs are not repeated."""

import logging
from pathlib import Path

from emofuse import cells, code_digest, runners, speech_wearables, tables
from emofuse.errors import InputError
from emofuse.jobs import unfinished
from emofuse.params import load
from emofuse.runs import Store
from emofuse.stage import run

log = logging.getLogger("train_emotion")


def main(group: str) -> None:
    """Write results/cells/self_report/<corpus>/<model>/ for the models of GROUP: a fusion mechanism, unimodal or controls."""
    if group not in speech_wearables.GROUPS:
        raise InputError(f"'{group}': expected one of {list(speech_wearables.GROUPS)}; correct the name")
    params = load()
    store, code = Store(Path(params.execution.store)), code_digest.of_runs("train_emotion")
    models = {model: speech_wearables.jobs(params, model, code) for model in speech_wearables.GROUPS[group]}
    trained = {model: jobs for model, jobs in models.items() if model != "majority_class"}
    missing = unfinished([job for jobs in trained.values() for job in jobs], store)
    runs = sum(len(jobs) for jobs in trained.values())
    log.info("%s: %d runs, %d in the run store, %d to execute", group, runs, runs - len(missing), len(missing))
    if missing:
        runners.run(missing, store, params.execution)
    for model, jobs in models.items():
        folder = speech_wearables.cell(params, model).folder
        predictions, history = cells.collect(jobs, store) if model in trained else (speech_wearables.majority(jobs), tables.HISTORY.empty())
        tables.write(predictions, folder / "predictions.parquet", tables.PREDICTIONS)
        tables.write(history, folder / "history.parquet", tables.HISTORY)
        tables.write(speech_wearables.fold_weights(jobs, store), folder / "fusion_weights.parquet", tables.FUSION_WEIGHTS)


if __name__ == "__main__":
    run(main)
