"""WESAD: 15 people at rest, under stress, amused and meditating, two hours each (Schmidt et al. 2018); the wrist device's signals.

Access: https://uni-siegen.sciebo.de/s/pYjSgfOVs6Ntahr or UCI dataset 465.

Layout (``root`` is any folder at most two above)::

    WESAD/S2/S2.pkl  S2_E4_Data.zip  S2_quest.csv  S2_readme.txt  S2_respiban.txt    and so on to S17, without S1 and S12

The pickle is of Python 2: ``signal.chest`` at 700 Hz, ``signal.wrist`` with ACC (32 Hz, 1/64 g), BVP (64 Hz), EDA (4 Hz, uS) and TEMP
(4 Hz, degC), ``label`` at 700 Hz, ``subject``. All of it starts together, at no known time of day. Not used are the chest device's
signals, the wrist device's own files (zipped or not: their clock is another) and the questionnaire. Known sizes: 15 subjects; a label for
each sample of the chest device, which is as long as the wrist device's signals, to 1 s.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from emofuse import restricted_pickle
from emofuse.errors import InputError
from emofuse.recordings import Remark, locate, require_release
from emofuse.recordings.empatica_e4 import RATES_HZ
from emofuse.release import children
from emofuse.remarks import LeftOut, exactly
from emofuse.signals import SIGNALS, Annotation, Recording, Track, in_g

NAME = "wesad"
RELEASES = ("2018",)
LICENCE = "for scientific use, by its readme"
SUBJECTS = 15
LABEL_HZ = 700.0
CONDITIONS = {0: "transient", 1: "baseline", 2: "stress", 3: "amusement", 4: "meditation", 5: "ignored", 6: "ignored", 7: "ignored"}
_TOLERANCE_S = 1.0  # by which the devices may differ in length
_SUBJECT = re.compile(r"S\d+")
_LONGEST = 700 * 86400  # rows: a day at the highest rate


def read(root: Path, release: str) -> Iterator[Recording | Remark]:
    """Yield one recording for each subject, S2 before S10; annotations ``condition`` are the runs of equal label.

    Labels of another length than the wrist device's signals are used as far as both reach, and what lies beyond is left out. Raises
    InputError naming the file for a subject without a pickle, a pickle that is damaged or asks for anything but arrays, or arrays of
    other shapes.
    """
    require_release(NAME, release, RELEASES)
    found = locate(NAME, root, "WESAD (S2/S2.pkl and so on)", lambda folder: bool(subjects(folder)))
    files = subjects(found)
    yield exactly("subjects", SUBJECTS, len(files))
    yield from unread(found, files, root)
    labelled, together = 0, 0
    for path in files:
        content, tracks = signals(path)
        codes = numbers(path, content, "label", "label", 1)[:, 0]
        labels_s, end_s = len(codes) / LABEL_HZ, shared_s(tracks)
        labelled += len(codes) == _chest_samples(content)
        together += abs(labels_s - end_s) <= _TOLERANCE_S
        if abs(labels_s - end_s) > _TOLERANCE_S:
            said = f"{path}: expected labels as long as the wrist device's signals, {end_s:.1f} s, found {labels_s:.1f} s"
            yield LeftOut(path.stem, "surplus", f"{said}: what they share is used")
        conditions = tuple(runs(path, codes, LABEL_HZ, "condition", CONDITIONS))
        yield Recording(path.stem, path.stem, tracks, span_s=(0.0, min(end_s, labels_s)), annotations=conditions)
    yield exactly("subjects with a label for each sample of the chest device", len(files), labelled)
    yield exactly("subjects whose labels end with their signals", len(files), together)


def subjects(folder: Path) -> list[Path]:
    """The pickles S2/S2.pkl and so on below a folder, by number; InputError for a subject's folder without its pickle.

    Empty for a folder that holds no pickle at all.
    """
    people = sorted((d for d in children(folder) if d.is_dir() and _SUBJECT.fullmatch(d.name)), key=lambda d: int(d.name[1:]))
    files = [person / f"{person.name}.pkl" for person in people]
    absent = [path for path in files if not path.is_file()]
    if absent and len(absent) < len(files):
        raise InputError(f"{absent[0]}: expected the subject's signals, found no such file; unpack the release again, or remove the folder")
    return [] if absent else files


def unread(found: Path, files: list[Path], root: Path) -> Iterator[LeftOut]:
    """Pickles beside the subjects' own, as a second download leaves them."""
    for folder in (found, *(path.parent for path in files)):
        for path in children(folder):
            if path.suffix.lower() == ".pkl" and path not in files:
                yield LeftOut(
                    path.relative_to(root).as_posix(), "extra_file", f"{path}: expected S2/S2.pkl and so on, found another pickle"
                )


