"""The eight statistics that masked-signal pretraining predicts (paper B §3.2; "Sense and Learn", Saeed et al. 2020)."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

STATISTICS = ("mean", "std", "min", "max", "median", "skewness", "kurtosis", "n_peaks")


def statistics(
    values: Float32[np.ndarray, "window sample axis"],
    start: Int[np.ndarray, "window"],
    length: Int[np.ndarray, "window"],
    peaks: Literal["of_each", "of_mean"] = "of_each",
) -> Float64[np.ndarray, "window 8"]:
    """``STATISTICS`` of each window's samples [start, start + length), over all axes together, in the order of the names.

    As numpy.std (ddof 0), scipy.stats.skew and kurtosis (biased, Fisher); where all values are equal these three are 0. Peaks are those of
    scipy.signal.find_peaks without arguments, in the segment alone: summed over the axes, or of the mean over the axes.
    Segments are not empty and lie within their window.
    """
    instants = np.arange(values.shape[1])
    inside = (instants >= start[:, None]) & (instants < (start + length)[:, None])
    rows = values[inside]  # (instant of a segment, axis): the segments one after the other, without padding
    flat = np.ascontiguousarray(rows).reshape(-1)
    counts = length * values.shape[2]
    starts = np.cumsum(counts) - counts
    lowest, highest = np.minimum.reduceat(flat, starts), np.maximum.reduceat(flat, starts)
    mean, variance, third, fourth = _central_moments(flat.astype(np.float64), starts, counts)
    varies = highest > lowest
    spread = np.where(varies, variance, 1.0)
    courses = rows if peaks == "of_each" else rows.mean(axis=1, dtype=np.float64)[:, None]
    return np.stack(
        [
            mean,
            np.where(varies, np.sqrt(variance), 0.0),
            lowest,
            highest,
            _medians(flat, starts, counts),
            np.where(varies, third / spread**1.5, 0.0),
            np.where(varies, fourth / spread**2 - 3.0, 0.0),
            sum(_peaks(courses[:, axis], length) for axis in range(courses.shape[1])),
        ],
        axis=1,
    )


def _central_moments(
    flat: Float64[np.ndarray, "value"], starts: Int[np.ndarray, "window"], counts: Int[np.ndarray, "window"]
) -> tuple[Float64[np.ndarray, "window"], ...]:
    """The mean, and the central moments of order 2, 3 and 4, of each run of ``counts`` values."""
    mean = np.add.reduceat(flat, starts) / counts
    deviation = flat - np.repeat(mean, counts)
    square = deviation * deviation
    deviation *= square
    variance = np.add.reduceat(square, starts) / counts
    third = np.add.reduceat(deviation, starts) / counts
    square *= square
    return mean, variance, third, np.add.reduceat(square, starts) / counts


def _medians(
    flat: Float[np.ndarray, "value"], starts: Int[np.ndarray, "window"], counts: Int[np.ndarray, "window"]
) -> Float64[np.ndarray, "window"]:
    """The median of each run, by partial sorting (numpy.median would spend five times as long on its arguments)."""
    medians = np.empty(len(counts))
    for window, (begin, count) in enumerate(zip(starts.tolist(), counts.tolist(), strict=True)):
        half = count // 2
        run = np.partition(flat[begin : begin + count], (half - 1, half) if count % 2 == 0 else half)
        medians[window] = run[half] if count % 2 else (float(run[half - 1]) + float(run[half])) / 2
    return medians


def _peaks(course: Float[np.ndarray, "instant"], length: Int[np.ndarray, "window"]) -> Int[np.ndarray, "window"]:
    """How many peaks each run of ``length`` values has: a rise, then any number of equal values, then a fall."""
    window = np.repeat(np.arange(len(length)), length)
    slope = np.sign(np.diff(course))
    moves = np.flatnonzero((slope != 0) & (window[1:] == window[:-1]))  # of a flat stretch only its ends matter
    before, after = moves[:-1], moves[1:]
    peak = (slope[before] > 0) & (slope[after] < 0) & (window[before] == window[after])
    return np.bincount(window[before[peak]], minlength=len(length))
