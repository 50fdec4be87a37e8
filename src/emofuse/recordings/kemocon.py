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
import logging
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
import soundfile
from jaxtyping import Float32, Int64

from emofuse.corpora import children, is_invented, require_counts
from emofuse.errors import InputError
from emofuse.recordings import locate, require_release
from emofuse.signals import Annotation, Recording, Track, in_g

NAME = "kemocon"
RELEASES = ("1.0.0",)
COUNTS = {"self-annotation files": 32, "audio files": 16, "wearable folders": 28}
RATES_HZ = {"acc": 32.0, "bvp": 64.0, "eda": 4.0, "temp": 4.0}  # of an Empatica E4
SCALES = {"arousal": 5, "valence": 5, "cheerful": 4, "happy": 4, "angry": 4, "nervous": 4, "sad": 4}  # the highest rating; the lowest is 1
INTERVAL_S = 5.0
_DEVICES = {29: "A013E1", 30: "A01A3A", 31: "A013E1", 32: "A01A3A"}  # of two in these files; 31 and 32 by the corpus authors' own code
_STEP_TOLERANCE = 0.05  # of the nominal period: whole ms make it 16 instead of 15.625
_EMPTY = ("", "nan", "NaN")  # what was not measured or not answered
log = logging.getLogger(NAME)


@dataclass(frozen=True)
class _Release:
    """The folders that hold the files, whatever they were unpacked into."""

    metadata: Path
    wearables: Path
    ratings: Path
    audio: Path


def read(root: Path, release: str, check_counts: bool) -> Iterator[Recording]:
    """Yield one recording per participant by pid: native_id and subject ``P1``, session ``p1.p2``, partner ``P2``.

    Without wearable a recording has no tracks. EDA and temperature are NaN where the device had no contact. Raises InputError for an
    absent audio or annotation file, ratings off their scale, rows that are cut short or in no order, or rates that do not fit.
    """
    require_release(NAME, release, RELEASES)
    base = locate(NAME, root, "K-EmoCon (metadata, e4_data, emotion_annotations, debate_audios)", lambda f: (f / "metadata").is_dir())
    found = _Release(
        _unpacked(base / "metadata", "subjects.csv", r"subjects\.csv"),
        _unpacked(base / "e4_data", "a folder for each pid", r"\d+"),
        _unpacked(base / "emotion_annotations", "self_annotations", r"self_annotations") / "self_annotations",
        _unpacked(base / "debate_audios", "p1.p2.wav and so on", r"p\d+\.p\d+\.wav"),
    )
    if check_counts and not is_invented(root, base):
        numbers = (_count(found.ratings, r"P\d+\.self\.csv"), _count(found.audio, r"p\d+\.p\d+\.wav"), _count(found.wearables, r"\d+"))
        require_counts(base, f"K-EmoCon {release}", COUNTS, dict(zip(COUNTS, numbers, strict=True)))
    for pid, start_ms, end_ms in _debates(found.metadata / "subjects.csv"):
        yield _recording(found, root, pid, start_ms, end_ms)


def on_grid(
    at_ms: Int64[np.ndarray, "row"], values: Float32[np.ndarray, "row *axis"], rate_hz: float
) -> Float32[np.ndarray, "sample *axis"]:
    """Samples at the nominal rate from the first row on, NaN where there is none; rows are in order of time, two of one place: the last."""
    place = np.floor((at_ms - at_ms[0]) * (rate_hz / 1000) + 0.5).astype(np.int64)
    last = np.append(place[1:] != place[:-1], True)
    samples = np.full((int(place[-1]) + 1, *values.shape[1:]), np.nan, np.float32)
    samples[place[last]] = values[last]
    return samples


def _unpacked(folder: Path, what: str, name: str) -> Path:
    return locate(NAME, folder, what, lambda f: _count(f, name) > 0)


def _count(folder: Path, name: str) -> int:
    return sum(re.fullmatch(name, child.name) is not None for child in children(folder))


def _debates(path: Path) -> list[tuple[int, int, int]]:
    """Pid, beginning and end of the debate in ms (Unix, UTC), by pid."""
    debates: dict[int, tuple[int, int]] = {}
    for line, row in _rows(path, ("pid", "startTime", "endTime")):
        try:
            pid, start_ms, end_ms = (int(row[name]) for name in ("pid", "startTime", "endTime"))
        except ValueError:
            raise InputError(f"{path}: line {line}: expected whole numbers, found {list(row.values())}; unpack metadata again") from None
        if end_ms <= start_ms or pid in debates:
            problem = "pid stands there twice" if pid in debates else f"startTime {start_ms} and endTime {end_ms}"
            raise InputError(
                f"{path}: line {line}: expected each pid once, endTime after startTime, found {problem}; unpack metadata again"
            )
        debates[pid] = start_ms, end_ms
    return [(pid, *debates[pid]) for pid in sorted(debates)]


