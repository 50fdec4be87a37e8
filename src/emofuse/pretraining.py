"""Paper B's pretraining as jobs: one encoder for speech and for each wearable signal, and the fusion network of each mechanism.

Validation is by people: of every corpus a share of the subjects is held out, and selects the epoch.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emofuse import runs, study, tables
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.jobs import Code, digest, versions
from emofuse.params import Params
from emofuse.params.wearable import Schedule, Wearable
from emofuse.signals import SIGNALS

SPEECH = "speech"
INPUTS = (SPEECH, *SIGNALS)  # of the fusion network, in this order everywhere
MECHANISMS = ("unweighted", "weighted", "attention")
RECIPES = {
    SPEECH: "emofuse.recipes.reconstruction",
    **dict.fromkeys(SIGNALS, "emofuse.recipes.contrast"),
    **dict.fromkeys(MECHANISMS, "emofuse.recipes.masked_statistics"),
}
_NETWORKS = {
    "emofuse.recipes.reconstruction": "speech_autoencoder",
    "emofuse.recipes.contrast": "signal_encoder",
    "emofuse.recipes.masked_statistics": "fusion",
}


@dataclass(frozen=True)
class Windows:
    """Windows of one corpus: their ids, in order."""

    corpus: str
    example_ids: tuple[str, ...]


@dataclass(frozen=True)
class Pretraining:
    """One pretraining: ``network`` is speech, a signal or a mechanism; a mechanism starts from the encoders' weight files."""

    network: str
    params: Wearable
    scale: str
    schedule: Schedule
    train: tuple[Windows, ...]
    dev: tuple[Windows, ...]
    data: str  # digest of the windows and of what the caches hold for them
    encoders: dict[str, Path]
    code: str

    @property
    def name(self) -> str:
        """How messages call the pretraining."""
        return f"pretraining {self.network}"

    @property
    def recipe(self) -> str:
        """The module of emofuse.recipes that executes it."""
        return RECIPES[self.network]

    @property
    def networks(self) -> tuple[str, ...]:
        """The module of emofuse.models that it trains."""
        return (_NETWORKS[self.recipe],)

    @property
    def inputs(self) -> dict[str, Any]:
        """What the weights depend on: of the parameters only those that this network uses."""
        p = self.params
        if self.network == SPEECH:
            own: dict[str, Any] = {"structure": p.speech_autoencoder.model_dump()}
        elif self.network in SIGNALS:
            own = {"structure": p.signal_encoder.model_dump(), "contrast": p.contrast.model_dump()}
        else:
            structure = p.network.model_dump(include={"projection", "topology", "fusion_head", "encoders"})
            own = {
                "encoders": {signal: _sha256(path) for signal, path in self.encoders.items()},
                "structure": [p.speech_autoencoder.model_dump(), p.signal_encoder.model_dump(), structure],
                "mechanism": mechanism_inputs(p, self.network, self.scale),
                "masking": p.masking.model_dump(),
            }
        return {
            "network": self.network,
            **own,
            "learning_rate": p.learning_rate,
            "schedule": self.schedule.model_dump(),
            "seed": p.pretraining.seed,
            "data": self.data,
            "code": self.code,
            "versions": versions(),
        }

    @cached_property
    def key(self) -> str:
        """Key of the weights in the run store."""
        return runs.key(self.inputs)

    @property
    def entries(self) -> tuple[tuple[str, str], ...]:
        """What the run store holds of a finished pretraining."""
        return (("fits", self.key),)


def encoder_jobs(params: Params, code: Code) -> list[Pretraining]:
    """The speech autoencoder and one wearable encoder for each signal."""
    roles, schedules = params.wearable.roles, params.at_scale(params.wearable.schedules)
    speech = _job(params, SPEECH, roles.speech, (SPEECH,), schedules.speech, {}, code)
    return [speech, *(_job(params, signal, roles.signals, (signal,), schedules.signals, {}, code) for signal in SIGNALS)]


