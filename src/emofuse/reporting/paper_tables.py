"""Tables 1 to 4 of paper A in its own row and column order: our numbers beside the printed ones.

The order of rows and columns is that of data/paper_values.csv, which lists every printed number.
"""

from typing import Any

import pandas as pd

from emofuse.metrics import mean_sd
from emofuse.reporting import numbers
from emofuse.reporting.setting import CLASS_TARGET, Setting, corpus_name, metric_name, model_name
from emofuse.scores import best_on_dev, reported

TITLES = {
    1: "UAR (%) of four classes of emotion, within and across corpora; chance is 25 %",
    2: "CCC within and PCC across corpora, one model per dimension, trained with MSE",
    3: "CCC of multitask models, trained with the CCC loss",
    4: "CCC and MSE of the one multitask run of each model that was best on dev; LF is late fusion",
}
_BEST_RUN_TABLE = 4
_WIDEST = 6  # columns of numbers side by side; a wider table has one block per training corpus, as the paper's Table 2
_COLUMN = ["train", "test", "task", "target", "metric"]


def paper_table(number: int, paper_values: pd.DataFrame, scores: pd.DataFrame, comparisons: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """One of the paper's tables, a row for each of its cells: our mean, sd, n and marks, and the printed ones (UAR as a share).

    Columns table, train, test, task, target, metric, model, ran (whether there are scores), mean, sd, n, marks, paper_mean, paper_sd,
    paper_marks. Our models that the paper's table lacks come last, without printed numbers. Table 4 shows the best run on dev.
    """
    printed = _printed(number, paper_values)
    ours = reported(scores)
    best = ours.merge(best_on_dev(scores), on=["task", "corpus", "protocol", "model", "seed"])
    ours = best if number == _BEST_RUN_TABLE else ours[ours["seed"] >= 0]  # late fusion is one derived run
    columns = printed[_COLUMN].drop_duplicates()
    present = set(ours.merge(columns.rename(columns={"train": "corpus", "test": "test_corpus"}))["model"])
    models = [*printed["model"].unique(), *sorted(present - set(printed["model"]))]
    rows: list[dict[str, Any]] = []
    for model in models:
        for record in columns.to_dict("records"):
            column = {str(name): value for name, value in record.items()}
            mine = _where(ours, model, column)["value"].to_numpy(dtype=float, na_value=float("nan"))
            mean, sd = mean_sd(mine)
            theirs = printed[(printed[list(column)] == pd.Series(column)).all(axis=1) & (printed["model"] == model)]
            marks = "" if number == _BEST_RUN_TABLE else _marks(_where(comparisons, model, column), model, setting)
            row: dict[str, Any] = {
                "table": number,
                **column,
                "model": model,
                "ran": len(mine) > 0,
                "mean": mean,
                "sd": sd,
                "n": len(mine),
                "marks": marks,
            }
            rows.append({**row, **(theirs.iloc[0][["paper_mean", "paper_sd", "paper_marks"]].to_dict() if len(theirs) else {})})
    return pd.DataFrame(rows)


def _printed(number: int, paper_values: pd.DataFrame) -> pd.DataFrame:
    table = paper_values[(paper_values["paper"] == "A") & (paper_values["table"] == number)].copy()
    percent = table["metric"] == "uar_percent"
    task = table["target"].str.partition(":")
    symbols = {"cnn14": "∗", "bert": "†"}  # the paper's baselines, whatever ours are
    columns: dict[str, Any] = {
        "task": task[0],
        "target": [t if d else (CLASS_TARGET if p else n) for n, d, t, p in zip(task[0], task[1], task[2], percent, strict=True)],
        "metric": table["metric"].where(~percent, "uar"),
        "paper_mean": table["mean"].where(~percent, table["mean"] / 100),
        "paper_sd": table["spread"].where(~percent, table["spread"] / 100),
        "paper_marks": ["".join(symbols[m] for m in str(marks).split()) if isinstance(marks, str) else "" for marks in table["marks"]],
    }
    return table.assign(**columns)


def _where(frame: pd.DataFrame, model: str, column: dict[str, Any]) -> pd.DataFrame:
    keep: pd.Series[bool] = (frame["model"] == model) & (frame["corpus"] == column["train"]) & (frame["test_corpus"] == column["test"])
    keep &= (frame["task"] == column["task"]) & (frame["target"] == column["target"]) & (frame["metric"] == column["metric"])
    return frame.loc[keep]


def _marks(tests: pd.DataFrame, model: str, setting: Setting) -> str:
    """∗ and † where p is below alpha, each with ↑ where the model's mean is the higher one and ↓ where it is the lower one."""
    if model in setting.marks:
        return ""  # the unimodal baselines bear no marks in the paper
    text = ""
    for reference, symbol in (("audio", "∗"), ("text", "†")):
        for test in tests[tests["reference"] == getattr(setting, reference)].to_dict("records"):
            if test["p"] < setting.alpha:
                text += symbol + ("↑" if test["mean"] > test["reference_mean"] else "↓")
    return text


def markdown(table: pd.DataFrame, setting: Setting) -> str:
    """Title, one grid or one per training corpus, and what the marks mean."""
    number = int(table["table"].iloc[0])
    columns = table[_COLUMN].drop_duplicates()
    blocks = [columns] if len(columns) <= _WIDEST else [block for _, block in columns.groupby("train", sort=False)]
    grids = []
    for block in blocks:
        heading = [f"Trained on {corpus_name(block['train'].iloc[0])}, tested on:"] if len(blocks) > 1 else []
        grids += [*heading, _grid(table.merge(block, on=_COLUMN), block, train_stated=len(blocks) > 1)]
    return "\n\n".join([f"**Table {number}. {TITLES[number]}.**", *grids, _legend(table, setting)])


def _grid(table: pd.DataFrame, columns: pd.DataFrame, train_stated: bool) -> str:
    routes = columns[["train", "test"]].drop_duplicates()
    header = ["model", ""]
    for column in columns.to_dict("records"):
        train = "" if train_stated else f"{corpus_name(column['train'])} → "
        route = f"{train}{corpus_name(column['test'])} " if len(routes) > 1 else ""
        target = "" if column["target"] == CLASS_TARGET else f"{column['target']} "
        header.append(f"{route}{target}{metric_name(column['metric'])}")
    rows = []
    for model, cells in table.groupby("model", sort=False):
        records = cells.to_dict("records")
        ours = [numbers.score(r["metric"], r["mean"] if r["ran"] else None, r["sd"], r["marks"]) for r in records]
        theirs = [
            "–" if pd.isna(r["paper_mean"]) else numbers.score(r["metric"], r["paper_mean"], r["paper_sd"], r["paper_marks"])
            for r in records
        ]
        rows += [[model_name(str(model)), "ours", *ours], ["", "paper", *theirs]]
    return numbers.grid(header, rows, text_columns=2)


def _legend(table: pd.DataFrame, setting: Setting) -> str:
    routes = (
        "" if table[["train", "test"]].drop_duplicates().shape[0] > 1 else f"Trained and tested on {corpus_name(table['train'].iloc[0])}. "
    )
    if int(table["table"].iloc[0]) == _BEST_RUN_TABLE:
        return f"{routes}One run each, so without spread or marks. {setting.caption}".strip()
    seeds = sorted(set(table.loc[table["ran"], "n"]))
    runs = f" (n = {' or '.join(str(n) for n in seeds)})" if seeds else ""
    return (
        f"{routes}Mean (standard deviation, ddof 1) over seeds{runs}; paper: n = 5. ∗ differs from {model_name(setting.audio)}, † "
        f"from {model_name(setting.text)} (two-sided independent t-test over seeds, p < {setting.alpha:g}); ↑ higher, ↓ lower than that "
        f"baseline; the paper prints its marks (against CNN14 and BERT) without direction. {setting.caption}"
    ).strip()
