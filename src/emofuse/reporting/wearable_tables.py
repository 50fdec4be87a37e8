"""Table 1 of paper B beside the printed numbers, the same under leave-one-session-out, their difference, and all tests.

What is averaged is one score per subject: its mean over seeds. Spread is the standard error over subjects, as the paper prints it.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from emofuse.metrics import mean_sd, standard_error
from emofuse.reporting import numbers
from emofuse.reporting.wearable_setting import (
    CONTROLS,
    IN_PAPER,
    METRICS,
    MODELS,
    PAPER_CORPUS,
    PAPER_PROTOCOL,
    PROTOCOLS,
    STRICT_PROTOCOL,
    TARGETS,
    TASK,
    TWINS,
    WearableSetting,
    in_table_order,
    model_name,
)
from emofuse.reporting.wearable_tests import below, over_subjects, score, twin_mark

_ROUNDING = 1e-12  # differences that vary less are equal ones


def mean_se(values: ArrayLike) -> tuple[float, float]:
    """Mean and standard error (ddof 1) over subjects; NaN where one value is, the error also for fewer than two subjects.

    >>> mean_se([1.0, 3.0])
    (2.0, 1.0)
    """
    return mean_sd(values)[0], standard_error(values)


def subject_scores(scores: pd.DataFrame, corpus: str) -> pd.DataFrame:
    """One row per protocol, model, target, metric and subject: its test score, mean over seeds, NaN where one seed's is undefined."""
    keep = (scores["task"] == TASK) & (scores["corpus"] == corpus) & (scores["test_corpus"] == corpus) & (scores["partition"] == "test")
    chosen = scores[keep & (scores["pooling"] == "subject") & scores["target"].isin(TARGETS) & scores["metric"].isin(METRICS)]
    chosen = chosen.assign(value=chosen["value"].to_numpy(dtype=float, na_value=float("nan")))
    keys = ["protocol", "model", "target", "metric", "subject"]
    found = chosen.groupby(keys, sort=True, observed=True)["value"].agg(["mean", "count", "size"]).reset_index()
    return found.assign(value=found["mean"].where(found["count"] == found["size"]))[[*keys, "value"]]


def table1(
    protocol: str,
    subjects: pd.DataFrame,
    comparisons: pd.DataFrame,
    paper_values: pd.DataFrame,
    claims: pd.DataFrame,
    setting: WearableSetting,
) -> pd.DataFrame:
    """Table 1 under one protocol, a row for each cell: ``subject_scores`` averaged, marks, and the printed numbers.

    Columns protocol, model, target, metric, ran, mean, se, n (subjects), mark, paper_mean, paper_se, paper_mark. The printed numbers stand
    beside leave-one-subject-out only. ``claims`` is significance.recompute_paper_fusion_tests. A mark ∗ says that fusion training made a
    difference at the level alpha: ours by the paired test, with ↑ or ↓; the paper's as its text claims.
    """
    ours = subjects[subjects["protocol"] == protocol]
    printed = _printed(paper_values, setting.corpus) if protocol == PAPER_PROTOCOL else {}
    claimed = _claimed(claims) if printed else set()
    tests = over_subjects(comparisons, setting)
    tests = tests[tests["protocol"] == protocol]
    values = {key: cell["value"].to_numpy() for key, cell in ours.groupby(["model", "target", "metric"])}
    rows: list[dict[str, Any]] = []
    for model in in_table_order([*MODELS, *CONTROLS, *ours["model"]]):
        for target in TARGETS:
            for metric in METRICS:
                mine = values.get((model, target, metric), np.array([]))
                mean, se = mean_se(mine)
                theirs = printed.get((model, target, metric), (np.nan, np.nan))
                rows.append(
                    {
                        **{"protocol": protocol, "model": model, "target": target, "metric": metric},
                        **{
                            "ran": len(mine) > 0,
                            "mean": mean,
                            "se": se,
                            "n": len(mine),
                            "mark": twin_mark(tests, model, target, metric, setting),
                        },
                        **{"paper_mean": theirs[0], "paper_se": theirs[1], "paper_mark": "∗" * ((model, target) in claimed)},
                    }
                )
    return pd.DataFrame(rows)


def _printed(paper_values: pd.DataFrame, corpus: str) -> dict[tuple[str, str, str], tuple[float, float]]:
    table = paper_values[(paper_values["paper"] == "B") & (paper_values["train"] == PAPER_CORPUS.get(corpus, corpus))]
    ours = {theirs: name for name, theirs in IN_PAPER.items()}
    return {
        (ours.get(str(r["model"]), str(r["model"])), str(r["target"]), str(r["metric"])): (float(r["mean"]), float(r["spread"]))
        for r in table.to_dict("records")
    }


def _claimed(claims: pd.DataFrame) -> set[tuple[str, str]]:
    """Model and target of the pairs that the paper calls significant."""
    rows = claims.to_dict("records")
    return {(str(r["model"]), str(r["target"])) for r in rows if (r["model"], r["reference"]) in TWINS and r["claimed"]}


