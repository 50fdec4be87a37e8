"""The t-tests over subjects: with against without fusion training, fused against unimodal, all against the controls."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from emofuse.reporting import numbers
from emofuse.reporting.wearable_setting import METRICS, PROTOCOLS, TARGETS, TASK, TWINS, WearableSetting, model_name


def over_subjects(comparisons: pd.DataFrame, setting: WearableSetting) -> pd.DataFrame:
    """The comparisons of the report's corpus whose unit is the subject, in the metrics and targets of the paper."""
    keep = (comparisons["task"] == TASK) & (comparisons["unit"] == "subject") & comparisons["metric"].isin(METRICS)
    keep &= (comparisons["corpus"] == setting.corpus) & (comparisons["test_corpus"] == setting.corpus)
    return comparisons[keep & comparisons["target"].isin(TARGETS)]


def twin_mark(tests: pd.DataFrame, model: str, target: str, metric: str, setting: WearableSetting) -> str:
    """∗ and the direction where the model differs from its twin without fusion training below alpha (paired), else nothing."""
    twin = dict(TWINS).get(model)
    own = tests[(tests["model"] == model) & (tests["reference"] == twin) & (tests["target"] == target) & (tests["metric"] == metric)]
    return "".join("∗" + _arrow(r) for r in own.to_dict("records") if below(r["p_paired"], setting.alpha))


def below(p: float, alpha: float) -> bool:
    """True where the test is defined and p is below alpha."""
    return not pd.isna(p) and bool(p < alpha)


def _arrow(test: dict[Any, Any]) -> str:
    return "↑" if test["mean"] > test["reference_mean"] else "↓"


def score(mean: float | None, se: float, mark: str = "", signed: bool = False) -> str:
    """Write mean (standard error) with four digits, as the paper; 'not run' where ``mean`` is None, 'undefined' where it is NaN."""
    if mean is None:
        return numbers.NOT_RUN
    if pd.isna(mean):
        return numbers.UNDEFINED
    return f"{mean:{'+' if signed else ''}.4f}" + ("" if pd.isna(se) else f" ({se:.4f})") + mark


def markdown(comparisons: pd.DataFrame, chosen: Sequence[tuple[str, str]], title: str, setting: WearableSetting) -> str:
    """All t-tests of the chosen (model, reference) pairs over subjects, a row each, under every protocol that was run."""
    rows = []
    for (protocol, model, reference, target, metric), r in _tests(comparisons, chosen, setting).items():
        names = [PROTOCOLS[protocol], model_name(model), model_name(reference), TARGETS[target], METRICS[metric]]
        if r is None:
            rows.append([*names, *[numbers.NOT_RUN] * 2, *["–"] * 5, "0"])
            continue
        sides = [score(r[f"{side}mean"], _error(r[f"{side}sd"], r[f"{side}n"])) for side in ("", "reference_")]
        p_values = [_marked(r[p], setting.alpha) for p in ("p_paired", "p", "p_welch")]
        rows.append([*names, *sides, numbers.number(r["t_paired"]), *p_values, numbers.number(r["hedges_g"]), str(r["n"])])
    header = [
        "protocol",
        "model",
        "against",
        "target",
        "metric",
        "model's",
        "other's",
        "t paired",
        "p paired",
        "p indep.",
        "p Welch",
        "g",
        "n",
    ]
    return "\n\n".join([f"**{title}**", numbers.grid(header, rows, text_columns=5) if rows else "Not run.", _legend(setting)])


def short_markdown(
    comparisons: pd.DataFrame, chosen: Sequence[tuple[str, str]], title: str, setting: WearableSetting, counted: bool
) -> str:
    """The same in a row per protocol and pair: difference of the means, then p paired and p independent; with ``counted``, how many."""
    found = _tests(comparisons, chosen, setting)
    rows = []
    for protocol, model, reference in dict.fromkeys(key[:3] for key in found):
        cells = [found[protocol, model, reference, t, m] for t in TARGETS for m in METRICS]
        rows.append([PROTOCOLS[protocol], model_name(model), model_name(reference), *(_short(r, setting.alpha) for r in cells)])
    header = ["protocol", "model", "against", *(f"{t} {m}" for t in TARGETS.values() for m in METRICS.values())]
    parts = [
        f"**{title}**",
        numbers.grid(header, rows, text_columns=3) if rows else "Not run.",
        _counts(found, setting.alpha) if counted else "",
    ]
    return "\n\n".join(part for part in [*parts, f"Difference of the means (p paired; p independent). {_legend(setting)}"] if part)


def _short(test: dict[Any, Any] | None, alpha: float) -> str:
    if test is None:
        return numbers.NOT_RUN
    difference = test["mean"] - test["reference_mean"]
    if pd.isna(difference):
        return numbers.UNDEFINED
    return f"{difference:+.4f} ({_marked(test['p_paired'], alpha)}; {_marked(test['p'], alpha)})"


def _marked(p: float, alpha: float) -> str:
    return numbers.p_value(p) + "∗" * below(p, alpha)


def _legend(setting: WearableSetting) -> str:
    return (
        f"∗ p < {setting.alpha:g}, two-sided, over subjects; no correction for the number of tests. A dash: the test is not defined. "
        f"{setting.caption}"
    ).strip()


def _error(sd: float, n: int) -> float:
    return float("nan") if pd.isna(sd) or n < 1 else float(sd) / float(np.sqrt(n))


