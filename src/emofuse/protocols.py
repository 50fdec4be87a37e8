"""Who is trained on, selected on and tested on: folds of example ids, from nothing but the Examples table.

``official``: the published train, dev and test1 (paper A §4.1.2, MSP-Podcast).
``official_shared_speakers``: the same for a corpus whose published parts share speakers (MELD): not independent of the speaker.
``leave_one_speaker_out``: each speaker once as test, the dyad's other speaker as dev, the other sessions as train (§4.1.1, IEMOCAP).
``speaker_folds``: each published fold once as test, the next one as dev, the rest as train (RAVDESS).
``two_speakers``: each of two speakers once as test; a fifth of the other's sentences as dev, the rest as train (TESS).
``leave_one_subject_out``: each subject once as test, others drawn as dev, never the partner, the rest as train (paper B §4.2, K-EmoCon).
The partner, whose recording is the same, stays in train, as in the paper; therefore also
``leave_one_session_out``: each session once as test, with all of its subjects, others drawn as dev, the rest as train.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from emofuse.errors import InputError

SIDES = ("train", "dev", "test")
SHARING = {"official_shared_speakers": SIDES, "two_speakers": ("train", "dev")}  # by protocol: sides that may have speakers in common
_HELD_OUT_SENTENCES = 0.2


@dataclass(frozen=True)
class Fold:
    """Example ids of the three sides of one fold, each sorted."""

    name: str
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Draw:
    """How many subjects (or sessions) of a fold are dev in the protocols that draw them, and the seed of the draw."""

    count: int
    seed: int


def folds(protocol: str, examples: pd.DataFrame, draw: Draw | None = None) -> list[Fold]:
    """All folds of a protocol over the Examples table, whatever its row order; raises InputError as ``check`` does.

    Also raises InputError for an unknown protocol, for an example without the speaker, partner, session or fold that the protocol needs,
    and where too few subjects or sessions are left to draw from. A draw depends on its seed and on the names alone.
    """
    ordered = examples.sort_values("example_id")
    if protocol in _PROTOCOLS:
        found = _PROTOCOLS[protocol](ordered)
    elif protocol in _DRAWING:
        if draw is None:
            raise ValueError(f"{protocol} needs a draw")
        found = _DRAWING[protocol](ordered, draw)
    else:
        raise InputError(f"protocol '{protocol}': expected one of {sorted({*_PROTOCOLS, *_DRAWING})}; correct it in params.yaml")
    for fold in found:
        check(fold, examples, SHARING.get(protocol, ()))
    return found


def select(folds: Sequence[Fold], names: Sequence[str] | None) -> list[Fold]:
    """Return the named folds in their own order, or all if ``names`` is None; raises InputError for a name that does not exist."""
    there = [fold.name for fold in folds]
    unknown = [name for name in names or () if name not in there]
    if unknown or (names is not None and not names):
        raise InputError(f"folds: expected some of {there}, found {unknown or 'none'}; correct the names in params.yaml")
    return [fold for fold in folds if names is None or fold.name in names]


def check(fold: Fold, examples: pd.DataFrame, sharing: Sequence[str] = ()) -> None:
    """Raise InputError if a side is empty, an example is unknown, or an example or a known speaker is on two sides of the fold.

    Unknown speakers match nobody: MSP-Podcast has such turns in train. Between the sides in ``sharing`` speakers may be shared.
    """
    for side in SIDES:
        if not getattr(fold, side):
            raise InputError(
                f"fold {fold.name}: {side} expects at least one example, found none; check the corpus and its protocol in params.yaml"
            )
    placed = [(side, example) for side in SIDES for example in getattr(fold, side)]
    known = set(examples["example_id"])
    for side, name in placed:
        if name not in known:
            raise InputError(f"fold {fold.name}: {side} has example {name}, found no such example; run `dvc repro`")
    speakers = examples.set_index("example_id")["speaker"].dropna().to_dict()
    merged = {side: " and ".join(sharing) if side in sharing else side for side in SIDES}
    heard = list(dict.fromkeys((merged[side], speakers[i]) for side, i in placed if i in speakers))
    for kind, listed in (("example", placed), ("speaker", heard)):
        seen: set[str] = set()
        for _, name in listed:
            if name in seen:
                sides = " and ".join(side for side, other in listed if other == name)
                raise InputError(
                    f"fold {fold.name}: {kind} {name} expects one side, found on {sides}; correct the corpus' speakers or splits"
                )
            seen.add(name)


def _official(examples: pd.DataFrame) -> list[Fold]:
    train, dev, test = (_ids(examples, examples["split"] == split) for split in ("train", "dev", "test1"))
    return [Fold("official", train, dev, test)]


def _leave_one_speaker_out(examples: pd.DataFrame) -> list[Fold]:
    _require(examples, "speaker", "leave_one_speaker_out")
    _require(examples, "partner", "leave_one_speaker_out")
    speaker = examples["speaker"]
    found = []
    for name, partners in examples.groupby("speaker")["partner"].unique().items():
        if len(partners) > 1 or name in partners:
            raise InputError(f"speaker {name}: leave_one_speaker_out expects one other speaker as partner, found {sorted(partners)}")
        test, dev = speaker == name, speaker == partners[0]
        found.append(Fold(str(name), _ids(examples, ~test & ~dev), _ids(examples, dev), _ids(examples, test)))
    return found


def _speaker_folds(examples: pd.DataFrame) -> list[Fold]:
    _require(examples, "fold", "speaker_folds")
    number = examples["fold"].astype(int)
    names = sorted(number.unique())
    found = []
    for name, following in zip(names, names[1:] + names[:1], strict=True):
        test, dev = number == name, number == following
        found.append(Fold(f"fold{name}", _ids(examples, ~test & ~dev), _ids(examples, dev), _ids(examples, test)))
    return found


def _two_speakers(examples: pd.DataFrame) -> list[Fold]:
    _require(examples, "speaker", "two_speakers")
    _require(examples, "transcript", "two_speakers")
    speakers = sorted(examples["speaker"].unique())
    if len(speakers) != 2:
        raise InputError(f"two_speakers: expected two speakers, found {len(speakers)}; choose another protocol in params.yaml")
    ordered = sorted(examples["transcript"].unique(), key=lambda text: hashlib.sha256(text.encode()).digest())
    held_out = examples["transcript"].isin(ordered[: math.ceil(_HELD_OUT_SENTENCES * len(ordered))])
    found = []
    for name in speakers:
        test = examples["speaker"] == name
        found.append(Fold(name, _ids(examples, ~test & ~held_out), _ids(examples, ~test & held_out), _ids(examples, test)))
    return found


def _leave_one_subject_out(examples: pd.DataFrame, draw: Draw) -> list[Fold]:
    _require(examples, "speaker", "leave_one_subject_out")
    subject = examples["speaker"]
    partner = examples.groupby("speaker")["partner"].first()
    found = []
    for name in sorted(subject.unique()):
        others = sorted(set(subject) - {name, partner[name]})
        dev = subject.isin(_drawn(others, draw, f"leave_one_subject_out: fold {name}"))
        found.append(Fold(name, _ids(examples, ~dev & (subject != name)), _ids(examples, dev), _ids(examples, subject == name)))
    return found


def _leave_one_session_out(examples: pd.DataFrame, draw: Draw) -> list[Fold]:
    _require(examples, "session", "leave_one_session_out")
    session = examples["session"]
    found = []
    for name in sorted(session.unique()):
        others = sorted(set(session) - {name})
        dev = session.isin(_drawn(others, draw, f"leave_one_session_out: fold {name}"))
        found.append(Fold(name, _ids(examples, ~dev & (session != name)), _ids(examples, dev), _ids(examples, session == name)))
    return found


def _drawn(names: Sequence[str], draw: Draw, where: str) -> list[str]:
    """Names for dev: those with the lowest digest of seed, fold and name, so that another subject more changes few folds."""
    if len(names) <= draw.count:
        raise InputError(
            f"{where}: expected more than {draw.count} others to draw dev from and train on, found {len(names)}; use more subjects"
        )
    return sorted(names, key=lambda name: hashlib.sha256(f"{draw.seed}/{where}/{name}".encode()).digest())[: draw.count]


def _require(examples: pd.DataFrame, column: str, protocol: str) -> None:
    null = examples[column].isna()
    if null.any():
        first = examples.loc[null, "example_id"].iloc[0]
        raise InputError(f"{first}: {protocol} expects a {column}, found none; choose another protocol for this corpus in params.yaml")


def _ids(examples: pd.DataFrame, where: "pd.Series[bool]") -> tuple[str, ...]:
    return tuple(examples.loc[where, "example_id"])


_PROTOCOLS: dict[str, Callable[[pd.DataFrame], list[Fold]]] = {
    "official": _official,
    "official_shared_speakers": _official,
    "leave_one_speaker_out": _leave_one_speaker_out,
    "speaker_folds": _speaker_folds,
    "two_speakers": _two_speakers,
}
_DRAWING: dict[str, Callable[[pd.DataFrame, Draw], list[Fold]]] = {
    "leave_one_subject_out": _leave_one_subject_out,
    "leave_one_session_out": _leave_one_session_out,
}
