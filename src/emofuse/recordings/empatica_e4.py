"""Exports of the Empatica E4 wristband in any tree of folders: one recording for each folder, or zip file, that holds ACC.csv and so on.

Layout (``root`` is any folder at most four above the exports)::

    S01/ACC.csv  S01/BVP.csv  S01/EDA.csv  S01/TEMP.csv  S01/tags_S01.csv    or 1560279825_A00204.zip with these files in it

Each file has its start (Unix time, s), its rate (Hz), then a row for each sample: acceleration in 1/64 g, blood volume pulse in a.u.,
skin conductance in uS, skin temperature in degC; ``tags*.csv`` has a Unix time for each press of the button. ``native_id`` is the path
below the root. The subject is the first part of it in which the exports differ: ``Raw_data/S01`` and ``Raw_data/S02`` are of S01 and
S02, and so are ``S01/morning`` and ``S02/morning``. Files may begin at different times and differ in length: the recording's zero is the
earliest start. A value of 0, as at the start of every EDA.csv, stays as it is. HR.csv and IBI.csv are derived by the vendor: left out.
"""

import csv
import io
import logging
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
import pandas as pd
from jaxtyping import Float32

from emofuse.corpora import children
from emofuse.errors import InputError
from emofuse.recordings import SECTION, require_release
from emofuse.signals import SIGNALS, Annotation, Recording, Track, in_g

NAME = "empatica_e4"
RELEASES = ("any",)
RATES_HZ = {"acc": 32.0, "bvp": 64.0, "eda": 4.0, "temp": 4.0}  # fixed by the device
FILES = {signal: f"{signal.upper()}.csv" for signal in SIGNALS}
_DEPTH = 4  # folders below the root
_LARGEST = float(np.finfo(np.float32).max)
_LATEST_S = 1e11  # a later start is not in s
_LARGEST_BYTES = 1 << 28  # the battery lasts 48 h, which make a BVP.csv of 100 MB
_ROOT = f"set {SECTION}.{NAME}.root in params.yaml to the folder of the exports"
_REMEDY = "export the session again, or remove it"

log = logging.getLogger(NAME)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class _Export:
    """One session: where it lies, its file names, and what returns a file's content."""

    where: str
    names: tuple[str, ...]
    content: Callable[[str], bytes]


def read(root: Path, release: str, check_counts: bool) -> Iterator[Recording]:
    """Yield the sessions by path; ``device`` is null, annotations are the presses of the button (``tag``). No counts are published.

    Raises InputError, naming file and line, for a root without exports, a file without samples, a rate that is not the device's, a
    value that is no number, files of one session that do not overlap, or a damaged zip file. A last line without line end is left out.
    """
    require_release(NAME, release, RELEASES)
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder of Empatica E4 exports, found no such folder; {_ROOT}")
    exports = dict(_exports(root, (), _DEPTH))
    if not exports:
        raise InputError(f"{root}: expected ACC.csv, BVP.csv, EDA.csv or TEMP.csv at most {_DEPTH} folders below, found none; {_ROOT}")
    names: dict[str, str] = {}
    for path, export in exports.items():
        name = "_".join(("/".join(path) or root.resolve().name).split())
        if name in names:
            raise InputError(f"{export.where}: expected a path that differs from {names[name]} by more than spaces; rename one of the two")
        names[name] = export.where
    paths = list(exports)
    shared = next((k for k, parts in enumerate(zip(*paths, strict=False)) if len(set(parts)) > 1), min(map(len, paths)) - 1)
    for (path, export), name in zip(exports.items(), names, strict=True):
        t0_unix_s, found = _tracks(export)
        yield Recording(
            native_id=name,
            subject="_".join(path[shared].split()) if path else name,
            tracks=found,
            t0_unix_s=t0_unix_s,
            annotations=_tags(export, t0_unix_s, max(t.start_s + len(t.samples) / t.rate_hz for t in found.values())),
        )


def tracks(folder: Path) -> tuple[float, dict[str, Track]]:
    """The start (Unix time, s) and the signals of one export; acceleration in g, times from that start. Raises as ``read`` does."""
    return _tracks(_folder(folder))


