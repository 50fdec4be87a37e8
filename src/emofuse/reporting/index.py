"""The page that a reader opens first: what was run, the tables, the figures, what differs from the paper, and how to read it."""

from collections.abc import Mapping, Sequence

import pandas as pd

from emofuse.reporting.setting import Setting, corpus_name, model_name

_CONTENTS = """\
Two papers, each with its tables beside the printed ones, its tests, its figures and what differs:
[paper A, speech and text](#paper-a-reproduced) · [paper B, speech and wearables](#paper-b-reproduced) ·
[the data](#the-data) · [how to read this](#how-to-read-this)"""
_MORE = (
    "More: [all scores](tables/scores.md) · [all t-tests](tables/tests.md) · [the paper's own marks, recomputed](tables/paper_marks.md) · "
    "[metrics.json](metrics.json)"
)
_HOW_TO_READ = """\
* **ours** is computed from this study's predictions alone; **paper** is printed in the paper. "not run": the cell is not part of this
  study; "undefined": a run has no finite prediction, or the metric does not exist for it (a constant prediction has no PCC).
* Higher is better for UAR, CCC, PCC, accuracy and F1; lower is better for MSE.
* Paper A: within a corpus, a seed's score is one metric over the pooled test predictions of its folds. Across corpora each fold's model
  predicts the whole test part of the other corpus and the folds' metrics are averaged.
* Paper B: a subject's score is one metric over the subject's own test windows, averaged over seeds; tables give the mean over subjects and
  its standard error.
* Every table is a CSV too (`tables/`), with all digits. Every number comes from the tables
  `results/scores.parquet` and `results/comparisons.parquet`."""


def page(
    setting: Setting,
    scores: pd.DataFrame,
    paper_tables: Sequence[str],
    study_tables: Sequence[str],
    figures: Mapping[str, str],
    wearables: str,
    data: str,
) -> str:
    """Return the index as Markdown; ``figures`` maps the path of each figure, relative to the page, without suffix, to its caption.

    ``wearables`` is paper B's part, ``data`` that on the corpora.
    """
    baselines = ", ".join(f"{model_name(m)} ({role})" for m, role in _roles(setting))
    parts = [
        _CONTENTS,
        "# Paper A, reproduced",
        f"Model under study: **{model_name(setting.model)}**. Compared with {baselines}. {setting.caption}".strip(),
        "## What was run",
        _what_was_run(scores),
        "## The paper's tables",
        *paper_tables,
        "## This study",
        *study_tables,
        _MORE,
        "## Figures",
        *(f"![{path.rpartition('/')[2].replace('_', ' ')}]({path}.svg)\n\n{caption}" for path, caption in figures.items()),
        "" if figures else "None: no run that a figure of the paper shows is part of this study.",
        "## What differs from the paper",
        "\n".join(f"* {sentence}" for sentence in setting.deviations) or "Nothing that was stated to this report.",
        wearables,
        data,
        "# How to read this",
        _HOW_TO_READ,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _roles(setting: Setting) -> list[tuple[str, str]]:
    roles = [(setting.audio, "audio, ∗"), (setting.text, "text, †"), (setting.single_stage, "single stage")]
    return [(model, role) for model, role in roles if model != setting.model]


def _what_was_run(scores: pd.DataFrame) -> str:
    lines = []
    own = scores[(scores["partition"] == "test") & (scores["corpus"] == scores["test_corpus"]) & (scores["pooling"] == "pooled")]
    for (task, corpus), cell in own.groupby(["task", "corpus"], sort=False):
        seeds, folds, examples = cell.loc[cell["seed"] >= 0, "seed"].nunique(), cell["n_folds"].max(), cell["n_examples"].max()
        names = ", ".join(model_name(str(m)) for m in sorted(cell["model"].unique()))
        size = f"{folds} {'fold' if folds == 1 else 'folds'}, {seeds} {'seed' if seeds == 1 else 'seeds'}, {examples} test examples"
        lines.append(f"* `{task}` on {corpus_name(str(corpus))}: {names}; {size}")
    return "\n".join(lines) or "Nothing."
