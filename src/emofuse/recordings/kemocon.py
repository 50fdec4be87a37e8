"""K-EmoCon: 16 debates of two, wrist devices, annotations of oneself every 5 s (Park et al. 2020, Scientific Data 7:293).

Licence: academic, no redistribution, signed agreement; Zenodo record 3931963, version 1.0.0. Each archive may be unpacked into a folder
of its own name (``debate_audios/debate_audios``)::

    metadata/subjects.csv                                   pid, initTime, startTime, endTime in ms (Unix, UTC)
    e4_data/<pid>/E4_{ACC,BVP,EDA,TEMP}.csv                 timestamp in ms, value (ACC: x, y, z), device_serial
    emotion_annotations/self_annotations/P<pid>.self.csv    a row for every 5 s, ``seconds`` is its end
    debate_audios/p1.p2.wav                                 from startTime on; both channels hold the same mix of both voices

A recording is one participant's debate; its zero is startTime. Only samples of the debate are used. Known sizes: 32 participants, 28 of
them with wearable, 16 audio files.
"""

import csv
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
from jaxtyping import Float32, Int64

from emofuse import audio
from emofuse.errors import InputError
from emofuse.recordings import Remark, locate, require_release
from emofuse.release import children, regular
from emofuse.remarks import Count, LeftOut, exactly
from emofuse.signals import Annotation, Recording, Track, in_g

NAME = "kemocon"
RELEASES = ("1.0.0",)
LICENCE = "academic use under a signed agreement, no redistribution; Zenodo record 3931963"
COUNTS = {"participants": 32, "self-annotation files": 32, "audio files": 16, "wearable folders": 28}
DEBATES_MIN = (172, 174)  # all of them; 172.92 min are published
FOLDERS = {  # what is in them, which may lie a like-named folder or two deeper
    "metadata": ("subjects.csv", r"subjects\.csv"),
    "e4_data": ("a folder for each pid", r"\d+"),
    "emotion_annotations": ("self_annotations", r"self_annotations"),
    "debate_audios": ("p1.p2.wav and so on", r"p\d+\.p\d+\.wav"),
}
RATES_HZ = {"acc": 32.0, "bvp": 64.0, "eda": 4.0, "temp": 4.0}  # of an Empatica E4
SCALES = {"arousal": 5, "valence": 5, "cheerful": 4, "happy": 4, "angry": 4, "nervous": 4, "sad": 4}  # the highest rating; the lowest is 1
INTERVAL_S = 5.0
_DEVICES = {29: "A013E1", 30: "A01A3A", 31: "A013E1", 32: "A01A3A"}  # of two in these files; 31 and 32 by the corpus authors' own code
_STEP_TOLERANCE = 0.05  # of the nominal period: whole ms make it 16 instead of 15.625
_EMPTY = ("", "nan", "NaN")  # what was not measured or not answered
_FILES = {"self_annotations": r"(P\d+)\.self\.csv", "debate_audios": r"(p\d+\.p\d+)\.wav", "e4_data": r"(\d+)"}
_DAY_MS = 86_400_000
_PACKED = (".tar.gz", ".tgz", ".tar", ".zip")


def read(root: Path, release: str) -> Iterator[Recording | Remark]:
    """Yield one recording per participant by pid: native_id and subject ``P1``, session ``p1.p2``, partner ``P2``.

    Without wearable a recording has no tracks. EDA and temperature are NaN where the device had no contact. Left out: rows of another
    device, signals that are absent, what the audio lacks of the debate, files of nobody in subjects.csv. Raises InputError for archives
    that are still packed, absent ratings or ratings off their scale, rows that are cut short or in no order, or rates that do not fit.
    """
    require_release(NAME, release, RELEASES)
    base = locate(
        NAME, root, f"K-EmoCon ({', '.join(FOLDERS)})", lambda f: (f / "metadata").is_dir() or _archive(f, "metadata") is not None
    )
    for name in FOLDERS:
        if not (base / name).is_dir() and (archive := _archive(base, name)) is not None:
            raise InputError(f"{archive}: expected the folder {name} beside it, found the archive only; unpack it there")
    found = {name: _unpacked(base / name, *what) for name, what in FOLDERS.items()}
    debates = _debates(found["metadata"] / "subjects.csv")
    found["self_annotations"] = found["emotion_annotations"] / "self_annotations"
    numbers = (len(debates), *(_count(found[name], files) for name, files in _FILES.items()))
    yield from (exactly(what, expected, number) for (what, expected), number in zip(COUNTS.items(), numbers, strict=True))
    minutes = sum(end_ms - start_ms for _, start_ms, end_ms in debates) / 60_000 / 2  # two have each debate
    yield Count("minutes of debate", round(minutes), *DEBATES_MIN)
    yield from _of_nobody(found, root, {pid for pid, _, _ in debates})
    heard_s: dict[str, float] = {}  # by session: two share an audio file
    for debate in debates:
        yield from _recording(found, root, *debate, heard_s)


