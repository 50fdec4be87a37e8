"""VerBIO: public speaking before real and virtual audiences (Yadav, Sakib, Feng, Chaspari and Behzadan 2019), Empatica E4 and microphone.

Access: from the HUBBS Lab, Texas A&M University, on request. 55 participants of P001 to P073 have physiology. Sessions PRE and POST
(real audience; stages RELAX, PREP, PPT, the last being the talk), TEST01 to TEST08 (virtual audiences; PPT only); many are absent.

Layouts (``root`` is the release's folder or at most two above it); any file of signals may be xlsx or csv::

    session_first                                     participant_first
    PRE/E4/P001/{ACC,BVP,EDA,TEMP}_PPT.xlsx           P001/PRE/E4_{ACC,BVP,EDA,TEMP}_PPT.xlsx
    PRE/Audio/PRE_P001_AUDIO_PPT.wav                  P001/PRE/MIC_SPEECH_PPT.wav
    PRE/Annotation/PRE_P001_annotation.xlsx           P001/PRE/MANUAL_ANNOTATION_PPT.xlsx

Every clock counts from the start of its stage, audio and signals start together. A csv may be a single column, with or without a name.
Names of TEMP's and ACC's columns and the unit of ACC are nowhere published: they are found by what is there. HR, IBI, the chest device
and self-reports are not used.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from emofuse import audio, workbook
from emofuse.errors import InputError
from emofuse.recordings import Remark, locate, require_release
from emofuse.release import children, regular
from emofuse.remarks import LeftOut, exactly
from emofuse.signals import Annotation, Recording, Track, in_g

NAME = "verbio"
RELEASES = ("session_first", "participant_first")
RATES_HZ = {"acc": 32.0, "bvp": 64.0, "eda": 4.0, "temp": 4.0}  # of the Empatica E4
LICENCE = "on request from the HUBBS Lab, Texas A&M University, whose terms apply"
PARTICIPANTS = 55  # with physiology
RATINGS = (1.0, 5.0)  # of stress
_SESSION = re.compile(r"PRE|POST|TEST\d\d")
_PARTICIPANT = re.compile(r"P\d{3}")
_SIGNAL = re.compile(r"(?:([A-Z0-9]+)_)?(ACC|BVP|EDA|HR|IBI|TEMP|ECG)_(RELAX|PREP|PPT)\.(?:xlsx|csv)", re.IGNORECASE)
_AUDIO = re.compile(r"(?:.*_AUDIO|MIC_SPEECH)_PPT\.wav", re.IGNORECASE)
_ANNOTATION = re.compile(r"(?:.*_annotation|MANUAL_ANNOTATION_PPT)\.(?:xlsx|csv)", re.IGNORECASE)
_OF_BOTH = re.compile(r"([A-Z0-9]+)_(P\d{3})_.*")  # files of all participants in one folder
_TALK = "PPT"
_STEP_TOLERANCE = 0.05  # of the period
_LATEST_START_S = 600.0  # a stage lasts minutes: a later first time is not counted from its start
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


@dataclass
class Stage:
    """One stage of one session of one participant: the files that hold it."""

    participant: str
    session: str
    stage: str
    signals: dict[str, Path] = field(default_factory=dict)
    audio: Path | None = None
    annotation: Path | None = None

    @property
    def native_id(self) -> str:
        """Such as P001/PRE/PPT."""
        return f"{self.participant}/{self.session}/{self.stage}"


def read(root: Path, release: str) -> Iterator[Recording | Remark]:
    """Yield a recording for each stage of each participant, sorted; only talks (PPT) have audio and the raters' stress.

    A signal without a file is a recording without that track; a talk without audio, or with nothing but audio, is one too, and each is
    said. Annotations are named ``stress_<rater>``, 1 to 5, each until the next. Raises InputError for a root without the release,
    two files of one signal, ragged or non-numeric rows, times that do not rise, and rates that are not the device's.
    """
    require_release(NAME, release, RELEASES)
    expected = f"VerBIO in the layout {release} ({'PRE/E4' if release == 'session_first' else 'P001/PRE'} and so on)"
    base = locate(NAME, root, expected, lambda folder: _is_release(folder, release))
    stages = _stages(base, release)
    if not any(stage.signals or stage.audio for stage in stages):
        raise InputError(f"{base}: expected files such as EDA_PPT.xlsx, found none; unpack the release again")
    yield exactly("participants with physiology", PARTICIPANTS, len({stage.participant for stage in stages if stage.signals}))
    yield exactly("talks with audio", None, sum(stage.audio is not None for stage in stages))
    yield from _unused_audio(base, root, {stage.audio for stage in stages})
    for stage in stages:
        yield from _recording(stage, root)


def _is_release(folder: Path, release: str) -> bool:
    outer, inner = (_SESSION, re.compile("E4")) if release == "session_first" else (_PARTICIPANT, _SESSION)
    return any((child / name.name).is_dir() for child in _folders(folder, outer) for name in _folders(child, inner))


def _folders(folder: Path, name: re.Pattern[str]) -> list[Path]:
    return [child for child in children(folder) if name.fullmatch(child.name) and child.is_dir()] if folder.is_dir() else []


def _stages(base: Path, release: str) -> list[Stage]:
    stages: dict[tuple[str, str, str], Stage] = {}
    for participant, session, path in _session_first(base) if release == "session_first" else _participant_first(base):
        signal = _SIGNAL.fullmatch(path.name)
        name = signal[3].upper() if signal else _TALK
        stage = stages.setdefault((participant, session, name), Stage(participant, session, name))
        if signal:
            first = stage.signals.setdefault(signal[2].lower(), path)
        elif _AUDIO.fullmatch(path.name):
            first = stage.audio = stage.audio or path
        else:
            first = stage.annotation = stage.annotation or path
        if first != path:
            raise InputError(f"{path}: expected one file for {stage.native_id}, found {first.name} too; remove one of the two")
    return [stages[key] for key in sorted(stages)]


def _session_first(base: Path) -> Iterator[tuple[str, str, Path]]:
    for session in _folders(base, _SESSION):
        for participant in _folders(session / "E4", _PARTICIPANT):
            yield from ((participant.name, session.name, path) for path in children(participant) if _is_track(path))
        for folder, name in (("Audio", _AUDIO), ("Annotation", _ANNOTATION)):
            for path in children(session / folder) if (session / folder).is_dir() else ():
                whose = _OF_BOTH.fullmatch(path.name)
                if whose and whose[1] == session.name and name.fullmatch(path.name):
                    yield whose[2], session.name, path


def _participant_first(base: Path) -> Iterator[tuple[str, str, Path]]:
    for participant in _folders(base, _PARTICIPANT):
        for session in _folders(participant, _SESSION):
            for path in children(session):
                if _is_track(path) or _AUDIO.fullmatch(path.name) or _ANNOTATION.fullmatch(path.name):
                    yield participant.name, session.name, path


def _is_track(path: Path) -> bool:
    """Whether the file holds one of the four signals of the wrist; the chest's device measures acceleration too."""
    found = _SIGNAL.fullmatch(path.name)
    return found is not None and found[2].lower() in RATES_HZ and (found[1] or "E4").upper() == "E4"


