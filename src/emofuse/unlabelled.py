"""Executing one pretraining in a worker process: train on windows without labels, select on held-out subjects, publish the weights."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from emofuse.arrays import ArrayCache
from emofuse.execution import Report, seed_everything, write_fit
from emofuse.pretraining import Pretraining, Windows, cache_of
from emofuse.runs import Store
from emofuse.training import Epoch, Learner, Schedule, fit
from emofuse.window_batches import WindowArrays

VALIDATION_SEED = 1  # of masks and views drawn for validation: the same in every epoch, so that epochs compare


def execute(job: Pretraining, store: Store, report: Report, prepare: Callable[[], Learner]) -> None:
    """Make sure the store holds the weights; raises InputError at a non-finite loss."""
    with store.lock(job.key):
        if store.find("fits", job.key) is None:
            store.publish("fits", job.key, job.inputs, partial(_train, job, report, prepare))


def _train(job: Pretraining, report: Report, prepare: Callable[[], Learner], folder: Path) -> None:
    seed_everything(job.params.pretraining.seed)
    learner = prepare()
    learner.model.eval()
    untrained = Epoch(0, float("nan"), learner.dev_score())
    schedule = Schedule(job.schedule.epochs, patience=job.schedule.patience)
    result = fit(job.name, learner, schedule, job.params.pretraining.seed, lambda epoch: report(epoch, schedule.epochs))
    write_fit(replace(result, history=[untrained, *result.history]), folder)


def open_windows(windows: tuple[Windows, ...], signal: str) -> WindowArrays:
    """The windows of one signal over several corpora, in the order of their ids."""
    return WindowArrays([(ArrayCache(cache_of(signal, w.corpus)), w.example_ids) for w in windows])
