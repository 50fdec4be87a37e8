"""Predictions to Scores: one metric of one seed on one corpus, and which seed was best on dev in each fold.

Within a corpus the folds' test predictions are pooled into one metric per seed, which is the sample unit of the tests (the author's
other cross-validation code pools; paper A does not say), and the mean of the folds' metrics is written beside it. Across corpora every
fold's model predicts the whole other corpus and the folds' metrics are averaged (paper A, section 4.2).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emofuse.errors import InputError
from emofuse.metrics import METRICS
from emofuse.tables import SCORES
from emofuse.tasks import DIMENSIONS

DIMENSION_METRICS = ("ccc", "pcc", "mse")
CLASS_METRICS = ("uar",)
CLASS_TARGET = "emotion"

_SEED = ["task", "corpus", "model", "seed", "partition", "test_corpus"]
Outcome = tuple[NDArray[np.float64], NDArray[np.float64]]  # truth and prediction, each of shape (example,)


def score(predictions: pd.DataFrame) -> pd.DataFrame:
    """Scores of every (task, corpus, model, seed, partition, test corpus, target) in Predictions.

    'folds' is the mean of the folds' metrics; 'pooled' is one metric over all folds' examples, given where the test corpus is the
    training corpus or there is one fold only. A metric that is undefined in one fold, or a null prediction, makes the value null: a
    broken fold is never averaged away. Raises InputError naming an example whose classes are incomplete or whose truth is not one class.
    """
    rows: list[dict[str, Any]] = []
    for key, folds in _by_seed(predictions):
        for target, outcomes in _by_target(folds).items():
            sizes = {"n_examples": sum(len(t) for t, _ in outcomes), "n_folds": len(outcomes)}
            for metric in CLASS_METRICS if target == CLASS_TARGET else DIMENSION_METRICS:
                row = {**key, "target": target, "metric": metric, **sizes}
                rows.append({**row, "pooling": "folds", "value": _mean_of_folds(metric, outcomes)})
                if key["corpus"] == key["test_corpus"] or len(outcomes) == 1:
                    rows.append({**row, "pooling": "pooled", "value": _value(metric, _pool(outcomes))})
    return pd.DataFrame(rows, columns=list(SCORES.columns)) if rows else SCORES.empty()


def best_seeds(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the seed that is best on dev in each fold: columns task, corpus, model, fold, seed, dev_score.

    The dev score is UAR, or the mean CCC over the dimensions (models are selected by the same figures). Ties go to the lowest seed; an
    undefined dev score never wins over a defined one.
    """
    rows: list[dict[str, Any]] = []
    for key, folds in _by_seed(predictions[predictions["partition"] == "dev"]):
        for fold, outcomes in folds.items():
            values = [_value("uar" if target == CLASS_TARGET else "ccc", outcome) for target, outcome in outcomes.items()]
            rows.append({**key, "fold": fold, "dev_score": float(np.mean(values))})
    columns = ["task", "corpus", "model", "fold", "seed", "dev_score"]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.sort_values(["dev_score", "seed"], ascending=[False, True], na_position="last", kind="stable")
    return frame.drop_duplicates(["task", "corpus", "model", "fold"]).sort_values(columns[:4]).reset_index(drop=True)


def best_on_dev(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the seed of each cell with the best dev score, mean of the folds and of the dimensions: columns task, corpus, model, seed.

    For tables and figures that show one run (paper A, Table 4, Figures 2 and 3). Ties go to the lowest seed; an undefined score never
    wins over a defined one.
    """
    dev = scores[(scores["partition"] == "dev") & (scores["pooling"] == "folds") & scores["metric"].isin(["uar", "ccc"])]
    cell = ["task", "corpus", "model"]
    values = dev.groupby([*cell, "seed"])["value"].agg(lambda v: float(np.mean(v.to_numpy(dtype=np.float64)))).reset_index()
    best = values.sort_values(["value", "seed"], ascending=[False, True], na_position="last", kind="stable").drop_duplicates(cell)
    return best[[*cell, "seed"]].sort_values(cell).reset_index(drop=True)


def reported(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores that are compared and reported: on test, 'pooled' within a corpus, 'folds' across corpora."""
    pooling = np.where(scores["corpus"] == scores["test_corpus"], "pooled", "folds")
    return scores[(scores["partition"] == "test") & (scores["pooling"] == pooling)]


def outcomes_of_run(rows: pd.DataFrame) -> dict[str, Outcome]:
    """Truth and prediction of one run on one test corpus, for each target.

    Dimensions keep their values. Classes become the target 'emotion', coded by their place in the alphabet; the predicted class is the
    one of the highest posterior (the first of equals), NaN where a posterior is null.
    """
    targets = [str(t) for t in rows["target"].unique()]
    if set(targets) <= set(DIMENSIONS):
        return {t: _values(rows[rows["target"] == t]) for t in sorted(targets)}
    return {CLASS_TARGET: _classes(rows)}


def _by_seed(predictions: pd.DataFrame) -> Iterator[tuple[dict[str, Any], dict[str, dict[str, Outcome]]]]:
    """For each seed on one test corpus: its key, and the outcomes of each target in each fold."""
    for key, rows in predictions.groupby(_SEED, sort=True, observed=True):
        yield dict(zip(_SEED, key, strict=True)), {str(f): outcomes_of_run(r) for f, r in rows.groupby("fold", sort=True, observed=True)}


def _by_target(folds: dict[str, dict[str, Outcome]]) -> dict[str, list[Outcome]]:
    targets = {target for outcomes in folds.values() for target in outcomes}
    return {target: [outcomes[target] for outcomes in folds.values() if target in outcomes] for target in sorted(targets)}


def _values(rows: pd.DataFrame) -> Outcome:
    return rows["truth"].to_numpy(dtype=np.float64), rows["prediction"].to_numpy(dtype=np.float64, na_value=np.nan)


def _classes(rows: pd.DataFrame) -> Outcome:
    example, ids = pd.factorize(rows["example_id"])
    code, _ = pd.factorize(rows["target"], sort=True)
    shape = (len(ids), int(code.max()) + 1)
    if len(rows) != shape[0] * shape[1]:
        counts = np.bincount(example, minlength=shape[0])
        raise InputError(
            f"Predictions: expected {shape[1]} classes for every example, "
            f"found {counts.min()} for {ids[int(counts.argmin())]}; delete this cell's results and run `dvc repro`"
        )
    truth, posterior = np.full(shape, np.nan), np.full(shape, np.nan)
    truth[example, code], posterior[example, code] = _values(rows)
    unclear = ~((truth == 1).sum(axis=1) == 1)
    if unclear.any():
        example_id, found = ids[int(unclear.argmax())], truth[unclear][0].tolist()
        raise InputError(f"Predictions: expected truth 1 for exactly one class of {example_id}, found {found}; fix its label")
    predicted = posterior.argmax(axis=1).astype(np.float64)
    predicted[np.isnan(posterior).any(axis=1)] = np.nan
    return truth.argmax(axis=1).astype(np.float64), predicted


def _value(metric: str, outcome: Outcome) -> float:
    return METRICS[metric].function(*outcome)


def _mean_of_folds(metric: str, outcomes: list[Outcome]) -> float:
    return float(np.mean([_value(metric, outcome) for outcome in outcomes]))


def _pool(outcomes: list[Outcome]) -> Outcome:
    return np.concatenate([t for t, _ in outcomes]), np.concatenate([p for _, p in outcomes])
