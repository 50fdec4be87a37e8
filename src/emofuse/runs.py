"""The run store: finished work under the hash of everything it depends on, published whole or not at all.

``runs/<kind>/<key>/`` holds the files of one entry and ``manifest.json``: the inputs that the key is the hash of, and the SHA-256 of each
file. An entry is reused only if its files verify; a damaged one is removed and made again. The store is no output of any stage: it only
saves work, so deleting it costs time and never changes a result.
"""

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
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
        """The folder of a finished, undamaged entry, or None; InputError where it cannot be read, which is no damage."""
        path = self.place(kind, entry)
        if not path.is_dir():
            return None
        try:
            problem = _damage(path)
            if not problem:
                return path
            log.warning("%s: %s; removed, to be made again", path, problem)
            aside = self.folder / "damaged" / uuid.uuid4().hex  # so that its place is free even if not all of it can be removed
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.rename(aside)
        except FileNotFoundError:  # another process has done so
            return None
        except OSError as error:
            raise _unusable(path, error) from error
        shutil.rmtree(aside, ignore_errors=True)
        return None

    def holds(self, entries: Iterable[tuple[str, str]]) -> bool:
        """True if every (kind, entry) is there; whether it is undamaged only ``find`` says."""
        return all(self.place(kind, entry).is_dir() for kind, entry in entries)

    def checkpoint(self, entry: str) -> Path:
        """Where an unfinished training keeps how far it has come."""
        return self.folder / "checkpoints" / f"{entry}.pt"

    def identity(self) -> str:
        """A name that this store was given when it was first used: another machine sees the same one if it sees the same store."""
        path = self.folder / "identity"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not path.is_file():
                own = path.with_name(f".identity.{uuid.uuid4()}")
                own.write_text(uuid.uuid4().hex, encoding="utf-8")
                try:
                    os.link(own, path)  # of several that start at once one wins
                except FileExistsError:
                    pass
                finally:
                    own.unlink()
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise _unusable(path, error) from error

    def is_known_as(self, identity: str) -> bool:
        """True if the store is there and was given this name; makes none."""
        try:
            return (self.folder / "identity").read_text(encoding="utf-8") == identity
        except OSError:
            return False

    def publish(
        self, kind: str, entry: str, inputs: dict[str, Any], write: Callable[[Path], None], made: dict[str, Any] | None = None
    ) -> Path:
        """Let ``write`` fill a scratch folder, add the manifest, and rename it into place; returns the entry's folder.

        ``made`` says how it came about (host, device, seconds), which is no part of what it depends on.
        """
        path = self.place(kind, entry)
        partial = self.folder / "partial" / f"{kind}-{entry}"  # its maker holds the entry's lock; what a killed one left is removed
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            write(partial)
            files = {file.name: _sha256(file) for file in sorted(partial.iterdir())}
            manifest = {"inputs": inputs, "files": files, "made": made or {}}
            (partial / MANIFEST).write_text(json.dumps({**manifest, "key": key(manifest)}, indent=1, sort_keys=True), encoding="utf-8")
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.rename(path)
        except OSError as error:
            raise _unusable(path, error) from error
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
            raise _unusable(path, error) from error
        try:
            yield
        finally:
            lock.release()


def _unusable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{path}: expected to read and write the run store, found: {error.strerror or error}; free space, make the folder writable, or "
        "name another one in execution.store"
    )


def _damage(path: Path) -> str:
    """Why an entry may not be used, or an empty string."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        own = manifest.pop("key")
        files: dict[str, str] = manifest["files"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return "its manifest is missing or unreadable"
    if own != key(manifest):
        return "its manifest is not what was published"
    for name, expected in files.items():
        if not (path / name).is_file() or _sha256(path / name) != expected:
            return f"{name} is not what was published"
    return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
