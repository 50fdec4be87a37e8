"""What was recognised, written down at once: hours of recognition survive an interruption.

JSON lines. The first one says what every text depends on but its audio (engine, model, settings, code); each other one is an example:
``{"key": ..., "text": ..., "confidence": ..., "wall_s": ...}``, its key from the audio's content and the part of it, so that a corpus may
grow or be renamed. A journal under another heading is started anew; so is everything from the first line that is torn or damaged.
"""

import hashlib
import json
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd
from filelock import FileLock, Timeout

from emofuse.errors import InputError

log = logging.getLogger("transcribe")


@dataclass(frozen=True)
class Entry:
    """One recognised example: text, confidence (natural log) if the engine gave one, and the wall time it took in s."""

    text: str
    confidence: float | None
    wall_s: float


@dataclass
class Journal:
    """An open journal: what it holds, by key; whatever is added is on disk before ``add`` returns."""

    path: Path
    entries: dict[str, Entry]
    file: IO[bytes]

    def add(self, key: str, entry: Entry) -> None:
        """Append one entry, finite numbers; InputError where the disk does not take it."""
        line = {"key": key, "text": entry.text, "confidence": entry.confidence, "wall_s": entry.wall_s}
        try:
            self.file.write(_line(line))
            self.file.flush()
        except OSError as error:
            raise _unusable(self.path, error) from error
        self.entries[key] = entry


@contextmanager
def opened(path: Path, heading: dict[str, Any]) -> Iterator[Journal]:
    """The journal at ``path`` under this heading, held against other processes; a second one waits and then finds it written.

    Raises InputError where the file cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f"{path.name}.lock"))
        try:
            lock.acquire(timeout=1)
        except Timeout:
            log.info("%s: another process is transcribing this corpus; waiting for it", path)
            lock.acquire()
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        try:
            entries, length = _sound_part(path, heading)
            file = path.open("r+b" if path.exists() else "w+b")
            file.truncate(length)
            file.seek(length)
            if length == 0:
                file.write(_line(heading))
                file.flush()
        except OSError as error:
            raise _unusable(path, error) from error
        with file:
            yield Journal(path, entries, file)
    finally:
        lock.release()


def delete(path: Path) -> None:
    """Remove the journal, once the table that it was kept for is written."""
    path.unlink(missing_ok=True)


def keys(examples: pd.DataFrame) -> list[str]:
    """One key per row of an Examples table: SHA-256 over the audio's digest and the part of it in s."""
    columns = zip(examples["audio_sha256"], examples["start_s"], examples["end_s"], strict=True)
    return [hashlib.sha256(f"{digest} {float(start)!r} {float(end)!r}".encode()).hexdigest() for digest, start, end in columns]


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False).encode() + b"\n"


def _sound_part(path: Path, heading: dict[str, Any]) -> tuple[dict[str, Entry], int]:
    """The entries of an earlier run, and the length in bytes of what may stay; nothing may under another heading."""
    entries: dict[str, Entry] = {}
    length = 0
    if not path.is_file():
        return entries, length
    with path.open("rb") as file:
        if file.readline() != _line(heading):
            log.info("%s: was written with other settings; everything is recognised anew", path)
            return entries, length
        length = file.tell()
        for line in file:
            found = _entry(line)
            if found is None:
                log.warning("%s: line %d is torn or damaged; going on from there", path, len(entries) + 2)
                break
            entries[found[0]] = found[1]
            length += len(line)
    return entries, length


def _entry(line: bytes) -> tuple[str, Entry] | None:
    """Key and entry of a whole line, else None."""
    try:
        found = json.loads(line.decode("utf-8"))
        key, text, confidence, wall_s = (found[name] for name in ("key", "text", "confidence", "wall_s"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    numbers = [wall_s, 0.0 if confidence is None else confidence]
    whole = line.endswith(b"\n") and isinstance(key, str) and isinstance(text, str)
    if not whole or not all(isinstance(number, float) and math.isfinite(number) for number in numbers):
        return None
    return key, Entry(text, confidence, wall_s)


def _unusable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: what is recognised cannot be kept: {error.strerror or error}; free space or make the folder writable")
