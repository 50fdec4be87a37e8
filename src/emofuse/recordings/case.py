"""CASE: 30 people watch eight films and move a joystick while laboratory sensors record them (Sharma et al. 2019).

Scientific Data 6:196. Licence: CC BY 4.0; figshare (CASE_full.zip) or the authors' GitLab (case_dataset). B §3.1 pretrains wearable
encoders on it. No device is worn at the wrist: there is no acceleration, and the pulse is taken at a finger.

Layout (``root`` is the unpacked folder, or one or two folders above it)::

    data/interpolated/physiological/sub_<n>.csv      daqtime,ecg,bvp,gsr,rsp,skt,emg_zygo,emg_coru,emg_trap,video; ms, %, uS, degC; 1000 Hz
    data/interpolated/annotations/sub_<n>.csv        jstime,valence,arousal,video; ms, 0.5 to 9.5; 20 Hz
    data/non-interpolated/…                          the same with the stamps as they were taken

Both time columns count from one zero. Known size: 30 subjects, 2,451.583 s each. All of a recording is used, pauses between the films too.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from jaxtyping import Float32, Float64

from emofuse.corpora import children, is_invented, require_counts
from emofuse.errors import InputError
from emofuse.recordings import locate, require_release
from emofuse.signals import Annotation, Recording, Track

NAME = "case"
RELEASES = ("interpolated", "non_interpolated")
COUNTS = {"subjects": 30}
RATE_HZ = 1000.0
SIGNALS = {"bvp": "bvp", "eda": "gsr", "temp": "skt"}  # ours <- theirs
SCALE = (0.5, 9.5)
VIDEOS = {
    1: "amusing 1", 2: "amusing 2", 3: "boring 1", 4: "boring 2", 5: "relaxing 1", 6: "relaxing 2", 7: "scary 1", 8: "scary 2",
    10: "start screen", 11: "pause", 12: "end",
}  # fmt: skip
_STEP_MS = {"physiological": 1.0, "annotations": 50.0}
_BRIDGED_MS = 20.0  # stamps this far apart or farther have lost samples between them; the recorder's own jitter is below 1 ms
_TOLERANCE_MS = 1e-3  # stamps are written with three decimals
_SUBJECT = re.compile(r"sub_(\d+)\.csv")


def read(root: Path, release: str, check_counts: bool) -> Iterator[Recording]:
    """Yield each subject's recording: bvp, eda and temp at 1000 Hz; annotations valence, arousal (0.5 to 9.5) and video.

    Stamps that were not interpolated are brought to a grid of 1 ms here; what lies in a gap of 20 ms or more is NaN. Raises InputError
    naming the file for a subject without one of the two files, an interpolated file off its grid, or values that cannot be used.
    """
    require_release(NAME, release, RELEASES)
    folder = release.replace("_", "-")
    base = locate(NAME, root, f"CASE (data/{folder}/physiological)", lambda f: (f / "data" / folder / "physiological").is_dir())
    home = base / "data" / folder
    subjects = _subjects(home)
    if check_counts and not is_invented(root, base):
        require_counts(home, f"CASE {release}", COUNTS, {"subjects": len(subjects)})
    for subject in subjects:
        yield _recording(home, subject, exact=release == "interpolated")


def _subjects(home: Path) -> list[str]:
    """Subjects by number; InputError where one of a subject's two files is absent."""
    there = {kind: {f.stem for f in children(home / kind) if _SUBJECT.fullmatch(f.name)} for kind in _STEP_MS}
    subjects = sorted(set.union(*there.values()), key=lambda subject: int(subject.removeprefix("sub_")))
    for subject in subjects:
        for kind in _STEP_MS:
            if subject not in there[kind]:
                raise InputError(f"{home / kind / subject}.csv: expected beside the subject's other file, found none; unpack CASE again")
    if not subjects:
        raise InputError(f"{home}: expected physiological/sub_1.csv and so on, found no subject; unpack CASE again")
    return subjects


def _recording(home: Path, subject: str, exact: bool) -> Recording:
    signals = _table(home / "physiological" / f"{subject}.csv", "daqtime", tuple(SIGNALS.values()), exact)
    times_ms, samples = signals["daqtime"], np.stack([signals[column] for column in SIGNALS.values()], axis=1).astype(np.float32)
    start_ms = times_ms[0]
    if not exact:
        start_ms, samples = on_grid(times_ms, samples)
    tracks = {name: Track(RATE_HZ, float(start_ms / 1000), np.ascontiguousarray(samples[:, i])) for i, name in enumerate(SIGNALS)}
    return Recording(subject, subject, tracks, annotations=_annotations(home / "annotations" / f"{subject}.csv", exact))


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


