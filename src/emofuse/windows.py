"""Recordings cut into windows of 4 s, one second of which overlaps (B §4.1.1), each standardised by itself.

Lengths, rates and the standardisation are those of the first author's app: 16 samples of skin conductance and of temperature, 256 of
pulse, 384 of acceleration (x, then y, then z, standardised together). What the app does not say: corpora of other rates are brought to
these by an anti-aliasing polyphase filter; lost samples become the window's mean, which is zero.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float32, Float64, Int64
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import resample_poly

from emofuse import arrays, tables
from emofuse.errors import InputError
from emofuse.params import wearable
from emofuse.signals import SIGNALS

_AXES = {"acc": 3}
_ROUNDING_S = 1e-6  # times are compared to a microsecond: sums of hops are not exact in binary


@dataclass(frozen=True)
class Cut:
    """Windows of one signal of one recording, and how each fared.

    ``windows`` has shape (window, sample): standardised, zeros where the signal is constant or absent. ``constant``: the window does not
    vary; ``incomplete``: some of its samples are lost; ``absent``: too many are, or it lies outside of the track.
    """

    windows: Float32[np.ndarray, "window sample"]
    constant: Bool[np.ndarray, "window"]
    incomplete: Bool[np.ndarray, "window"]
    absent: Bool[np.ndarray, "window"]


def starts(span_start_s: float, span_end_s: float, settings: wearable.Windows) -> Float64[np.ndarray, "window"]:
    """Where windows start, in s: every hop from the span's start, whole windows only; none where the span is shorter than one."""
    span = np.array([span_end_s - span_start_s])
    return span_start_s + settings.hop_s * np.arange(_whole(span, settings)[0])


def _whole(spans_s: Float64[np.ndarray, "recording"], settings: wearable.Windows) -> Int64[np.ndarray, "recording"]:
    return np.maximum(np.floor((spans_s - settings.length_s + _ROUNDING_S) / settings.hop_s).astype(np.int64) + 1, 0)


def resampled(
    samples: Float32[np.ndarray, "sample *axis"], rate_hz: float, target_hz: float
) -> Float32[np.ndarray, "resampled *axis"] | Float64[np.ndarray, "resampled *axis"]:
    """The whole track at another rate, low-pass filtered below half of the lower rate; its first sample keeps its time.

    Lost samples (NaN) are filled along a straight line, and are lost again wherever they are the nearest. At equal rates the samples
    are returned as they are.
    """
    ratio = Fraction(target_hz).limit_denominator(1000) / Fraction(rate_hz).limit_denominator(1000)
    lost = _lost(samples)
    if ratio == 1 or lost.all():
        return samples
    filled = samples.astype(np.float64).reshape(len(samples), -1)
    if lost.any():
        present = np.flatnonzero(~lost)
        for axis in filled.T:
            axis[lost] = np.interp(np.flatnonzero(lost), present, axis[present])
    # the line through the first and the last sample passes unfiltered: the filter would ring at both ends, and its phases weigh an
    # offset differently, by up to 0.07 %, which is more than a temperature varies in 4 s
    offset, slope = filled[0], (filled[-1] - filled[0]) / max(len(filled) - 1, 1)
    found = resample_poly(filled - offset - slope * np.arange(len(filled))[:, None], ratio.numerator, ratio.denominator, axis=0)
    time = np.arange(len(found)) / float(ratio)  # in samples of the track
    found += offset + slope * time[:, None]
    nearest = np.floor(time + 0.5).astype(np.int64)
    found[lost[np.minimum(nearest, len(samples) - 1)]] = np.nan
    return found.reshape(len(found), *samples.shape[1:])


def _lost(samples: np.ndarray) -> Bool[np.ndarray, "sample"]:
    return np.isnan(samples).any(axis=tuple(range(1, samples.ndim)))


def cut(
    track: Float32[np.ndarray, "sample *axis"],
    rate_hz: float,
    track_start_s: float,
    starts_s: Float64[np.ndarray, "window"],
    signal: str,
    settings: wearable.Windows,
) -> Cut:
    """One window of ``signal`` from each of ``starts_s``, standardised: zero mean, standard deviation 1 (ddof 1) over present samples.

    Times are in s from the recording's zero; a window begins with the sample nearest to its start. Samples that are lost, or that the
    track does not reach, are zero. A window is constant where its standard deviation is at most ``settings.constant_below`` of its
    largest magnitude, so that units do not matter; its values are zeros. More lost than ``settings.largest_lost_share``: absent.
    """
    target_hz = getattr(settings.rates_hz, signal)
    length = round(settings.length_s * target_hz)
    samples = resampled(track, rate_hz, target_hz)
    first = np.floor((starts_s - track_start_s + _ROUNDING_S) * target_hz + 0.5).astype(np.int64)
    if first.min(initial=0) < 0 or first.max(initial=0) + length > len(samples):
        samples = np.pad(samples.astype(np.float32), [(length, length), *[(0, 0)] * (track.ndim - 1)], constant_values=np.nan)
        first = np.clip(first + length, 0, len(samples) - length)
    axes = math.prod(samples.shape[1:])
    views = sliding_window_view(samples.reshape(-1, axes), length, axis=0)[first]  # (window, axis, sample)
    lost = np.tile(np.isnan(views).any(axis=1), axes)
    windows = views.reshape(len(first), axes * length).astype(np.float64)  # x, then y, then z
    incomplete, absent = lost.any(axis=1), lost.mean(axis=1) > settings.largest_lost_share
    windows[lost] = 0.0
    present = np.maximum((~lost).sum(axis=1, keepdims=True), 1)
    largest = np.abs(windows).max(axis=1, initial=0.0)
    windows -= windows.sum(axis=1, keepdims=True) / present
    windows[lost] = 0.0
    deviation = np.sqrt((windows**2).sum(axis=1, keepdims=True) / np.maximum(present - 1, 1))
    constant = deviation[:, 0] <= settings.constant_below * largest
    windows /= np.where(constant[:, None], 1.0, deviation)
    windows[constant | absent] = 0.0
    return Cut(windows.astype(np.float32), constant & ~absent, incomplete & ~absent, absent)