def track(data: bytes, signal: str, where: str) -> tuple[float, Track]:
    """The start (Unix time, s) and the samples of one file's content, as they are, of which ``start_s`` is 0.

    Raises InputError, naming ``where`` and the line, where the content is not such a file.
    """
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n", 2)
    if len(lines) < 3 or not lines[2].strip():
        raise InputError(f"{where}: expected a start, a rate and samples below them, found {len(data)} bytes without samples; {_REMEDY}")
    columns = 3 if signal == "acc" else 1
    t0_unix_s = _header(lines[0], columns, f"{where}: line 1: expected the start as Unix time in s", lambda t: 0 <= t < _LATEST_S)
    rate_hz = RATES_HZ[signal]
    _header(lines[1], columns, f"{where}: line 2: expected the rate of this signal, {rate_hz:g} Hz", lambda rate: rate == rate_hz)
    body = lines[2]
    if not body.endswith(b"\n"):
        body, _, cut = body.rpartition(b"\n")
        log.warning("%s: its last line, %r, has no end: left out", where, cut.decode(errors="replace"))
        if not body.strip():
            raise InputError(f"{where}: expected samples, found one line that is cut; {_REMEDY}")
    return t0_unix_s, Track(rate_hz, 0.0, _samples(body.rstrip() + b"\n", columns, where))


def _header(line: bytes, columns: int, expected: str, fits: Callable[[float], bool]) -> float:
    """The one number that the line repeats for each column."""
    text = line.decode(errors="replace").strip()
    values = [_number(field) for field in text.split(",")]
    if len(values) != columns or len(set(values)) != 1 or not fits(values[0]):
        raise InputError(f"{expected}, in {columns} equal column(s), found {text[:60]!r}; {_REMEDY}")
    return values[0]


def _number(field: str) -> float:
    """The finite number in a field, or NaN."""
    try:
        value = float(field)
    except ValueError:
        return math.nan
    return value if abs(value) < _LARGEST and "_" not in field else math.nan


def _samples(body: bytes, columns: int, where: str) -> Float32[np.ndarray, "sample *axis"]:
    try:
        frame = pd.read_csv(
            io.BytesIO(body),
            header=None,
            dtype=np.float64,
            skipinitialspace=True,
            skip_blank_lines=False,  # an empty line would shift the clock
            quoting=csv.QUOTE_NONE,
            keep_default_na=False,
        )
        values = frame.to_numpy(np.float64)
    except ValueError:  # pandas' parser errors are ValueErrors; they count lines in a way of their own
        values = np.full((1, columns), np.nan)
    if values.shape[1] != columns or not (np.abs(values) < _LARGEST).all():
        raise InputError(f"{where}: {_fault(body, columns)}; {_REMEDY}")
    samples = values.astype(np.float32)
    return samples if columns > 1 else samples[:, 0]


def _fault(body: bytes, columns: int) -> str:
    """Which line is no sample."""
    expected = f"expected {columns} number(s)"
    for number, line in enumerate(body.decode(errors="replace").split("\n")[:-1], start=3):
        fields = line.strip().split(",")
        if len(fields) != columns or any(math.isnan(_number(field)) for field in fields):
            return f"line {number}: {expected}, found {line.strip()[:60]!r}"
    return f"{expected} in each line, found others"


def _tracks(export: _Export) -> tuple[float, dict[str, Track]]:
    found = {}
    for signal, file in FILES.items():
        where = f"{export.where}/{file}"
        if file not in export.names:
            log.warning("%s: no such file: the recording goes without %s", where, signal)
            continue
        start_s, one = track(export.content(file), signal, where)
        found[signal] = start_s, replace(one, samples=in_g(one.samples, where)) if signal == "acc" else one
    if not found:
        raise InputError(f"{export.where}: expected one or more of {list(FILES.values())}, found none; {_REMEDY}")
    t0_unix_s = min(start_s for start_s, _ in found.values())
    placed = {signal: replace(one, start_s=start_s - t0_unix_s) for signal, (start_s, one) in found.items()}
    latest = max(placed, key=lambda signal: placed[signal].start_s)
    first = min(placed, key=lambda signal: _end_s(placed[signal]))
    if placed[latest].start_s >= _end_s(placed[first]):
        raise InputError(
            f"{export.where}: expected files of one session, found that {FILES[first]} ends before {FILES[latest]} starts; {_REMEDY}"
        )
    return t0_unix_s, placed