def _recording(found: _Release, root: Path, pid: int, start_ms: int, end_ms: int) -> Recording:
    odd = pid - 1 + pid % 2
    session = f"p{odd}.p{odd + 1}"
    audio = found.audio / f"{session}.wav"
    if not audio.is_file():
        raise InputError(f"{audio}: expected the debate of P{odd} and P{odd + 1}, found no such file; unpack debate_audios there")
    try:
        audio_s = soundfile.info(audio).duration
    except soundfile.LibsndfileError as error:
        raise InputError(f"{audio}: expected WAV audio, found another file ({error.error_string}); unpack debate_audios again") from error
    debate_s = (end_ms - start_ms) / 1000
    if audio_s < debate_s:
        log.warning("P%d: the audio ends %.2f s before the debate", pid, debate_s - audio_s)
    folder = found.wearables / str(pid)
    tracks: dict[str, Track] = {}
    devices: list[str] = []
    for signal, rate_hz in RATES_HZ.items():
        path = folder / f"E4_{signal.upper()}.csv"
        if path.is_file() and (measured := _track(path, pid, signal, rate_hz, start_ms, end_ms)):
            tracks[signal] = measured[0]
            devices += [measured[1]] if measured[1] else []
    if absent := [signal for signal in RATES_HZ if signal not in tracks]:
        log.warning("P%d has no %s", pid, ", ".join(absent))
    return Recording(
        native_id=f"P{pid}",
        subject=f"P{pid}",
        tracks=tracks,
        session=session,
        partner=f"P{odd + 1 if pid == odd else odd}",
        device=devices[0] if devices else None,
        t0_unix_s=start_ms / 1000,
        span_s=(0.0, min(debate_s, audio_s)),
        audio=audio.relative_to(root).as_posix(),
        annotations=(Annotation(0.0, debate_s, "debate"), *_ratings(found.ratings / f"P{pid}.self.csv")),
    )


def _track(path: Path, pid: int, signal: str, rate_hz: float, start_ms: int, end_ms: int) -> tuple[Track, str | None] | None:
    """The signal during the debate and the device's serial number; None where it has less than two samples."""
    values = ["x", "y", "z"] if signal == "acc" else ["value"]
    rows = _samples(path, values)
    rows = rows[(rows["timestamp"] >= start_ms) & (rows["timestamp"] < end_ms)]
    serials = rows["device_serial"].astype(str).value_counts() if "device_serial" in rows else pd.Series(dtype=int)
    serial = None
    if len(serials):
        serial = _DEVICES[pid] if _DEVICES.get(pid) in serials else str(serials.idxmax())  # first of equals: in the file's order
        if len(serials) > 1:
            log.warning("%s: rows of devices %s: kept %s", path, serials.to_dict(), serial)
            rows = rows[rows["device_serial"] == serial]
    if len(rows) < 2:
        log.warning("%s: %d samples in the debate", path, len(rows))
        return None
    at_ms, measured = rows["timestamp"].to_numpy(np.int64), rows[values].to_numpy(np.float32)
    _refuse_disorder(path, at_ms, measured, rows.index.to_numpy() + 2)
    period_ms = float(np.median(np.diff(at_ms)))
    if abs(period_ms * rate_hz / 1000 - 1) > _STEP_TOLERANCE:
        raise InputError(
            f"{path}: expected {rate_hz:g} Hz (steps of {1000 / rate_hz:g} ms), found steps of {period_ms:g} ms; unpack e4_data again"
        )
    if signal == "acc":
        measured = in_g(measured, str(path))
    elif signal in ("eda", "temp"):
        measured = np.where(measured == 0, np.float32(np.nan), measured)  # no contact with the skin
    samples = on_grid(at_ms, measured if signal == "acc" else measured[:, 0], rate_hz)
    return Track(rate_hz, (int(at_ms[0]) - start_ms) / 1000, samples), serial


def _samples(path: Path, values: list[str]) -> pd.DataFrame:
    """Columns timestamp, the values and, where the file has it, device_serial; an empty value is NaN."""
    with path.open("rb") as file:
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
            raise InputError(
                f"{path}: line {lines[k]}: expected a time after {at_ms[k - 1]}, found {problem} ({at_ms[k]}); correct the file"
            )


def _ratings(path: Path) -> Iterator[Annotation]:
    if not path.is_file():
        raise InputError(f"{path}: expected the participant's ratings, found no such file; unpack emotion_annotations there")
    before = 0.0
    for line, row in _rows(path, ("seconds", *SCALES)):
        seconds = row["seconds"].strip()
        end_s = float(seconds) if _is_number(seconds) else math.nan
        if end_s % INTERVAL_S != 0 or end_s <= before:
            raise InputError(
                f"{path}: line {line}: seconds expects a multiple of 5 above {before:g}, found {seconds!r}; unpack the annotations again"
            )
        before = end_s
        for name, highest in SCALES.items():
            text = row[name].strip()
            left_empty = text in _EMPTY
            if not left_empty and not (_is_number(text) and float(text) in range(1, highest + 1)):
                raise InputError(
                    f"{path}: line {line}: {name} expects 1 to {highest} or nothing, found {text!r}; unpack the annotations again"
                )
            yield Annotation(end_s - INTERVAL_S, end_s, name, None if left_empty else float(text))


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and the fields of each row by column; InputError for absent columns and rows of another length."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            _require_columns(path, header, columns)
            for row in reader:
                if row and len(row) != len(header):
                    raise InputError(
                        f"{path}: line {reader.line_num}: expected {len(header)} fields, found {len(row)}; unpack the file again"
                    )
                if row:
                    yield reader.line_num, {name: value for name, value in zip(header, row, strict=True) if name in columns}
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected comma-separated text, found: {error}; unpack it again") from error


def _require_columns(path: Path, header: list[str], columns: tuple[str, ...]) -> None:
    if missing := [name for name in columns if name not in header]:
        raise InputError(f"{path}: expected columns {list(columns)}, found {header[:30]} without {missing}; unpack it again")
