"""Exports of the Empatica E4 wristband in any tree of folders: one recording for each folder, or zip file, that holds ACC.csv and so on.

Layout (``root`` is any folder at most four above the exports)::

    S01/ACC.csv  S01/BVP.csv  S01/EDA.csv  S01/TEMP.csv  S01/tags_S01.csv    or 1560279825_A00204.zip with these files in it

Each file has its start (Unix time, s), its rate (Hz), then a row for each sample: acceleration in 1/64 g, blood volume pulse in a.u.,
skin conductance in uS, skin temperature in degC; ``tags*.csv`` has a Unix time for each press of the button. ``native_id`` is the path
below the root. The subject is the first part of it in which the exports differ: ``Raw_data/S01`` and ``Raw_data/S02`` are of S01 and
S02, and so are ``S01/morning`` and ``S02/morning``. Files may begin at different times and differ in length: the recording's zero is the
earliest start. A value of 0, as at the start of every EDA.csv, stays as it is. HR.csv and IBI.csv are derived by the vendor: not used.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from jaxtyping import Float32

from emofuse import archive
from emofuse.errors import InputError
from emofuse.recordings import SECTION, Remark, require_release
from emofuse.release import children
from emofuse.remarks import LeftOut, exactly
from emofuse.signals import SIGNALS, Annotation, Recording, Track, in_g

NAME = "empatica_e4"
RELEASES = ("any",)
LICENCE = "of whoever made the recordings: these are anybody's own exports"
RATES_HZ = {"acc": 32.0, "bvp": 64.0, "eda": 4.0, "temp": 4.0}  # fixed by the device
FILES = {signal: f"{signal.upper()}.csv" for signal in SIGNALS}
DERIVED = {"HR.csv", "IBI.csv", "tags.csv"}  # beside the signals
_DEPTH = 4  # folders below the root
_LARGEST = float(np.finfo(np.float32).max)
_LATEST_S = 1e11  # a later start is not in s
_LONGEST_S = 60 * 3600  # what the device's memory holds; its battery lasts 48 h
_VALUE_BYTES = 12  # of a value and the comma or line end after it; the longest seen is 11
_TAGS_BYTES = 1 << 16
_ROOT = f"set {SECTION}.{NAME}.root in params.yaml to the folder of the exports"
_REMEDY = "export the session again, or remove it"


@dataclass(frozen=True)
class _Export:
    """One session: where it lies, its path below the root, its file names, and what returns the first bytes of a file's content."""

    where: Path
    item: PurePosixPath
    names: tuple[str, ...]
    content: Callable[[str, int], bytes]

    @property
    def path(self) -> tuple[str, ...]:
        """The folders down to it; a zip file counts as one."""
        return (self.item.with_suffix("") if self.where.is_file() else self.item).parts


def read(root: Path, release: str) -> Iterator[Recording | Remark]:
    """Yield the sessions by path; ``device`` is null, annotations are the presses of the button (``tag``). No counts are published.

    Raises InputError, naming file and line, for a root without exports, a file without samples, a rate that is not the device's, a
    value that is no number, files of one session that do not overlap, or a zip file that is damaged, encrypted or larger than a session
    can be. A last line without line end is left out, and so is a zip file beside the folder that it was unpacked into.
    """
    require_release(NAME, release, RELEASES)
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder of Empatica E4 exports, found no such folder; {_ROOT}")
    exports = []
    for found in _exports(root, root, _DEPTH):
        if isinstance(found, _Export):
            exports.append(found)
        else:
            yield found
    if not exports:
        raise InputError(f"{root}: expected ACC.csv, BVP.csv, EDA.csv or TEMP.csv at most {_DEPTH} folders below, found none; {_ROOT}")
    names: dict[str, Path] = {}
    for export in exports:
        name = "_".join(("/".join(export.path) or root.resolve().name).split())
        if name in names:
            raise InputError(f"{export.where}: expected a path that differs from {names[name]} by more than spaces; rename one of the two")
        names[name] = export.where
    yield exactly("sessions", None, len(exports))
    paths = [export.path for export in exports]
    shared = next((k for k, parts in enumerate(zip(*paths, strict=False)) if len(set(parts)) > 1), min(map(len, paths)) - 1)
    pressed = 0
    for export, path, name in zip(exports, paths, names, strict=True):
        t0_unix_s, tracks, left_out = _tracks(export, name)
        presses, strays = _tags(export, t0_unix_s, max(map(_end_s, tracks.values())))
        yield from (*left_out, *strays)
        pressed += len(presses)
        subject = "_".join(path[shared].split()) if path else name
        yield Recording(native_id=name, subject=subject, tracks=tracks, t0_unix_s=t0_unix_s, annotations=presses)
    yield exactly("presses of the button", None, pressed)


