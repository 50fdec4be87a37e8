"""The run store: finished work under the hash of everything it depends on, published whole or not at all.

``runs/<kind>/<key>/`` holds the files of one entry and ``manifest.json``: the inputs that the key is the hash of, and the SHA-256 of each
file. An entry is reused only if its files verify; a damaged one is set aside and made again. The store is no output of any stage: it only
saves work, so deleting it costs time and never changes a result.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from emofuse.errors import InputError

log = logging.getLogger("runs")
MANIFEST = "manifest.json"


def key(inputs: dict[str, Any]) -> str:
    """Hash of the inputs: equal for equal values whatever the order of keys."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, allow_nan=False).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Store:
    """A folder of entries, shared by processes on one file system."""

    folder: Path

    def place(self, kind: str, entry: str) -> Path:
        """Where an entry stands, or would stand."""
        return self.folder / kind / entry

    def find(self, kind: str, entry: str) -> Path | None:
        """The folder of a finished, undamaged entry, or None."""
        path = self.place(kind, entry)
        if not path.is_dir():
            return None
        problem = _damage(path)
        if problem:
            log.warning("%s: %s; set aside, to be made again", path, problem)
            shutil.rmtree(path, ignore_errors=True)
            return None
        return path

    def publish(self, kind: str, entry: str, inputs: dict[str, Any], write: Callable[[Path], None]) -> Path:
        """Let ``write`` fill a scratch folder, add the manifest, and rename it into place; returns the entry's folder."""
        path = self.place(kind, entry)
        partial = self.folder / "partial" / f"{kind}-{entry}-{os.getpid()}"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            write(partial)
            files = {file.name: _sha256(file) for file in sorted(partial.iterdir())}
            (partial / MANIFEST).write_text(json.dumps({"inputs": inputs, "files": files}, indent=1, sort_keys=True), encoding="utf-8")
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.rename(path)
        except OSError as error:
            raise InputError(
                f"{path}: the run could not be stored: {error.strerror or error}; free space or make the folder writable"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return path

    @contextmanager
    def lock(self, entry: str) -> Iterator[None]:
        """Hold the entry against other processes; a second one waits and then finds it finished. Freed when a process dies."""
        path = self.folder / "locks" / f"{entry}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            try:
                lock.acquire(timeout=1)
            except Timeout:
                log.info("%s is being made by another process; waiting for it", entry)
                lock.acquire()
        except OSError as error:
            raise InputError(f"{path}: the run store cannot be written: {error.strerror or error}; make the folder writable") from error
        try:
            yield
        finally:
            lock.release()


def _damage(path: Path) -> str:
    """Why an entry may not be used, or an empty string."""
    try:
        files: dict[str, str] = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return "its manifest is missing or unreadable"
    for name, expected in files.items():
        if not (path / name).is_file() or _sha256(path / name) != expected:
            return f"{name} is not what was published"
    return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
