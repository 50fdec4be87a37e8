"""What the paper's Figures 2 and 3 show, and the training curves, as frames."""

import numpy as np
import pandas as pd

from emofuse.reporting.setting import CLASS_TARGET, Setting
from emofuse.scores import outcomes_of_run

CONFUSION_TASK = "emotion4"  # Figure 2
RESIDUAL_TASK = "avd"  # Figure 3: the multitask models
UNDEFINED = "undefined"  # predicted class of an example without posteriors


def best_runs(predictions: pd.DataFrame, best: pd.DataFrame, task: str, corpus: str) -> pd.DataFrame:
    """Select test predictions within a corpus of each model's run that was best on dev; all folds of that seed."""
    keep = (predictions["task"] == task) & (predictions["corpus"] == corpus) & (predictions["test_corpus"] == corpus)
    return predictions[keep & (predictions["partition"] == "test")].merge(best, on=["task", "corpus", "protocol", "model", "seed"])


def decisions(predictions: pd.DataFrame, best: pd.DataFrame, corpus: str) -> pd.DataFrame:
    """List the true and predicted class of every test example of the best run on dev: columns model, seed, actual, predicted."""
    runs = best_runs(predictions, best, CONFUSION_TASK, corpus)
    frames = []
    for (model, seed, _), rows in runs.groupby(["model", "seed", "fold"], sort=True):
        outcome = outcomes_of_run(rows)[CLASS_TARGET]
        classes = [*outcome.classes, UNDEFINED]
        codes = np.where(np.isnan(outcome.prediction), len(classes) - 1, outcome.prediction)
        names = {"actual": [classes[int(c)] for c in outcome.truth], "predicted": [classes[int(c)] for c in codes]}
        frames.append(pd.DataFrame({"model": str(model), "seed": int(str(seed)), **names}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["model", "seed", "actual", "predicted"])


def confusion(chosen: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Count the ``decisions`` for each model, true and predicted class, zeros included (Figure 2).

    Columns model, seed, actual, predicted, count, share (of the true class) and change_percent: for fusion models, the count against
    that of the audio baseline in %; null for the unimodal models, where the baseline has no such example and where it was not run.
    """
    classes = sorted(chosen["actual"].unique())
    columns = [*classes, *sorted(set(chosen["predicted"]) - set(classes))]
    frames = []
    for (model, seed), rows in chosen.groupby(["model", "seed"], sort=True):
        counts = pd.crosstab(rows["actual"], rows["predicted"]).reindex(index=classes, columns=columns, fill_value=0)
        long = counts.reset_index(names="actual").melt(id_vars="actual", var_name="predicted", value_name="count")
        frames.append(long.assign(model=str(model), seed=int(str(seed))))
    names = ["model", "seed", "actual", "predicted", "count", "share", "change_percent"]
    if not frames:
        return pd.DataFrame(columns=names)
    table = pd.concat(frames, ignore_index=True)
    audio = table[table["model"] == setting.audio][["actual", "predicted", "count"]].rename(columns={"count": "audio"})
    table = table.merge(audio, on=["actual", "predicted"], how="left")
    compared = (table["audio"] > 0) & ~table["model"].isin([setting.audio, setting.text])
    change = 100 * (table["count"] - table["audio"]) / table["audio"].where(table["audio"] > 0)
    totals = table.groupby(["model", "actual"])["count"].transform("sum")
    table["share"] = table["count"] / totals.where(totals > 0)
    table["change_percent"] = change.where(compared)
    return table[names]


def residual_lines(predictions: pd.DataFrame, best: pd.DataFrame, corpus: str) -> pd.DataFrame:
    """Fit least-squares lines of truth - prediction over truth for each model and dimension (Figure 3).

    Columns model, seed, target, slope, intercept, truth_min, truth_max (the line's ends, on the corpus' scale) and n; slope and intercept
    are null where the truth is constant or a prediction null.
    """
    rows = []
    for (model, seed), run in best_runs(predictions, best, RESIDUAL_TASK, corpus).groupby(["model", "seed"], sort=True):
        for target, group in run.groupby("target", sort=True):
            truth = group["truth"].to_numpy(dtype=float)
            residual = truth - group["prediction"].to_numpy(dtype=float, na_value=float("nan"))
            slope, intercept = _line(truth, residual)
            ends = {"truth_min": truth.min(), "truth_max": truth.max(), "n": len(truth)}
            rows.append(
                {"model": str(model), "seed": int(str(seed)), "target": str(target), "slope": slope, "intercept": intercept, **ends}
            )
    return pd.DataFrame(rows, columns=["model", "seed", "target", "slope", "intercept", "truth_min", "truth_max", "n"])


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    if np.ptp(x) == 0 or not np.isfinite(y).all():
        return float("nan"), float("nan")
    dx = x - x.mean()
    slope = float((dx * y).sum() / (dx * dx).sum())
    return slope, float(y.mean() - slope * x.mean())


def mean_history(history: pd.DataFrame, model: str, task: str, corpus: str) -> pd.DataFrame:
    """Average loss and dev score of one cell over its folds and seeds: columns epoch, loss, dev_score."""
    cell = history[(history["model"] == model) & (history["task"] == task) & (history["corpus"] == corpus)]
    return cell.groupby("epoch", sort=True)[["loss", "dev_score"]].mean().reset_index()


def order_of(models: pd.Series, setting: Setting) -> list[str]:
    """List the models that occur, in the order of the paper's tables."""
    present = set(models)
    return [m for m in setting.models if m in present] + sorted(present - set(setting.models))
