"""Two-sided t-tests over seeds (paper A) and over subjects (paper B), and both papers' own claims recomputed from their printed numbers.

Paper A (sections 5 and 6) does not say whether it assumes equal variances: the statistic is Student's, pooled variance, as SciPy does by
default, and Welch's p is kept beside it. The unit of n is the seed: one value per seed, also where a seed trains ten folds; that reading
agrees with the paper's marks for n = 5, the printed number of runs. Paper B (section 5) names Student's t-test and no more: its unit is
the subject, and as every model is tested on the same subjects, the paired test is given beside the independent one.
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

_GROUP = ["task", "corpus", "protocol", "test_corpus", "target", "metric"]
_NULL = {"t": np.nan, "df": np.nan, "p": np.nan, "p_welch": np.nan, "hedges_g": np.nan}
_UNPAIRED = {"t_paired": np.nan, "p_paired": np.nan}
_ROUNDING = 1e-12  # differences of scores that agree so far are equal: what float64 leaves of numbers up to 1


def compare(scores: pd.DataFrame, references: Sequence[str]) -> pd.DataFrame:
    """Comparisons, over seeds, of every model with every reference model, for each task, corpora, protocol, target and metric.

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
                    names = {**dict(zip(_GROUP, key, strict=True)), "model": model, "reference": reference, "unit": "seed"}
                    rows.append({**names, **test, **_UNPAIRED})
    return pd.DataFrame(rows, columns=list(COMPARISONS.columns)) if rows else COMPARISONS.empty()