def _unused_audio(base: Path, root: Path, used: set[Path | None]) -> Iterator[LeftOut]:
    for folder, inner, names in os.walk(base):
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name != "__MACOSX")
        for path in (Path(folder) / name for name in sorted(names) if not name.startswith(".")):
            if path.suffix.lower() in audio.SUFFIXES and path not in used:
                yield LeftOut(path.relative_to(root).as_posix(), "extra_file", f"{path}: expected audio of a talk, found other")


def _recording(stage: Stage, root: Path) -> Iterator[Recording | LeftOut]:
    """The recording of one stage, after what it lacks."""
    name = stage.native_id
    if not stage.signals and stage.audio is None:
        yield LeftOut(name, "missing_signal", f"{stage.annotation}: expected signals or audio of the stage, found its annotation only")
        return
    tracks: dict[str, Track] = {}
    for signal in RATES_HZ:
        if (path := stage.signals.get(signal)) is None:
            yield LeftOut(f"{name}/{signal}", "missing_signal", f"{name}: expected a file of {signal}, found none")
            continue
        tracks[signal] = _track(signal, path)
        lost = np.isnan(tracks[signal].samples.reshape(len(tracks[signal].samples), -1)).any(axis=1)
        if lost.any():
            found = f"{path}: expected a number for each sample, found {lost.sum()} of {len(lost)} without: empty, or absent by times"
            yield LeftOut(path.relative_to(root).as_posix(), "lost_rows", found)
    if stage.stage == _TALK and stage.audio is None:
        yield LeftOut(f"{name}/speech", "missing_signal", f"{name}: expected audio of the talk, found none")
    if stage.stage == _TALK and stage.annotation is None:
        yield LeftOut(name, "unlabelled", f"{name}: expected the raters' stress in the talk, found no annotation")
    stress, strange = _stress(stage.annotation) if stage.annotation else ((), [])
    for column in strange:
        yield LeftOut(f"{name}/{column}", "malformed", f"{stage.annotation}: expected times and raters (R1 ...), found column {column!r}")
    yield Recording(
        native_id=name,
        subject=stage.participant,
        tracks=tracks,
        session=stage.session,
        audio=stage.audio.relative_to(root).as_posix() if stage.audio else None,
        annotations=stress,
    )


