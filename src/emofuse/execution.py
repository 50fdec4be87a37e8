"""Executing one run in a worker process: train, predict, publish; what the run store already has is not done again."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import torch
from safetensors.torch import load_file, save

from emofuse import parquet
from emofuse.batches import Batches
from emofuse.checkpoints import Checkpoint
from emofuse.jobs import Job, Subset, changed_inputs
from emofuse.runs import Store, key
from emofuse.supervised import Supervised, predict
from emofuse.training import Epoch, Fit, Schedule, fit

Report = Callable[[Epoch, int], None]


@dataclass(frozen=True)
class Site:
    """Where a run is executed and who is told of its epochs (and their number); nothing of it changes a result."""

    store: Store
    device: str
    report: Report
    checkpoint_every_s: float

    def checkpoint(self, key: str) -> Checkpoint:
        """Where the training of that key keeps how far it has come."""
        return Checkpoint(self.store.checkpoint(key), self.checkpoint_every_s, self.device)


@dataclass
class Run:
    """The objects of one run on labels: what learns, for how long, and the mini-batches of any corpus."""

    learner: Supervised
    schedule: Schedule
    batches: Callable[[str], Batches]


def execute(job: Job, site: Site, prepare: Callable[[], Run]) -> None:
    """Make sure the store holds the run's weights and all its predictions; the caller holds the run's lock.

    ``prepare`` is called only where something is missing. Raises InputError at a non-finite loss.
    """
    store = site.store
    if key(job.fit_inputs) != job.key:
        raise changed_inputs(job, "parameters and pretrained weights")
    missing = [s for _, s in job.predicted if store.find("predictions", job.prediction_key(s)) is None]
    folder = store.find("fits", job.key)
    if folder is not None and not missing:
        return
    run = cache(prepare)
    if folder is None:
        folder = publish_fit(site, job.key, job.fit_inputs, partial(_train, job, site, run))
    else:
        site.checkpoint(job.key).delete()  # which a process that was killed between publishing and deleting has left
    run().learner.model.load_state_dict(load_file(folder / "weights.safetensors"))
    for subset in missing:
        write = partial(_predict, run(), subset)
        store.publish("predictions", job.prediction_key(subset), job.prediction_inputs(subset), write)


def _train(job: Job, site: Site, run: Callable[[], Run]) -> Fit:
    schedule = run().schedule
    return fit(job.name, run().learner, schedule, job.seed, lambda epoch: site.report(epoch, schedule.epochs), site.checkpoint(job.key))


def publish_fit(site: Site, key: str, inputs: dict[str, Any], train: Callable[[], Fit]) -> Path:
    """Train and publish weights.safetensors and history.parquet; the checkpoint is needed no more."""
    start = time.monotonic()
    result = train()
    made = {"host": platform.node(), "device": site.device, "seconds": round(time.monotonic() - start, 3), "epochs": len(result.history)}
    folder = site.store.publish("fits", key, inputs, partial(_write_fit, result), made)
    site.checkpoint(key).delete()
    return folder


def _write_fit(result: Fit, folder: Path) -> None:
    # save_file has an error of its own for a full disk
    (folder / "weights.safetensors").write_bytes(save({k: v.contiguous() for k, v in result.weights.items()}))
    history = pd.DataFrame([vars(e) | {"selected": int(e.epoch == result.selected)} for e in result.history])
    parquet.write(pa.Table.from_pandas(history, preserve_index=False), folder / "history.parquet")


def _predict(run: Run, subset: Subset, folder: Path) -> None:
    """Write predictions.parquet for a subset: example_id and one column per output."""
    learner = run.learner
    ids = list(subset.truth.index)
    frame = predict(learner.model, learner.objective, run.batches(subset.corpus), ids, learner.device).reset_index()
    parquet.write(pa.Table.from_pandas(frame, preserve_index=False), folder / "predictions.parquet")


def seed_everything(seed: int) -> None:
    """Seed PyTorch, and ask for deterministic algorithms."""
    torch.manual_seed(seed)
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms says the same and imports the compiler, for a second
