"""Recordings on disk: the Recordings and Annotations tables, the samples of every track in one array cache, and what is left out.

A corpus is written as its reader yields it, one recording in memory at a time. The cache's key is <recording>/<signal>; samples are
float32, acceleration as x, y, z of the first sample, then of the second; NaN marks a lost sample. Audio that cannot be used is left out
and weighed by the audit; the recording keeps its other signals.
"""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emofuse import arrays, audio, tables
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.release import children, is_invented
from emofuse.remarks import Count, LeftOut, counts_table, heard, left_out_table
from emofuse.signals import SIGNALS, UNITS, Recording, Track

SPEECH = "speech"
_AXES = {"acc": 3}
_DEPTH = 2  # folders below the root in which a release may lie, as release.locate has it


@dataclass
class _Written:
    """What the tables will say, gathered while samples are written."""

    corpus: str
    root: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    heard: dict[str, audio.AudioFile | tuple[str, str]] = field(default_factory=dict)  # by path; or reason and detail of what cannot be


def write(corpus: str, found: Iterable[Recording | LeftOut | Count], root: Path, folder: Path) -> pd.DataFrame:
    """Write recordings, annotations, left_out and counts.parquet, and samples/, below ``folder``; return the Recordings table.

    Every audio file is decoded once; what is absent, damaged or silent is left out, and so is a recording of which nothing remains. What
    was published of a corpus stands in Counts unless emofuse.toy wrote the corpus. The folder appears whole or not at all. Raises
    InputError naming the recording where a signal is unknown or has another shape, and where a corpus yields nothing that can be used.
    """
    written = _Written(corpus, root)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        arrays.write(partial / "samples", _samples(found, written), gaps=True)
        if not written.rows:
            why = f"none that can be used: {written.left_out[0].detail}" if written.left_out else "none; unpack the release again"
            raise InputError(f"{root}: expected recordings of {corpus}, found {why}")
        table = tables.of_rows(written.rows, tables.RECORDINGS, str(root))
        tables.write(table, partial / "recordings.parquet", tables.RECORDINGS)
        annotations = tables.of_rows(written.annotations, tables.ANNOTATIONS, str(root))
        tables.write(annotations, partial / "annotations.parquet", tables.ANNOTATIONS)
        tables.write(left_out_table(corpus, _once(written.left_out), root), partial / "left_out.parquet", tables.LEFT_OUT)
        counts = counts_table(corpus, written.counts, published=not _invented(root))
        tables.write(counts, partial / "counts.parquet", tables.COUNTS)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(folder)
    except UnicodeEncodeError as error:
        raise InputError(f"{root}: expected names of files and folders in UTF-8, found {error.object!a}; rename it") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return table


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, ArrayCache]:
    """The Recordings table, the Annotations table and the samples that ``write`` wrote."""
    recordings = tables.read(folder / "recordings.parquet", tables.RECORDINGS)
    return recordings, tables.read(folder / "annotations.parquet", tables.ANNOTATIONS), ArrayCache(folder / "samples")