def _annotations(path: Path, exact: bool) -> tuple[Annotation, ...]:
    rated = _table(path, "jstime", ("valence", "arousal", "video"), exact)
    starts = rated["jstime"] / 1000
    ends = np.append(starts[1:], starts[-1] + _STEP_MS["annotations"] / 1000)
    annotations: list[Annotation] = []
    for name in ("valence", "arousal"):
        values = rated[name]
        outside = np.flatnonzero((values < SCALE[0] - 0.01) | (values > SCALE[1] + 0.01))  # 0.01: they are rounded in the file
        _require(path, outside, name, values, f"{SCALE[0]} to {SCALE[1]}")
        known = [None if value != value else value for value in values.tolist()]
        annotations += map(Annotation, starts.tolist(), ends.tolist(), [name] * len(values), known)
    video = rated["video"]
    _require(path, np.flatnonzero(~np.isin(video, list(VIDEOS))), "video", video, f"one of {list(VIDEOS)}")
    first = np.flatnonzero(np.append(True, np.diff(video) != 0))
    last = np.append(first[1:], len(video)) - 1
    annotations += [
        Annotation(float(starts[i]), float(ends[j]), "video", text=VIDEOS[int(video[i])]) for i, j in zip(first, last, strict=True)
    ]
    return tuple(annotations)


def _table(path: Path, time: str, columns: tuple[str, ...], exact: bool) -> dict[str, Float64[np.ndarray, "row"]]:
    """Columns of a file by name, an empty field as NaN, each stamp once and in order; with ``exact`` the stamps are the folder's grid."""
    kinds = {time: pa.float64(), **dict.fromkeys(columns, pa.float32())}
    try:
        rows = arrow_csv.read_csv(
            path,
            arrow_csv.ReadOptions(use_threads=False),  # with threads an error does not name its row
            convert_options=arrow_csv.ConvertOptions(column_types=kinds, include_columns=list(kinds)),
        )
    except (pa.ArrowException, OSError) as error:
        found = " ".join(str(error).split())
        raise InputError(f"{path}: expected numbers in columns {list(kinds)}, found: {found}; unpack CASE again") from None
    table = {name: rows[name].to_numpy().astype(np.float64) for name in kinds}
    if rows.num_rows < 2:
        raise InputError(f"{path}: expected at least two rows, found {rows.num_rows}; unpack CASE again")
    for name, values in table.items():
        _require(path, np.flatnonzero(np.isinf(values) | (np.isnan(values) & (name == time))), name, values, "a number")
    return _in_order(path, table, time, _STEP_MS[path.parent.name], exact)


def _in_order(path: Path, table: dict[str, np.ndarray], time: str, step_ms: float, exact: bool) -> dict[str, np.ndarray]:
    stamps = table[time]
    steps = np.diff(stamps)
    if exact:
        off = np.flatnonzero(np.abs(steps - step_ms) > _TOLERANCE_MS)
        _require(path, off + 1, time, stamps, f"exactly {step_ms:g} ms after the stamp before")
        return table
    same = np.all([np.diff(values) == 0 for values in table.values()], axis=0)  # a row written twice
    _require(path, np.flatnonzero((steps <= 0) & ~same) + 1, time, stamps, "a later stamp than the one before")
    if not 0.5 * step_ms < steps.mean() < 2 * step_ms:
        raise InputError(
            f"{path}: expected about one row each {step_ms:g} ms, found {len(stamps)} rows in {stamps[-1] - stamps[0]:g} ms: "
            f"rates do not match; check that {time} is in ms"
        )
    return {name: values[np.append(True, ~same)] for name, values in table.items()}


def _require(path: Path, bad: np.ndarray, column: str, values: np.ndarray, expected: str) -> None:
    """Raise InputError naming the first row in ``bad`` (counted from 0, without the header)."""
    if len(bad):
        more = f" (and {len(bad) - 1} more rows)" if len(bad) > 1 else ""
        raise InputError(f"{path}: row {bad[0] + 2}: {column} expects {expected}, found {values[bad[0]]:g}{more}; unpack CASE again")