def _end_s(one: Track) -> float:
    return one.start_s + len(one.samples) / one.rate_hz


def _tags(export: _Export, t0_unix_s: float, end_s: float) -> tuple[Annotation, ...]:
    """Each press once, in order; the export of an unpressed button is an empty file."""
    times = set()
    for file in (name for name in export.names if fnmatch(name, "tags*.csv")):
        for number, line in enumerate(export.content(file).decode(errors="replace").splitlines(), start=1):
            time = _number(line) - t0_unix_s
            if line.strip() and math.isnan(time):
                raise InputError(f"{export.where}/{file}: line {number}: expected a Unix time in s, found {line[:60]!r}; {_REMEDY}")
            if 0 <= time <= end_s:
                times.add(time)
            elif line.strip():
                log.warning("%s/%s: line %d: %s lies outside the session: left out", export.where, file, number, line.strip())
    return tuple(Annotation(time, time, "tag") for time in sorted(times))


def _exports(folder: Path, path: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], _Export]]:
    """The exports in and below a folder, by their path below the root; an unpacked one comes before its zip file, which is left out."""
    export = _folder(folder)
    if set(export.names) & set(FILES.values()):
        yield path, export
    unpacked = set()
    for child in children(folder):
        if child.is_dir() and depth > 0:
            below = list(_exports(child, (*path, child.name), depth - 1))
            unpacked |= {child.name for _ in below[:1]}
            yield from below
    for child in children(folder):
        if child.suffix.lower() == ".zip" and child.is_file() and child.stem not in unpacked:
            zipped = _zipped(child)
            if zipped:
                yield (*path, child.stem), zipped


def _folder(folder: Path) -> _Export:
    names = tuple(child.name for child in children(folder) if child.suffix.lower() == ".csv" and child.is_file())

    def content(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except OSError as error:
            raise InputError(
                f"{folder / name}: expected a file that can be read, found: {error.strerror}; change its permissions"
            ) from error

    return _Export(str(folder), names, content)


def _zipped(path: Path) -> _Export | None:
    """The session in a zip file, at its top or in one folder; null for a zip file of other things. Nothing is unpacked to disk."""
    sessions: dict[PurePosixPath, dict[str, zipfile.ZipInfo]] = {}
    for info in _in_zip(path, lambda archive: archive.infolist()):
        member = PurePosixPath(info.filename)
        if not info.is_dir() and not member.name.startswith(".") and "__MACOSX" not in member.parts:
            sessions.setdefault(member.parent, {})[member.name] = info
    found = [files for files in sessions.values() if set(files) & set(FILES.values())]
    if len(found) > 1:
        raise InputError(f"{path}: expected one session in a zip file, found {len(found)}; unpack it")
    if not found:
        return None

    def content(name: str) -> bytes:
        def limited(archive: zipfile.ZipFile) -> bytes:
            with archive.open(found[0][name]) as file:
                return file.read(_LARGEST_BYTES + 1)

        data = _in_zip(path, limited)
        if len(data) > _LARGEST_BYTES:
            raise InputError(f"{path}/{name}: expected at most {_LARGEST_BYTES} bytes, found more; {_REMEDY}")
        return data

    return _Export(str(path), tuple(sorted(found[0])), content)


def _in_zip(path: Path, ask: Callable[[zipfile.ZipFile], Answer]) -> Answer:
    """What ``ask`` finds; RuntimeError is how zipfile says that a member is encrypted."""
    try:
        with zipfile.ZipFile(path) as archive:
            return ask(archive)
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        found = " ".join(str(error).split())
        raise InputError(f"{path}: expected a zip file that can be read, found one that cannot ({found}); download it again") from error
