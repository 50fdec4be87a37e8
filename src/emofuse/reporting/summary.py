"""Tables over everything that was run, whatever the corpus: all scores, all t-tests, and the paper's marks recomputed."""

import pandas as pd

from emofuse.metrics import mean_sd
from emofuse.reporting import numbers
from emofuse.reporting.setting import (
    CLASS_TARGET,
    TASKS,
    Setting,
    corpus_name,
    in_paper_order,
    main_metrics,
    metric_name,
    model_name,
    of_paper,
    route_name,
)

_METRIC_ORDER = ["uar", "ccc", "pcc", "mse"]
_ROW = ["task", "corpus", "protocol", "test_corpus", "target", "metric"]


def all_scores(scores: pd.DataFrame, partition: str | None = None) -> pd.DataFrame:
    """Mean and sd (ddof 1) over seeds of every score that is of no single subject.

    One row per partition, task, corpora, protocol, target, metric, pooling and model.
    """
    keys = ["partition", *_ROW, "pooling", "model"]
    chosen = scores[(scores["pooling"] != "subject") & ((scores["partition"] == partition) | (partition is None))]
    rows = []
    for key, group in chosen.groupby(keys, sort=True):
        mean, sd = mean_sd(group["value"].to_numpy(dtype=float, na_value=float("nan")))
        sizes = {"n": len(group), "n_examples": int(group["n_examples"].max()), "n_folds": int(group["n_folds"].max())}
        rows.append({**dict(zip(keys, key, strict=True)), "mean": mean, "sd": sd, **sizes})
    return _ordered(pd.DataFrame(rows, columns=[*keys, "mean", "sd", "n", "n_examples", "n_folds"]))


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """In the order of the paper's tables: task, training corpus with its own test first, target, metric."""
    targets = [CLASS_TARGET, *TASKS]

    def place(names: list[str], column: str) -> "pd.Series[int]":
        return frame[column].map(lambda name: names.index(name) if name in names else len(names))

    corpora = in_paper_order({*frame["corpus"], *frame["test_corpus"]})
    order = frame.assign(
        _task=place(list(TASKS), "task"),
        _corpus=place(corpora, "corpus"),
        _other=place(corpora, "test_corpus"),
        _away=frame["corpus"] != frame["test_corpus"],
        _target=place(targets, "target"),
        _metric=place(_METRIC_ORDER, "metric"),
    )
    keys = ["_task", "_corpus", "_away", "_other", "_target", "_metric"]
    return frame.loc[order.sort_values(keys, kind="stable").index].reset_index(drop=True)


def _is_main(frame: pd.DataFrame) -> "pd.Series[bool]":
    main = [metric in main_metrics(c, t) for c, t, metric in zip(frame["corpus"], frame["test_corpus"], frame["metric"], strict=True)]
    return pd.Series(main, index=frame.index, dtype=bool)


def scores_markdown(scores: pd.DataFrame, setting: Setting, main_only: bool = False) -> str:
    """Test scores, a row per task, corpora, target, metric and pooling, a column per model; or those in the paper's metrics only."""
    table = all_scores(of_paper(scores), "test")
    table = table[_is_main(table)] if main_only else table
    table = table[(table["n_folds"] > 1) | (table["pooling"] == "pooled") | (table["corpus"] != table["test_corpus"])]
    table = table.assign(pooling=table["pooling"].where(table["n_folds"] > 1, "one fold"))
    table = table.drop_duplicates([*_ROW, "pooling", "model"])  # of one fold, pooled and folds are equal
    present = set(table["model"])
    models = [m for m in setting.models if m in present] + sorted(present - set(setting.models))
    several = _with_several_protocols(table)
    rows = []
    for key, group in table.groupby([*_ROW, "pooling"], sort=False):
        task, corpus, protocol, test_corpus, target, metric, pooling = (str(part) for part in key)
        route = route_name(corpus, test_corpus, protocol if corpus in several else None)
        cells = {str(r["model"]): numbers.score(metric, r["mean"], r["sd"]) for r in group.to_dict("records")}
        rows.append([task, route, target, metric_name(metric), pooling, *(cells.get(m, numbers.NOT_RUN) for m in models)])
    header = ["task", "train → test", "target", "metric", "folds", *(model_name(m) for m in models)]
    note = (
        "Mean (standard deviation, ddof 1) over seeds. Folds: pooled is one metric over all folds' test examples; folds is the mean of the "
        f"folds' metrics. {setting.caption}"
    )
    return "\n\n".join(
        ["**Test scores.**" if main_only else "**All test scores.**", numbers.grid(header, rows, text_columns=5), note.strip()]
    )


