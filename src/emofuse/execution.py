"""Executing one run in a worker process: train, predict, publish; what the run store already has is not done again."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file, save_file

from emofuse.batches import Batches
from emofuse.jobs import Job, Subset
from emofuse.runs import Store
from emofuse.supervised import Supervised, predict
from emofuse.training import Epoch, Fit, Schedule, fit

Report = Callable[[Epoch, int], None]


@dataclass
class Run:
    """The objects of one run on labels: what learns, for how long, and the mini-batches of any corpus."""

    learner: Supervised
    schedule: Schedule
    batches: Callable[[str], Batches]


def execute(job: Job, store: Store, report: Report, prepare: Callable[[], Run]) -> None:
    """Make sure the store holds the run's weights and all its predictions; ``report`` is called with each epoch and their number.

    ``prepare`` is called only where something is missing. Raises InputError at a non-finite loss.
    """
    with store.lock(job.fit_key):
        missing = [s for _, s in job.predicted if store.find("predictions", job.prediction_key(s)) is None]
        folder = store.find("fits", job.fit_key)
        if folder is not None and not missing:
            return
        run = cache(prepare)
        if folder is None:
            folder = store.publish("fits", job.fit_key, job.fit_inputs, partial(_train, job, run, report))
        run().learner.model.load_state_dict(load_file(folder / "weights.safetensors"))
        for subset in missing:
            write = partial(_predict, run(), subset)
            store.publish("predictions", job.prediction_key(subset), job.prediction_inputs(subset), write)


def _train(job: Job, run: Callable[[], Run], report: Report, folder: Path) -> None:
    schedule = run().schedule
    result = fit(job.name, run().learner, schedule, job.seed, lambda epoch: report(epoch, schedule.epochs))
    write_fit(result, folder)


def write_fit(result: Fit, folder: Path) -> None:
    """Write weights.safetensors and history.parquet."""
    save_file({k: v.contiguous() for k, v in result.weights.items()}, folder / "weights.safetensors")
    history = pd.DataFrame([vars(e) | {"selected": int(e.epoch == result.selected)} for e in result.history])
    pq.write_table(pa.Table.from_pandas(history, preserve_index=False), folder / "history.parquet")


def _predict(run: Run, subset: Subset, folder: Path) -> None:
    """Write predictions.parquet for a subset: example_id and one column per output."""
    learner = run.learner
    ids = list(subset.truth.index)
    frame = predict(learner.model, learner.objective, run.batches(subset.corpus), ids, learner.device).reset_index()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / "predictions.parquet")


def seed_everything(seed: int) -> None:
    """Seed PyTorch, and ask for deterministic algorithms."""
    torch.manual_seed(seed)
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms says the same and imports the compiler, for a second