def examples(recordings: pd.DataFrame, settings: wearable.Windows) -> pd.DataFrame:
    """One row of Examples for each window of each recording's span; the labels are null.

    ``recordings`` are rows of Recordings. An id is the recording's and the start in s, such as ``kemocon:P1:00012.00``. Raises
    InputError where the signals of a recording do not share one span.
    """
    one = recordings.drop_duplicates("recording")
    spans = recordings[["recording", "span_start_s", "span_end_s"]].drop_duplicates()
    if len(spans) > len(one):
        raise InputError(
            f"{spans.loc[spans.duplicated('recording'), 'recording'].iloc[0]}: expected one span for all signals of a recording, found "
            "several; run `dvc repro` to read the corpus again"
        )
    speech = recordings.loc[recordings["signal"] == "speech", ["recording", "path", "audio_sha256"]]
    one = one.drop(columns=["path", "audio_sha256"]).merge(speech, on="recording", how="left", validate="one_to_one")
    whole = _whole((one["span_end_s"] - one["span_start_s"]).to_numpy(dtype=np.float64), settings)
    rows = one.loc[one.index.repeat(whole)].reset_index(drop=True)
    number = np.arange(len(rows)) - np.repeat(whole.cumsum() - whole, whole)
    start_s = rows["span_start_s"].to_numpy(dtype=np.float64) + settings.hop_s * number
    known = {
        "example_id": [f"{recording}:{start:08.2f}" for recording, start in zip(rows["recording"], start_s, strict=True)],
        "start_s": start_s,
        "end_s": start_s + settings.length_s,
        "speaker": rows["subject"],
        **{name: rows[name] for name in ("corpus", "path", "audio_sha256", "recording", "partner", "session", "split")},
    }
    return pd.DataFrame(known, index=rows.index).reindex(columns=list(tables.EXAMPLES.columns))


def signal_windows(
    signal: str, recordings: pd.DataFrame, tracks: arrays.ArrayCache, examples: pd.DataFrame, settings: wearable.Windows
) -> tuple[list[str], Float32[np.ndarray, "window sample"], dict[str, int]]:
    """Ids and windows of the examples that have ``signal``, and counts of how all examples fared (the columns of WindowCounts).

    ``tracks`` holds each track under ``<recording>/<signal>``, acceleration as x, y, z of one sample after the other. Raises InputError
    where a track and its row of Recordings disagree.
    """
    have = recordings[recordings["signal"] == signal]
    clocks = dict(zip(have["recording"], zip(have["rate_hz"], have["start_s"], have["samples"], strict=True), strict=True))
    ids, start_s = examples["example_id"].to_numpy(), examples["start_s"].to_numpy(dtype=np.float64)
    found_ids: list[str] = []
    found: list[np.ndarray] = []
    counts = {"windows": 0, "constant": 0, "incomplete": 0, "absent": len(examples)}
    for recording, places in examples.groupby("recording", sort=False).indices.items():
        if recording not in clocks:
            continue
        rate_hz, track_start_s, samples = clocks[recording]
        track = _track(f"{recording}/{signal}", signal, samples, tracks)
        part = cut(track, rate_hz, track_start_s, start_s[places], signal, settings)
        found_ids.extend(ids[places][~part.absent])
        found.append(part.windows[~part.absent])
        counts["constant"] += int(part.constant.sum())
        counts["incomplete"] += int(part.incomplete.sum())
    counts["windows"] = len(found_ids)
    counts["absent"] -= len(found_ids)
    length = round(settings.length_s * getattr(settings.rates_hz, signal)) * _AXES.get(signal, 1)
    return found_ids, np.concatenate([np.empty((0, length), np.float32), *found]), counts


def _track(key: str, signal: str, samples: int, tracks: arrays.ArrayCache) -> Float32[np.ndarray, "sample *axis"]:
    track, axes = tracks[key], _AXES.get(signal, 1)
    if len(track) != samples * axes:
        raise InputError(f"{key}: expected {samples * axes} values of {samples} samples, found {len(track)}; run `dvc repro` to read again")
    return track if axes == 1 else track.reshape(-1, axes)


def write(
    folder: Path, corpus: str, recordings: pd.DataFrame, tracks: arrays.ArrayCache, examples: pd.DataFrame, settings: wearable.Windows
) -> pd.DataFrame:
    """Write one feature cache for each signal under ``folder`` and return the corpus' rows of WindowCounts.

    A window that lacks a signal is not in that signal's cache; a corpus that lacks it has an empty one.
    """
    counts = []
    for signal in SIGNALS:
        ids, windows, fared = signal_windows(signal, recordings, tracks, examples, settings)
        arrays.write(folder / signal, zip(ids, windows, strict=True))
        counts.append({"corpus": corpus, "signal": signal, **fared})
    return pd.DataFrame(counts, columns=list(tables.WINDOW_COUNTS.columns))
