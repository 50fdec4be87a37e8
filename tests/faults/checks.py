"""What must hold after a fault: the same bits, nothing published under a wrong name, nothing finished lost, and one line that says it."""

import hashlib
import json
import re
from pathlib import Path

import pyarrow as pa
import yaml
from workspace import CELLS, Workspace

from emofuse import parquet

Published = dict[str, int]  # manifest of each entry of a run store, and when it was written (ns)
TABLES = ("predictions.parquet", "history.parquet")


def results(workspace: Workspace, cell: str) -> Path:
    """Where the tables of a cell are."""
    return workspace.folder / "results" / "cells" / "emotion4" / "msp_podcast" / cell


def different(workspace: Workspace, undisturbed: Workspace, cells: tuple[str, ...], as_read: bool = False) -> list[str]:
    """What of these cells is not byte for byte what the undisturbed workspace has, in the tables and in DVC's lock file.

    ``as_read``: where a damaged byte of a table says nothing, so that whoever reads it reads the same, that counts as equal.
    """
    found = []
    for cell in cells:
        for name in TABLES:
            ours, theirs = results(workspace, cell) / name, results(undisturbed, cell) / name
            if not ours.is_file():
                found.append(f"{cell}/{name} is missing")
            elif ours.read_bytes() != theirs.read_bytes() and not (as_read and _read_alike(ours, theirs)):
                found.append(f"{cell}/{name} differs")
    return found + [f"dvc.lock: {stage} differs" for stage in _locked_otherwise(workspace, undisturbed, cells)]


def _read_alike(ours: Path, theirs: Path) -> bool:
    try:
        return parquet.read(ours).equals(parquet.read(theirs))
    except (pa.ArrowException, OSError, ValueError):
        return False


def _locked_otherwise(workspace: Workspace, undisturbed: Workspace, cells: tuple[str, ...]) -> list[str]:
    ours, theirs = (
        yaml.safe_load((w.folder / "dvc.lock").read_text(encoding="utf-8"))["stages"] for w in (workspace, undisturbed)
    )  # fmt: skip
    return [stage for stage in ("code", "features", *(CELLS[cell] for cell in cells)) if ours.get(stage) != theirs[stage]]


def published(store: Path) -> Published:
    """The finished entries of a store."""
    return {f"{m.parent.parent.name}/{m.parent.name}": m.stat().st_mtime_ns for m in store.glob("[fp]*/*/manifest.json") if _whole(m)}


def _whole(manifest: Path) -> bool:
    return manifest.parent.parent.name in ("fits", "predictions")


def lost(before: Published, after: Published) -> list[str]:
    """Entries that were finished and are gone or were made again."""
    return [f"{entry} is lost" for entry, time in before.items() if after.get(entry) != time]


def wrong(store: Path, undisturbed: Path) -> list[str]:
    """Entries whose name is not the hash of their inputs, whose files are not what was published, or that hold another's result."""
    found = []
    for entry in published(store):
        folder, twin = store / entry, undisturbed / entry
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        except ValueError:
            found.append(f"{entry}/manifest.json is damaged")
            continue
        named = hashlib.sha256(json.dumps(manifest["inputs"], sort_keys=True).encode()).hexdigest()[:32]
        if named != folder.name:
            found.append(f"{entry} goes by the name of other inputs")
        for name, digest in manifest["files"].items():
            if not (folder / name).is_file() or hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
                found.append(f"{entry}/{name} is damaged")
            elif twin.is_dir() and (folder / name).read_bytes() != (twin / name).read_bytes():
                found.append(f"{entry}/{name} is a foreign result")
        if not twin.is_dir():
            found.append(f"{entry} is not of this study")
    return found


def told(texts: list[str], pattern: str) -> str:
    """The first line that says what happened, shortened; empty if none does."""
    lines = [line for text in texts for line in re.split(r"[\r\n]+", text) if re.search(pattern, line)]
    return lines[0].strip()[:240] if lines else ""


def tracebacks(texts: list[str]) -> int:
    """How many tracebacks a person would see."""
    return sum(text.count("Traceback (most recent call last)") for text in texts)
