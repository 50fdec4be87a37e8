"""Statistics fitted outside of the training fold: pretraining that has heard the tested corpus, features that know their neighbours.

A feature of one example must not depend on which other examples there are: scaling by the corpus' mean and deviation, for instance, would
carry what is tested into training. So for some examples it is computed again from that example alone, and must be the same up to rounding.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

from emofuse import study, tables, track_store, windows
from emofuse.arrays import ArrayCache
from emofuse.audit.finding import Finding, native
from emofuse.params import Params, wearable
from emofuse.signals import SIGNALS

STATIC_CHECKS = {"pretraining_overlap": "no pretraining has heard the corpus that is tested on"}
CHECKS = {"fitted_statistics": "features of an example are the same when they are computed from it alone"}
_ROUNDING = 1e-3  # of the largest value: a cache may come from another processor, and half precision has three digits
DRAWN = 3  # examples of each feature that are computed again: a fitted statistic shows in every one


def pretraining(corpus: str, examples: pd.DataFrame, roles: wearable.Roles, others: Mapping[str, pd.DataFrame]) -> list[Finding]:
    """An error where the emotion corpus is pretrained on, or shares audio with a corpus that is; ``others`` are Examples tables."""
    named = {role: getattr(roles, role) for role in ("speech", "signals", "fusion")}
    if corpus == roles.emotion:
        pairs = [(name, role) for role, names in named.items() for name in names]
    else:
        pairs = [(roles.emotion, role) for role, names in named.items() if corpus in names]
    found: dict[str, Finding] = {}
    digests = set(examples["audio_sha256"].dropna())
    for name, role in pairs:
        if name == corpus:
            says = f"expected other corpora in wearable.roles.{role} than the one tested on, found {corpus}; remove it there"
            found[name] = Finding("pretraining_overlap", "error", says, (name,), records=len(examples))
        elif name in others and len(shared := others[name][others[name]["audio_sha256"].isin(digests)]):
            files = shared["audio_sha256"].nunique()
            says = (
                f"expected no audio in common between the corpus that is tested on and wearable.roles.{role}, found {files:,} files of "
                f"{corpus} in {name}, such as that of {shared['example_id'].iloc[0]}; leave one of the two out"
            )
            found[name] = Finding("pretraining_overlap", "error", says, (name,), records=len(shared))
    return list(found.values())


def computed_again(settings: Params, corpus: str) -> tuple[list[str], list[Finding]]:
    """Some features of a corpus computed again from their examples alone: what was computed, in words, and what was found."""
    examples = tables.read(study.examples_of(settings, corpus), tables.EXAMPLES)
    findings, facts = [], []
    for feature in _expected(settings, corpus):
        cache = ArrayCache(study.features_folder(feature, corpus))
        extract = import_module(f"emofuse.features.{feature}").extract
        findings += alone(feature, examples, cache, partial(extract, root=settings.root(corpus), params=settings))
        facts.append(f"{feature}: some of {len(cache):,} examples computed again")
    if corpus in settings.wearable.corpora:
        table, _, samples = track_store.read(study.recordings_folder(corpus))
        findings += windows_alone(study.features_folder("wearables", corpus), examples, table, samples, settings.wearable.windows)
        facts.append("windows: some of each signal cut again")
    return facts, findings


def _expected(settings: Params, corpus: str) -> tuple[str, ...]:
    """Modules of emofuse.features that compute an example of this corpus from its audio."""
    if corpus in settings.corpora:
        return ("logmel",)
    return ("mfcc",) if corpus in settings.wearable.spoken else ()


def alone(
    feature: str, examples: pd.DataFrame, cache: ArrayCache, compute: Callable[[pd.DataFrame], Iterable[tuple[str, np.ndarray]]]
) -> list[Finding]:
    """An error where ``compute``, given one row of Examples, yields another array than the cache holds for it; ``DRAWN`` are tried.

    Drawn are the examples of the cache with the lowest digest of their id: another example more changes few of them.
    """
    there = examples[examples["example_id"].isin(cache.index.index)]
    order = sorted(there["example_id"], key=lambda name: hashlib.sha256(str(name).encode()).digest())
    drawn = order[:DRAWN]
    wrong, first = [], ""
    for name in drawn:
        computed = dict(compute(there[there["example_id"] == name]))
        difference = _difference(cache[name], computed.get(name))
        if difference:
            wrong.append(native(name))
            first = first or difference
    if not wrong:
        return []
    says = (
        f"{feature}: expected the same values from an example alone as from the corpus, found others for {len(wrong)} of {len(drawn)} "
        f"({first}, {wrong[0]}); something is fitted on the corpus, or the cache is of other code: run `dvc repro`"
    )
    return [Finding("fitted_statistics", "error", says, (feature,), records=len(wrong))]


def windows_alone(
    folder: Path, examples: pd.DataFrame, recordings: pd.DataFrame, tracks: ArrayCache, settings: wearable.Windows
) -> list[Finding]:
    """The same for the windows of each wearable signal below ``folder``, each cut again from its own recording."""

    def compute(signal: str, rows: pd.DataFrame) -> Iterable[tuple[str, np.ndarray]]:
        own = recordings[recordings["recording"].isin(rows["recording"])]
        ids, cut, _ = windows.signal_windows(signal, own, tracks, rows, settings)
        return zip(ids, cut, strict=True)

    caches = {signal: ArrayCache(folder / signal) for signal in SIGNALS}
    return [
        finding for signal, cache in caches.items() for finding in alone(f"wearables/{signal}", examples, cache, partial(compute, signal))
    ]


def _difference(cached: np.ndarray, computed: np.ndarray | None) -> str:
    """What is different between two arrays, in words; empty where they are the same up to rounding."""
    if computed is None:
        return "nothing is computed"
    if (cached.shape, cached.dtype) != (computed.shape, computed.dtype):
        return f"{computed.dtype} {computed.shape} against {cached.dtype} {cached.shape}"
    apart = np.abs(cached.astype(np.float64) - computed.astype(np.float64)).max(initial=0.0)
    if apart <= _ROUNDING * np.abs(cached.astype(np.float64)).max(initial=0.0):
        return ""
    return f"up to {apart:.3g} apart"
