"""CASE: 30 people watch eight films and move a joystick while laboratory sensors record them (Sharma et al. 2019).

Scientific Data 6:196. Access: figshare (CASE_full.zip) or the authors' GitLab (case_dataset). B §3.1 pretrains wearable encoders on it.
No device is worn at the wrist: there is no acceleration, and the pulse is taken at a finger.

Layout (``root`` is the unpacked folder, or one or two folders above it)::

    data/interpolated/physiological/sub_<n>.csv      daqtime,ecg,bvp,gsr,rsp,skt,emg_zygo,emg_coru,emg_trap,video; ms, %, uS, degC; 1000 Hz
    data/interpolated/annotations/sub_<n>.csv        jstime,valence,arousal,video; ms, 0.5 to 9.5; 20 Hz
    data/non-interpolated/…                          the same with the stamps as they were taken
    data/raw/physiological/sub<n>_DAQ.txt            tab-separated, without names: s, then 8 sensors in V, in the order above; 1000 Hz
    data/raw/annotations/sub<n>_joystick.txt         likewise: s, then x (valence) and y (arousal) from -26225 to 26225; 20 Hz

Both time columns count from one zero. Known size: 30 subjects, 2,451.583 s each. All of a recording is used, pauses between the films too.
The raw files' order of columns is not published: it is taken as above, and refused where the skin would have an impossible temperature or
conductance. They do not say which film runs.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from jaxtyping import Float32, Float64

from emofuse.errors import InputError
from emofuse.recordings import Remark, locate, require_release
from emofuse.release import children, regular
from emofuse.remarks import LeftOut, exactly
from emofuse.signals import Annotation, Recording, Track

NAME = "case"
RELEASES = ("interpolated", "non_interpolated", "raw")
LICENCE = "CC BY 4.0"
SUBJECTS = 30
DURATION_S = 2451.583
RATE_HZ = 1000.0
SIGNALS = {"bvp": "bvp", "eda": "gsr", "temp": "skt"}  # ours <- theirs
SCALE = (0.5, 9.5)
VIDEOS = {
    1: "amusing 1", 2: "amusing 2", 3: "boring 1", 4: "boring 2", 5: "relaxing 1", 6: "relaxing 2", 7: "scary 1", 8: "scary 2",
    10: "start screen", 11: "pause", 12: "end",
}  # fmt: skip
PER_VOLT = {"bvp": (58.962, -115.09), "gsr": (24.0, -49.2), "skt": (21.341, -32.085)}  # % , uS, degC: factor and offset of the release
JOYSTICK = 26225  # at either end
PLAUSIBLE = {"gsr": (0.0, 100.0), "skt": (15.0, 45.0)}  # uS, degC: what the median of a resting hand can be
_SENSORS = ("ecg", "bvp", "gsr", "rsp", "skt", "emg_zygo", "emg_coru", "emg_trap")
_STEP_MS = {"physiological": 1.0, "annotations": 50.0}
_MOST_BYTES = 1 << 30  # of a file; the longest recording has a fifth of it
_BRIDGED_MS = 20.0  # stamps this far apart or farther have lost samples between them; the recorder's own jitter is below 1 ms
_TOLERANCE_MS = 1e-3  # stamps are written with three decimals
_LENGTH_TOLERANCE_S = 1.0


@dataclass(frozen=True)
class _Form:
    """One of the folders below data/: its name, what its files are called, and whether their stamps lie on a grid."""

    folder: str
    names: Mapping[str, str]
    exact: bool


_SUB = dict.fromkeys(_STEP_MS, "sub_{}.csv")
_RAW = {"physiological": "sub{}_DAQ.txt", "annotations": "sub{}_joystick.txt"}
_FORMS = {
    "interpolated": _Form("interpolated", _SUB, exact=True),
    "non_interpolated": _Form("non-interpolated", _SUB, exact=False),
    "raw": _Form("raw", _RAW, exact=False),
}
Columns = dict[str, Float64[np.ndarray, "row"]]


def read(root: Path, release: str) -> Iterator[Recording | Remark]:
    """Yield each subject's recording: bvp, eda and temp at 1000 Hz; annotations valence, arousal (0.5 to 9.5) and, but for raw, video.

    Stamps that were not interpolated are brought to a grid of 1 ms here; what lies in a gap of 20 ms or more is NaN, and a row that is
    there twice counts once. Raises InputError naming the file for a subject without one of the two files, an interpolated file off its
    grid, or values that cannot be used.
    """
    require_release(NAME, release, RELEASES)
    form = _FORMS[release]
    data = Path("data") / form.folder
    base = locate(NAME, root, f"CASE ({data}/physiological)", lambda f: (f / data / "physiological").is_dir())
    subjects = _subjects(base / data, form)
    yield exactly("subjects", SUBJECTS, len(subjects))
    yield from _unread(base / data, form, root)
    whole = 0
    for number, files in subjects.items():
        recording, left_out = _recording(f"sub_{number}", files, form, root)
        track = recording.tracks["bvp"]
        whole += abs(track.start_s + len(track.samples) / RATE_HZ - DURATION_S) <= _LENGTH_TOLERANCE_S
        yield from left_out
        yield recording
    if release != "raw":
        yield exactly(f"subjects of {DURATION_S} s", SUBJECTS, whole)


def _subjects(home: Path, form: _Form) -> dict[int, dict[str, Path]]:
    """Each subject's two files, by number; InputError where one of them is absent."""
    there = {kind: {_number(path, name) for path in children(home / kind)} - {None} for kind, name in form.names.items()}
    subjects = sorted(number for number in set.union(*there.values()) if number is not None)
    for number in subjects:
        for kind, name in form.names.items():
            if number not in there[kind]:
                path = home / kind / name.format(number)
                raise InputError(f"{path}: expected beside the subject's other file, found none; unpack CASE again")
    if not subjects:
        raise InputError(
            f"{home}: expected physiological/{form.names['physiological'].format(1)} and so on, found no subject; unpack CASE again"
        )
    return {number: {kind: home / kind / name.format(number) for kind, name in form.names.items()} for number in subjects}


