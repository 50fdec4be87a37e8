"""Metrics of one set of predictions, of classes (UAR, accuracy, macro F1) and of dimensions (CCC, PCC, MSE), and their mean and spread.

Plain NumPy, float64.

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


def accuracy(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Share of the examples whose class is recognised (paper B, section 4.2): range 0 to 1.

    >>> accuracy([0, 0, 0, 1], [0, 0, 1, 0])
    0.5
    """
    pair = _pair(truth, prediction)
    return float("nan") if pair is None else float((pair[0] == pair[1]).mean())


def macro_f1(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Mean F1 of the classes that occur in ``truth`` or in ``prediction`` (paper B, section 4.2): range 0 to 1.

    The F1 of a class is 2 hits / (its examples + its predictions). A class that occurs in neither does not count, as is scikit-learn's
    default; the paper does not say. A class that is only predicted counts as 0.

    >>> macro_f1([0, 0, 1, 1], [0, 1, 1, 1])
    0.7333333333333334
    """
    pair = _pair(truth, prediction)
    return float("nan") if pair is None else float(_f1(*pair).mean())


def macro_f1_all(truth: ArrayLike, prediction: ArrayLike, n_classes: int) -> float:
    """Mean F1 of all classes 0 to ``n_classes`` - 1; one that occurs neither in ``truth`` nor in ``prediction`` counts as 0.

    Raises ValueError where a value is not one of the class codes.

    >>> macro_f1_all([0, 0, 1, 1], [0, 1, 1, 1], n_classes=4)
    0.3666666666666667
    """
    pair = _pair(truth, prediction)
    if pair is None:
        return float("nan")
    unknown = np.setdiff1d(np.concatenate(pair), np.arange(n_classes))
    if len(unknown):
        raise ValueError(f"macro_f1_all expects class codes from 0 to {n_classes - 1}, found {unknown[0]:g}")
    return float(_f1(*pair).sum() / n_classes)


def _f1(truth: NDArray[np.float64], prediction: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 of every class that occurs, shape (class,)."""
    classes, code = np.unique(np.concatenate([truth, prediction]), return_inverse=True)
    true, predicted = np.split(code, 2)
    hits = np.bincount(true, weights=true == predicted, minlength=len(classes))
    return 2 * hits / np.bincount(code)


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
    """Mean and standard deviation (ddof 1) over seeds or subjects; both NaN if one value is, the deviation also for fewer than two values.

    >>> mean_sd([1.0, 3.0])
    (2.0, 1.4142135623730951)
    """
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean()) if len(array) else float("nan")
    if len(array) < 2 or np.isnan(array).any():
        return mean, float("nan")
    return mean, 0.0 if np.ptp(array) == 0 else float(array.std(ddof=1))  # equal values: no deviation left over from rounding


def standard_error(values: ArrayLike) -> float:
    """Standard error of the mean, sd (ddof 1) / sqrt(n): over subjects in paper B, Table 1. NaN where the deviation is.

    >>> standard_error([1.0, 3.0])
    1.0
    """
    array = np.asarray(values, dtype=np.float64)
    return float(mean_sd(array)[1] / np.sqrt(max(len(array), 1)))


@dataclass(frozen=True)
class Metric:
    """A metric and which way is better: a function of truth and prediction, and of the number of classes if ``of_all_classes``."""

    function: Callable[..., float]
    higher_is_better: bool
    of_all_classes: bool = False


METRICS: dict[str, Metric] = {
    "uar": Metric(uar, higher_is_better=True),
    "accuracy": Metric(accuracy, higher_is_better=True),
    "macro_f1": Metric(macro_f1, higher_is_better=True),
    "macro_f1_all": Metric(macro_f1_all, higher_is_better=True, of_all_classes=True),
    "ccc": Metric(ccc, higher_is_better=True),
    "pcc": Metric(pcc, higher_is_better=True),
    "mse": Metric(mse, higher_is_better=False),
}
