"""Frames to figures: Figures 2 and 3 of paper A and the training curves. No file is read here and no global style is changed."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emofuse.reporting.setting import LATE_FUSION, corpus_name, model_name

# Okabe and Ito's colours, told apart by colour-blind readers; the line style says the same again
_STYLES = {
    "bert": ("#E69F00", (0, (5, 2))),
    "cnn14": ("#0072B2", (0, (1, 1.2))),
    LATE_FUSION: ("#000000", (0, (5, 1.5, 1, 1.5))),
    "sfcnn14": ("#CC79A7", (0, (8, 2))),
    "mfcnn14": ("#009E73", "solid"),
}
_OTHER_STYLE = ("#56B4E9", "solid")
_FORMATS = ("svg", "png")
_HIGH_CONTRAST = 0.65  # share above which the cell is so dark that its text must be white


def confusion(table: pd.DataFrame, corpus: str, models: Sequence[str]) -> Figure:
    """Confusion matrices side by side, rows the true class: count, share of the row as shade, and change against the audio baseline."""
    figure = Figure(figsize=(3.1 * len(models) + 0.4, 3.6), layout="constrained")
    axes = figure.subplots(1, len(models), squeeze=False)[0]
    for i, (axis, model) in enumerate(zip(axes, models, strict=True)):
        rows = table[table["model"] == model]
        actual, predicted = list(dict.fromkeys(rows["actual"])), list(dict.fromkeys(rows["predicted"]))
        grid = {column: rows.pivot(index="actual", columns="predicted", values=column) for column in ("count", "share", "change_percent")}
        share = grid["share"].loc[actual, predicted].to_numpy(dtype=float, na_value=0.0)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (y, x), shade in np.ndenumerate(share):
            change = grid["change_percent"].loc[actual[y], predicted[x]]
            text = f"{int(grid['count'].loc[actual[y], predicted[x]])}" + ("" if pd.isna(change) else f"\n({change:+.0f} %)")
            axis.text(x, y, text, ha="center", va="center", fontsize=9, color="white" if shade > _HIGH_CONTRAST else "black")
        axis.set_xticks(range(len(predicted)), predicted, rotation=30)
        axis.set_yticks(range(len(actual)), actual if i == 0 else [])
        axis.set_title(f"{model_name(model)} (seed {rows['seed'].iloc[0]})", fontsize=11)
        axis.set_xlabel("predicted")
    axes[0].set_ylabel("true")
    figure.suptitle(f"{corpus_name(corpus)}, test: run best on dev", fontsize=11)
    return figure


def residuals(lines: pd.DataFrame, corpus: str, models: Sequence[str]) -> Figure:
    """Fitted residual lines (truth - prediction over truth), a panel per dimension, a line per model."""
    targets = [t for t in ("arousal", "valence", "dominance") if t in set(lines["target"])]
    figure = Figure(figsize=(3.4 * len(targets) + 1.2, 3.4), layout="constrained")
    axes = figure.subplots(1, len(targets), squeeze=False, sharey=True)[0]
    for axis, target in zip(axes, targets, strict=True):
        axis.axhline(0, color="0.7", linewidth=0.8, zorder=0)
        for model in models:
            for line in lines[(lines["model"] == model) & (lines["target"] == target)].to_dict("records"):
                ends = np.array([line["truth_min"], line["truth_max"]])
                colour, style = _STYLES.get(model, _OTHER_STYLE)
                axis.plot(
                    ends, line["slope"] * ends + line["intercept"], color=colour, linestyle=style, linewidth=2, label=model_name(model)
                )
        axis.set_title(target, fontsize=11)
        axis.set_xlabel("truth (corpus' scale)")
    axes[0].set_ylabel("truth − prediction")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    figure.suptitle(f"{corpus_name(corpus)}, test: run best on dev", fontsize=11)
    return figure


def training(history: pd.DataFrame, title: str, models: Sequence[str]) -> Figure:
    """Training loss (above) and dev score (below) of every run, a column per model; a ring marks the epoch whose weights were kept."""
    figure = Figure(figsize=(2.6 * len(models) + 0.6, 4.2), layout="constrained")
    axes = figure.subplots(2, len(models), squeeze=False, sharey="row")
    for i, model in enumerate(models):
        colour, _ = _STYLES.get(model, _OTHER_STYLE)
        for _, run in history[history["model"] == model].groupby(["protocol", "fold", "seed"], sort=True):
            run = run.sort_values("epoch")
            marked = [int(k) for k in np.flatnonzero(run["selected"].to_numpy() == 1)]
            for axis, column in zip(axes[:, i], ("loss", "dev_score"), strict=True):
                _curve(axis, run["epoch"], run[column], colour, marked)
        axes[0, i].set_title(model_name(model), fontsize=11)
        axes[1, i].set_xlabel("epoch")
        for axis in axes[:, i]:
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel("training loss")
    axes[1, 0].set_ylabel("dev score")
    figure.suptitle(title, fontsize=11)
    return figure


def _curve(axis: Axes, epoch: pd.Series, values: pd.Series, colour: str, marked: list[int]) -> None:
    y = values.to_numpy(dtype=float, na_value=float("nan"))
    axis.plot(epoch.to_numpy(), y, color=colour, linewidth=0.9, alpha=0.7)
    axis.plot(epoch.to_numpy()[marked], y[marked], "o", markersize=5, markerfacecolor="white", markeredgecolor=colour)


def save(figure: Figure, stem: Path) -> None:
    """Write the figure as SVG and PNG; equal figures give equal bytes (no date, no random ids)."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "emofuse", "svg.fonttype": "path"}):
        for suffix in _FORMATS:
            metadata = {"Date": None} if suffix == "svg" else {"Software": None}
            figure.savefig(stem.with_name(f"{stem.name}.{suffix}"), dpi=110, metadata=metadata)
