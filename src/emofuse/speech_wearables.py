"""Paper B's runs: the rows of its Table 1 and the controls as configurations, their folds and seeds as jobs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from emofuse import cells, protocols, study, tables, tasks
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.jobs import Code, Job, Subset, digest
from emofuse.params import Params
from emofuse.params.wearable import Schedule, Wearable
from emofuse.pretraining import INPUTS, MECHANISMS, SPEECH, mechanism_inputs
from emofuse.protocols import Draw
from emofuse.runs import Store
from emofuse.study import Cell

TASK = "self_report"
PRETRAINED, RANDOM = "pretrained", "random"  # representations: embeddings of pretrained, and of untrained frozen encoders


@dataclass(frozen=True)
class Configuration:
    """What one model reads and what of it is trained on labels.

    ``representation`` is the frozen part, computed once. With ``mechanism`` its embeddings are fused by a trained layer; without, the heads
    read it as it is, or only the embeddings of ``signals``.
    """

    representation: str
    mechanism: str | None = None
    signals: tuple[str, ...] | None = None
    labels: Literal["true", "shuffled", "majority"] = "true"


def configurations(fusion: str) -> dict[str, Configuration]:
    """Every model of paper B's Table 1 in its order, then the controls, which follow the mechanism under study."""
    return {
        "speech_only": Configuration(PRETRAINED, signals=(SPEECH,)),
        "wearable_only": Configuration(PRETRAINED, signals=tuple(s for s in INPUTS if s != SPEECH)),
        **{f"{m}_without_fusion_training": Configuration(PRETRAINED, mechanism=m) for m in MECHANISMS},
        **{f"{m}_with_fusion_training": Configuration(m) for m in MECHANISMS},
        "random_encoders": Configuration(RANDOM, mechanism=fusion),
        "shuffled_labels": Configuration(fusion, labels="shuffled"),
        "majority_class": Configuration(PRETRAINED, labels="majority"),
    }


GROUPS = {  # what one stage trains
    **{m: (f"{m}_without_fusion_training", f"{m}_with_fusion_training") for m in MECHANISMS},
    "unimodal": ("speech_only", "wearable_only"),
    "controls": ("random_encoders", "shuffled_labels", "majority_class"),
}


@dataclass(frozen=True)
class EmotionSettings:
    """What a model's trained part depends on, and where its frozen part is."""

    model: str
    configuration: Configuration
    params: Wearable
    scale: str
    schedule: Schedule
    representation: Path
    projection: Path | None  # weights that the trained projection starts from, where fusion training does not freeze it
    recipe: str = "emofuse.recipes.emotion"

    @property
    def networks(self) -> tuple[str, ...]:
        """Modules of emofuse.models that it builds."""
        return ("emotion_heads", "fusion")

    def inputs(self) -> dict[str, Any]:
        """Of the parameters only those that this model uses; of the frozen part each run's examples carry the digests."""
        c, p = self.configuration, self.params
        return {
            "signals": c.signals,
            "mechanism": [c.mechanism, mechanism_inputs(p, c.mechanism, self.scale)] if c.mechanism else None,
            "projection": [p.network.projection, p.network.topology] if c.mechanism or self.projection else None,
            "projection_from": hashlib.sha256(self.projection.read_bytes()).hexdigest() if self.projection else None,
            "embedding": p.signal_encoder.embedding,
            "heads": p.network.emotion_head,
            "learning_rate": p.learning_rate,
            "schedule": self.schedule.model_dump(),
        }


def cell(params: Params, model: str) -> Cell:
    """The cell of a model."""
    return Cell(TASK, params.wearable.roles.emotion, model)


def representation_folder(name: str, corpus: str) -> Path:
    """The cache of a frozen representation: pretrained, random, or a mechanism's."""
    return study.features_folder("representations", corpus) / name


