"""Executing one pretraining in a worker process: train on windows without labels, select on held-out subjects, publish the weights."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from emofuse.arrays import ArrayCache
from emofuse.execution import Site, publish_fit, seed_everything
from emofuse.jobs import changed_inputs
from emofuse.pretraining import Pretraining, Windows, cache_of, data_digest
from emofuse.runs import key
from emofuse.training import Epoch, Fit, Learner, Schedule, fit
from emofuse.window_batches import WindowArrays

VALIDATION_SEED = 1  # of masks and views drawn for validation: the same in every epoch, so that epochs compare


def execute(job: Pretraining, site: Site, prepare: Callable[[], Learner]) -> None:
    """Make sure the store holds the weights; the caller holds their lock. Raises InputError at a non-finite loss."""
    if data_digest(job.network, job.train, job.dev) != job.data or key(job.inputs) != job.key:
        raise changed_inputs(job, "windows and encoders")
    if site.store.find("fits", job.key) is None:
        publish_fit(site, job.key, job.inputs, partial(_train, job, site, prepare))


def _train(job: Pretraining, site: Site, prepare: Callable[[], Learner]) -> Fit:
    seed_everything(job.params.pretraining.seed)
    learner = prepare()
    learner.model.eval()
    untrained = Epoch(0, float("nan"), learner.dev_score())
    schedule = Schedule(job.schedule.epochs, patience=job.schedule.patience)
    seed, checkpoint = job.params.pretraining.seed, site.checkpoint(job.key)
    result = fit(job.name, learner, schedule, seed, lambda epoch: site.report(epoch, schedule.epochs), checkpoint)
    return replace(result, history=[untrained, *result.history])


def open_windows(windows: tuple[Windows, ...], signal: str) -> WindowArrays:
    """The windows of one signal over several corpora, in the order of their ids."""
    return WindowArrays([(ArrayCache(cache_of(signal, w.corpus)), w.example_ids) for w in windows])
