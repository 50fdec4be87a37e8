"""What a run says of itself while it is executed, and how it failed: one small file in the run store, which `make status` reads.

A record changes no result. It is removed when the run is published; what a dead process left tells how far the run had come.
"""

import json
import logging
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from emofuse.runs import Store

log = logging.getLogger("runs")


@dataclass(frozen=True)
class Record:
    """One run: ``epoch`` of ``epochs`` is done after ``elapsed_s`` (of this attempt, which began after epoch ``began_after``)."""

    name: str
    state: Literal["running", "failed"]
    device: str
    log: str
    host: str = field(default_factory=platform.node)
    pid: int = field(default_factory=os.getpid)
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    epoch: int = 0
    epochs: int = 0
    began_after: int = 0
    dev_score: float | None = None
    elapsed_s: float = 0.0
    gpu_memory_gib: float | None = None
    error: str = ""


def place(store: Store, key: str) -> Path:
    """Where the record of a run is."""
    return store.folder / "records" / f"{key}.json"


def write(store: Store, key: str, record: Record) -> None:
    """Replace the record of a run as a whole; where that fails the run goes on without."""
    path = place(store, key)
    partial = path.with_name(f".{key}.{platform.node()}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(asdict(record)), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        log.warning("%s: the record of the run could not be written: %s", path, error.strerror or error)


def read(store: Store, key: str) -> Record | None:
    """The record of a run, or None where there is none that can be read."""
    try:
        return _form().validate_json(place(store, key).read_bytes())
    except (OSError, ValueError):
        return None


def remove(store: Store, key: str) -> None:
    """Forget a run that is finished; where that fails it is finished all the same."""
    path = place(store, key)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s: the record of a finished run could not be removed: %s", path, error.strerror or error)


@cache
def _form() -> TypeAdapter[Record]:
    return TypeAdapter(Record)