def signals(path: Path) -> tuple[dict[str, Any], dict[str, Track]]:
    """The content of a subject's pickle, and the wrist device's tracks in it (acceleration in g).

    Raises InputError naming the file if the pickle is of another subject, or lacks a signal, or holds it in another shape.
    """
    content = restricted_pickle.load(path)
    subject = content.get("subject") if isinstance(content, dict) else None
    if subject != path.stem:
        named = f"'{subject:.40}'" if isinstance(subject, str) else f"a {type(subject).__name__}"  # what it holds may be endless to print
        raise InputError(f"{path}: expected the signals of subject '{path.stem}', found {named}; unpack the release again")
    wrist = content.get("signal")
    wrist = wrist.get("wrist") if isinstance(wrist, dict) else None
    tracks = {}
    for signal in SIGNALS:
        where = f"signal.wrist.{signal.upper()}"
        values = numbers(path, wrist, signal.upper(), where, 3 if signal == "acc" else 1)
        samples = in_g(values, f"{path}: {where}") if signal == "acc" else values[:, 0]
        tracks[signal] = Track(RATES_HZ[signal], 0.0, samples)
    return content, tracks


def numbers(path: Path, content: object, key: str, where: str, columns: int) -> Float32[np.ndarray, "row column"]:
    """The array under a key as float32 of shape (row, ``columns``); InputError, naming file and ``where``, for anything else."""
    values = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(values, np.ndarray):
        raise InputError(f"{path}: {where}: expected an array, found {type(values).__name__}; unpack the release again")
    table = values[:, None] if columns == 1 and values.ndim == 1 else values
    fits = table.dtype.kind in "biuf" and table.ndim == 2 and table.shape[1] == columns and 0 < len(table) <= _LONGEST
    with np.errstate(over="ignore"):  # what is too large for single precision counts as infinite
        single = table.astype(np.float32) if fits else np.full(1, np.inf, np.float32)
    if np.isinf(single).any():
        raise InputError(
            f"{path}: {where}: expected numbers of shape (sample, {columns}), none infinite, found {values.dtype} of shape {values.shape}; "
            "unpack the release again"
        )
    return single


def runs(path: Path, codes: Float32[np.ndarray, "sample"], rate_hz: float, name: str, words: Mapping[int, str]) -> Iterator[Annotation]:
    """One annotation for each stretch of equal code; InputError naming the file and the sample for a code without a word."""
    unknown = np.flatnonzero(~np.isin(codes, list(words)))
    if len(unknown):
        raise InputError(
            f"{path}: {name}: expected codes {list(words)}, found {codes[unknown[0]]:g} at sample {unknown[0]}; unpack the release again"
        )
    starts = np.flatnonzero(np.diff(codes, prepend=np.nan))
    for start, end in zip(starts, [*starts[1:], len(codes)], strict=True):
        yield Annotation(float(start) / rate_hz, float(end) / rate_hz, name, text=words[int(codes[start])])


def shared_s(tracks: Mapping[str, Track]) -> float:
    """The time in s at which the shortest track ends."""
    return min(len(track.samples) / track.rate_hz for track in tracks.values())


def _chest_samples(content: Mapping[str, Any]) -> int:
    """Number of samples of the chest device, 0 where the pickle lacks its acceleration."""
    chest = content["signal"].get("chest")
    samples = chest.get("ACC") if isinstance(chest, Mapping) else None
    return len(samples) if isinstance(samples, np.ndarray) and samples.ndim else 0
