"""Frames to figures: Figure 3 of paper B, learned fusion weights, attention maps and curves. No file is read here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from emofuse.reporting.setting import corpus_name
from emofuse.reporting.wearable_setting import MECHANISMS, PROTOCOLS, TARGETS, TWINS, in_table_order, model_name

SIGNALS = {"speech": "speech", "acc": "ACC", "bvp": "BVP", "eda": "EDA", "temp": "TEMP"}
NETWORKS = {**SIGNALS, **{m: f"{m} fusion" for m in MECHANISMS}}
_METRIC = "macro_f1"  # Figure 3 shows F1

# Okabe and Ito's colours, told apart by colour-blind readers; hatch, marker and lightness say the same again
_WITHOUT, _WITH = "#A6DDF5", "#0072B2"
_ORANGE, _GREEN = "#D55E00", "#009E73"
_BARS: dict[bool, dict[str, Any]] = {False: {"color": _WITHOUT, "hatch": "///"}, True: {"color": _WITH, "hatch": None}}
_LEVELS = {"majority_class": ((0, (5, 2)), "majority class"), "shuffled_labels": ((0, (1, 1.3)), "shuffled labels")}
_LEGEND = ("without fusion training", "with fusion training", "a subject", "paper", *(label for _, label in _LEVELS.values()))
_WIDTH = 0.36  # of a bar, where targets are 1 apart
_GOLDEN = 0.6180339887498949  # spreads points evenly without chance


def jitter(count: int, width: float) -> NDArray[np.float64]:
    """Sideways shifts of ``count`` points within ``width``, the same in every drawing."""
    return np.asarray((np.arange(1, count + 1) * _GOLDEN % 1 - 0.5) * width, dtype=np.float64)


def performance(subjects: pd.DataFrame, table: pd.DataFrame, protocol: str, corpus: str) -> Figure:
    """Figure 3: macro-F1 with and without fusion training, a panel per mechanism.

    ``subjects`` is wearable_tables.subject_scores (dots), ``table`` wearable_tables.table1 of the protocol (bars with standard errors;
    the paper's numbers as hollow diamonds). Lines show the controls. A bar that is missing says why.
    """
    figure = Figure(figsize=(11.5, 4.4), layout="constrained")
    axes = figure.subplots(1, len(MECHANISMS), sharey=True)
    cells: dict[Any, dict[Any, Any]] = {(r["model"], r["target"]): r for r in table[table["metric"] == _METRIC].to_dict("records")}
    own = subjects[(subjects["protocol"] == protocol) & (subjects["metric"] == _METRIC)]
    for letter, mechanism, (model, twin), axis in zip("abc", MECHANISMS, TWINS, axes, strict=True):
        for position, target in enumerate(TARGETS):
            for name, side in ((twin, -1), (model, 1)):
                cell = cells.get((name, target), {"ran": False, "mean": np.nan, "se": np.nan, "paper_mean": np.nan, "paper_se": np.nan})
                points = own[(own["model"] == name) & (own["target"] == target)].sort_values("subject")["value"].to_numpy(dtype=float)
                _bar(axis, position + side * _WIDTH / 2, cell, points, trained=side > 0)
            for control, (style, label) in _LEVELS.items():
                level = cells.get((control, target), {"mean": np.nan})["mean"]
                if not pd.isna(level):
                    axis.hlines(
                        level, position - 0.46, position + 0.46, color="black", linestyle=style, linewidth=1.4, label=label, zorder=5
                    )
        axis.set_xticks(range(len(TARGETS)), list(TARGETS.values()))
        axis.set_title(f"({letter}) {mechanism} fusion", fontsize=11)
        axis.set_xlim(-0.6, len(TARGETS) - 0.4)
    axes[0].set_ylim(0, 1)
    axes[0].set_ylabel("macro-F1")
    _legend(figure, axes)
    figure.suptitle(
        f"{corpus_name(corpus)}, {PROTOCOLS.get(protocol, protocol)}: bars are means over subjects with their standard error", fontsize=11
    )
    return figure


def _bar(axis: Axes, x: float, cell: Mapping[Any, Any], points: NDArray[np.float64], trained: bool) -> None:
    if pd.isna(cell["mean"]):
        axis.text(x, 0.02, "undefined" if cell["ran"] else "not run", rotation=90, ha="center", va="bottom", fontsize=9, color="0.3")
    else:
        label = f"with{'' if trained else 'out'} fusion training"
        error = None if pd.isna(cell["se"]) else cell["se"]
        style: dict[str, Any] = {"capsize": 4, "error_kw": {"linewidth": 1.6, "zorder": 6}, "edgecolor": "0.15", "linewidth": 0.8}
        axis.bar(x, cell["mean"], _WIDTH * 0.92, yerr=error, label=label, **style, **_BARS[trained])
    if np.isfinite(points).any():
        shifts = jitter(len(points), _WIDTH * 0.6)
        axis.plot(
            x + shifts,
            points,
            "o",
            markersize=3.2,
            markerfacecolor="0.25",
            markeredgecolor="white",
            markeredgewidth=0.4,
            alpha=0.85,
            label="a subject",
            zorder=4,
        )
    if not pd.isna(cell["paper_mean"]):
        style = {"markerfacecolor": "none", "markeredgecolor": _ORANGE, "markeredgewidth": 1.8, "linestyle": "none"}
        halo = [patheffects.withStroke(linewidth=4, foreground="white")]  # seen on dark bars in grey too
        beside = x + (0.36 if trained else -0.36) * _WIDTH  # at the outer edge of the bar, clear of its error bar
        axis.plot(beside, cell["paper_mean"], "D", markersize=7.5, label="paper", zorder=7, path_effects=halo, **style)


def _legend(figure: Figure, axes: NDArray) -> None:
    found: dict[str, Any] = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        order = [label for label in _LEGEND if label in found]
        figure.legend([found[k] for k in order], order, loc="outside lower center", ncols=len(order), frameon=False, fontsize=10)


def fusion_weights(weights: pd.DataFrame, initial: float) -> Figure:
    """The scalar of each signal in weighted fusion: after pretraining, and in every fold that learns it from labels.

    Columns model, protocol (a split, or pretraining), fold, signal, weight. The line is where each weight starts.
    """
    figure = Figure(figsize=(7.5, 4.0), layout="constrained")
    axis = figure.subplots()
    signals = [s for s in SIGNALS if s in set(weights["signal"])]
    axis.axhline(initial, color="0.6", linewidth=0.9, zorder=0, label="start of training")
    protocols = ["pretraining", *PROTOCOLS]
    marks = dict(zip(protocols, (("D", _WITH), ("o", _ORANGE), ("^", _GREEN)), strict=True))
    present = [
        (m, p) for p in protocols for m in in_table_order(weights["model"]) if ((weights["model"] == m) & (weights["protocol"] == p)).any()
    ]
    for place, (model, protocol) in enumerate(present):
        marker, colour = marks[protocol]
        label = "pretraining" if protocol == "pretraining" else f"{PROTOCOLS[protocol]}, a fold"
        for i, signal in enumerate(signals):
            keep = (weights["model"] == model) & (weights["protocol"] == protocol) & (weights["signal"] == signal)
            values = weights[keep].sort_values("fold")["weight"].to_numpy(dtype=float)
            x = i + (place - (len(present) - 1) / 2) * 0.24
            single = len(values) == 1
            shifts = np.zeros(1) if single else jitter(len(values), 0.16)
            axis.plot(
                x + shifts,
                values,
                marker,
                color=colour,
                markersize=8 if single else 5,
                markeredgecolor="white" if not single else "black",
                markeredgewidth=0.5,
                label=f"{model_name(model)} ({label})" if i == 0 else None,
            )
            if len(values) > 1 and np.isfinite(values).all():
                axis.hlines(values.mean(), x - 0.1, x + 0.1, color="black", linewidth=1.8, zorder=4)
    axis.set_xticks(range(len(signals)), [SIGNALS[s] for s in signals])
    axis.set_ylabel("weight of the embedding")
    figure.legend(loc="outside lower center", frameon=False, fontsize=9)
    return figure


def attention_maps(maps: pd.DataFrame) -> Figure:
    """Mean attention of each signal's layer, a row per model, a column per signal: query down, key across.

    Columns model, signal, query, key, weight (mean over heads and windows). Shade is the weight times the number of keys: 1 is even
    attention; one scale for the whole figure, so that maps can be compared.
    """
    models, signals = in_table_order(maps["model"]), [s for s in SIGNALS if s in set(maps["signal"])]
    grids = {
        (m, s): maps[(maps["model"] == m) & (maps["signal"] == s)]
        .pivot(index="query", columns="key", values="weight")
        .sort_index()
        .sort_index(axis=1)
        for m in models
        for s in signals
    }
    relative = {key: grid.to_numpy(dtype=float) * grid.shape[1] for key, grid in grids.items() if grid.size}
    highest = max([float(np.nanmax(g)) for g in relative.values() if np.isfinite(g).any()], default=1.0)
    figure = Figure(figsize=(2.3 * len(signals) + 1.3, 2.5 * len(models) + 0.5), layout="constrained")
    axes = figure.subplots(len(models), len(signals), squeeze=False)
    image = None
    for (i, j), axis in np.ndenumerate(axes):
        grid = relative.get((models[i], signals[j]))
        if grid is None:
            axis.text(0.5, 0.5, "not run", ha="center", va="center", transform=axis.transAxes)
            axis.set_axis_off()
            continue
        image = axis.imshow(grid, cmap="cividis", vmin=0, vmax=max(highest, 1.0), interpolation="nearest")
        axis.set_title(
            f"{SIGNALS[signals[j]]} (to {np.nanmax(grid):.1f})" if np.isfinite(grid).any() else f"{SIGNALS[signals[j]]} (undefined)",
            fontsize=10,
        )
        for which in (axis.xaxis, axis.yaxis):
            which.set_major_locator(MaxNLocator(4, integer=True))
        axis.set_xlabel("key" if i == len(models) - 1 else "")
        axis.set_ylabel(f"{model_name(models[i])}\nquery" if j == 0 else "")
    if image is not None:
        figure.colorbar(image, ax=axes, label="attention (1: even)", shrink=0.9)
    return figure


def curves(history: pd.DataFrame, column: str, names: Mapping[str, str], title: str, across: int = 4) -> Figure:
    """Training loss and dev score of every run, a pair of panels per value of ``column``; a ring marks the epoch that was kept.

    Columns ``column``, epoch, loss, dev_score, selected, and fold and seed where there are several runs. ``names`` gives the order.
    """
    present = [n for n in names if n in set(history[column])]
    present += sorted(set(history[column]) - set(present))
    blocks, runs = -(-len(present) // across), [c for c in ("fold", "seed") if c in history]
    figure = Figure(figsize=(2.7 * min(across, len(present)) + 0.5, 3.6 * blocks + 0.4), layout="constrained")
    axes = figure.subplots(2 * blocks, min(across, len(present)), squeeze=False)
    for axis in axes.flat:
        axis.set_visible(False)
    for place, name in enumerate(present):
        block, j = divmod(place, across)
        own = history[history[column] == name]
        for offset, measure in enumerate(("loss", "dev_score")):
            axis = axes[2 * block + offset, j]
            axis.set_visible(True)
            for _, run in own.groupby(runs, sort=True) if runs else [((), own)]:
                _curve(axis, run.sort_values("epoch"), measure)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.set_ylabel({"loss": "training loss", "dev_score": "dev score"}[measure] if j == 0 else "")
        axes[2 * block, j].set_title(names.get(name, name), fontsize=10)
        axes[2 * block + 1, j].set_xlabel("epoch")
    figure.suptitle(title, fontsize=11)
    return figure


def _curve(axis: Axes, run: pd.DataFrame, measure: str) -> None:
    x, y = run["epoch"].to_numpy(dtype=float), run[measure].to_numpy(dtype=float, na_value=float("nan"))
    kept = run["selected"].to_numpy() == 1
    axis.plot(x, y, color=_WITH, linewidth=0.9, alpha=0.7)
    axis.plot(x[kept], y[kept], "o", markersize=5, markerfacecolor="white", markeredgecolor=_WITH)