def compare_subjects(scores: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Comparisons, over subjects, of each (model, reference) of ``pairs``, for each task, corpora, protocol, target and metric.

    One row where both have scores of the same subjects; only those count, each with its mean over seeds. The tests are null where there
    are fewer than two subjects, where neither side varies (paired: where all differences are equal), and where a score of a subject is
    null (mean and sd too: an undefined score is never averaged away).
    """
    rows: list[dict[str, Any]] = []
    own = scores[(scores["pooling"] == "subject") & (scores["partition"] == "test")]
    for key, group in own.groupby(_GROUP, sort=True):
        means = group.assign(value=group["value"].astype(float)).groupby(["subject", "model"])["value"].agg(_mean).unstack()
        tested = group.groupby(["subject", "model"]).size().unstack().notna()
        for model, reference in dict.fromkeys(pairs):
            if model not in means or reference not in means:
                continue
            both = means.loc[tested[model] & tested[reference], [model, reference]].to_numpy(dtype=np.float64)
            if len(both):
                names = {**dict(zip(_GROUP, key, strict=True)), "model": model, "reference": reference, "unit": "subject"}
                rows.append({**names, **t_test(both[:, 0], both[:, 1]), **_paired(both[:, 0], both[:, 1])})
    return pd.DataFrame(rows, columns=list(COMPARISONS.columns)) if rows else COMPARISONS.empty()


def _mean(values: "pd.Series[float]") -> float:
    return mean_sd(values)[0]


def _paired(sample: NDArray[np.float64], reference: NDArray[np.float64]) -> dict[str, float]:
    if len(sample) < 2 or not np.ptp(sample - reference) > _ROUNDING:
        return _UNPAIRED
    test = stats.ttest_rel(sample, reference)
    return {"t_paired": float(test.statistic), "p_paired": float(test.pvalue)}


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


def recompute_paper_fusion_tests(paper_values: pd.DataFrame, alpha: float, n: int) -> pd.DataFrame:
    """Paper B's claims of significance (section 5), recomputed from Table 1: means, standard errors and ``n`` subjects.

    ``claim`` 'fusion training': with against without it, nine pairs of mechanism and target, in both metrics; the paper finds p < .05 in
    seven pairs, all but valence/unweighted and categories/weighted. ``claim`` 'unimodal': each fused model against speech or wearables
    alone; the paper says that combining improved every prediction with p < .05. The test is two-sided and independent, sd = se sqrt(n);
    ``p_min`` and ``p_max`` bound p over all numbers that round to the printed ones, ``follows`` says whether p agrees with the claim and
    ``possible`` whether some p within those bounds does. A paired test needs the subjects themselves: it reaches ``alpha`` if their two
    scores correlate by ``correlation_needed`` or more (null where no correlation is enough). Where a standard error is not printed, all
    of these are null and ``note`` says so.
    """
    own = paper_values[paper_values["paper"] == "B"]
    rows: list[dict[str, Any]] = []
    for (target, metric), column in own.groupby(["target", "metric"], sort=False):
        printed = {str(r["model"]): r for r in column.to_dict("records")}
        for claim, mechanism, model, reference in _claims(list(printed)):
            claimed = claim == "unimodal" or (target, mechanism) not in _NOT_CLAIMED
            names = {"claim": claim, "target": target, "metric": metric, "mechanism": mechanism, "model": model, "reference": reference}
            rows.append({**names, "claimed": claimed, **_claim(printed[model], printed[reference], n, alpha, claimed)})
    frame = pd.DataFrame(rows).astype({"recomputed": "boolean", "follows": "boolean", "possible": "boolean"})
    return frame.sort_values(["claim", "metric"], kind="stable").reset_index(drop=True)


_NOT_CLAIMED = {("valence3", "unweighted"), ("emotion6", "weighted")}  # B §5: these "did not indicate a significant improvement"
_WITH, _WITHOUT = "_with_fusion_training", "_without_fusion_training"  # names of data/paper_values.csv
_UNIMODAL = ("speech_only", "wearable_only_sigrep")


def _claims(models: list[str]) -> list[tuple[str, str, str, str]]:
    """Claim, mechanism, model and reference of every pair that paper B speaks of."""
    trained = [(m.removesuffix(_WITH), m) for m in models if m.endswith(_WITH)]
    fused = [*trained, *((m.removesuffix(_WITHOUT), m) for m in models if m.endswith(_WITHOUT))]
    training = [("fusion training", mechanism, m, mechanism + _WITHOUT) for mechanism, m in trained]
    return [*training, *(("unimodal", mechanism, m, alone) for mechanism, m in fused for alone in _UNIMODAL)]


def _claim(row: dict[Any, Any], other: dict[Any, Any], n: int, alpha: float, claimed: bool) -> dict[str, Any]:
    half_unit = 0.00005  # of the last printed digit
    difference, se, other_se = row["mean"] - other["mean"], row["spread"], other["spread"]
    sides = {"mean": row["mean"], "se": se, "reference_mean": other["mean"], "reference_se": other_se, "n": n}
    if not se + other_se > 0:
        tests = dict.fromkeys(("p", "p_min", "p_max", "recomputed", "follows", "possible", "correlation_needed"))
        return {**sides, **tests, "note": "no standard error is printed: no test is possible"}

    def p_of(difference: float, se: float, other_se: float) -> float:
        sd, other_sd = se * np.sqrt(n), other_se * np.sqrt(n)
        return float(stats.ttest_ind_from_stats(difference, sd, n, 0.0, other_sd, n).pvalue)

    p = p_of(difference, se, other_se)
    p_min = p_of(abs(difference) + 2 * half_unit, se - half_unit, other_se - half_unit)
    p_max = p_of(max(abs(difference) - 2 * half_unit, 0.0), se + half_unit, other_se + half_unit)
    # of the paired test: se of the difference = sqrt(se^2 + other_se^2 - 2 r se other_se) must not exceed |difference| / critical t
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    r = (se**2 + other_se**2 - (difference / critical) ** 2) / (2 * se * other_se)
    return {
        **sides,
        "p": p,
        "p_min": p_min,
        "p_max": p_max,
        "recomputed": p < alpha,
        "follows": claimed == (p < alpha),
        "possible": p_min < alpha if claimed else p_max >= alpha,
        "correlation_needed": max(r, -1.0) if r <= 1 else None,
        "note": "",
    }