def tracks(folder: Path, root: Path, name: str) -> tuple[float, dict[str, Track], list[LeftOut]]:
    """The start (Unix time, s) and the signals of one export, and what it lacks; acceleration in g, times from that start.

    ``name`` is the recording's. Raises as ``read`` does.
    """
    return _tracks(_in_folder(folder, root), name)


def track(data: bytes, signal: str, where: str) -> tuple[float, Track, str | None]:
    """The start (Unix time, s), the samples of one file's content as they are, of which ``start_s`` is 0, and a last line without end.

    Raises InputError, naming ``where`` and the line, where the content is not such a file, or longer than the device can record.
    """
    rate_hz, columns = RATES_HZ[signal], 3 if signal == "acc" else 1
    if len(data) > _most_bytes(signal) or data.count(b"\n") > _LONGEST_S * rate_hz + 2:
        raise InputError(f"{where}: expected at most {_LONGEST_S / 3600:g} h of samples, found more; {_REMEDY}")
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n", 2)
    if len(lines) < 3 or not lines[2].strip():
        raise InputError(f"{where}: expected a start, a rate and samples below them, found {len(data)} bytes without samples; {_REMEDY}")
    t0_unix_s = _header(lines[0], columns, f"{where}: line 1: expected the start as Unix time in s", lambda t: 0 <= t < _LATEST_S)
    _header(lines[1], columns, f"{where}: line 2: expected the rate of this signal, {rate_hz:g} Hz", lambda rate: rate == rate_hz)
    body, cut = lines[2], None
    if not body.endswith(b"\n"):
        body, _, last = body.rpartition(b"\n")
        cut = last.decode(errors="replace")[:60]
        if not body.strip():
            raise InputError(f"{where}: expected samples, found one line that is cut; {_REMEDY}")
    return t0_unix_s, Track(rate_hz, 0.0, _samples(body.rstrip() + b"\n", columns, where)), cut


def _most_bytes(signal: str) -> int:
    return round(_LONGEST_S * RATES_HZ[signal]) * _VALUE_BYTES * (3 if signal == "acc" else 1)


def _header(line: bytes, columns: int, expected: str, fits: Callable[[float], bool]) -> float:
    """The one number that the line repeats for each column."""
    text = line[:200].decode(errors="replace").strip()
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
        values = pd.read_csv(
            io.BytesIO(body),
            header=None,
            lineterminator="\n",
            dtype=np.float64,
            skipinitialspace=True,
            skip_blank_lines=False,  # an empty line would shift the clock
            quoting=csv.QUOTE_NONE,
            keep_default_na=False,
        ).to_numpy(np.float64)
    except ValueError:  # pandas' parser errors are ValueErrors; they count lines in a way of their own
        values = np.full((1, columns), np.nan)
    if values.shape[1] != columns or not (np.abs(values) < _LARGEST).all():
        raise InputError(f"{where}: {_fault(body, columns)}; {_REMEDY}")
    samples = values.astype(np.float32)
    return samples if columns > 1 else samples[:, 0]


def _fault(body: bytes, columns: int) -> str:
    """Which line is no sample."""
    expected = f"expected {columns} number(s)"
    for number, line in enumerate(io.BytesIO(body), start=3):
        text = line[:200].decode(errors="replace").strip()
        fields = text.split(",")
        if len(fields) != columns or any(math.isnan(_number(field)) for field in fields):
            return f"line {number}: {expected}, found {text[:60]!r}"
    return f"{expected} in each line, found others"


def _tracks(export: _Export, name: str) -> tuple[float, dict[str, Track], list[LeftOut]]:
    found, left_out = {}, []
    for signal, file in FILES.items():
        where, item = f"{export.where}/{file}", str(export.item / file)
        if file not in export.names:
            left_out.append(
                LeftOut(f"{name}/{signal}", "missing_signal", f"{where}: expected a file of each signal, found none of {signal}")
            )
            continue
        start_s, one, cut = track(export.content(file, _most_bytes(signal) + 1), signal, where)
        if cut is not None:
            left_out.append(LeftOut(item, "lost_rows", f"{where}: expected a line end after each row, found the last one cut: {cut!r}"))
        found[signal] = start_s, replace(one, samples=in_g(one.samples, where)) if signal == "acc" else one
    if not found:
        raise InputError(f"{export.where}: expected one or more of {list(FILES.values())}, found none; {_REMEDY}")
    t0_unix_s = min(start_s for start_s, _ in found.values())
    placed = {signal: replace(one, start_s=start_s - t0_unix_s) for signal, (start_s, one) in found.items()}
    latest = max(placed, key=lambda signal: placed[signal].start_s)
    first = min(placed, key=lambda signal: _end_s(placed[signal]))
    if placed[latest].start_s >= _end_s(placed[first]):
        raise InputError(f"{export.where}: expected one session, found that {FILES[first]} ends before {FILES[latest]} starts; {_REMEDY}")
    return t0_unix_s, placed, left_out


def _end_s(one: Track) -> float:
    return one.start_s + len(one.samples) / one.rate_hz


