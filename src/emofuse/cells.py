"""A cell's runs: which the run store lacks, and all of them collected into Predictions and History."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from emofuse import parquet, tables
from emofuse.errors import InputError
from emofuse.jobs import Job, Subset, read_wide
from emofuse.runs import Store


def collect(jobs: Sequence[Job], store: Store) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and History of exactly these runs, joined with the truth by example id; InputError if the store lacks one."""
    predictions, history = [tables.PREDICTIONS.empty()], [tables.HISTORY.empty()]
    for job in jobs:
        epochs = parquet.read(_entry(store, "fits", job.key, job) / "history.parquet")
        history.append(epochs.assign(**job.run))
        for partition, subset in job.predicted:
            wide = read_wide(_entry(store, "predictions", job.prediction_key(subset), job) / "predictions.parquet")
            predictions.append(long_form(wide, subset, partition).assign(**job.run))
    return concatenate(predictions), concatenate(history)


def long_form(wide: pd.DataFrame, subset: Subset, partition: str) -> pd.DataFrame:
    """Rows of Predictions, without the run's own columns, from one column per output."""
    long = pd.DataFrame({"prediction": wide.rename_axis(columns="target").stack(future_stack=True)})
    long["truth"] = subset.truth.rename_axis(columns="target").stack(future_stack=True)
    return long.reset_index().assign(partition=partition, test_corpus=subset.corpus)


def concatenate(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All rows; the first frame where all are empty."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]


def _entry(store: Store, kind: str, key: str, job: Job) -> Path:
    path = store.find(kind, key)
    if path is None:
        raise InputError(f"{job.name}: expected its {kind} in the run store, found none or damaged; call the stage again")
    return path