def jobs(params: Params, model: str, code: Code) -> list[Job]:
    """Every run of a model: the folds of each protocol times the seeds.

    Raises InputError for an unknown model, where a table or cache is missing, and where a fold has nobody left to select with.
    """
    known = configurations(params.wearable.fusion)
    if model not in known:
        raise InputError(f"model '{model}': expected one of {list(known)}; correct the name")
    wearable, task, corpus = params.wearable, tasks.TASKS[TASK], params.wearable.roles.emotion
    settings = _settings(params, model, known[model])
    cache = ArrayCache(settings.representation)
    examples = tables.read(study.self_reports_file(corpus), tables.EXAMPLES)
    truth = tasks.truth(task, examples)
    usable = examples[examples["example_id"].isin(truth.index) & examples["example_id"].isin(cache.index.index)]
    if usable.empty:
        raise InputError(
            f"{corpus}: expected windows with all five signals and labels of {list(task.classes)}, found none; name a corpus with "
            "self-reports in wearable.roles.emotion"
        )

    def subset(ids: Sequence[str], labels: str, seed: int) -> Subset:
        labelled = truth.loc[list(ids)]
        return Subset(corpus, _shuffled(labelled, seed) if labels == "shuffled" else labelled, input_digest(cache, ids))

    draws = {"leave_one_subject_out": wearable.validation.subjects, "leave_one_session_out": wearable.validation.sessions}
    labels, own = settings.configuration.labels, code(settings.recipe, settings.networks[0])
    return [
        Job(
            task=TASK,
            corpus=corpus,
            protocol=protocol,
            fold=fold.name,
            seed=seed,
            settings=settings,
            train=subset(fold.train, labels, seed),
            dev=subset(fold.dev, labels, seed),
            tests=(subset(fold.test, "true", seed),),
            code=own,
        )
        for protocol in wearable.protocols
        for fold in protocols.folds(protocol, usable, Draw(draws[protocol], wearable.validation.seed))
        for seed in params.at_scale(wearable.seeds)
    ]


def input_digest(cache: ArrayCache, ids: Sequence[str]) -> str:
    """Digest of example ids and of their frozen representation."""
    return digest("\t".join(parts) for parts in zip(ids, cache.digests(ids), strict=True))


def majority(jobs: Sequence[Job]) -> pd.DataFrame:
    """Predictions of the control that gives every example the classes' shares of its training fold."""
    frames = [tables.PREDICTIONS.empty()]
    for job in jobs:
        for partition, subset in job.predicted:
            shares = np.tile(job.train.truth.mean().to_numpy(), (len(subset.truth), 1))
            wide = pd.DataFrame(shares, index=subset.truth.index, columns=subset.truth.columns)
            frames.append(cells.long_form(wide, subset, partition).assign(**job.run))
    return cells.concatenate(frames)


def fold_weights(jobs: Sequence[Job], store: Store) -> pd.DataFrame:
    """The scalars that a weighted fusion learnt with the heads, in each run; no rows for other models."""
    rows = [tables.FUSION_WEIGHTS.empty()]
    for job in jobs:
        assert isinstance(job.settings, EmotionSettings)
        if job.settings.configuration.mechanism == "weighted":
            weights = load_file(store.place("fits", job.key) / "weights.safetensors")["fusion.mechanism.weights"]
            run = {column: value for column, value in job.run.items() if column in tables.FUSION_WEIGHTS.columns}
            rows.append(pd.DataFrame({"signal": INPUTS, "weight": weights.astype(float)}).assign(**run))
    return cells.concatenate(rows)


def _shuffled(truth: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The same labels dealt out to other examples of the same side: what remains to be learnt is the classes' frequency."""
    order = np.random.default_rng(seed).permutation(len(truth))
    return truth.iloc[order].set_axis(truth.index, axis=0)


def _settings(params: Params, model: str, configuration: Configuration) -> EmotionSettings:
    wearable, name = params.wearable, configuration.representation
    weights = study.weights_file(name)
    trained_projection = name in MECHANISMS and wearable.network.freeze == "fusion"
    if trained_projection and not weights.is_file():
        raise InputError(f"{weights}: expected the weights of the pretrained fusion, found no file; run `dvc repro`")
    return EmotionSettings(
        model=model,
        configuration=configuration,
        params=wearable,
        scale=params.scale,
        schedule=params.at_scale(wearable.schedules).emotion,
        representation=representation_folder(name, wearable.roles.emotion),
        projection=weights if trained_projection else None,
    )
