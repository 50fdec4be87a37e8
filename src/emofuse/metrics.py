"""UAR, CCC, PCC and MSE of one set of predictions, and their mean over seeds: plain NumPy, float64.

Every metric takes two one-dimensional arrays of equal length and raises ValueError on any other shapes: (N, 1) against (N,) would
broadcast to N x N without an error. Every metric is NaN without examples and NaN where one value is NaN or infinite, so that a broken
run shows as an undefined score.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _pair(truth: ArrayLike, prediction: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Both as float64 arrays of shape (example,), or None where no metric is defined."""
    left, right = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(f"a metric expects two one-dimensional arrays of equal length, found shapes {left.shape} and {right.shape}")
    if len(left) == 0 or not (np.isfinite(left).all() and np.isfinite(right).all()):
        return None
    return left, right


def uar(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Unweighted average recall of class codes: the mean over the classes in ``truth`` of the share that was recognised.

    Range 0 to 1, chance 1 / number of classes (paper A, section 5). A class that is only ever predicted has no recall and does not
    count (balanced accuracy), so a fold whose truth lacks a class is not punished for it.

    >>> uar([0, 0, 1, 1], [0, 0, 0, 1])
    0.75
    """
    pair = _pair(truth, prediction)
    if pair is None:
        return float("nan")
    _, code = np.unique(pair[0], return_inverse=True)
    recall = np.bincount(code, weights=pair[0] == pair[1]) / np.bincount(code)
    return float(recall.mean())


def ccc(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Lin's concordance correlation coefficient, 2 cov / (var_t + var_p + (mean_t - mean_p)^2), with population moments (ddof 0).

    Range -1 to 1; 1 only where prediction equals truth. 0 where one side alone is constant; NaN where both are constant and equal.

    >>> round(ccc([1, 2, 3], [2, 3, 4]), 12)
    0.571428571429
    >>> ccc([1, 2, 3], [2, 2, 2])
    0.0
    """
    pair = _pair(truth, prediction)
    if pair is None:
        return float("nan")
    t, p = pair
    if np.ptp(t) == 0 and np.ptp(p) == 0 and t[0] == p[0]:
        return float("nan")
    if np.ptp(t) == 0 or np.ptp(p) == 0:
        return 0.0  # exactly, where rounding of the mean would leave some 1e-17
    dt, dp = t - t.mean(), p - p.mean()
    return float(2 * (dt * dp).mean() / ((dt * dt).mean() + (dp * dp).mean() + (t.mean() - p.mean()) ** 2))


def pcc(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Pearson's correlation coefficient, cov / (sd_t sd_p): range -1 to 1, blind to scale and offset (paper A, section 4).

    NaN where either side is constant.

    >>> round(pcc([1, 2, 3], [20, 30, 40]), 12)
    1.0
    """
    pair = _pair(truth, prediction)
    if pair is None or np.ptp(pair[0]) == 0 or np.ptp(pair[1]) == 0:
        return float("nan")
    dt, dp = pair[0] - pair[0].mean(), pair[1] - pair[1].mean()
    return float((dt * dp).sum() / np.sqrt((dt * dt).sum() * (dp * dp).sum()))


def mse(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Mean squared error, in squared units of the rating scale: 0 or more.

    >>> mse([1, 2], [1, 4])
    2.0
    """
    pair = _pair(truth, prediction)
    return float("nan") if pair is None else float(np.square(pair[0] - pair[1]).mean())


def mean_sd(values: ArrayLike) -> tuple[float, float]:
    """Mean and standard deviation (ddof 1) over seeds; both NaN if one value is, the deviation also for fewer than two values.

    >>> mean_sd([1.0, 3.0])
    (2.0, 1.4142135623730951)
    """
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean()) if len(array) else float("nan")
    if len(array) < 2 or np.isnan(array).any():
        return mean, float("nan")
    return mean, 0.0 if np.ptp(array) == 0 else float(array.std(ddof=1))  # equal values: no deviation left over from rounding


@dataclass(frozen=True)
class Metric:
    """A metric of (truth, prediction) and which way is better."""

    function: Callable[[ArrayLike, ArrayLike], float]
    higher_is_better: bool


METRICS: dict[str, Metric] = {
    "uar": Metric(uar, higher_is_better=True),
    "ccc": Metric(ccc, higher_is_better=True),
    "pcc": Metric(pcc, higher_is_better=True),
    "mse": Metric(mse, higher_is_better=False),
}
