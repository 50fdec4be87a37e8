"""Look at a corpus that has just been unpacked: ingest's checks and the audit alone, on any folder, in the study or not.

``python -m emofuse.doctor CORPUS ROOT [RELEASE]`` prints what is there and what is wrong, and writes doctor/CORPUS/audit.md and .svg.
Nothing is written to data/ or results/. The exit code is 0 where the pipeline would go on, 1 where it would stop, 2 for a wrong call.
"""

import difflib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pandas as pd
from matplotlib.figure import Figure

from emofuse import audit, corpora, params, recordings, self_reports, track_store, windows
from emofuse.errors import InputError
from emofuse.params import Params
from emofuse.reporting import audit_page

USAGE = "usage: python -m emofuse.doctor CORPUS ROOT [RELEASE]   or   make doctor CORPUS=… ROOT=… [RELEASE=…]"
FOLDER = Path("doctor")
Read = TypeVar("Read")


@dataclass(frozen=True)
class Examined:
    """What the doctor says of one folder: the release it was read as, facts line by line, the Audit and Counts tables, a figure."""

    release: str
    facts: list[str]
    found: pd.DataFrame
    counts: pd.DataFrame
    checks: dict[str, str]
    figure: Figure


def examine(settings: Params, corpus: str, root: Path, release: str | None, scratch: Path) -> Examined:
    """Read the corpus of that name below ``root`` and audit it; ``scratch`` is a folder for the samples of recordings.

    Without ``release`` that of ``settings`` is taken, else the first that can be read. Raises InputError, in one line, for an unknown
    corpus, a folder that is absent or holds something else, and labels that cannot be understood.
    """
    known = [*corpora.known(), *recordings.known()]
    if corpus not in known:
        raise InputError(f"corpus '{corpus}': expected the name of a reader{audit.near(corpus, known)}; correct the name")
    if not root.is_dir():
        raise InputError(f"{root}: expected the folder of {corpus}, found {_instead(root)}")
    return (
        _recordings(settings, corpus, root, release, scratch)
        if corpus in recordings.known()
        else _utterances(settings, corpus, root, release)
    )


def _utterances(settings: Params, corpus: str, root: Path, release: str | None) -> Examined:
    module, section = import_module(f"emofuse.corpora.{corpus}"), settings.corpora.get(corpus)
    wanted = release or (section.release if section else None)
    read, taken = _first_that_reads(module, wanted, lambda name: corpora.read(corpus, root, name))
    protocol = section.protocol if section else str(module.PROTOCOL)
    found = audit.audit_utterances(settings, corpus, protocol, read.examples, read.left_out, read.counts, {})
    facts = [*audit_page.utterance_facts(read.examples), f"protocol: {protocol}", f"licence: {module.LICENCE}"]
    figure = audit_page.utterances(read.examples, f"{corpus} {taken}")
    return Examined(taken, facts, audit.by_weight(found), read.counts, audit.UTTERANCE_CHECKS, figure)


def _recordings(settings: Params, corpus: str, root: Path, release: str | None, scratch: Path) -> Examined:
    module, wearable = import_module(f"emofuse.recordings.{corpus}"), settings.wearable
    wanted = release or (wearable.corpora[corpus].release if corpus in wearable.corpora else None)
    store = scratch / corpus
    table, taken = _first_that_reads(
        module, wanted, lambda name: track_store.write(corpus, recordings.read(corpus, root, name), root, store)
    )
    _, annotations, samples = track_store.read(store)
    left_out, counts = track_store.remarks(store)
    examples = windows.examples(table, wearable.windows)
    if corpus == wearable.roles.emotion:
        examples = self_reports.label(examples, annotations, table, wearable.labels)
    found = audit.audit_recordings(settings, corpus, table, samples, examples, left_out, counts, {})
    facts = [*audit_page.recording_facts(table, len(examples)), f"licence: {module.LICENCE}"]
    figure = audit_page.recordings(table, annotations, f"{corpus} {taken}")
    return Examined(taken, facts, audit.by_weight(found), counts, audit.RECORDING_CHECKS, figure)


def _first_that_reads(module: ModuleType, wanted: str | None, read: Callable[[str], Read]) -> tuple[Read, str]:
    """What is read and as which release: the wanted one, else the first of the reader's own; InputError where none can be read."""
    refused: list[InputError] = []
    for release in [wanted] if wanted is not None else list(module.RELEASES):
        try:
            return read(release), release
        except InputError as error:
            refused.append(error)
    also = f" (tried as {', '.join(module.RELEASES)})" if len(refused) > 1 else ""
    raise InputError(f"{refused[0]}{also}")


def _instead(root: Path) -> str:
    """What is there in place of a folder that is not: a file, or names like it in the nearest folder that exists."""
    if root.exists():
        return "a file; unpack it, and name the folder"
    above = next(folder for folder in root.absolute().parents if folder.is_dir())
    missing = root.absolute().relative_to(above).parts[0]
    there = sorted(name for name in os.listdir(above) if not name.startswith("."))
    like = difflib.get_close_matches(missing, there, n=3) or there[:8]
    return f"no such folder; {above} holds {like if there else 'nothing'}"


def report(corpus: str, root: Path, given: bool, examined: Examined, page: Path) -> str:
    """The lines for the terminal; ``given``: the release was named, not tried."""
    chosen = "" if given else ", which nobody named: the first that could be read"
    lines = [f"{corpus} at {root}, read as release {examined.release}{chosen}", *(f"  {fact}" for fact in examined.facts), ""]
    width = max(shutil.get_terminal_size((140, 24)).columns, 60)
    for row in examined.found.to_dict("records"):
        which = "" if row["item"] in row["detail"] else f" ({row['item']})"
        line = _printable(f"  {'accepted' if row['accepted'] else row['severity']:8} {row['check']}{which}: {row['detail']}")
        lines.append(line if len(line) <= width else f"{line[: width - 2]} …")
    return "\n".join(
        [
            *lines,
            "" if len(examined.found) else "  nothing found\n",
            audit_page.verdict(examined.found),
            f"all of it: {page}",
        ]
    )


def _printable(text: str) -> str:
    """Names from a corpus must not move the terminal's cursor."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def main(words: Sequence[str]) -> int:
    """Examine the folder that the command line names, print and write what was found; returns the exit code."""
    if len(words) not in (2, 3) or any(word in ("-h", "--help") for word in words):
        print(USAGE, file=sys.stderr)
        return 2
    corpus, root, release = words[0], Path(words[1]).expanduser(), words[2] if len(words) == 3 else None
    try:
        settings = params.load()
        FOLDER.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", suffix=".partial", dir=FOLDER) as scratch:
            examined = examine(settings, corpus, root, release, Path(scratch))
    except InputError as error:
        print(f"doctor: {_printable(str(error))}", file=sys.stderr)
        return 1
    folder = FOLDER / corpus
    page = audit_page.page(corpus, examined.facts, examined.found, examined.counts, examined.checks, "audit.svg")
    audit_page.write(folder, "audit", page, examined.figure)
    given = release is not None or corpus in settings.corpora or corpus in settings.wearable.corpora
    print(report(corpus, root, given, examined, folder / "audit.md"))
    return 1 if len(audit.stopping(examined.found)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
