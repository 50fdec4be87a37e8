"""A cell's runs: enumerated from params.yaml, executed where the run store lacks them, collected into Predictions and History."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from emofuse import protocols, study, tables, tasks
from emofuse.errors import InputError
from emofuse.jobs import Job, Settings, Sources, Subset, input_digests, read_wide
from emofuse.params import Params
from emofuse.runs import Store
from emofuse.study import Cell
from emofuse.tasks import Task

log = logging.getLogger("cells")


def jobs(params: Params, cell: Cell, code: str) -> list[Job]:
    """Every run of a cell: its folds times its seeds, with what each depends on. ``code`` identifies the training code.

    Raises InputError where the fold names of params.yaml do not exist or a table is missing.
    """
    task = tasks.TASKS[cell.task]
    settings = _settings(params, cell.model)
    sources = {name: _sources(name) for name in params.corpora}
    examples = {name: tables.read(study.examples_file(name), tables.EXAMPLES) for name in params.corpora}
    truths = {name: tasks.truth(task, frame) for name, frame in examples.items()}
    digests = {name: input_digests(cell.model, sources[name]) for name in params.corpora}

    def subset(corpus: str, ids: Sequence[str]) -> Subset:
        labelled = truths[corpus].loc[[i for i in ids if i in truths[corpus].index]]
        return Subset(corpus, labelled, digests[corpus](list(labelled.index)))

    folds = {name: protocols.folds(params.corpus(name).protocol, frame) for name, frame in examples.items()}
    others = [subset(name, sorted({i for fold in folds[name] for i in fold.test})) for name in params.corpora if name != cell.corpus]
    chosen = protocols.select(folds[cell.corpus], params.at_scale(params.folds).get(cell.corpus))
    return [
        Job(
            task=cell.task,
            corpus=cell.corpus,
            fold=fold.name,
            seed=seed,
            settings=settings,
            rating_scale=_rating_scale(examples[cell.corpus]),
            train=subset(cell.corpus, fold.train),
            dev=subset(cell.corpus, fold.dev),
            tests=(subset(cell.corpus, fold.test), *others),
            sources=sources,
            code=code,
        )
        for fold in chosen
        for seed in params.at_scale(params.seeds)
    ]


def collect(task: Task, cell: Cell, cell_jobs: Sequence[Job], store: Store) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and History of exactly these runs, joined with the truth by example id; InputError if the store lacks one."""
    predictions, history = [tables.PREDICTIONS.empty()], [tables.HISTORY.empty()]
    for job in cell_jobs:
        run: dict[str, Any] = {"task": cell.task, "corpus": cell.corpus, "model": cell.model, "fold": job.fold, "seed": job.seed}
        epochs = pq.read_table(_entry(store, "fits", job.fit_key, job) / "history.parquet").to_pandas()
        history.append(epochs.assign(**run))
        for partition, subset in job.predicted:
            wide = read_wide(_entry(store, "predictions", job.prediction_key(subset), job) / "predictions.parquet")
            long = pd.DataFrame({"prediction": wide.rename_axis(columns="target").stack(future_stack=True)})
            long["truth"] = subset.truth.rename_axis(columns="target").stack(future_stack=True)
            predictions.append(long.reset_index().assign(**run, partition=partition, test_corpus=subset.corpus))
    return _concatenate(predictions), _concatenate(history)


def finished(job: Job, store: Store) -> bool:
    """True if the store holds the run's weights and all its predictions."""
    found = [store.find("predictions", job.prediction_key(subset)) for _, subset in job.predicted]
    return store.find("fits", job.fit_key) is not None and all(found)


def _entry(store: Store, kind: str, key: str, job: Job) -> Path:
    path = store.find(kind, key)
    if path is None:
        raise InputError(f"{job.name}: expected its {kind} in the run store, found none; call the stage again")
    return path


def _concatenate(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]


def _settings(params: Params, model: str) -> Settings:
    logmel = params.features.logmel
    return Settings(
        model=model,
        structure=getattr(params.models, model),
        size=getattr(params.at_scale(params.sizes), model),
        encoder=params.at_scale(params.text_encoder) if model == "bert" else None,
        max_tokens=params.features.text_embeddings.max_tokens,
        frames_per_s=logmel.sample_rate_hz / logmel.hop,
    )


def _sources(corpus: str) -> Sources:
    return Sources(
        logmel=study.features_folder("logmel", corpus),
        text_embeddings=study.features_folder("text_embeddings", corpus),
        transcripts=study.transcripts_file(corpus),
    )


def _rating_scale(examples: pd.DataFrame) -> tuple[float, float] | None:
    low, high = examples["scale_min"].min(), examples["scale_max"].max()
    return None if pd.isna(low) or pd.isna(high) else (float(low), float(high))