def on_grid(
    at_ms: Int64[np.ndarray, "row"], values: Float32[np.ndarray, "row *axis"], rate_hz: float
) -> Float32[np.ndarray, "sample *axis"]:
    """Samples at the nominal rate from the first row on, NaN where there is none; rows are in order of time, two of one place: the last."""
    place = np.floor((at_ms - at_ms[0]) * (rate_hz / 1000) + 0.5).astype(np.int64)
    last = np.append(place[1:] != place[:-1], True)
    samples = np.full((int(place[-1]) + 1, *values.shape[1:]), np.nan, np.float32)
    samples[place[last]] = values[last]
    return samples


def _archive(folder: Path, name: str) -> Path | None:
    """The archive as it is downloaded."""
    return next((path for path in (folder / f"{name}{suffix}" for suffix in _PACKED) if path.is_file()), None)


def _unpacked(folder: Path, what: str, name: str) -> Path:
    return locate(NAME, folder, what, lambda f: _count(f, name) > 0)


def _count(folder: Path, name: str) -> int:
    return sum(re.fullmatch(name, child.name) is not None for child in children(folder))


def _of_nobody(found: dict[str, Path], root: Path, pids: set[int]) -> Iterator[LeftOut]:
    """Files of participants that subjects.csv does not name, and audio of pairs that are none."""
    listed = {_session(pid) for pid in pids} | {str(pid) for pid in pids} | {f"P{pid}" for pid in pids}
    for name, files in _FILES.items():
        for child in children(found[name]):
            match = re.fullmatch(files, child.name)
            if match[1] not in listed if match else child.suffix.lower() in audio.SUFFIXES:
                where = child.relative_to(root).as_posix()
                yield LeftOut(where, "extra_file", f"{child}: expected files of the participants in subjects.csv, found one of nobody")


def _debates(path: Path) -> list[tuple[int, int, int]]:
    """Pid, beginning and end of the debate in ms (Unix, UTC), by pid."""
    debates: dict[int, tuple[int, int]] = {}
    for line, row in _rows(path, ("pid", "startTime", "endTime")):
        try:
            pid, start_ms, end_ms = (int(row[name]) for name in ("pid", "startTime", "endTime"))
        except ValueError:
            raise InputError(f"{path}: line {line}: expected whole numbers, found {list(row.values())}; unpack metadata again") from None
        if not 0 < end_ms - start_ms < _DAY_MS or pid in debates:
            found = "pid stands there twice" if pid in debates else f"startTime {start_ms} and endTime {end_ms}"
            raise InputError(f"{path}: line {line}: expected each pid once, endTime within a day of startTime, found {found}; correct it")
        debates[pid] = start_ms, end_ms
    return [(pid, *debates[pid]) for pid in sorted(debates)]


def _session(pid: int) -> str:
    odd = pid - 1 + pid % 2
    return f"p{odd}.p{odd + 1}"