def _number(path: Path, name: str) -> int | None:
    found = re.fullmatch(re.escape(name).replace(r"\{\}", r"([1-9]\d{0,3})"), path.name)
    return int(found[1]) if found else None


def _unread(home: Path, form: _Form, root: Path) -> Iterator[LeftOut]:
    for kind, name in form.names.items():
        for path in children(home / kind):
            if _number(path, name) is None:
                said = f"{path}: expected {name.format(1)} and so on, found another name"
                yield LeftOut(path.relative_to(root).as_posix(), "extra_file", said)


def _recording(name: str, files: dict[str, Path], form: _Form, root: Path) -> tuple[Recording, list[LeftOut]]:
    load: Callable[[Path, str], Columns] = _raw_columns if form is _FORMS["raw"] else _columns
    tables, left_out = {}, []
    for kind, path in files.items():
        tables[kind], twice = _in_order(path, load(path, kind), _STEP_MS[kind], form.exact)
        if twice:
            said = f"{path}: expected each row once, found {twice} rows that are equal to the one before"
            left_out.append(LeftOut(path.relative_to(root).as_posix(), "copy", said))
    signals = tables["physiological"]
    times_ms, samples = signals["daqtime"], np.stack([signals[column] for column in SIGNALS.values()], axis=1).astype(np.float32)
    start_ms = float(times_ms[0])
    if not form.exact:
        start_ms, samples = on_grid(times_ms, samples)
    if lost := int(np.isnan(samples).any(axis=1).sum()):
        path = files["physiological"]
        said = f"{path}: expected {', '.join(SIGNALS.values())} at every ms, found none of one of them at {lost} of {len(samples)}"
        left_out.append(LeftOut(path.relative_to(root).as_posix(), "lost_rows", said))
    tracks = {signal: Track(RATE_HZ, start_ms / 1000, np.ascontiguousarray(samples[:, i])) for i, signal in enumerate(SIGNALS)}
    return Recording(name, name, tracks, annotations=_annotations(files["annotations"], tables["annotations"])), left_out


def on_grid(
    times_ms: Float64[np.ndarray, "stamp"], samples: Float32[np.ndarray, "stamp signal"]
) -> tuple[float, Float32[np.ndarray, "sample signal"]]:
    """The first whole ms, and the samples at every whole ms from there on, interpolated linearly; NaN inside gaps of 20 ms or more.

    ``times_ms`` increases strictly.
    """
    grid = np.arange(np.ceil(times_ms[0]), np.floor(times_ms[-1]) + 1)
    following = np.searchsorted(times_ms, grid)
    preceding = np.maximum(following - 1, 0)
    lost = (times_ms[following] - times_ms[preceding] >= _BRIDGED_MS) & (times_ms[following] != grid)
    placed = np.stack([np.interp(grid, times_ms, column) for column in samples.T], axis=1).astype(np.float32)
    placed[lost] = np.nan
    return float(np.ceil(times_ms[0])), placed


def _annotations(path: Path, rated: Columns) -> tuple[Annotation, ...]:
    starts = rated["jstime"] / 1000
    ends = np.append(starts[1:], starts[-1] + _STEP_MS["annotations"] / 1000)
    annotations: list[Annotation] = []
    for name in ("valence", "arousal"):
        values = rated[name]
        outside = np.flatnonzero((values < SCALE[0] - 0.01) | (values > SCALE[1] + 0.01))  # 0.01: they are rounded in the file
        _require(path, outside, name, values, f"{SCALE[0]} to {SCALE[1]}")
        known = [None if value != value else value for value in values.tolist()]
        annotations += map(Annotation, starts.tolist(), ends.tolist(), [name] * len(values), known)
    if "video" in rated:
        video = rated["video"]
        _require(path, np.flatnonzero(~np.isin(video, list(VIDEOS))), "video", video, f"one of {list(VIDEOS)}")
        first = np.flatnonzero(np.append(True, np.diff(video) != 0))
        last = np.append(first[1:], len(video)) - 1
        annotations += [
            Annotation(float(starts[i]), float(ends[j]), "video", text=VIDEOS[int(video[i])]) for i, j in zip(first, last, strict=True)
        ]
    return tuple(annotations)