def fusion_jobs(params: Params, code: Code) -> list[Pretraining]:
    """The fusion network of each mechanism, on the windows that have all five signals."""
    encoders = {name: study.weights_file(name) for name in INPUTS}
    schedule = params.at_scale(params.wearable.schedules).fusion
    return [_job(params, mechanism, params.wearable.roles.fusion, INPUTS, schedule, encoders, code) for mechanism in MECHANISMS]


def cache_of(signal: str, corpus: str) -> Path:
    """The cache of one signal's windows, or of their MFCC."""
    return study.features_folder("mfcc", corpus) if signal == SPEECH else study.features_folder("wearables", corpus) / signal


def windows_with(corpus: str, signals: Sequence[str]) -> tuple[pd.DataFrame, dict[str, ArrayCache]]:
    """The Examples rows of a corpus that have every one of the signals, by example id, and the signals' caches."""
    examples = tables.read(study.windows_file(corpus), tables.EXAMPLES)
    caches = {signal: ArrayCache(cache_of(signal, corpus)) for signal in signals}
    for cache in caches.values():
        examples = examples[examples["example_id"].isin(cache.index.index)]
    return examples.sort_values("example_id"), caches


def data_digest(network: str, train: Sequence[Windows], dev: Sequence[Windows]) -> str:
    """Digest of the windows that validate and that do not, and of what the caches hold for them."""
    digests = []
    for windows in (side for sides in zip(train, dev, strict=True) for side in sides):
        caches = [ArrayCache(cache_of(signal, windows.corpus)) for signal in inputs_of(network)]
        rows = zip(windows.example_ids, *(cache.digests(windows.example_ids) for cache in caches), strict=True)
        digests.append(digest("\t".join(row) for row in rows))
    return digest(digests)


def inputs_of(network: str) -> tuple[str, ...]:
    """The signals that a network reads."""
    return INPUTS if network in MECHANISMS else (network,)


def held_out(subjects: Sequence[str], share: float, seed: int, where: str) -> set[str]:
    """The subjects that validate: ``share`` of them, at least one, drawn with ``seed``; InputError where nobody is left to train on."""
    names = sorted(set(subjects))
    count = max(1, round(share * len(names)))
    if count >= len(names):
        raise InputError(
            f"{where}: expected subjects to train on and to validate with, found {names}; use more subjects or a smaller share"
        )
    drawn = np.random.default_rng(seed).permutation(len(names))[:count]
    return {names[i] for i in drawn}


def mechanism_inputs(params: Wearable, mechanism: str, scale: str) -> dict[str, Any]:
    """What is special to a mechanism at a scale, as JSON."""
    if mechanism == "attention":
        attention = params.mechanisms.attention
        return {"tokens": attention.tokens, **attention.size.at(scale).model_dump()}
    section: dict[str, Any] = getattr(params.mechanisms, mechanism).model_dump()
    return section


def _job(
    params: Params,
    network: str,
    corpora: Sequence[str],
    signals: Sequence[str],
    schedule: Schedule,
    encoders: dict[str, Path],
    code: Code,
) -> Pretraining:
    settings = params.wearable.pretraining
    train: list[Windows] = []
    dev: list[Windows] = []
    for corpus in corpora:
        examples, _ = windows_with(corpus, signals)
        if examples.empty:
            continue  # CASE has no acceleration, CLAS no temperature
        validating = held_out(list(examples["speaker"]), settings.validation_share, settings.seed, f"{network}: {corpus}")
        for side, chosen in ((train, ~examples["speaker"].isin(validating)), (dev, examples["speaker"].isin(validating))):
            ids = tuple(examples.loc[chosen, "example_id"])
            side.append(Windows(corpus, ids))
    least = min((math.fsum(len(w.example_ids) for w in side) for side in (train, dev)), default=0)
    if least < 2:
        raise InputError(f"{network}: expected windows with {list(signals)} in {list(corpora)}, found {least:.0f}; check wearable.roles")
    own = code(RECIPES[network], _NETWORKS[RECIPES[network]])
    data = data_digest(network, train, dev)
    return Pretraining(network, params.wearable, params.scale, schedule, tuple(train), tuple(dev), data, encoders, own)


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path}: expected the weights of a pretrained encoder, found no file; run `dvc repro`")
    return hashlib.sha256(path.read_bytes()).hexdigest()
