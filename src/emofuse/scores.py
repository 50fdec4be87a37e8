"""Predictions to Scores: one metric of one seed on one corpus or on one subject, and which seed was best on dev in each fold.

Within a corpus the folds' test predictions are pooled into one metric per seed, which is the sample unit of paper A's tests (the author's
other cross-validation code pools; paper A does not say), and the mean of the folds' metrics is written beside it. Across corpora every
fold's model predicts the whole other corpus and the folds' metrics are averaged (paper A, section 4.2). Paper B's unit is the subject
(section 4.2 and Table 1): one metric over one subject's test examples, whatever the folds.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emofuse.errors import InputError
from emofuse.metrics import METRICS
from emofuse.tables import SCORES
from emofuse.tasks import TASKS, Task

ALL = "all"  # the subject of a score that is not of one subject

_CELL = ["task", "corpus", "protocol", "model"]
_SEED = [*_CELL, "seed", "partition", "test_corpus"]
_ON_DEV = ("uar", "ccc")  # what a seed is chosen by: the first of the task's metrics that is one of these


class Outcome(NamedTuple):
    """What one target came to, in arrays of shape (example,): values on a scale, or the places of classes in ``classes``."""

    examples: NDArray[np.object_]
    truth: NDArray[np.float64]
    prediction: NDArray[np.float64]
    classes: tuple[str, ...]


def score(predictions: pd.DataFrame, subjects: Mapping[str, str | None] | None = None) -> pd.DataFrame:
    """Scores of every (task, corpus, protocol, model, seed, partition, test corpus, target) in Predictions, in the task's metrics.

    'folds' is the mean of the folds' metrics; 'pooled' is one metric over all folds' examples, given where the test corpus is the
    training corpus or there is one fold only. With ``subjects``, who each example id is of, there is also 'subject': one metric over one
    subject's test examples within the corpus; an example of nobody (None) is in no such score. A metric that is undefined in one fold,
    or a null prediction, makes the value null: a broken fold is never averaged away. Raises InputError naming an example whose classes
    are incomplete, whose truth is not one class or who is not in ``subjects``, and a target that is not the task's.
    """
    rows: list[dict[str, Any]] = []
    for key, folds in _by_seed(predictions):
        within = key["corpus"] == key["test_corpus"]
        for target, outcomes in _by_target(folds).items():
            pooled = _pool(outcomes)
            sizes = {"n_examples": len(pooled.truth), "n_folds": len(outcomes)}
            for metric in TASKS[key["task"]].metrics:
                row = {**key, "target": target, "metric": metric, "subject": ALL, **sizes}
                rows.append({**row, "pooling": "folds", "value": _mean_of_folds(metric, outcomes)})
                if within or len(outcomes) == 1:
                    rows.append({**row, "pooling": "pooled", "value": _value(metric, pooled)})
            if subjects is not None and within and key["partition"] == "test":
                rows += [{**key, "target": target, **row} for row in _of_subjects(key["task"], outcomes, subjects)]
    return pd.DataFrame(rows, columns=list(SCORES.columns)) if rows else SCORES.empty()


def _of_subjects(task: str, outcomes: list[Outcome], subjects: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
    pooled = _pool(outcomes)
    absent = [example for example in pooled.examples if example not in subjects]
    if absent:
        raise InputError(f"{absent[0]}: expected its subject in the Examples table, found no such example; run `dvc repro` again")
    fold = np.repeat(np.arange(len(outcomes)), [len(o.truth) for o in outcomes])
    code, names = pd.factorize(np.array([subjects[example] for example in pooled.examples], dtype=object), sort=True)
    for number, name in enumerate(names):
        own = code == number
        outcome = pooled._replace(examples=pooled.examples[own], truth=pooled.truth[own], prediction=pooled.prediction[own])
        sizes = {"n_examples": int(own.sum()), "n_folds": len(np.unique(fold[own]))}
        for metric in TASKS[task].metrics:
            yield {"metric": metric, "pooling": "subject", "subject": str(name), "value": _value(metric, outcome), **sizes}


def best_seeds(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the seed that is best on dev in each fold: columns task, corpus, protocol, model, fold, seed, dev_score.

    The dev score is UAR, or CCC, mean over the targets (models are selected by the same figures). Ties go to the lowest seed; an
    undefined dev score never wins over a defined one.
    """
    rows: list[dict[str, Any]] = []
    for key, folds in _by_seed(predictions[predictions["partition"] == "dev"]):
        metric = next(m for m in TASKS[key["task"]].metrics if m in _ON_DEV)
        for fold, outcomes in folds.items():
            values = [_value(metric, outcome) for outcome in outcomes.values()]
            rows.append({**key, "fold": fold, "dev_score": float(np.mean(values))})
    columns = [*_CELL, "fold", "seed", "dev_score"]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.sort_values(["dev_score", "seed"], ascending=[False, True], na_position="last", kind="stable")
    return frame.drop_duplicates([*_CELL, "fold"]).sort_values([*_CELL, "fold"]).reset_index(drop=True)


