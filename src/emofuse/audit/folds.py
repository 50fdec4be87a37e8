"""Whether what is tested was seen in training: speakers, sessions, partners and stretches of audio on two sides of a fold."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int64

from emofuse.audit.finding import Finding, native, of_records
from emofuse.errors import InputError
from emofuse.protocols import SHARING, SIDES, Draw, Fold, folds, select
from emofuse.remarks import Severity
from emofuse.tasks import TASKS, truth

CHECKS = {
    "protocol": "the corpus allows the protocol that splits it",
    "speaker_sides": "no speaker on two sides of a fold",
    "session_sides": "no session, dialogue, podcast or video on two sides of a fold",
    "partner_sides": "no partner of a tested speaker in train",
    "overlapping_windows": "no stretch of one speaker's recording on two sides of a fold",
    "shared_audio": "no stretch of audio that two speakers share on two sides of a fold",
    "few_labels": "labels on every side of a fold, two at least in dev",
    "class_sides": "every class on every side of a fold",
}
_PAIRS = (("train", "test"), ("dev", "test"), ("train", "dev"))
Sides = Int64[np.ndarray, "example"]


def of_protocol(
    protocol: str, examples: pd.DataFrame, draw: Draw | None = None, names: Sequence[str] | None = None
) -> tuple[list[Fold], list[Finding]]:
    """The folds of a protocol, of ``names`` those alone; where the protocol refuses the corpus, an error that says why.

    A speaker on two sides is a finding of ``find``: the folds are then made as if speakers were unknown.
    """
    try:
        return select(folds(protocol, examples, draw), names), []
    except InputError as refusal:
        try:
            return select(folds(protocol, examples.assign(speaker=None), draw), names), []
        except InputError:
            return [], [Finding("protocol", "error", str(refusal), (protocol,), records=len(examples))]


def find(protocol: str, own: Sequence[Fold], examples: pd.DataFrame, asked: Sequence[str]) -> list[Finding]:
    """Findings on the folds of one protocol over the Examples table; ``asked`` are the names of the tasks of the study."""
    if not own:
        return []
    place = pd.Series(np.arange(len(examples)), index=examples["example_id"])
    sides = {fold.name: _sides(fold, place) for fold in own}
    return [
        *_speakers(protocol, sides, examples),
        *_both(protocol, sides, examples["session"], "session_sides", "session"),
        *_partners(protocol, sides, examples),
        *_overlaps(protocol, sides, examples),
        *_labels(protocol, own, examples, asked),
    ]


def _sides(fold: Fold, place: "pd.Series[int]") -> Sides:
    """For every example the number of its side in ``SIDES``, -1 where it is on none."""
    found = np.full(len(place), -1)
    for number, side in enumerate(SIDES):
        found[place.loc[list(getattr(fold, side))].to_numpy()] = number
    return found


def _speakers(protocol: str, sides: Mapping[str, Sides], examples: pd.DataFrame) -> list[Finding]:
    sharing = SHARING.get(protocol, ())
    allowed = [pair for pair in _PAIRS if set(pair) <= set(sharing)]
    forbidden = [pair for pair in _PAIRS if pair not in allowed]
    grave = _both(protocol, sides, examples["speaker"], "speaker_sides", "speaker", "error", forbidden)
    return grave or _both(protocol, sides, examples["speaker"], "speaker_sides", "speaker", "warning", allowed)


def _both(
    protocol: str,
    sides: Mapping[str, Sides],
    column: "pd.Series[str]",
    check: str,
    kind: str,
    severity: Severity = "warning",
    pairs: Sequence[tuple[str, str]] = _PAIRS,
) -> list[Finding]:
    """One finding where a value of ``column`` is on both sides of a pair; it concerns the examples of the second side."""
    codes, values = pd.factorize(column)
    hit = np.zeros(len(column), dtype=bool)
    parts = []
    for first, second in pairs:
        count, shared, example = 0, [], ""
        for name, side in sides.items():
            there = np.intersect1d(codes[(side == SIDES.index(first)) & (codes >= 0)], codes[side == SIDES.index(second)])
            if len(there):
                mine = (side == SIDES.index(second)) & np.isin(codes, there)
                hit |= mine
                count += int(mine.sum())
                shared.append(name)
                example = example or f"{values[there[0]]} in fold {name}"
        if shared:
            parts.append(
                f"{first} and {second} share {kind}s in {len(shared)} of {len(sides)} folds ({count:,} examples of {second}; {example})"
            )
    if not parts:
        return []
    says = f"{protocol}: expected each {kind} on one side of a fold, found that " + "; ".join(parts)
    return [Finding(check, severity, says, (protocol,), records=int(hit.sum()))]


def _partners(protocol: str, sides: Mapping[str, Sides], examples: pd.DataFrame) -> list[Finding]:
    partner, speaker = examples["partner"].to_numpy(), examples["speaker"].to_numpy()
    hit, tested, shared = np.zeros(len(examples), dtype=bool), 0, []
    for name, side in sides.items():
        trained = {s for s in speaker[side == SIDES.index("train")] if pd.notna(s)}
        mine = (side == SIDES.index("test")) & np.isin(partner.astype(str), sorted(trained))
        tested += int((side == SIDES.index("test")).sum())
        hit |= mine
        shared += [name] * bool(mine.any())
    if not shared:
        return []
    says = (
        f"{protocol}: the partner of the tested speaker is in train in {len(shared)} of {len(sides)} folds, for {int(hit.sum()):,} of "
        f"{tested:,} test examples; what one said shaped what the other felt"
    )
    return [Finding("partner_sides", "warning", says, (protocol,), records=int(hit.sum()))]


def _overlaps(protocol: str, sides: Mapping[str, Sides], examples: pd.DataFrame) -> list[Finding]:
    """Pairs of examples of one recording, or of one audio file, that overlap in time and are on two sides of a fold."""
    one, two = overlapping(examples)
    if not len(one):
        return []
    speaker = examples["speaker"].to_numpy()
    alone = pd.isna(speaker[one]) | pd.isna(speaker[two]) | (speaker[one] == speaker[two])
    kinds: list[tuple[str, Severity, Bool[np.ndarray, "pair"], str]] = [
        ("overlapping_windows", "error", alone, "the same speaker at the same time"),
        ("shared_audio", "warning", ~alone, "audio that two speakers share, each with labels and signals of their own"),
    ]
    found = []
    for check, severity, mask, what in kinds:
        hit = np.zeros(len(examples), dtype=bool)
        shared = []
        for name, side in sides.items():
            apart = mask & (side[one] >= 0) & (side[two] >= 0) & (side[one] != side[two])
            tested = np.unique(np.concatenate([one[apart], two[apart]]))
            hit[tested] = True
            shared += [name] * bool(len(tested))
        if shared:
            first = np.flatnonzero(hit)[0]
            says = (
                f"{protocol}: {what}, on two sides of {len(shared)} of {len(sides)} folds ({int(hit.sum()):,} examples, such as "
                f"{native(str(examples['example_id'].iloc[first]))})"
            )
            found.append(Finding(check, severity, says, (protocol,), records=int(hit.sum())))
    return found


def overlapping(examples: pd.DataFrame) -> tuple[Int64[np.ndarray, "pair"], Int64[np.ndarray, "pair"]]:
    """Places in the table of every two examples of one audio file, or of one recording without audio, that overlap in time."""
    source = pd.factorize(examples["path"].astype(object).fillna(examples["recording"]))[0]
    start, end = examples["start_s"].to_numpy(dtype=np.float64), examples["end_s"].to_numpy(dtype=np.float64)
    order = np.lexsort((start, source))
    order = order[source[order] >= 0]
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for shift in range(1, len(order)):  # by start: once no pair at a distance overlaps, none further apart does
        one, two = order[:-shift], order[shift:]
        meet: Bool[np.ndarray, "pair"] = (source[one] == source[two]) & (start[two] < end[one] - 1e-6)
        if not meet.any():
            break
        first.append(one[meet])
        second.append(two[meet])
    return np.concatenate(first), np.concatenate(second)


def _labels(protocol: str, own: Sequence[Fold], examples: pd.DataFrame, asked: Sequence[str]) -> list[Finding]:
    found: list[Finding] = []
    few: list[str] = []
    for name in asked:
        task, labels = TASKS[name], truth(TASKS[name], examples)
        if labels.empty:
            continue  # said of the corpus already
        absent: dict[str, list[str]] = {side: [] for side in SIDES}
        for fold in own:
            for side in SIDES:
                there = labels.loc[labels.index.intersection(list(getattr(fold, side)))]
                if len(there) < (2 if side == "dev" else 1):
                    few.append(f"{name}/{protocol}/{fold.name}/{side}")
                elif task.categorical:
                    absent[side] += [f"{column} from fold {fold.name}" for column in there.columns[there.sum() == 0]]
        if any(absent.values()):
            parts = [f"{side}: {len(missing)} ({missing[0]})" for side, missing in absent.items() if missing]
            says = f"{name}, {protocol}, {len(own)} folds: classes that a side lacks, {'; '.join(parts)}"
            found.append(Finding("class_sides", "warning" if absent["train"] else "note", says, (f"{name}/{protocol}",), len(own)))
    says = "{n} sides of folds without labels, or with one for dev: expected two there, to select an epoch by"
    return [*found, *of_records("few_labels", "error", says, few)]