def _recording(
    found: dict[str, Path], root: Path, pid: int, start_ms: int, end_ms: int, heard_s: dict[str, float]
) -> Iterator[Recording | LeftOut]:
    """The recording of one participant, after what it lacks."""
    session, debate_s = _session(pid), (end_ms - start_ms) / 1000
    path = found["debate_audios"] / f"{session}.wav"
    with suppress(InputError):  # whoever keeps the recording looks into its audio too, and says why it cannot be used
        heard_s[session] = heard_s.get(session) or audio.inspect(path).duration_s
    audio_s = heard_s.get(session, debate_s)
    if not debate_s <= audio_s <= debate_s + INTERVAL_S:
        reason = "surplus" if abs(audio_s - debate_s) <= INTERVAL_S else "wrong_duration"
        found_s = f"{path}: expected the debate's {debate_s:.2f} s, found {audio_s:.2f} s of audio: only what both have is used"
        yield LeftOut(f"P{pid}/speech", reason, found_s)
    tracks: dict[str, Track] = {}
    device = None
    for signal, rate_hz in RATES_HZ.items():
        file = found["e4_data"] / str(pid) / f"E4_{signal.upper()}.csv"
        if file.is_file():
            track, serial, left_out = _track(file, pid, signal, rate_hz, start_ms, end_ms)
            yield from (LeftOut(file.relative_to(root).as_posix(), reason, detail) for reason, detail in left_out)
            if track is not None:
                tracks[signal], device = track, device or serial
        if signal not in tracks:
            there = "fewer than two samples of it" if file.is_file() else "no such file"
            yield LeftOut(f"P{pid}/{signal}", "missing_signal", f"{file}: expected {signal} during the debate, found {there}")
    ratings = tuple(_ratings(found["self_annotations"] / f"P{pid}.self.csv"))
    if late := sorted({note.end_s for note in ratings if note.end_s > debate_s}):
        outlasted = f"P{pid}: expected intervals in the debate's {debate_s:.2f} s, found {len(late)} more, up to {late[-1]:g} s"
        yield LeftOut(f"P{pid}/ratings", "surplus", f"{outlasted}: which are dropped is labels.surplus of params.yaml")
    yield Recording(
        native_id=f"P{pid}",
        subject=f"P{pid}",
        tracks=tracks,
        session=session,
        partner=f"P{pid - 1 if pid % 2 == 0 else pid + 1}",
        device=device,
        t0_unix_s=start_ms / 1000,
        span_s=(0.0, min(debate_s, audio_s)),
        audio=path.relative_to(root).as_posix(),
        annotations=(Annotation(0.0, debate_s, "debate"), *ratings),
    )


def _track(
    path: Path, pid: int, signal: str, rate_hz: float, start_ms: int, end_ms: int
) -> tuple[Track | None, str | None, list[tuple[str, str]]]:
    """The signal during the debate where it has two samples or more, its device's serial number, and what is left out and why."""
    values = ["x", "y", "z"] if signal == "acc" else ["value"]
    rows = _samples(path, values)
    rows = rows[(rows["timestamp"] >= start_ms) & (rows["timestamp"] < end_ms)]
    serials = rows["device_serial"].astype(str).value_counts() if "device_serial" in rows else pd.Series(dtype=int)
    serial, left_out = None, []
    if len(serials):
        serial = _DEVICES[pid] if _DEVICES.get(pid) in serials else str(serials.idxmax())  # first of equals: in the file's order
        if len(serials) > 1:
            found = f"{path}: expected rows of one device, found {serials.to_dict()}: {len(rows) - serials[serial]} rows not of {serial}"
            left_out.append(("device_mix_up", found))
            rows = rows[rows["device_serial"] == serial]
    if empty := int(rows[values].isna().any(axis=1).sum()):
        left_out.append(("lost_rows", f"{path}: expected a number in each row, found {empty} of {len(rows)} rows without: lost samples"))
    if len(rows) < 2:
        return None, None, left_out
    at_ms, measured = rows["timestamp"].to_numpy(np.int64), rows[values].to_numpy(np.float32)
    _refuse_disorder(path, at_ms, measured, rows.index.to_numpy() + 2)
    period_ms = float(np.median(np.diff(at_ms)))
    if abs(period_ms * rate_hz / 1000 - 1) > _STEP_TOLERANCE:
        steps = f"{rate_hz:g} Hz (steps of {1000 / rate_hz:g} ms), found steps of {period_ms:g} ms"
        raise InputError(f"{path}: expected {steps}; unpack e4_data again")
    if signal == "acc":
        measured = in_g(measured, str(path))
    elif signal in ("eda", "temp"):
        measured = np.where(measured == 0, np.float32(np.nan), measured)  # no contact with the skin
    samples = on_grid(at_ms, measured if signal == "acc" else measured[:, 0], rate_hz)
    return Track(rate_hz, (int(at_ms[0]) - start_ms) / 1000, samples), serial, left_out