def best_on_dev(scores: pd.DataFrame) -> pd.DataFrame:
    """Return each cell's seed of the best dev score, mean of folds and targets: columns task, corpus, protocol, model, seed.

    For tables and figures that show one run (paper A, Table 4, Figures 2 and 3). Ties go to the lowest seed; an undefined score never
    wins over a defined one.
    """
    dev = scores[(scores["partition"] == "dev") & (scores["pooling"] == "folds") & scores["metric"].isin(_ON_DEV)]
    values = dev.groupby([*_CELL, "seed"])["value"].agg(lambda v: float(np.mean(v.to_numpy(dtype=np.float64)))).reset_index()
    best = values.sort_values(["value", "seed"], ascending=[False, True], na_position="last", kind="stable").drop_duplicates(_CELL)
    return best[[*_CELL, "seed"]].sort_values(_CELL).reset_index(drop=True)


def reported(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores of seeds that are compared and reported: on test, 'pooled' within a corpus, 'folds' across corpora."""
    pooling = np.where(scores["corpus"] == scores["test_corpus"], "pooled", "folds")
    return scores[(scores["partition"] == "test") & (scores["pooling"] == pooling)]


def outcomes_of_run(rows: pd.DataFrame) -> dict[str, Outcome]:
    """The outcome of each target of one run on one test corpus.

    Dimensions keep their values. Of classes, the predicted one is that of the highest posterior (the first of equals, in the order of
    the task), NaN where a posterior is null.
    """
    task = _task(rows)
    code, names = pd.factorize(rows["target"])
    if not task.categorical:
        return {t: _values(rows[rows["target"] == t]) for t in sorted(str(name) for name in names)}
    found: dict[str, Outcome] = {}
    for target, classes in task.classes.items():
        place = pd.Index([f"{target}/{c}" for c in classes]).get_indexer(names)[code]  # -1: of another target
        if (place >= 0).any():
            found[target] = _classes(rows[place >= 0], place[place >= 0], target, classes)
    return found


def _task(rows: pd.DataFrame) -> Task:
    """The task of a run whose targets are all its own."""
    name = str(rows["task"].iloc[0])
    if name not in TASKS:
        raise InputError(f"Predictions: expected a task of {list(TASKS)}, found {name}; delete its results and run `dvc repro`")
    unknown = sorted(set(rows["target"].unique()) - set(TASKS[name].outputs))
    if unknown:
        expected = list(TASKS[name].outputs)
        raise InputError(f"Predictions: {name} expects targets of {expected}, found {unknown[0]}; delete its results and run `dvc repro`")
    return TASKS[name]


def _by_seed(predictions: pd.DataFrame) -> Iterator[tuple[dict[str, Any], dict[str, dict[str, Outcome]]]]:
    """For each seed on one test corpus: its key, and the outcomes of each target in each fold."""
    for key, rows in predictions.groupby(_SEED, sort=True, observed=True):
        yield dict(zip(_SEED, key, strict=True)), {str(f): outcomes_of_run(r) for f, r in rows.groupby("fold", sort=True, observed=True)}


def _by_target(folds: dict[str, dict[str, Outcome]]) -> dict[str, list[Outcome]]:
    targets = {target for outcomes in folds.values() for target in outcomes}
    return {target: [outcomes[target] for outcomes in folds.values() if target in outcomes] for target in sorted(targets)}


def _numbers(rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return rows["truth"].to_numpy(dtype=np.float64), rows["prediction"].to_numpy(dtype=np.float64, na_value=np.nan)


def _values(rows: pd.DataFrame) -> Outcome:
    return Outcome(rows["example_id"].to_numpy(dtype=object), *_numbers(rows), classes=())


def _classes(rows: pd.DataFrame, place: NDArray[np.intp], target: str, classes: tuple[str, ...]) -> Outcome:
    """From one row per example and class; ``place`` is the class of each row."""
    example, ids = pd.factorize(rows["example_id"])
    counts = np.bincount(example, minlength=len(ids))
    if (counts != len(classes)).any():
        odd = int((counts != len(classes)).argmax())
        raise InputError(
            f"Predictions: expected {len(classes)} classes of {target} for every example, "
            f"found {counts[odd]} for {ids[odd]}; delete this cell's results and run `dvc repro`"
        )
    truth, posterior = np.full((2, len(ids), len(classes)), np.nan)
    truth[example, place], posterior[example, place] = _numbers(rows)
    unclear = ~((truth == 1).sum(axis=1) == 1)
    if unclear.any():
        example_id, found = ids[int(unclear.argmax())], truth[unclear][0].tolist()
        raise InputError(f"Predictions: expected truth 1 for exactly one class of {target} of {example_id}, found {found}; fix its label")
    predicted = posterior.argmax(axis=1).astype(np.float64)
    predicted[np.isnan(posterior).any(axis=1)] = np.nan
    return Outcome(np.asarray(ids, dtype=object), truth.argmax(axis=1).astype(np.float64), predicted, classes)


def _value(metric: str, outcome: Outcome) -> float:
    of = METRICS[metric]
    classes = [len(outcome.classes)] if of.of_all_classes else []
    return of.function(outcome.truth, outcome.prediction, *classes)


def _mean_of_folds(metric: str, outcomes: list[Outcome]) -> float:
    return float(np.mean([_value(metric, outcome) for outcome in outcomes]))


def _pool(outcomes: list[Outcome]) -> Outcome:
    examples, truth, prediction = (np.concatenate([outcome[i] for outcome in outcomes]) for i in range(3))
    return Outcome(examples, truth, prediction, outcomes[0].classes)
