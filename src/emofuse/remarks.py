"""What a reader of a corpus has to say beside the data: what it left out and why, and how many it found of what was published.

Nothing that a corpus lists disappears without a ``LeftOut``; the audit gives each reason its weight.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from emofuse import audio, tables
from emofuse.errors import InputError, printable

Severity = Literal["error", "warning", "note"]

REASONS: dict[str, tuple[Severity, str]] = {  # its weight, and what it means
    "missing_audio": ("error", "listed by the corpus, its audio file is absent"),
    "damaged_audio": ("error", "its audio cannot be decoded, or is cut short"),
    "silent_audio": ("error", "its audio holds nothing but digital silence"),
    "malformed": ("error", "its record cannot be understood"),
    "wrong_duration": ("warning", "its audio is much longer or shorter than the corpus says"),
    "extra_file": ("warning", "an audio file that the corpus does not list"),
    "lost_rows": ("warning", "rows of a signal's file that hold no numbers"),
    "device_mix_up": ("warning", "rows that another subject's device recorded"),
    "missing_signal": ("note", "a recording without one of the signals that the corpus records"),
    "surplus": ("note", "labels or samples beyond the end of the recording"),
    "unlabelled": ("note", "the corpus has no label for it"),
    "copy": ("note", "a second copy of a file, equal to the first"),
    "known_fault": ("note", "a published fault of the release"),
}


@dataclass(frozen=True)
class LeftOut:
    """A record or file that is not in the tables: its native id or its path below the root, why (of ``REASONS``), expected and found."""

    item: str
    reason: str
    detail: str

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise ValueError(f"{self.item}: reason '{self.reason}' is none of {sorted(REASONS)}")


@dataclass(frozen=True)
class Count:
    """How many there are of something, and between which numbers a genuine release must have; None where none is published."""

    what: str
    found: int
    least: int | None
    most: int | None


def heard(path: Path) -> audio.AudioFile | tuple[str, str]:
    """The audio file, or as what it is left out, and why: it is absent, cannot be decoded, or is silent."""
    try:
        file = audio.inspect(path)
    except InputError as error:
        return "damaged_audio" if path.is_file() else "missing_audio", str(error)
    return file if file.peak > 0 else ("silent_audio", f"{path}: expected sound, found digital silence of {file.duration_s:.2f} s")


def exactly(what: str, expected: int | None, found: int) -> Count:
    """A count with one published number, or with none."""
    return Count(what, found, expected, expected)


def left_out_table(corpus: str, items: Sequence[LeftOut], root: Path | None = None) -> pd.DataFrame:
    """The LeftOut table of one corpus; without ``root`` in its paths, so that it does not depend on where the corpus lies."""
    where = f"{root}{os.sep}" if root is not None else ""
    rows = [
        {"corpus": corpus, "reason": i.reason, "item": printable(i.item), "detail": printable(i.detail.replace(where, ""))} for i in items
    ]
    return tables.of_rows(rows, tables.LEFT_OUT, f"what was left out of {corpus}")


def counts_table(corpus: str, counts: Sequence[Count], published: bool) -> pd.DataFrame:
    """The Counts table of one corpus; without what is published where that does not apply, as in an invented corpus."""
    rows = [
        {"corpus": corpus, "what": c.what, "found": c.found, "least": c.least if published else None, "most": c.most if published else None}
        for c in counts
    ]
    return tables.of_rows(rows, tables.COUNTS, f"counts of {corpus}")
