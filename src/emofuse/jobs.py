"""A run as data: everything that one training and its predictions depend on, and the keys under which the run store keeps them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from emofuse import runs, tables
from emofuse.arrays import ArrayCache
from emofuse.params import BERT, CNN, BERTSize, CNNSize, Encoder, FusionCNN

FUSION = ("sfcnn14", "mfcnn14")
NUMERICS = ("torch", "numpy", "transformers")  # packages whose version can change a trained weight


@dataclass(frozen=True)
class Sources:
    """Where the features of one corpus are."""

    logmel: Path
    text_embeddings: Path
    transcripts: Path


@dataclass(frozen=True)
class Subset:
    """Labelled examples of one corpus: ``truth`` is indexed by example_id with one column per target."""

    corpus: str
    truth: pd.DataFrame
    digest: str  # of the model's inputs for these examples, in order


@dataclass(frozen=True)
class Settings:
    """The model's sections of params.yaml, and what of the data's form it needs."""

    model: str
    structure: CNN | FusionCNN | BERT
    size: CNNSize | BERTSize
    encoder: Encoder | None  # the fine-tuned one; None for models on cached features
    max_tokens: int
    frames_per_s: float


@dataclass(frozen=True)
class Job:
    """One run: train on a fold with a seed, keep the epoch best on dev, predict dev, the fold's test set and every other corpus."""

    task: str
    corpus: str
    fold: str
    seed: int
    settings: Settings
    rating_scale: tuple[float, float] | None
    train: Subset
    dev: Subset
    tests: tuple[Subset, ...]
    sources: dict[str, Sources]
    code: str

    @property
    def name(self) -> str:
        """How messages call the run."""
        return f"{self.task}/{self.corpus}/{self.settings.model} {self.fold} seed {self.seed}"

    @property
    def fit_inputs(self) -> dict[str, Any]:
        """What the trained weights depend on."""
        s = self.settings
        return {
            "task": self.task,
            "model": s.model,
            "structure": s.structure.model_dump(),
            "size": s.size.model_dump(),
            "encoder": s.encoder.model_dump() if s.encoder else None,
            "max_tokens": s.max_tokens if s.encoder else None,
            "frames_per_s": s.frames_per_s,
            "rating_scale": self.rating_scale,
            "seed": self.seed,
            "train": self._labelled(self.train),
            "dev": self._labelled(self.dev),
            "code": self.code,
            "versions": {package: version(package) for package in NUMERICS},
        }

    @cached_property
    def fit_key(self) -> str:
        """Key of the trained weights."""
        return runs.key(self.fit_inputs)

    def prediction_inputs(self, subset: Subset) -> dict[str, Any]:
        """What predictions depend on: the weights and the examples' features, not their labels."""
        return {"fit": self.fit_key, "examples": subset.digest}

    def prediction_key(self, subset: Subset) -> str:
        """Key of the predictions that the run's weights make for a subset."""
        return runs.key(self.prediction_inputs(subset))

    @property
    def predicted(self) -> tuple[tuple[str, Subset], ...]:
        """(partition, examples) of everything the run predicts."""
        return (("dev", self.dev), *(("test", test) for test in self.tests))

    @staticmethod
    def _labelled(subset: Subset) -> str:
        truth = subset.truth.to_csv(float_format="%.17g").encode()
        return hashlib.sha256(truth + subset.digest.encode()).hexdigest()


def input_digests(model: str, sources: Sources) -> Callable[[Sequence[str]], str]:
    """A function from example ids to the digest of their ids and of the features that ``model`` reads."""
    if model == "bert":
        texts = transcripts(sources.transcripts)
        return lambda ids: _digest(f"{i}\t{texts[i]}" for i in ids)
    caches = [ArrayCache(sources.logmel)] + ([ArrayCache(sources.text_embeddings)] if model in FUSION else [])
    return lambda ids: _digest("\t".join(parts) for parts in zip(ids, *(c.digests(ids) for c in caches), strict=True))


def transcripts(path: Path) -> dict[str, str]:
    """Text by example id."""
    frame = tables.read(path, tables.TRANSCRIPTS)
    return dict(zip(frame["example_id"], frame["text"], strict=True))


def _digest(lines: Any) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_wide(path: Path) -> pd.DataFrame:
    """Predictions of one run as the store keeps them: index example_id, one column per target."""
    return pq.read_table(path).to_pandas().set_index("example_id")
