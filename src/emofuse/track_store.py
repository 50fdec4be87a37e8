"""Recordings on disk: the Recordings and Annotations tables, and the samples of every track in one array cache.

A corpus is written as its reader yields it, one recording in memory at a time. The cache's key is <recording>/<signal>; samples are
float32, acceleration as x, y, z of the first sample, then of the second; NaN marks a lost sample.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from emofuse import arrays, audio, tables
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.signals import SIGNALS, UNITS, Recording, Track

SPEECH = "speech"
_AXES = {"acc": 3}


def write(corpus: str, recordings: Iterator[Recording], root: Path, folder: Path) -> pd.DataFrame:
    """Write recordings.parquet, annotations.parquet and samples/ below ``folder``; return the Recordings table.

    Every audio file is decoded once. The folder appears whole or not at all. Raises InputError naming the recording where a signal is
    unknown or has another shape, where audio is absent or damaged, and where a corpus yields no recording.
    """
    rows: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    heard: dict[str, audio.AudioFile] = {}
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        arrays.write(partial / "samples", _samples(corpus, recordings, root, rows, annotations, heard), gaps=True)
        if not rows:
            raise InputError(f"{root}: expected recordings of {corpus}, found none; unpack the release again")
        table = _typed(rows, tables.RECORDINGS)
        tables.write(table, partial / "recordings.parquet", tables.RECORDINGS)
        tables.write(_typed(annotations, tables.ANNOTATIONS), partial / "annotations.parquet", tables.ANNOTATIONS)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return table


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, ArrayCache]:
    """The Recordings table, the Annotations table and the samples that ``write`` wrote."""
    recordings = tables.read(folder / "recordings.parquet", tables.RECORDINGS)
    return recordings, tables.read(folder / "annotations.parquet", tables.ANNOTATIONS), ArrayCache(folder / "samples")


def _samples(
    corpus: str,
    recordings: Iterator[Recording],
    root: Path,
    rows: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
    heard: dict[str, audio.AudioFile],
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every track's samples; what the tables say of it is appended on the way."""
    for recording in recordings:
        name = f"{corpus}:{recording.native_id}"
        flat = {signal: _flat(f"{name}/{signal}", signal, track) for signal, track in recording.tracks.items()}
        if recording.audio is not None and recording.audio not in heard:
            heard[recording.audio] = audio.inspect(root / recording.audio)
        speech = heard[recording.audio] if recording.audio is not None else None
        shared = _shared(corpus, name, recording, speech)
        for signal, track in recording.tracks.items():
            axes = _AXES.get(signal, 1)
            lost = int(np.isnan(flat[signal]).reshape(-1, axes).any(axis=1).sum())
            own = {"signal": signal, "rate_hz": track.rate_hz, "unit": UNITS[signal], "start_s": track.start_s}
            rows.append({**shared, **own, "samples": len(track.samples), "lost": lost})
            yield f"{name}/{signal}", flat[signal]
        if speech is not None:
            own = {"signal": SPEECH, "rate_hz": float(speech.rate_hz), "unit": "full scale", "start_s": 0.0}
            counts = {"samples": round(speech.duration_s * speech.rate_hz), "lost": 0}
            rows.append({**shared, **own, **counts, "path": recording.audio, "audio_sha256": speech.sha256})
        annotations += [{"recording": name, **vars(a)} for a in recording.annotations]


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


def _typed(rows: list[dict[str, Any]], table: tables.Table) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(table.columns))
    return pa.Table.from_pandas(frame, schema=table.schema, preserve_index=False).to_pandas()
