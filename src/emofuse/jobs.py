"""A run as data: everything that one training and its predictions depend on, and the keys under which the run store keeps them."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pandas as pd

from emofuse import parquet, runs
from emofuse.errors import InputError
from emofuse.runs import Store

NUMERICS = ("torch", "numpy", "transformers")  # packages whose version can change a trained weight


Code = Callable[[str, str], str]  # from a recipe and a module of emofuse.models to the digests of the code that they are


class Work(Protocol):
    """What a runner needs to know of a job: how messages call it, the module whose ``execute`` does it, and what is there when done."""

    @property
    def name(self) -> str:
        """How messages call the job."""
        ...

    @property
    def key(self) -> str:
        """Key of its weights in the run store, which is also that of its lock, checkpoint and record."""
        ...

    @property
    def entries(self) -> tuple[tuple[str, str], ...]:
        """(kind, key) of everything that the run store holds when the job is done."""
        ...

    @property
    def code(self) -> str:
        """Digests of the code that does it, one line a module."""
        ...

    @property
    def recipe(self) -> str:
        """The module of emofuse.recipes."""
        ...

    @property
    def networks(self) -> tuple[str, ...]:
        """Modules of emofuse.models that it builds; a runner may import them beforehand."""
        ...


W = TypeVar("W", bound=Work)


class Settings(Protocol):
    """What a model's weights depend on besides data and code."""

    @property
    def model(self) -> str:
        """Name of the model."""
        ...

    @property
    def recipe(self) -> str:
        """The module of emofuse.recipes that trains it."""
        ...

    @property
    def networks(self) -> tuple[str, ...]:
        """Modules of emofuse.models that it builds."""
        ...

    def inputs(self) -> dict[str, Any]:
        """Everything of them that changes a weight, as JSON."""
        ...


@dataclass(frozen=True)
class Subset:
    """Labelled examples of one corpus: ``truth`` is indexed by example_id with one column per output of the task."""

    corpus: str
    truth: pd.DataFrame
    digest: str  # of the model's inputs for these examples, in order

    @cached_property
    def labelled(self) -> str:
        """Digest of the inputs with their labels, which the seeds of a fold share."""
        truth = self.truth.to_csv(float_format="%.17g").encode()
        return hashlib.sha256(truth + self.digest.encode()).hexdigest()


@dataclass(frozen=True)
class Job:
    """One run: train on a fold with a seed, keep the epoch best on dev, predict dev, the fold's test set and every other corpus."""

    task: str
    corpus: str
    protocol: str
    fold: str
    seed: int
    settings: Settings
    train: Subset
    dev: Subset
    tests: tuple[Subset, ...]
    code: str

    @property
    def name(self) -> str:
        """How messages call the run."""
        return f"{self.task}/{self.corpus}/{self.settings.model} {self.fold} seed {self.seed}"

    @property
    def recipe(self) -> str:
        """The module of emofuse.recipes that executes it."""
        return self.settings.recipe

    @property
    def networks(self) -> tuple[str, ...]:
        """Modules of emofuse.models that it builds."""
        return self.settings.networks

    @property
    def run(self) -> dict[str, Any]:
        """The columns that say in every table which run a row belongs to."""
        names = {"task": self.task, "corpus": self.corpus, "protocol": self.protocol, "model": self.settings.model}
        return {**names, "fold": self.fold, "seed": self.seed}

    @property
    def fit_inputs(self) -> dict[str, Any]:
        """What the trained weights depend on."""
        return {
            "task": self.task,
            "settings": self.settings.inputs(),
            "seed": self.seed,
            "train": self.train.labelled,
            "dev": self.dev.labelled,
            "code": self.code,
            "versions": versions(),
        }

    @cached_property
    def key(self) -> str:
        """Key of the trained weights."""
        return runs.key(self.fit_inputs)

    @property
    def entries(self) -> tuple[tuple[str, str], ...]:
        """What the run store holds of a finished run: its weights and all its predictions."""
        return (("fits", self.key), *(("predictions", self.prediction_key(subset)) for _, subset in self.predicted))

    def prediction_inputs(self, subset: Subset) -> dict[str, Any]:
        """What predictions depend on: the weights and the examples' features, not their labels."""
        return {"fit": self.key, "examples": subset.digest}

    def prediction_key(self, subset: Subset) -> str:
        """Key of the predictions that the run's weights make for a subset."""
        return runs.key(self.prediction_inputs(subset))

    @property
    def predicted(self) -> tuple[tuple[str, Subset], ...]:
        """(partition, examples) of everything the run predicts."""
        return (("dev", self.dev), *(("test", test) for test in self.tests))


def require_keyed(job: Job, corpus: str, digest_of: Callable[[Sequence[str]], str]) -> None:
    """Raise InputError unless the features on disk are, for the job's examples of a corpus, those that its key stands for.

    A job may wait for hours, or in the queue of a cluster, while the features are made anew.
    """
    for subset in {id(s): s for s in (job.train, job.dev, *job.tests) if s.corpus == corpus}.values():
        if digest_of(list(subset.truth.index)) != subset.digest:
            raise changed_inputs(job, f"features of {corpus}")


def changed_inputs(job: Work, what: str) -> InputError:
    """What a worker says of a job whose inputs are not what its key stands for."""
    return InputError(f"{job.name}: expected the {what} that the stage was started with, found others; call the stage again")


def unfinished(jobs: Sequence[W], store: Store) -> list[W]:
    """Those of which the store lacks an entry, or holds a damaged one, which is removed."""
    return [job for job in jobs if not all([store.find(kind, key) for kind, key in job.entries])]


@cache
def versions() -> dict[str, str]:
    """Versions of the packages that can change a trained weight."""
    return {package: version(package) for package in NUMERICS}


def digest(lines: Iterable[str]) -> str:
    """SHA-256 of lines of text."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_wide(path: Path) -> pd.DataFrame:
    """Predictions of one run as the store keeps them: index example_id, one column per output."""
    return parquet.read(path).set_index("example_id")
