"""What a reader makes of a tree, whatever happened to one of its files, and what must hold of it."""

import os
import random
import shutil
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType

import pandas as pd

from emofuse import audio, corpora, protocols, recordings, remarks, tables, track_store
from emofuse.errors import InputError

DELETED, FOLDER, RENAMED = "deleted", "a folder in its place", "renamed to "  # what a file may become beside other bytes
LIMIT_S = 20  # of one reading of a small tree, which takes 0.1 s
LONGEST_MESSAGE = 3000  # characters
BINARY = (*audio.SUFFIXES, ".pkl", ".zip", ".xlsx")
RUNS = ("video", "condition", "activity")  # annotations of stretches of equal values: another value makes other stretches


@dataclass(frozen=True)
class Seen:
    """The tables of one reading: examples, or recordings with their annotations; and what is left out."""

    rows: pd.DataFrame
    left_out: pd.DataFrame
    counts: pd.DataFrame
    annotations: pd.DataFrame

    @property
    def items(self) -> set[str]:
        return set(self.left_out["item"])


@contextmanager
def limited(what: str) -> Iterator[None]:
    """Raise TimeoutError where the body takes longer than ``LIMIT_S``."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"{what}: still at work after {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def looking_once() -> Iterator[None]:
    """Decode an audio file again only where it has changed; what is tested is the reader."""
    found: dict[tuple[str, int, int], audio.AudioFile | str] = {}
    inspect = audio.inspect

    def remembered(path: Path) -> audio.AudioFile:
        try:
            status = path.stat()
        except OSError:
            return inspect(path)
        key = str(path), status.st_mtime_ns, status.st_ino
        if key not in found:
            try:
                found[key] = inspect(path)
            except InputError as error:
                found[key] = str(error)
        known = found[key]
        if isinstance(known, str):
            raise InputError(known)
        return known

    audio.inspect = remembered
    try:
        yield
    finally:
        audio.inspect = inspect


def one_line(error: InputError, *names: object) -> None:
    """The message is one line that can be printed, of bearable length, and names one of ``names``."""
    message = str(error)
    assert message.isprintable(), f"not printable: {message[:2000]!r}"
    assert len(message) <= LONGEST_MESSAGE, f"{len(message)} characters: {message[:1000]!r}"
    assert any(str(name) in message for name in names), f"names none of {names}: {message!r}"


def read(kind: str, corpus: str, release: str, root: Path, folder: Path) -> Seen:
    """The checked tables of a tree; ``folder`` is written anew."""
    with limited(f"{corpus} {release}"), warnings.catch_warnings():
        warnings.simplefilter("error")
        if kind == "corpora":
            found = corpora.read(corpus, root, release)
            return Seen(found.examples, found.left_out, found.counts, pd.DataFrame())
        shutil.rmtree(folder, ignore_errors=True)
        track_store.write(corpus, recordings.read(corpus, root, release), root, folder)
        table, annotations, cache = track_store.read(folder)
        assert len(cache) == (table["signal"] != "speech").sum()
        left_out, counts = track_store.remarks(folder)
        return Seen(table, left_out, counts, annotations)


def require_valid(kind: str, corpus: str, seen: Seen) -> None:
    """The tables can be used: labels on their scales, known reasons, folds or one line that says why there are none."""
    assert set(seen.left_out["reason"]) <= set(remarks.REASONS)
    for line in seen.left_out["detail"]:
        assert line.isprintable(), f"not printable: {line[:300]!r}"
        assert len(line) <= LONGEST_MESSAGE, f"{len(line)} characters: {line[:300]!r}"
    if kind == "recordings":
        assert (seen.rows["rate_hz"] > 0).all()
        assert (seen.rows["samples"] > 0).all()
        assert (seen.rows["lost"] <= seen.rows["samples"]).all()
        assert (seen.rows["span_end_s"] >= seen.rows["span_start_s"]).all()
        assert (seen.annotations["end_s"] >= seen.annotations["start_s"]).all()
        assert set(seen.annotations["recording"]) <= set(seen.rows["recording"])
        return
    examples = tables.check(seen.rows, tables.EXAMPLES, corpus)
    for dimension in ("arousal", "valence", "dominance"):
        known = examples[dimension].notna()
        assert examples[dimension].between(examples["scale_min"], examples["scale_max"])[known].all()
    assert set(examples["gender"].dropna()) <= {"female", "male"}
    assert set(examples["split"].dropna()) <= {"train", "dev", "test1", "test2", "test3"}
    assert (examples["fold"].dropna() > 0).all()
    assert (examples["end_s"] > examples["start_s"]).all()
    try:
        protocols.folds(import_module(f"emofuse.corpora.{corpus}").PROTOCOL, examples)
    except InputError as error:
        one_line(error, "fold", "speaker", corpus)


def require_nothing_dropped(
    corpus: str, before: Seen, after: Seen, file: Path, root: Path, names_are_the_list: bool, still_listed: Callable[[str], bool]
) -> None:
    """Every example that was there is there, or told; and so is every file that was left out."""
    kept = set(after.rows["example_id"])
    for name, path in before.rows[["example_id", "path"]].itertuples(index=False):
        native_id = name.partition(":")[2]
        told = name in kept or path in set(after.rows["path"]) or {native_id, path} & after.items
        told = told or after.left_out["detail"].str.contains(path, regex=False).any()
        gone = (names_are_the_list and not (root / path).exists()) or not still_listed(Path(path).stem)
        assert told or gone, f"{name} ({path}) is gone without a word"
    lost = before.rows.merge(after.rows, on="example_id", suffixes=("", "_now")).query("transcript.notna() and transcript_now.isna()")
    counted = after.counts[after.counts["what"].str.contains("transcri")].merge(before.counts, on="what")
    others = len(lost) + after.rows["transcript"].notna().sum() > before.rows["transcript"].notna().sum()  # a text that names another clip
    counted_anew = (counted["found_x"] != counted["found_y"]).any()
    assert lost.empty or others or counted_anew, f"{lost['example_id'].iloc[0]} has lost its text without a word"
    own = file.relative_to(root).as_posix()
    for item in (item for item in before.items - after.items if not item.startswith(own)):
        told = item in set(after.rows["path"]) or f"{corpus}:{item}" in kept
        there = len(item) < 4000 and (root / item).is_file()
        assert told or not there or after.left_out["detail"].str.contains(item, regex=False).any(), f"{item} is no more told"


def _lines(data: bytes) -> int:
    return sum(bool(line.strip(b" ,;\t|\0\xef\xbb\xbf")) for line in data.splitlines())


def require_losses_told(before: Seen, after: Seen, file: Path, root: Path, names_are_the_list: bool, old: bytes, new: bytes | None) -> None:
    """Every signal is there or told; a signal has lost samples, or a recording annotations, only where a file is shorter or it is told."""
    if not file.is_file() and (names_are_the_list or len(after.rows) >= len(before.rows)):
        return  # the file's name is what names the recording
    fewer_lines = new is None or _lines(new) < _lines(old) or (file.suffix.lower() in BINARY and len(new) < len(old))
    said = after.left_out.merge(before.left_out, how="left", indicator=True)
    said = said[said["_merge"] == "left_only"]
    item = file.relative_to(root).as_posix()

    def told(recording: str) -> bool:
        native_id = recording.partition(":")[2]
        if new is None and said["detail"].str.contains(native_id.partition("/")[0], regex=False).any():
            return True
        by_item = (said["item"] == native_id) | said["item"].str.startswith((f"{native_id}/", item))
        return bool((by_item | said["detail"].str.contains(file.name, regex=False)).any())

    now = after.rows.set_index(["recording", "signal"])
    for row in before.rows.itertuples():
        key = (row.recording, row.signal)
        if key not in now.index:
            gone = row.path is not None and not (root / str(row.path)).exists() and item == row.path
            assert told(str(row.recording)) or gone, f"{key} is gone without a word"
        elif row.signal != "speech":
            samples = now.loc[key, "samples"] - now.loc[key, "lost"]
            assert samples >= row.samples - row.lost or fewer_lines or told(str(row.recording)), (
                f"{key}: {row.samples - row.lost} samples became {samples} without a word"
            )
    if len(before.annotations):
        counted = [seen.annotations[~seen.annotations["name"].isin(RUNS)].groupby("recording").size() for seen in (before, after)]
        for recording, number in counted[0].items():
            found = counted[1].get(recording, 0)
            assert found >= number or fewer_lines or told(str(recording)), (
                f"{recording}: {number} annotations became {found} without a word"
            )


@contextmanager
def damage(path: Path, damaged: bytes | str) -> Iterator[None]:
    """The file with another content, or what the words in ``damaged`` say of it; as it was on leaving."""
    data = path.read_bytes()
    renamed = path.with_name(damaged.removeprefix(RENAMED)) if isinstance(damaged, str) and damaged.startswith(RENAMED) else None
    if renamed is not None and os.path.lexists(renamed):
        renamed = None
    path.unlink()
    try:
        if damaged == FOLDER:
            path.mkdir()
        elif renamed is not None:
            renamed.write_bytes(data)
        elif isinstance(damaged, bytes):
            path.write_bytes(damaged)
        yield
    finally:
        if path.is_dir():
            path.rmdir()
        for place in (path, renamed):
            if place is not None:
                place.unlink(missing_ok=True)
        path.write_bytes(data)


_opened: set[str] = set()


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str):
        _opened.add(arguments[0])


sys.addaudithook(_note)


def files(root: Path, read: Callable[[], object]) -> tuple[list[tuple[Path, ...]], list[tuple[Path, ...]]]:
    """The files that ``read`` opens for what they say, and audio and other files; grouped, and each group is damaged equally often."""
    paths = [p for p in sorted(root.rglob("*")) if p.is_file() and p.name != "SYNTHETIC_README.txt" and not p.name.startswith("._")]
    for path in paths:
        os.utime(path, (1, path.stat().st_mtime))  # Arrow opens files in a way of its own, of which only the file system tells
    _opened.clear()
    read()
    opened = {Path(name) for name in _opened} | {path for path in paths if path.stat().st_atime > 1}
    said: dict[str, list[Path]] = {}
    others: dict[str, list[Path]] = {}
    for path in paths:
        suffix = path.suffix.lower()
        if suffix not in audio.SUFFIXES and path in opened:
            said.setdefault(f"{path.parent.name}{suffix}", []).append(path)
        else:
            others.setdefault(suffix, []).append(path)
    return [tuple(group) for group in said.values()], [tuple(group) for group in others.values()]


def chosen(groups: tuple[list[tuple[Path, ...]], list[tuple[Path, ...]]], choose: random.Random) -> Path:
    """A file that says something seven times out of eight, else any other."""
    said, others = groups
    of = said if said and (not others or choose.randrange(8)) else others
    group = of[choose.randrange(len(of))]
    return group[choose.randrange(len(group))]