def _track(signal: str, path: Path) -> Track:
    axes = 3 if signal == "acc" else 1
    table = _table(path, axes)
    clock = _clock(table)
    values = [str(name) for name in table if name not in clock]
    if axes == 1 and len(values) > 1:
        values = [name for name in values if name.casefold() == signal]
    elif len(values) > axes:  # a row number, as pandas writes it, has no name
        values = [name for name in values if not re.fullmatch(r"column \d+", name)]
    if len(values) != axes or len(clock) > 1:
        raise InputError(f"{path}: expected {axes} column(s) of {signal} and at most one of time, found {list(table)}; correct the file")
    samples = table[values].to_numpy(np.float32)
    rate, start_s = RATES_HZ[signal], 0.0
    if clock:
        times = _times(table[clock[0]], path)
        start_s = float(times[0])
        at = _positions(times, rate, path)
        lost = np.full((at[-1] + 1, axes), np.nan, np.float32)
        lost[at] = samples
        samples = lost
    return Track(rate, start_s, in_g(samples, str(path)) if signal == "acc" else samples[:, 0])


def _clock(table: pd.DataFrame) -> list[str]:
    """Columns of times: ``Time (s)``."""
    return [str(name) for name in table if str(name).casefold().startswith("time")]


def _times(column: "pd.Series[float]", path: Path) -> Float64[np.ndarray, "row"]:
    """Times in s; InputError naming the first row that is empty or not later than the one before it."""
    times = column.to_numpy(np.float64)
    wrong = ~np.isfinite(times)
    wrong[1:] |= ~(np.diff(times) > 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        before = f" after {times[row - 1]:g}" if row else ""
        raise InputError(f"{path}: row {column.index[row]}: expected times that rise, found {times[row]:g}{before}; unpack it again")
    if abs(times[0]) > _LATEST_START_S:
        raise InputError(f"{path}: expected times from the start of the stage, found {times[0]:g} s in the first row; correct the file")
    return times


def _positions(times: Float64[np.ndarray, "row"], rate_hz: float, path: Path) -> Int64[np.ndarray, "row"]:
    """Which sample of an even grid each row is, from 0: the next one, unless its time says that some are missing in between."""
    steps = np.diff(times) * rate_hz
    if len(steps) and abs(np.median(steps) - 1) > _STEP_TOLERANCE:
        raise InputError(
            f"{path}: rates do not match: expected a step of {1 / rate_hz:g} s ({rate_hz:g} Hz), found a median of "
            f"{np.median(steps) / rate_hz:g} s; check its column of times"
        )
    if np.maximum(steps, 1).sum() > 2 * len(times):
        found = f"{len(times)} rows over {times[-1] - times[0]:g} s"
        raise InputError(f"{path}: expected at least half of the samples, found {found}; check it")
    return np.concatenate([[0], np.cumsum(np.maximum(np.rint(steps), 1))]).astype(np.int64)


def _stress(path: Path) -> tuple[tuple[Annotation, ...], list[str]]:
    """The ratings, and the columns that are none; a row number, as pandas writes it, has no name."""
    table = _table(path, 0)
    raters = [str(name) for name in table if re.fullmatch(r"R\d+", str(name))]
    clock = _clock(table)
    strange = [str(name) for name in table if name not in (*clock, *raters) and not re.fullmatch(r"column \d+", str(name))]
    if len(clock) != 1 or not raters or len(table) < 2:
        raise InputError(f"{path}: expected times and raters (R1 ...) of two rows or more, found {list(table)}; correct the file")
    times = _times(table[clock[0]], path)
    ends = np.append(times[1:], 2 * times[-1] - times[-2])  # the last holds as long as the one before it
    for rater in raters:
        for row, found in table.loc[(table[rater] < RATINGS[0]) | (table[rater] > RATINGS[1]), rater].items():
            raise InputError(f"{path}: row {row}: {rater} expects {RATINGS[0]:g} to {RATINGS[1]:g}, found {found:g}; correct the file")
    return tuple(
        Annotation(float(start), float(end), f"stress_{rater}", None if np.isnan(value) else float(value))
        for rater in raters
        for start, end, value in zip(times, ends, table[rater], strict=True)
    ), strange


def _table(path: Path, unnamed_columns: int) -> pd.DataFrame:
    """Numbers of a workbook or csv, indexed by their row in the file, from 1; a csv of ``unnamed_columns`` columns needs no names."""
    if path.suffix.lower() == ".csv":
        table = _csv(path, unnamed_columns)
    else:
        table = workbook.read(path)
        table.index += 2
    if table.empty:
        raise InputError(f"{path}: expected rows of numbers, found none; unpack the release again")
    numbers = table.apply(pd.to_numeric, errors="coerce").astype(np.float64)
    wrong = (numbers.isna() & table.notna()) | np.isinf(numbers)
    if wrong.to_numpy().any():
        row, column = wrong.stack().idxmax()
        raise InputError(f"{path}: row {row}: {column} expects a number, found {str(table[column][row])[:40]!r}; unpack the file again")
    return numbers


def _csv(path: Path, unnamed_columns: int) -> pd.DataFrame:
    try:
        lines = regular(path).read_text(encoding="utf-8-sig").rstrip().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a text file that can be read, found {type(error).__name__}; unpack the release again") from None
    names = [name.strip().strip('"') or f"column {k}" for k, name in enumerate(lines[0].split(","), 1)]
    for number, line in enumerate(lines, 1):
        if line.count(",") != len(names) - 1:
            found = f"expected {len(names)} values as in the first row, found {line.count(',') + 1}"
            raise InputError(f"{path}: row {number}: {found}; the file is cut short or damaged: unpack it again")
    named = not all(_NUMBER.fullmatch(name) for name in names)
    default = names == ["0"] and len(lines) > 1 and "." in lines[1]  # the name that pandas gives to a column without one
    if not named and not default:
        if len(names) != unnamed_columns:
            raise InputError(f"{path}: expected column names in the first row, found {lines[0][:40]!r}; unpack the file again")
        names = [f"column {k}" for k in range(1, len(names) + 1)]
    if len(set(names)) < len(names):
        raise InputError(f"{path}: expected each column name once, found {names}; correct the file")
    first = 1 if named or default else 0
    if not any(line.strip() for line in lines[first:]):
        return pd.DataFrame(columns=names)
    text = StringIO("\n".join(lines[first:]))
    table = pd.read_csv(text, header=None, names=names, index_col=False, skip_blank_lines=False, quoting=3, low_memory=False)
    table.index += first + 1
    return table