def comparisons_markdown(comparisons: pd.DataFrame, setting: Setting, study_only: bool = False) -> str:
    """The t-tests; with ``study_only`` those of the model under study in the metrics that the paper reports."""
    table = _ordered(of_paper(comparisons))
    several = _with_several_protocols(table)
    if study_only:
        table = table[_is_main(table) & (table["model"] == setting.model)]
    rows = []
    for r in table.to_dict("records"):
        sides = [numbers.score(r["metric"], r["mean"], r["sd"]), numbers.score(r["metric"], r["reference_mean"], r["reference_sd"])]
        statistic = [
            numbers.number(r["t"]),
            numbers.number(r["df"], 0),
            numbers.p_value(r["p"]),
            numbers.p_value(r["p_welch"]),
            numbers.number(r["hedges_g"]),
        ]
        route = route_name(r["corpus"], r["test_corpus"], r["protocol"] if r["corpus"] in several else None)
        names = [r["task"], route, r["target"], metric_name(r["metric"])]
        rows.append([*names, model_name(r["model"]), model_name(r["reference"]), *sides, *statistic, f"{r['n']} + {r['reference_n']}"])
    header = ["task", "train → test", "target", "metric", "model", "against", "model's", "other's", "t", "df", "p", "p Welch", "g", "n"]
    title = f"**t-tests of {model_name(setting.model)}.**" if study_only else "**All t-tests.**"
    note = (
        "Two-sided, independent, pooled variance, over seeds; g is Hedges' g. No correction for the number of tests, as in the paper: "
        f"about {setting.alpha:.0%} of tests without an effect fall below {setting.alpha:g}. A dash: fewer than two seeds, no variance "
        f"or an undefined score. {setting.caption}"
    )
    return "\n\n".join([title, numbers.grid(header, rows, text_columns=6), note.strip()])


def _with_several_protocols(frame: pd.DataFrame) -> set[str]:
    """The corpora whose protocol must be told."""
    return {str(corpus) for corpus, protocols in frame.groupby("corpus")["protocol"] if protocols.nunique() > 1}


def paper_marks_markdown(marks: pd.DataFrame, alpha: float) -> str:
    """Set the paper's marks against the t-tests of its own printed numbers."""
    rows = []
    for r in marks.to_dict("records"):
        metric = "uar" if r["metric"] == "uar_percent" else r["metric"]
        scale = 0.01 if metric == "uar" else 1.0
        sides = [numbers.score(metric, r[m] * scale, r[s] * scale) for m, s in (("mean", "sd"), ("reference_mean", "reference_sd"))]
        route = f"{corpus_name(r['train'])} → {corpus_name(r['test'])}"
        verdict = "yes" if r["follows"] else ("within rounding" if r["possible"] else "no")
        names = [str(r["table"]), route, r["target"], model_name(r["model"]), model_name(r["reference"])]
        box = f"{numbers.p_value(r['p_min'])} to {numbers.p_value(r['p_max'])}"
        rows.append([*names, *sides, numbers.p_value(r["p"]), box, "yes" if r["printed"] else "no", verdict])
    header = ["table", "train → test", "target", "model", "against", "model's", "other's", "p", "p within rounding", "marked", "follows"]
    note = (
        f"{int(marks['follows'].sum())} of {len(marks)} marks follow from the printed means and standard deviations (n = 5, pooled "
        f"variance, p < {alpha:g}); {int(marks['possible'].sum())} are possible for numbers that round to the printed ones."
    )
    return "\n\n".join(["**The paper's marks, recomputed from its printed numbers.**", numbers.grid(header, rows, text_columns=5), note])