def _samples(path: Path, values: list[str]) -> pd.DataFrame:
    """Columns timestamp, the values and, where the file has it, device_serial; an empty value is NaN."""
    with regular(path).open("rb") as file:
        header = [name.strip() for name in file.readline().decode("utf-8-sig", "replace").split(",")]
    _require_columns(path, header, ("timestamp", *values))
    numbers = ["timestamp", *values]
    convert = arrow_csv.ConvertOptions(
        include_columns=numbers + ["device_serial"] * ("device_serial" in header),
        column_types={**dict.fromkeys(numbers, pa.float64()), "device_serial": pa.string()},
        null_values=list(_EMPTY),
    )
    try:
        rows = arrow_csv.read_csv(path, arrow_csv.ReadOptions(column_names=header, skip_rows=1, use_threads=False), convert_options=convert)
    except pa.ArrowInvalid as error:
        _refuse_bad_rows(path, header, values)
        raise InputError(f"{path}: expected comma-separated rows, found: {' '.join(str(error).split())}; unpack e4_data again") from error
    frame: pd.DataFrame = rows.to_pandas()
    if not np.isfinite(frame[numbers].to_numpy()).all():
        _refuse_bad_rows(path, header, values)
    return frame


def _refuse_bad_rows(path: Path, header: list[str], values: list[str]) -> None:
    """Raise InputError for the first row that is cut short or holds no number; slow, for files that the fast way cannot read."""
    for line, row in _rows(path, tuple(header)):
        for name in ("timestamp", *values):
            text = row[name].strip()
            if (text not in _EMPTY or name == "timestamp") and not _is_number(text):
                raise InputError(f"{path}: line {line}: {name} expects a number, found {text!r}; unpack e4_data again")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _refuse_disorder(
    path: Path, at_ms: Int64[np.ndarray, "row"], measured: Float32[np.ndarray, "row axis"], lines: Int64[np.ndarray, "row"]
) -> None:
    steps = np.diff(at_ms)
    same = ((measured[1:] == measured[:-1]) | (np.isnan(measured[1:]) & np.isnan(measured[:-1]))).all(axis=1)
    for bad, problem in ((steps < 0, "an earlier one"), ((steps == 0) & ~same, "the same one with another value")):
        if bad.any():
            k = int(np.argmax(bad)) + 1
            raise InputError(f"{path}: line {lines[k]}: expected a time after {at_ms[k - 1]}, found {problem} ({at_ms[k]}); correct it")


def _ratings(path: Path) -> Iterator[Annotation]:
    if not path.is_file():
        raise InputError(f"{path}: expected the participant's ratings, found no such file; unpack emotion_annotations there")
    before = 0.0
    for line, row in _rows(path, ("seconds", *SCALES)):
        seconds = row["seconds"].strip()
        end_s = float(seconds) if _is_number(seconds) else math.nan
        if end_s % INTERVAL_S != 0 or end_s <= before:
            raise InputError(f"{path}: line {line}: seconds expects a multiple of 5 above {before:g}, found {seconds!r}; correct it")
        before = end_s
        for name, highest in SCALES.items():
            text = row[name].strip()
            left_empty = text in _EMPTY
            if not left_empty and not (_is_number(text) and float(text) in range(1, highest + 1)):
                raise InputError(f"{path}: line {line}: {name} expects 1 to {highest} or nothing, found {text!r}; correct it")
            yield Annotation(end_s - INTERVAL_S, end_s, name, None if left_empty else float(text))


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and the fields of each row by column; InputError for absent columns and rows of another length."""
    try:
        with regular(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            _require_columns(path, header, columns)
            for row in reader:
                if row and len(row) != len(header):
                    raise InputError(f"{path}: line {reader.line_num}: expected {len(header)} fields, found {len(row)}; unpack it again")
                if row:
                    yield reader.line_num, {name: value for name, value in zip(header, row, strict=True) if name in columns}
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected comma-separated text, found: {error}; unpack it again") from error


def _require_columns(path: Path, header: list[str], columns: tuple[str, ...]) -> None:
    if missing := [name for name in columns if name not in header]:
        raise InputError(f"{path}: expected columns {list(columns)}, found {header[:30]} without {missing}; unpack it again")
