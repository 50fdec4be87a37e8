"""The small file that `dvc metrics` reads: paper A's reported scores, nested by names that are the same in every experiment."""

from typing import Any

import pandas as pd

from emofuse.metrics import mean_sd
from emofuse.reporting.setting import Setting, main_metrics, of_paper
from emofuse.scores import reported

_DIGITS = 5


def metrics(scores: pd.DataFrame, comparisons: pd.DataFrame, setting: Setting) -> dict[str, Any]:
    """Nest the reported scores: task -> training corpus -> test corpus -> target -> model -> {metric: mean over seeds, sd, n}.

    Numbers have five digits and keys are sorted, so equal results give equal text. The metric is UAR for classes, CCC within a corpus and
    PCC across corpora. The model under study also has ``p_vs_audio``. An undefined number is null; sd is left out for a single seed.
    """
    tree: dict[str, Any] = {}
    keys = ["task", "corpus", "test_corpus", "target", "model", "metric"]
    for key, rows in of_paper(reported(scores)).groupby(keys, sort=True):
        task, corpus, test_corpus, target, model, metric = (str(part) for part in key)
        if metric not in main_metrics(corpus, test_corpus):
            continue
        mean, sd = mean_sd(rows["value"].to_numpy(dtype=float, na_value=float("nan")))
        leaf: dict[str, Any] = {metric: rounded(mean), "n": len(rows)}
        if len(rows) > 1:
            leaf["sd"] = rounded(sd)
        if model == setting.model:
            test = comparisons[(comparisons[keys] == list(key)).all(axis=1) & (comparisons["reference"] == setting.audio)]
            if len(test):
                leaf["p_vs_audio"] = rounded(test["p"].iloc[0])
        branch = tree
        for name in (task, corpus, test_corpus, target):
            branch = branch.setdefault(name, {})
        branch[model] = leaf
    return tree


def rounded(x: float) -> float | None:
    """Five digits; null where undefined."""
    return None if pd.isna(x) else round(float(x), _DIGITS)
