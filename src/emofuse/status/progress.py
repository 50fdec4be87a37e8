"""How far each run is: what the run store holds of it, what its record says, and whether somebody works on it."""

import fcntl
import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from emofuse import records
from emofuse.records import Record
from emofuse.runs import MANIFEST, Store
from emofuse.status.asked import Group, Run

State = Literal["done", "running", "failed", "left"]
_RECORD = TypeAdapter(Record)


@dataclass(frozen=True)
class Progress:
    """One run. ``record`` is what it last said of itself, if that is known; one that is left and has a record was interrupted."""

    run: Run
    state: State
    record: Record | None = None
    checkpoint: bool = False  # there is one to go on from


@dataclass(frozen=True)
class Standing:
    """A group and how far each of its runs is."""

    group: Group
    runs: tuple[Progress, ...]

    def of(self, state: State) -> list[Progress]:
        """Its runs in that state."""
        return [run for run in self.runs if run.state == state]


@dataclass(frozen=True)
class Unasked:
    """What the store holds beside the runs that are asked for."""

    runs: int
    checkpoints: int
    gigabytes: float


def standings(groups: Sequence[Group], store: Store) -> list[Standing]:
    """How far every run is. Nothing is written, and files may come and go while this looks."""
    told = {path.stem for path in _listed(store.folder / "records") if path.suffix == ".json"}
    return [Standing(group, tuple(_progress(run, store, told) for run in group.runs)) for group in groups]


def _progress(run: Run, store: Store, told: set[str]) -> Progress:
    if store.holds(run.entries):
        return Progress(run, "done")
    if run.key not in told:
        return Progress(run, "left")
    record = _record(store, run.key)
    if is_locked(store, run.key):
        return Progress(run, "running", record)
    if store.holds(run.entries):  # it has been finished since
        return Progress(run, "done")
    if record and record.state == "failed":
        return Progress(run, "failed", record)
    return Progress(run, "left", record, store.checkpoint(run.key).is_file())


def _record(store: Store, key: str) -> Record | None:
    record = records.read(store, key)
    try:
        return record and _RECORD.validate_python(asdict(record))
    except ValidationError:
        return None


def is_locked(store: Store, key: str) -> bool:
    """True if a process, on any machine that shares the store, works on the run of that key."""
    try:
        with (store.folder / "locks" / f"{key}.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not see each other; given back with the file
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def seconds(store: Store, run: Run) -> float | None:
    """How long the last attempt at the training of a finished run took, or None where nobody noted it."""
    try:
        noted = json.loads((store.place("fits", run.key) / MANIFEST).read_text(encoding="utf-8"))["made"]["seconds"]
        return float(noted) if math.isfinite(noted) and noted >= 0 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def unasked(groups: Sequence[Group], store: Store) -> Unasked:
    """What the store holds beside the groups' runs; all of it is known to be so only where every group is listed."""
    asked = {store.place(kind, entry) for group in groups for run in group.runs for kind, entry in run.entries}
    asked |= {store.checkpoint(run.key) for group in groups for run in group.runs}
    fits, predictions, checkpoints = (
        [path for path in _listed(store.folder / kind) if path not in asked] for kind in ("fits", "predictions", "checkpoints")
    )
    size = sum(_bytes(path) for path in [*fits, *predictions, *checkpoints])
    return Unasked(len(fits), len(checkpoints), size / 1e9)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _bytes(path: Path) -> int:
    with suppress(OSError):
        return sum(_bytes(file) for file in path.iterdir()) if path.is_dir() else path.stat().st_size
    return 0