def table1_markdown(table: pd.DataFrame, title: str, setting: WearableSetting) -> str:
    """Title, the grid with our line above the paper's, and what the marks mean."""
    printed = table["paper_mean"].notna().any()
    rows = []
    for model, cells in table.groupby("model", sort=False):
        records = cells.to_dict("records")
        ours = [score(r["mean"] if r["ran"] else None, r["se"], r["mark"]) for r in records]
        rows.append([model_name(str(model)), *(["ours"] if printed else []), *ours])
        if cells["paper_mean"].notna().any():
            rows.append(["", "paper", *(score(r["paper_mean"], r["paper_se"], r["paper_mark"]) for r in records)])
    header = ["model", *([""] if printed else []), *(f"{t} {m}" for t in TARGETS.values() for m in METRICS.values())]
    counts = sorted(set(table.loc[table["ran"], "n"]))
    subjects = f" (n = {' or '.join(map(str, counts))})" if counts else ""
    note = (
        f"Mean (standard error) over subjects{subjects} of accuracy and macro-F1; a subject's score is its mean over seeds. ∗ differs from "
        f"the same fusion without fusion training (two-sided paired t-test over subjects, p < {setting.alpha:g}); ↑ higher, ↓ lower."
    )
    if printed:
        note += " Paper: n = 28; ∗ where its text claims p < 0.05; its row of wearables only is quoted from SigRep, without errors."
    return "\n\n".join([f"**{title}**", numbers.grid(header, rows, text_columns=2 if printed else 1), f"{note} {setting.caption}".strip()])


def differences(subjects: pd.DataFrame) -> pd.DataFrame:
    """Leave-one-subject-out minus leave-one-session-out for each model, target and metric, paired over the subjects that both have.

    Columns model, target, metric, subject_out, session_out (means), mean, se, n, p_paired; one row where both protocols were run.
    """
    own = subjects[subjects["protocol"].isin(PROTOCOLS)].assign(ran=1.0)
    wide = own.pivot(index=["model", "target", "metric", "subject"], columns="protocol", values=["value", "ran"])
    rows: list[dict[str, Any]] = []
    if {("ran", PAPER_PROTOCOL), ("ran", STRICT_PROTOCOL)} <= set(wide.columns):
        both = wide["value"].loc[wide["ran"].dropna().index]
        cells = dict(list(both.groupby(["model", "target", "metric"])))
        for model in in_table_order(both.index.get_level_values("model")):
            for target, metric in ((t, m) for t in TARGETS for m in METRICS if (model, t, m) in cells):
                left, right = (cells[model, target, metric][p].to_numpy(dtype=float) for p in PROTOCOLS)
                mean, se = mean_se(left - right)
                p = float(stats.ttest_rel(left, right).pvalue) if np.ptp(left - right) > _ROUNDING else float("nan")
                sides = {"subject_out": mean_se(left)[0], "session_out": mean_se(right)[0]}
                rows.append(
                    {"model": model, "target": target, "metric": metric, **sides, "mean": mean, "se": se, "n": len(left), "p_paired": p}
                )
    return pd.DataFrame(rows, columns=["model", "target", "metric", "subject_out", "session_out", "mean", "se", "n", "p_paired"])


def differences_markdown(table: pd.DataFrame, setting: WearableSetting) -> str:
    """The grid of differences, a row per model, and why both protocols are shown."""
    cells = {(r["model"], r["target"], r["metric"]): r for r in table.to_dict("records")}
    rows = []
    for model in in_table_order(table["model"]):
        found = [cells.get((model, t, m)) for t in TARGETS for m in METRICS]
        marks = ["∗" if r and below(r["p_paired"], setting.alpha) else "" for r in found]
        rows.append(
            [
                model_name(model),
                *(score(r["mean"], r["se"], k, signed=True) if r else numbers.NOT_RUN for r, k in zip(found, marks, strict=True)),
            ]
        )
    note = (
        "Mean (standard error) of the subjects' differences; ∗ differs from zero (two-sided paired t-test over subjects, p < "
        f"{setting.alpha:g}). The two partners of a debate share one recording of it. Leave-one-subject-out, as in the paper, tests on "
        "sound that training has heard from the partner, with the partner's labels; leave-one-session-out keeps both partners out, and "
        "so trains on a little less. A positive difference is what the shared recording is worth. The partner's body is not shared: "
        f"wearables alone should differ little. {setting.caption}"
    )
    title = "**What the shared recording is worth: leave-one-subject-out minus leave-one-session-out.**"
    grid = numbers.grid(["model", *(f"{t} {m}" for t in TARGETS.values() for m in METRICS.values())], rows, text_columns=1)
    return "\n\n".join([title, grid if rows else "Not run: it takes both protocols.", note.strip()])
