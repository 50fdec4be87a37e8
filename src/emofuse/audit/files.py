"""What was left out, what was published, and audio that is there twice."""

from collections.abc import Mapping, Sequence

import pandas as pd

from emofuse import tasks
from emofuse.audit.finding import Finding, native
from emofuse.protocols import SIDES, Fold
from emofuse.remarks import REASONS, Severity

CHECKS = {
    "count": "as many records as were published of the release",
    **{reason: f"left out by ingest: {meaning}" for reason, (_, meaning) in REASONS.items()},
    "duplicate_audio": "no audio file twice, by content",
    "duplicate_audio_label": "copies of an audio file have one label",
    "duplicate_audio_speaker": "copies of an audio file have one speaker",
    "duplicate_audio_side": "copies of an audio file are on one side of every fold",
    "duplicate_audio_corpora": "no audio file in two corpora of the study, which test on each other",
}


def counts(table: pd.DataFrame) -> list[Finding]:
    """An error for every count outside of what was published; ``table`` is the Counts table, null where nothing is published."""
    found = []
    for row in table.to_dict("records"):
        least, most = (None if pd.isna(row[name]) else int(row[name]) for name in ("least", "most"))
        off = max(0 if least is None else least - row["found"], 0 if most is None else row["found"] - most)
        if off > 0:
            says = (
                f"{row['what']}: expected {_published(least, most)} as published of this release, found {row['found']:,}; check which "
                "release it is, or unpack it again"
            )
            found.append(Finding("count", "error", says, (str(row["what"]),), records=off))
    return found


def _published(least: int | None, most: int | None) -> str:
    if least == most:
        return f"{least:,}"
    return (
        f"{least:,} to {most:,}"
        if least is not None and most is not None
        else f"at most {most:,}"
        if least is None
        else f"at least {least:,}"
    )


def left_out(table: pd.DataFrame) -> list[Finding]:
    """One finding for every reason of the LeftOut table, as grave as the reason, its first records named."""
    found = []
    for reason, rows in table.groupby("reason", sort=True):
        severity, meaning = REASONS[str(reason)]
        says = f"{len(rows):,} left out: {meaning}; {rows['detail'].iloc[0]}"
        found.append(Finding(str(reason), severity, says, tuple(rows["item"])))
    return found


def duplicates(examples: pd.DataFrame, folds: Mapping[str, Sequence[Fold]]) -> list[Finding]:
    """Examples whose audio files have equal bytes: an error where they differ in label, speaker or side of a fold, else a warning.

    ``examples`` are utterances, or one row for each audio file of recordings; ``folds`` are those of each protocol.
    """
    twice = examples[examples["audio_sha256"].notna() & examples.duplicated("audio_sha256", keep=False)]
    if twice.empty:
        return []
    found, grave = [], pd.Series(False, index=twice.index)
    group = twice["audio_sha256"]
    labels = twice["emotion"].astype(object).fillna("none").astype(str)
    for name in tasks.DIMENSIONS:
        labels += twice[name].map(lambda rating: "" if pd.isna(rating) else f"/{rating:g}").astype(str)
    for kind, values in (("label", labels), ("speaker", twice["speaker"].astype(object).fillna("unknown").astype(str))):
        differing = values.groupby(group).transform("nunique") > 1
        grave |= differing
        found += _copies(f"duplicate_audio_{kind}", twice[differing], values, f"equal audio, but more than one {kind}")
    on = _sides(twice, folds)
    differing = on.groupby(group).transform("nunique").gt(1).any(axis=1)
    grave |= differing
    found += _copies("duplicate_audio_side", twice[differing], None, "equal audio on two sides of a fold")
    return [*found, *_copies("duplicate_audio", twice[~grave], None, "equal audio", severity="warning")]


def _sides(examples: pd.DataFrame, folds: Mapping[str, Sequence[Fold]]) -> pd.DataFrame:
    """The side of every example, one column for each fold; null for an example that is on none."""
    columns = {
        f"{protocol}/{fold.name}": examples["example_id"].map({i: side for side in SIDES for i in getattr(fold, side)})
        for protocol, own in folds.items()
        for fold in own
    }
    return pd.DataFrame(columns, index=examples.index)


def _copies(check: str, rows: pd.DataFrame, values: "pd.Series[str] | None", what: str, severity: Severity = "error") -> list[Finding]:
    """One finding for all groups of equal audio in ``rows``; ``values`` are what differs between copies."""
    if rows.empty:
        return []
    groups = [own for _, own in rows.sort_values("example_id").groupby("audio_sha256", sort=False)]
    first = groups[0]
    differing = "" if values is None else f" ({', '.join(values[first.index][:4])})"
    says = (
        f"expected each recording once, found {len(groups):,} in {len(rows):,} files: {what}, such as "
        f"{' = '.join(first['example_id'].map(native)[:4])}{differing}; remove the copies, or find out which is right"
    )
    return [Finding(check, severity, says, tuple(native(own["example_id"].iloc[0]) for own in groups), records=len(rows))]


def shared_with(examples: pd.DataFrame, others: Mapping[str, pd.DataFrame]) -> list[Finding]:
    """An error for every other corpus of the study that holds audio files of equal bytes."""
    found = []
    own = examples.dropna(subset=["audio_sha256"]).drop_duplicates("audio_sha256").set_index("audio_sha256")["example_id"]
    for name, other in sorted(others.items()):
        there = other[other["audio_sha256"].isin(own.index)].drop_duplicates("audio_sha256").sort_values("example_id")
        if len(there):
            first = there.iloc[0]
            says = (
                f"expected audio of its own, found {len(there):,} files that {name} holds too, such as "
                f"{native(own[first['audio_sha256']])} = {first['example_id']}; what is trained on one would be tested on the other"
            )
            found.append(Finding("duplicate_audio_corpora", "error", says, (name,), records=len(there)))
    return found
