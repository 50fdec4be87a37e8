"""The listed runs, remembered in build/ as long as nothing changes that they depend on: at the papers' size listing them takes a minute.

The file is a convenience of this page alone: nothing else reads it, and without it the runs are listed again.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from emofuse import code_digest, jobs
from emofuse.params import Params
from emofuse.status import asked
from emofuse.status.asked import Group

FILE = Path("build/status.json")
_INPUTS = ("data/examples", "data/transcripts", "data/windows", "data/self_reports", "data/features", "results/pretrained")


@dataclass(frozen=True)
class _Listed:
    state: str
    groups: list[Group]


_LISTED = TypeAdapter(_Listed)


def groups(params: Params) -> list[Group]:
    """What ``asked.groups`` says, or said when parameters, code and inputs were as they are."""
    state = _state(params)
    with suppress(OSError, ValueError):
        listed = _LISTED.validate_json(FILE.read_bytes())
        if listed.state == state:
            return listed.groups
    found = asked.groups(params)
    if _state(params) == state:  # not listed while a stage was replacing its inputs
        _remember(_Listed(state, found))
    return found


def _remember(listed: _Listed) -> None:
    partial = FILE.with_name(f".{FILE.name}.{os.getpid()}.partial")
    with suppress(OSError):
        FILE.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(_LISTED.dump_json(listed))
        partial.replace(FILE)


def _state(params: Params) -> str:
    """Digest of the parameters, the libraries' versions, and name, size and time of change of every file that the listing may read."""
    files = sorted({*_files(), *code_digest.SOURCE.rglob("*.py"), code_digest.LOCK})
    known = [params.model_dump_json(), jobs.versions(), [[str(path), *_stamp(path)] for path in files]]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def _files() -> Iterator[Path]:
    for folder in _INPUTS:
        for above, _, names in os.walk(folder):
            yield from (Path(above, name) for name in names)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except OSError:  # it has gone since
        return ()
    return stat.st_ino, stat.st_size, stat.st_ctime_ns  # which, unlike that of writing, no copy and no checkout sets back