def _tests(
    comparisons: pd.DataFrame, chosen: Sequence[tuple[str, str]], setting: WearableSetting
) -> dict[tuple[str, str, str, str, str], dict[Any, Any] | None]:
    """Each test by protocol, model, reference, target and metric, in this order; None where a protocol was run, but not this."""
    table = over_subjects(comparisons, setting)
    keys = ["protocol", "model", "reference", "target", "metric"]
    found = {tuple(str(r[k]) for k in keys): r for r in table.to_dict("records")}
    protocols = [p for p in PROTOCOLS if p in set(table["protocol"])]
    wanted = [(p, model, reference, t, m) for p in protocols for model, reference in chosen for t in TARGETS for m in METRICS]
    return {key: found.get(key) for key in wanted}


def _counts(found: Mapping[tuple[str, str, str, str, str], dict[Any, Any] | None], alpha: float) -> str:
    """For each protocol and metric: in how many pairs the model is the better one below alpha, paired and independent."""
    lines = []
    for protocol, metric in dict.fromkeys((key[0], key[4]) for key in found):
        cells = [r for key, r in found.items() if (key[0], key[4]) == (protocol, metric)]
        tests = [r for r in cells if r is not None]
        better = [r for r in tests if r["mean"] > r["reference_mean"]]
        paired, independent = (sum(below(r[p], alpha) for r in better) for p in ("p_paired", "p"))
        worse = sum(r["mean"] < r["reference_mean"] and below(r["p_paired"], alpha) for r in tests)
        lines.append(
            f"* {PROTOCOLS[protocol]}, {METRICS[metric]}: better in {paired} of {len(cells)} pairs by the paired test, in {independent} "
            f"by the independent one; worse in {worse} (paired)."
        )
    return "\n".join(lines)


def claims_markdown(claims: pd.DataFrame, claim: str) -> str:
    """Set what paper B calls significant against the t-tests of its own printed numbers.

    ``claims`` is significance.recompute_paper_fusion_tests; ``claim`` is 'fusion training' or 'unimodal'.
    """
    rows = []
    for r in claims[claims["claim"] == claim].to_dict("records"):
        verdict = "–" if pd.isna(r["follows"]) else "yes" if r["follows"] else "within rounding" if r["possible"] else "no"
        box = "–" if pd.isna(r["p"]) else f"{numbers.p_value(r['p_min'])} to {numbers.p_value(r['p_max'])}"
        sides = [score(r["mean"], r["se"]), score(r["reference_mean"], r["reference_se"])]
        names = [TARGETS.get(r["target"], r["target"]), METRICS.get(r["metric"], r["metric"])]
        names += [model_name(r["model"]), model_name(str(r["reference"]).removesuffix("_sigrep"))]
        needed = _correlation(r)
        rows.append([*names, *sides, numbers.p_value(r["p"]), box, "yes" if r["claimed"] else "no", verdict, needed])
    header = [
        "target",
        "metric",
        "model",
        "against",
        "model's",
        "other's",
        "p",
        "p within rounding",
        "claimed",
        "follows",
        "correlation needed",
    ]
    return numbers.grid(header, rows, text_columns=4)


def _correlation(row: dict[Any, Any]) -> str:
    """The correlation at which a paired test would reach alpha; a dash where no test is possible."""
    if pd.isna(row["p"]):
        return "–"
    r = row["correlation_needed"]
    return "none is enough" if pd.isna(r) else "any" if r <= -1 else numbers.number(r)


def what_follows(claims: pd.DataFrame, alpha: float) -> str:
    """Say how many of the paper's claims follow from its printed numbers, and what a paired test would need."""
    training, unimodal = (claims[claims["claim"] == claim] for claim in ("fusion training", "unimodal"))
    if training.empty:
        return "No printed numbers of paper B are at hand."
    counts = []
    for metric, rows in training.groupby("metric", sort=False):
        found, wanted = int(rows["recomputed"].sum()), int(rows["claimed"].sum())
        both = int((rows["recomputed"].fillna(False) & rows["claimed"]).sum())
        counts.append(
            f"{found} of {len(rows)} pairs on {METRICS.get(str(metric), str(metric))} ({both} of the {wanted} that the paper names)"
        )
    missing = training[training["claimed"] & ~training["recomputed"].fillna(False)]
    needed = missing["correlation_needed"].dropna()
    text = (
        f"The paper's text calls fusion training significant in {int(training['claimed'].sum() / training['metric'].nunique())} of "
        f"{len(training) // training['metric'].nunique()} pairs (p < 0.05). Independent t-tests of its printed means and standard errors "
        f"give p < {alpha:g} in {' and in '.join(counts)}: the claim does not follow from the printed numbers under that test."
        if len(missing)
        else "All that the paper's text calls significant follows from its printed numbers."
    )
    if len(needed):
        text += (
            f" It can hold for a paired test, which needs the subjects themselves: the two scores of a subject would have to correlate by "
            f"{numbers.number(needed.min())} to {numbers.number(needed.max())} in the pairs that are missing. Hence the paired test in the "
            "tables above, with the independent one beside it."
        )
    tested = unimodal[unimodal["p"].notna()]
    untested = len(unimodal) - len(tested)
    if len(unimodal):
        text += (
            f" That fusion beats one modality follows in {int(tested['follows'].sum())} of {len(tested)} comparisons with speech; the "
            f"{untested} with wearables cannot be tested, as that row is printed without standard errors."
        )
    return text