def _tags(export: _Export, t0_unix_s: float, end_s: float) -> tuple[tuple[Annotation, ...], list[LeftOut]]:
    """Each press once, in order, and those outside of the session; the export of an unpressed button is an empty file."""
    times, left_out = set(), []
    for file in (name for name in export.names if fnmatch(name, "tags*.csv")):
        data = export.content(file, _TAGS_BYTES + 1)
        if len(data) > _TAGS_BYTES:
            raise InputError(f"{export.where}/{file}: expected at most {_TAGS_BYTES} bytes, found more; {_REMEDY}")
        for number, line in enumerate(data.decode(errors="replace").splitlines(), start=1):
            time = _number(line) - t0_unix_s
            if line.strip() and math.isnan(time):
                raise InputError(f"{export.where}/{file}: line {number}: expected a Unix time in s, found {line[:60]!r}; {_REMEDY}")
            if 0 <= time <= end_s:
                times.add(time)
            elif line.strip():
                found = f"{export.where}/{file}: line {number}: expected a time in the session, found one {time:g} s after its start"
                left_out.append(LeftOut(f"{export.item / file}:{number}", "surplus", found))
    return tuple(Annotation(time, time, "tag") for time in sorted(times)), left_out


def _exports(folder: Path, root: Path, depth: int) -> Iterator[_Export | LeftOut]:
    """The exports in and below a folder; an unpacked one comes before its zip file, which is left out."""
    export = _in_folder(folder, root)
    if set(export.names) & set(FILES.values()):
        yield export
    elif set(export.names) & DERIVED:
        lacking = f"{folder}: expected one or more of {list(FILES.values())}, found {list(export.names)} without"
        yield LeftOut(str(export.item), "missing_signal", lacking)
    unpacked: dict[str, _Export] = {}
    for child in children(folder):
        if not child.name.isprintable():
            raise InputError(f"{folder}: expected names of printable characters, found {child.name!a}; rename it")
        if child.is_dir() and depth > 0:
            for found in _exports(child, root, depth - 1):
                if isinstance(found, _Export):
                    unpacked.setdefault(child.name, found)
                yield found
    for child in children(folder):
        if child.suffix.lower() == ".zip" and child.is_file():
            if child.stem in unpacked:
                yield LeftOut(child.relative_to(root).as_posix(), *_second(child, root, unpacked[child.stem]))
            else:
                item, other = child.relative_to(root).as_posix(), f"{child}: expected one or more of {list(FILES.values())}, found others"
                yield _in_zip(child, root) or LeftOut(item, "missing_signal", other)


def _second(path: Path, root: Path, unpacked: _Export) -> tuple[str, str]:
    """What a zip file is beside the folder of its name, as reason and detail."""
    try:
        zipped = _in_zip(path, root)
    except InputError as error:
        return "extra_file", str(error)
    files = {name for name in unpacked.names if name in FILES.values()}
    if zipped is None or files != {name for name in zipped.names if name in FILES.values()}:
        return "extra_file", f"{path}: expected the files of {unpacked.where}, found others; the folder is read"
    for signal in (signal for signal, file in FILES.items() if file in files):
        most = _most_bytes(signal) + 1
        if zipped.content(FILES[signal], most) != unpacked.content(FILES[signal], most):
            return "extra_file", f"{path}: expected the content of {unpacked.where}, found another {FILES[signal]}; the folder is read"
    return "copy", f"{path}: expected each session once, found it unpacked in {unpacked.where} too"


def _in_folder(folder: Path, root: Path) -> _Export:
    names = tuple(child.name for child in children(folder) if child.suffix.lower() == ".csv" and child.is_file())

    def content(name: str, most_bytes: int) -> bytes:
        try:
            with (folder / name).open("rb") as file:
                return file.read(min(most_bytes, (folder / name).stat().st_size))  # read would reserve all of most_bytes at once
        except OSError as error:
            raise InputError(f"{folder / name}: expected a file that can be read, found: {error.strerror}; {_REMEDY}") from error

    return _Export(folder, PurePosixPath(folder.relative_to(root).as_posix()), names, content)


def _in_zip(path: Path, root: Path) -> _Export | None:
    """The session in a zip file, at its top or in one folder; null for a zip file of other things. Nothing is unpacked to disk."""
    sessions: dict[PurePosixPath, dict[str, str]] = {}
    for name in archive.names(path):
        member = PurePosixPath(name)
        if not member.name.startswith(".") and "__MACOSX" not in member.parts:
            sessions.setdefault(member.parent, {})[member.name] = name
    found = [files for files in sessions.values() if set(files) & set(FILES.values())]
    if len(found) > 1:
        raise InputError(f"{path}: expected one session in a zip file, found {len(found)}; unpack it")
    if not found:
        return None
    item = PurePosixPath(path.relative_to(root).as_posix())
    return _Export(path, item, tuple(sorted(found[0])), lambda name, most_bytes: archive.content(path, found[0][name], most_bytes))