def _columns(path: Path, kind: str) -> Columns:
    """The columns that are used, an empty field as NaN, times in ms."""
    time, *columns = ("daqtime", *SIGNALS.values()) if kind == "physiological" else ("jstime", "valence", "arousal", "video")
    return _table(path, time, columns, arrow_csv.ParseOptions(), None)


def _raw_columns(path: Path, kind: str) -> Columns:
    """Likewise of the recorder's own files, brought to ms, %, uS, degC and the scale of the ratings."""
    time, *columns = ("daqtime", *_SENSORS) if kind == "physiological" else ("jstime", "valence", "arousal")
    table = _table(path, time, columns, arrow_csv.ParseOptions(delimiter="\t"), [time, *columns])
    table[time] *= 1000
    if kind == "annotations":
        low, high = SCALE
        return {name: low + (high - low) * (v + JOYSTICK) / (2 * JOYSTICK) if name != time else v for name, v in table.items()}
    for name, (factor, offset) in PER_VOLT.items():
        table[name] = factor * table[name] + offset
    for name, (least, most) in PLAUSIBLE.items():
        known = table[name][~np.isnan(table[name])]
        median = float(np.median(known)) if len(known) else float("nan")
        if not least < median < most:
            raise InputError(
                f"{path}: column {1 + list(table).index(name)} as {name}: expected a median of {least:g} to {most:g}, found {median:.3g}; "
                f"the columns are in another order than {[time, *columns]}: use the release interpolated"
            )
    return table


def _table(path: Path, time: str, columns: list[str], parse: arrow_csv.ParseOptions, names: list[str] | None) -> Columns:
    """Columns of a file by name; ``names`` are given to those of a file without a header."""
    kinds = {time: pa.float64(), **dict.fromkeys(columns, pa.float32() if names is None else pa.float64())}
    try:
        rows = arrow_csv.read_csv(
            regular(path, _MOST_BYTES),
            arrow_csv.ReadOptions(use_threads=False, column_names=names),  # with threads an error does not name its row
            parse,
            arrow_csv.ConvertOptions(column_types=kinds, include_columns=list(kinds)),
        )
    except (pa.ArrowException, OSError) as error:
        found = " ".join(str(error).split())
        raise InputError(f"{path}: expected numbers in columns {list(kinds)}, found: {found}; unpack CASE again") from None
    table = {name: rows[name].to_numpy().astype(np.float64) for name in kinds}
    if rows.num_rows < 2:
        raise InputError(f"{path}: expected at least two rows, found {rows.num_rows}; unpack CASE again")
    for name, values in table.items():
        _require(path, np.flatnonzero(np.isinf(values) | (np.isnan(values) & (name == time))), name, values, "a number")
    return table


def _in_order(path: Path, table: Columns, step_ms: float, exact: bool) -> tuple[Columns, int]:
    """Each stamp once and in order, and how many rows were there twice; with ``exact`` the stamps are the folder's grid."""
    time = next(iter(table))
    stamps = table[time]
    steps = np.diff(stamps)
    if exact:
        off = np.flatnonzero(np.abs(steps - step_ms) > _TOLERANCE_MS)
        _require(path, off + 1, time, stamps, f"exactly {step_ms:g} ms after the stamp before")
        return table, 0
    same = np.all([np.diff(values) == 0 for values in table.values()], axis=0)
    _require(path, np.flatnonzero((steps <= 0) & ~same) + 1, time, stamps, "a later stamp than the one before")
    if not 0.5 * step_ms < steps.mean() < 2 * step_ms:
        raise InputError(
            f"{path}: expected about one row each {step_ms:g} ms, found {len(stamps)} rows in {stamps[-1] - stamps[0]:g} ms: "
            f"rates do not match; check the unit of {time}"
        )
    return {name: values[np.append(True, ~same)] for name, values in table.items()}, int(same.sum())


def _require(path: Path, bad: np.ndarray, column: str, values: np.ndarray, expected: str) -> None:
    """Raise InputError naming the first row in ``bad`` (counted from 0, without the header)."""
    if len(bad):
        more = f" (and {len(bad) - 1} more rows)" if len(bad) > 1 else ""
        raise InputError(f"{path}: row {bad[0] + 2}: {column} expects {expected}, found {values[bad[0]]:g}{more}; unpack CASE again")
