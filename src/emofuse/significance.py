"""Two-sided independent t-tests over seeds (paper A, sections 5 and 6), and the paper's own marks recomputed from its printed numbers.

The paper does not say whether it assumes equal variances: the statistic is Student's, pooled variance, as SciPy does by default, and
Welch's p is kept beside it. The unit of n is the seed: one value per seed, also where a seed trains ten folds; that reading agrees with
the paper's marks for n = 5, the printed number of runs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from emofuse.metrics import mean_sd
from emofuse.scores import reported
from emofuse.tables import COMPARISONS

LATE_FUSION_SEED = -1

_GROUP = ["task", "corpus", "test_corpus", "target", "metric"]
_NULL = {"t": np.nan, "df": np.nan, "p": np.nan, "p_welch": np.nan, "hedges_g": np.nan}


def compare(scores: pd.DataFrame, references: Sequence[str]) -> pd.DataFrame:
    """Comparisons of every model with every reference model, for each task, corpus, test corpus, target and metric.

    One row where both have scores; a model is not compared with itself, and late fusion (one derived run, no spread) with nobody. The
    test is null where a side has fewer than two seeds, where neither side varies, and where one seed's score is null (its mean and sd
    are null too: an undefined score is never averaged away).
    """
    rows: list[dict[str, Any]] = []
    seeds = reported(scores)[lambda frame: frame["seed"] != LATE_FUSION_SEED]
    for key, group in seeds.groupby(_GROUP, sort=True):
        values = {str(m): g["value"].to_numpy(dtype=np.float64, na_value=np.nan) for m, g in group.groupby("model", sort=True)}
        for model, sample in values.items():
            for reference in dict.fromkeys(references):
                if reference != model and reference in values:
                    test = t_test(sample, values[reference])
                    rows.append({**dict(zip(_GROUP, key, strict=True)), "model": model, "reference": reference, **test})
    return pd.DataFrame(rows, columns=list(COMPARISONS.columns)) if rows else COMPARISONS.empty()


def t_test(sample: NDArray[np.float64], reference: NDArray[np.float64]) -> dict[str, float | int]:
    """Means, deviations, t, df, p, Welch's p and Hedges' g of two independent samples, as in Comparisons; NaN where undefined."""
    (mean, sd), (reference_mean, reference_sd) = mean_sd(sample), mean_sd(reference)
    n, m = len(sample), len(reference)
    sides = {"mean": mean, "sd": sd, "n": n, "reference_mean": reference_mean, "reference_sd": reference_sd, "reference_n": m}
    if not sd + reference_sd > 0:  # NaN: fewer than two seeds or a null score; 0: neither side varies
        return {**sides, **_NULL}
    summary = (mean, sd, n, reference_mean, reference_sd, m)
    student, welch = (stats.ttest_ind_from_stats(*summary, equal_var=equal) for equal in (True, False))
    df = n + m - 2
    pooled_sd = np.sqrt(((n - 1) * sd**2 + (m - 1) * reference_sd**2) / df)
    g = _small_sample_correction(df) * (mean - reference_mean) / pooled_sd
    return {
        **sides,
        "t": float(student.statistic),
        "df": float(df),
        "p": float(student.pvalue),
        "p_welch": float(welch.pvalue),
        "hedges_g": float(g),
    }


def _small_sample_correction(df: int) -> float:
    """Hedges (1981), exact: gamma(df / 2) / (sqrt(df / 2) gamma((df - 1) / 2)), which turns Cohen's d into an unbiased g."""
    return float(np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2))


def recompute_paper_marks(paper_values: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Every significance mark of paper A's Tables 1 to 3, recomputed from the printed means, deviations (taken as ddof 1) and n.

    One row per fusion model and baseline that the table marks. ``printed``: the paper marks it; ``recomputed``: p of the printed numbers
    is below ``alpha``; ``follows``: both agree. Printed numbers are rounded: ``p_min`` and ``p_max`` bound p over all numbers that round to
    them, and ``possible`` says whether the printed mark can arise within those bounds.
    """
    rows: list[dict[str, Any]] = []
    rounded = paper_values[(paper_values["paper"] == "A") & paper_values["mean"].notna() & paper_values["spread"].notna()]
    for key, column in rounded.groupby(["table", "train", "test", "target", "metric"], sort=False):
        half_unit = 0.05 if key[4] == "uar_percent" else 0.0005  # of the last printed digit
        printed = {str(r["model"]): r for r in column.to_dict("records")}
        for model, row in printed.items():
            for reference in ("cnn14", "bert") if model not in ("cnn14", "bert") else ():
                if reference in printed:
                    names = dict(zip(["table", "train", "test", "target", "metric"], key, strict=True))
                    rows.append(
                        {**names, "model": model, "reference": reference, **_mark(row, printed[reference], reference, half_unit, alpha)}
                    )
    return pd.DataFrame(rows)


def _mark(row: dict[Any, Any], baseline: dict[Any, Any], reference: str, half_unit: float, alpha: float) -> dict[str, Any]:
    n = int(row["n"])
    difference, sd, baseline_sd = abs(row["mean"] - baseline["mean"]), row["spread"], baseline["spread"]

    def p_of(difference: float, sd: float, baseline_sd: float) -> float:
        if sd == baseline_sd == 0:
            return 0.0 if difference > 0 else 1.0
        return float(stats.ttest_ind_from_stats(difference, sd, n, 0.0, baseline_sd, n).pvalue)

    # with equal n, p falls with the difference of the means and rises with both deviations
    p_min = p_of(difference + 2 * half_unit, max(sd - half_unit, 0.0), max(baseline_sd - half_unit, 0.0))
    p_max = p_of(max(difference - 2 * half_unit, 0.0), sd + half_unit, baseline_sd + half_unit)
    p = p_of(difference, sd, baseline_sd)
    printed = reference in str(row["marks"]).split()
    return {
        "mean": row["mean"],
        "sd": sd,
        "reference_mean": baseline["mean"],
        "reference_sd": baseline_sd,
        "n": n,
        "p": p,
        "p_min": p_min,
        "p_max": p_max,
        "printed": printed,
        "recomputed": p < alpha,
        "follows": printed == (p < alpha),
        "possible": p_min < alpha if printed else p_max >= alpha,
    }