def remarks(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The LeftOut table and the Counts table that ``write`` wrote."""
    return tables.read(folder / "left_out.parquet", tables.LEFT_OUT), tables.read(folder / "counts.parquet", tables.COUNTS)


def _invented(root: Path) -> bool:
    """Whether emofuse.toy wrote the corpus, which may lie in a folder of its own below the root, but not beside a genuine one."""
    folder = root
    for _ in range(_DEPTH):
        inner = [child for child in children(folder) if child.is_dir()]
        if is_invented(folder, folder) or len(inner) != 1:
            break
        folder = inner[0]
    return is_invented(folder, folder)


def _once(items: list[LeftOut]) -> list[LeftOut]:
    """One for each item and reason, whose details are joined."""
    details: dict[tuple[str, str], dict[str, None]] = {}
    for item in items:
        details.setdefault((item.item, item.reason), {})[item.detail] = None
    return [LeftOut(*key, "; ".join(said)) for key, said in details.items()]


def _samples(found: Iterable[Recording | LeftOut | Count], written: _Written) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every track's samples; what the tables say of it is appended on the way."""
    for one in found:
        if isinstance(one, LeftOut):
            written.left_out.append(one)
        elif isinstance(one, Count):
            written.counts.append(one)
        else:
            yield from _of_one(one, written)


def _of_one(recording: Recording, written: _Written) -> Iterator[tuple[str, np.ndarray]]:
    name = f"{written.corpus}:{recording.native_id}"
    flat = {signal: _flat(f"{name}/{signal}", signal, track) for signal, track in recording.tracks.items()}
    speech = _speech(recording, written)
    if not flat and speech is None:
        if recording.audio is None:
            found = f"{name}: expected signals or audio, found neither"
            written.left_out.append(LeftOut(recording.native_id, "missing_signal", found))
        return
    shared = _shared(written.corpus, name, recording, speech)
    for signal, track in recording.tracks.items():
        axes = _AXES.get(signal, 1)
        lost = int(np.isnan(flat[signal]).reshape(-1, axes).any(axis=1).sum())
        own = {"signal": signal, "rate_hz": track.rate_hz, "unit": UNITS[signal], "start_s": track.start_s}
        written.rows.append({**shared, **own, "samples": len(track.samples), "lost": lost})
        yield f"{name}/{signal}", flat[signal]
    if speech is not None:
        own = {"signal": SPEECH, "rate_hz": float(speech.rate_hz), "unit": "full scale", "start_s": 0.0}
        counts = {"samples": round(speech.duration_s * speech.rate_hz), "lost": 0}
        written.rows.append({**shared, **own, **counts, "path": recording.audio, "audio_sha256": speech.sha256})
    written.annotations += [{"recording": name, **vars(a)} for a in recording.annotations]


def _speech(recording: Recording, written: _Written) -> audio.AudioFile | None:
    """The recording's audio where it can be used; what cannot be is left out."""
    if recording.audio is None:
        return None
    if recording.audio not in written.heard:
        written.heard[recording.audio] = heard(written.root / recording.audio)
    file = written.heard[recording.audio]
    if isinstance(file, audio.AudioFile):
        return file
    written.left_out.append(LeftOut(recording.native_id, *file))
    return None


def _shared(corpus: str, name: str, recording: Recording, speech: audio.AudioFile | None) -> dict[str, Any]:
    start, end = recording.span_s or _common_span(recording, speech)
    return {
        "recording": name,
        "corpus": corpus,
        "subject": recording.subject,
        "partner": recording.partner,
        "session": recording.session,
        "device": recording.device,
        "split": recording.split,
        "t0_unix_s": recording.t0_unix_s,
        "span_start_s": start,
        "span_end_s": end,
    }


def _common_span(recording: Recording, speech: audio.AudioFile | None) -> tuple[float, float]:
    """Where all tracks and the audio overlap; of no length where they do not."""
    spans = [(t.start_s, t.start_s + len(t.samples) / t.rate_hz) for t in recording.tracks.values()]
    spans += [(0.0, speech.duration_s)] if speech is not None else []
    start, end = max((s for s, _ in spans), default=0.0), min((e for _, e in spans), default=0.0)
    return start, max(start, end)


def _flat(where: str, signal: str, track: Track) -> np.ndarray:
    shape = track.samples.shape
    if signal not in SIGNALS or shape[1:] != ((3,) if signal == "acc" else ()) or not track.rate_hz > 0:
        raise InputError(
            f"{where}: expected one of {SIGNALS}, (sample, 3) for acc, else (sample,), at a rate above 0; found shape {shape} at "
            f"{track.rate_hz:g} Hz; mend the reader"
        )
    return np.ascontiguousarray(track.samples, dtype=np.float32).reshape(-1)
