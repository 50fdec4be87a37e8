"""Paper A's runs: a cell's folds and seeds as jobs, with the settings and the features that each model reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from emofuse import protocols, study, tables, tasks
from emofuse.arrays import ArrayCache
from emofuse.jobs import Code, Job, Subset, digest
from emofuse.params import BERT, CNN, BERTSize, CNNSize, Encoder, FusionCNN, Params
from emofuse.runs import Store
from emofuse.study import Cell

FUSION = ("sfcnn14", "mfcnn14")


@dataclass(frozen=True)
class Sources:
    """Where the features of one corpus are."""

    logmel: Path
    text_embeddings: Path
    transcripts: Path


@dataclass(frozen=True)
class SpeechTextSettings:
    """The model's sections of params.yaml, what of the data's form it needs, and where the features are."""

    model: str
    structure: CNN | FusionCNN | BERT
    size: CNNSize | BERTSize
    encoder: Encoder | None  # the fine-tuned one; None for models on cached features
    max_tokens: int
    frames_per_s: float
    rating_scale: tuple[float, float] | None
    sources: dict[str, Sources]
    recipe: str = "emofuse.recipes.speech_text"

    @property
    def networks(self) -> tuple[str, ...]:
        """Modules of emofuse.models that it builds."""
        return (self.model,)

    def inputs(self) -> dict[str, Any]:
        """Everything but the features, of which each run's examples carry the digests."""
        return {
            "model": self.model,
            "structure": self.structure.model_dump(),
            "size": self.size.model_dump(),
            "encoder": self.encoder.model_dump() if self.encoder else None,
            "max_tokens": self.max_tokens if self.encoder else None,
            "frames_per_s": self.frames_per_s,
            "rating_scale": self.rating_scale,
        }


def jobs(params: Params, cell: Cell, code: Code) -> list[Job]:
    """Every run of a cell: its folds times its seeds, with what each depends on.

    Raises InputError where the fold names of params.yaml do not exist or a table is missing.
    """
    task = tasks.TASKS[cell.task]
    examples = {name: tables.read(study.examples_file(name), tables.EXAMPLES) for name in params.corpora}
    settings = _settings(params, cell.model, examples[cell.corpus])
    truths = {name: tasks.truth(task, frame) for name, frame in examples.items()}
    digests = {name: input_digests(cell.model, settings.sources[name]) for name in params.corpora}

    def subset(corpus: str, ids: Sequence[str]) -> Subset:
        labelled = truths[corpus].loc[[i for i in ids if i in truths[corpus].index]]
        return Subset(corpus, labelled, digests[corpus](list(labelled.index)))

    folds = {name: protocols.folds(params.corpus(name).protocol, frame) for name, frame in examples.items()}
    others = [subset(name, sorted({i for fold in folds[name] for i in fold.test})) for name in params.corpora if name != cell.corpus]
    chosen = protocols.select(folds[cell.corpus], params.at_scale(params.folds).get(cell.corpus))
    own = code(settings.recipe, *settings.networks)

    def job(fold: protocols.Fold) -> Job:
        return Job(
            task=cell.task,
            corpus=cell.corpus,
            protocol=params.corpus(cell.corpus).protocol,
            fold=fold.name,
            seed=-1,
            settings=settings,
            train=subset(cell.corpus, fold.train),
            dev=subset(cell.corpus, fold.dev),
            tests=(subset(cell.corpus, fold.test), *others),
            code=own,
        )

    # the seeds of a fold share its tables: those of hundreds of runs are in memory at once
    return [replace(each, seed=seed) for each in map(job, chosen) for seed in params.at_scale(params.seeds)]


def ahead(params: Params, cell: Cell, code: Code, store: Store) -> list[Job]:
    """The runs of all other cells that the store lacks, those of most work first, so that the last to end is a short one.

    DVC has made the features of every cell before it trains the first.
    """
    others = [other for other in study.cells(params) if other != cell and not study.omitted(params, other)]
    missing = [job for other in dict.fromkeys(others) for job in jobs(params, other, code) if not store.holds(job.entries)]
    sizes = params.at_scale(params.sizes)
    return sorted(missing, key=lambda job: -len(job.train.truth) * getattr(sizes, job.settings.model).epochs)


def input_digests(model: str, sources: Sources) -> Callable[[Sequence[str]], str]:
    """A function from example ids to the digest of their ids and of the features that ``model`` reads."""
    if model == "bert":
        texts = transcripts(sources.transcripts)
        return lambda ids: digest(f"{i}\t{texts[i]}" for i in ids)
    caches = [ArrayCache(sources.logmel)] + ([ArrayCache(sources.text_embeddings)] if model in FUSION else [])
    return lambda ids: digest("\t".join(parts) for parts in zip(ids, *(c.digests(ids) for c in caches), strict=True))


def transcripts(path: Path) -> dict[str, str]:
    """Text by example id."""
    frame = tables.read(path, tables.TRANSCRIPTS)
    return dict(zip(frame["example_id"], frame["text"], strict=True))


def _settings(params: Params, model: str, examples: pd.DataFrame) -> SpeechTextSettings:
    logmel = params.features.logmel
    return SpeechTextSettings(
        model=model,
        structure=getattr(params.models, model),
        size=getattr(params.at_scale(params.sizes), model),
        encoder=params.at_scale(params.text_encoder) if model == "bert" else None,
        max_tokens=params.features.text_embeddings.max_tokens,
        frames_per_s=logmel.sample_rate_hz / logmel.hop,
        rating_scale=_rating_scale(examples),
        sources={name: _sources(name) for name in params.corpora},
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
