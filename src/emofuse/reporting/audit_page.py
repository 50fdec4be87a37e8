"""The page of an audit: what was found in a corpus, what was counted, what was checked, and a figure of its labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from emofuse.reporting.numbers import grid

_BLUE, _DARK, _ORANGE = "#56B4E9", "#0072B2", "#D55E00"  # Okabe and Ito's; they differ in lightness too
_HEADROOM = 1.5  # the darkest cell is at two thirds of the colour map, so that black text reads on every shade
_SPLITS = ("train", "dev", "test1", "test2", "test3")
_MOST_COLUMNS, _MOST_ROWS, _MOST_PANELS = 12, 40, 8
_DIMENSIONS = ("arousal", "valence", "dominance")
_NO_CLASS = "(none)"
_SIGNALS = ("speech", "acc", "bvp", "eda", "temp")


def page(
    corpus: str, facts: Sequence[str], found: pd.DataFrame, counts: pd.DataFrame, checks: Mapping[str, str], figure: str | None
) -> str:
    """Markdown: the verdict, ``facts`` line by line, the Audit table in its order, the Counts table, the figure's file and the checks.

    Same input, same text.
    """
    parts = [
        f"# Audit of {corpus}",
        f"**{verdict(found)}**",
        "\n".join(f"- {fact}" for fact in facts),
        "## What was found",
        _findings(found),
    ]
    if len(counts):
        parts += ["## What was counted", _counts(counts)]
    if figure is not None:
        parts += ["## Labels and lengths", f"![labels and lengths of {corpus}]({figure})", "Dashed lines are medians."]
    listed = "\n".join(f"- `{check}`: {sentence}" for check, sentence in checks.items())
    parts += ["## What was checked", "The names are those of `audit.accept` in params.yaml.", listed]
    return "\n\n".join(part for part in parts if part) + "\n"


def verdict(found: pd.DataFrame) -> str:
    """One sentence: whether the corpus passed, and with what."""
    stopping = found[(found["severity"] == "error") & (found["accepted"] == 0)]
    accepted = found[found["accepted"] == 1]
    rest = [_plural(int((found["severity"] == kind).sum()), kind) for kind in ("warning", "note")]
    passed = f"Stopped by {_plural(len(stopping), 'error')}" if len(stopping) else "Passed: no error"
    also = f", {_plural(len(accepted), 'finding')} accepted" if len(accepted) else ""
    return f"{passed}{also}; {', '.join(rest)}."


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _findings(found: pd.DataFrame) -> str:
    if found.empty:
        return "Nothing."
    header = "| severity | check | item | records | detail |\n| --- | --- | --- | ---: | --- |"
    lines = [
        f"| {row['severity']}{' (accepted)' if row['accepted'] else ''} | {row['check']} | {_cell(row['item'])} | {row['records']:,} | "
        f"{_cell(row['detail'])} |"
        for row in found.to_dict("records")
    ]
    return "\n".join([header, *lines])


def _cell(text: str) -> str:
    """Text from a corpus as a cell of Markdown: on one line, nothing of it read as a table, as HTML or as a link."""
    escaped = " ".join(text.split())
    for sign in "\\|<>[]*_`":
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped


def _counts(counts: pd.DataFrame) -> str:
    rows = []
    for row in counts.to_dict("records"):
        least, most = (None if pd.isna(row[name]) else int(row[name]) for name in ("least", "most"))
        published = "–" if least is None and most is None else f"{least:,}" if least is not None and least == most else _range(least, most)
        fits = "" if published == "–" else "yes" if (least or 0) <= row["found"] and (most is None or row["found"] <= most) else "**no**"
        rows.append([_cell(row["what"]), f"{row['found']:,}", published, fits])
    return grid(["what", "found", "published", "fits"], rows, 1)


def _range(least: int | None, most: int | None) -> str:
    return f"{'' if least is None else f'{least:,}'} … {'' if most is None else f'{most:,}'}".strip()


def utterance_facts(examples: pd.DataFrame) -> list[str]:
    """How many utterances, speakers and hours there are, and which labels."""
    rated = [name for name in _DIMENSIONS if examples[name].notna().any()]
    classes = examples["emotion"].value_counts()
    named = ", ".join(f"{name} {n:,}" for name, n in sorted(classes.items(), key=lambda pair: (-pair[1], str(pair[0]))))
    return [
        f"{len(examples):,} utterances of {examples['speaker'].nunique():,} known speakers, "
        f"{(examples['end_s'] - examples['start_s']).sum() / 3600:.2f} h",
        f"classes: {named or 'none'}",
        f"ratings: {', '.join(rated) or 'none'}",
    ]


def recording_facts(table: pd.DataFrame, windows: int) -> list[str]:
    """How many recordings, subjects and windows there are, and how much of each signal."""
    hours = (table["samples"] / table["rate_hz"] / 3600).groupby(table["signal"]).sum()
    return [
        f"{table['recording'].nunique():,} recordings of {table['subject'].nunique():,} subjects, {windows:,} windows",
        "hours: " + ", ".join(f"{name} {hours[name]:.2f}" for name in _SIGNALS if name in hours),
    ]


def utterances(examples: pd.DataFrame, title: str) -> Figure:
    """Classes by split, fold or speaker (share of the column as shade, counts), histograms of the ratings, and of the durations."""
    rated = [name for name in _DIMENSIONS if examples[name].notna().any()]
    named = examples["emotion"].notna().any()
    panels = len(rated) + 1
    figure, left, axes = _panels(7.0 if named else 0.0, panels, columns=2 if panels > 1 else 1)
    if left is not None:
        _class_table(left, examples)
    for axis, name in zip(axes, rated, strict=False):
        scale = examples[["scale_min", "scale_max"]].agg({"scale_min": "min", "scale_max": "max"}).to_numpy(dtype=float)
        _histogram(
            axis, examples[name].dropna(), f"{name} ({scale[0]:g} to {scale[1]:g})", None if np.isnan(scale).any() else (scale[0], scale[1])
        )
    _histogram(axes[len(rated)], examples["end_s"] - examples["start_s"], "duration (s)", None)
    figure.suptitle(title, fontsize=11)
    return figure


def recordings(table: pd.DataFrame, annotations: pd.DataFrame, title: str) -> Figure:
    """Minutes of each signal of each subject, and what the corpus says of them: histograms of numbers, minutes of each word."""
    numbers = {str(n): rows["value"].dropna() for n, rows in annotations.groupby("name") if rows["value"].notna().any()}
    words = {str(n): rows for n, rows in annotations.dropna(subset=["text"]).groupby("name")}
    panels = [*numbers, *words][:_MOST_PANELS]
    figure, left, axes = _panels(5.0, len(panels), columns=min(len(panels), 3 if len(panels) > 4 else 2))
    if left is not None:
        _minutes(left, table)
    for axis, name in zip(axes, panels, strict=True):
        if name in numbers:
            _histogram(axis, numbers[name], name, None)
        else:
            _word_minutes(axis, words[name], name)
    figure.suptitle(title, fontsize=11)
    return figure


def _panels(width: float, number: int, columns: int) -> tuple[Figure, Axes | None, list[Axes]]:
    """A figure with one panel of ``width`` inches at its left, if any, and ``number`` small ones in columns at its right."""
    rows = max(-(-number // max(columns, 1)), 1)
    widths = [*([width] if width else []), *([3.1] * columns)]
    figure = Figure(figsize=(sum(widths), 5.2 if width or rows > 1 else 2.8), layout="constrained")
    places = figure.add_gridspec(rows, len(widths), width_ratios=widths)
    left = figure.add_subplot(places[:, 0]) if width else None
    first = 1 if width else 0
    return figure, left, [figure.add_subplot(places[i // columns, first + i % columns]) for i in range(number)]


def columns_of(examples: pd.DataFrame) -> "tuple[str, pd.Series[str]]":
    """What the classes are shown by, and its value for every example: the split, else the fold, else the speaker if they are few."""
    if examples["split"].notna().any():
        return "split", examples["split"].astype(object).fillna("(none)")
    if examples["fold"].notna().any():
        return "fold", examples["fold"].map(lambda fold: "(none)" if pd.isna(fold) else f"{int(fold)}")
    if 0 < examples["speaker"].nunique() <= _MOST_COLUMNS:
        return "speaker", examples["speaker"].astype(object).fillna("(none)")
    return "corpus", examples["corpus"]


def _class_table(axis: Axes, examples: pd.DataFrame) -> None:
    by, column = columns_of(examples)
    table = pd.crosstab(examples["emotion"].astype(object).fillna(_NO_CLASS), column)
    places = sorted(table.columns, key=lambda name: (_SPLITS.index(name) if name in _SPLITS else 9, len(name) if by == "fold" else 0, name))
    classes = [*sorted(name for name in table.index if name != _NO_CLASS), *([_NO_CLASS] if _NO_CLASS in table.index else [])]
    table = table.loc[classes, places]
    share = (table / table.sum()).to_numpy()
    _shaded(axis, share, [[f"{n:,}" for n in row] for row in table.to_numpy()])
    axis.set_xticks(range(len(places)), [f"{name}\n{table[name].sum():,}" for name in places], fontsize=9)
    axis.set_yticks(range(len(classes)), classes, fontsize=9)
    axis.set_title(f"utterances of each class by {by} (shade: share of the column)", fontsize=10)


def _minutes(axis: Axes, table: pd.DataFrame) -> None:
    """Subjects down, signals across; where subjects are many, how many have how much of each signal."""
    minutes = table.assign(minutes=table["samples"] / table["rate_hz"] / 60).pivot_table(
        index="subject", columns="signal", values="minutes", aggfunc="sum", fill_value=0.0
    )
    minutes = minutes[[name for name in _SIGNALS if name in minutes.columns]]
    labels = [f"{name}\n{minutes[name].sum() / 60:.3g} h" for name in minutes.columns]
    if len(minutes) > _MOST_ROWS:
        boxes = axis.boxplot([minutes[name].to_numpy() for name in minutes.columns], tick_labels=labels, whis=(0, 100), patch_artist=True)
        for box in boxes["boxes"]:
            box.set(facecolor=_BLUE, edgecolor="black")
        for median in boxes["medians"]:
            median.set(color="black")
        axis.set_ylabel("min of a subject")
        axis.set_title(f"minutes of {len(minutes):,} subjects: least, quartiles, most", fontsize=10)
        return
    order = sorted(minutes.index, key=lambda name: (len(name), name))
    values = minutes.loc[order].to_numpy()
    _shaded(axis, values / max(values.max(initial=0.0), 1e-12), [[f"{v:.3g}" if v else "" for v in row] for row in values])
    axis.set_xticks(range(len(labels)), labels, fontsize=9)
    axis.set_yticks(range(len(order)), order, fontsize=9 if len(order) < 20 else 6)
    axis.set_title("minutes of each subject and signal", fontsize=10)


def _shaded(axis: Axes, shares: np.ndarray, texts: Sequence[Sequence[str]]) -> None:
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=max(_HEADROOM * float(shares.max(initial=0.0)), 1e-12), aspect="auto")
    for (y, x), _ in np.ndenumerate(shares):
        axis.text(x, y, texts[y][x], ha="center", va="center", fontsize=9 if len(texts) < 20 else 6)


def _histogram(axis: Axes, values: "pd.Series[float]", name: str, limits: tuple[float, float] | None) -> None:
    """Shares of the values; integers have a bar each."""
    array = values.to_numpy(dtype=float)
    low, high = limits if limits is not None else (float(array.min(initial=np.inf)), float(array.max(initial=-np.inf)))
    whole = len(array) > 0 and bool((array == np.round(array)).all()) and high - low <= 20
    edges = np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.0) if whole else np.linspace(low, max(high, low + 1e-9), 31)
    weights = np.full(len(array), 1 / max(len(array), 1))
    axis.hist(array, bins=list(edges), weights=weights, color=_BLUE, edgecolor=_DARK, linewidth=0.6, rwidth=0.85 if whole else 1.0)
    if len(array):
        axis.axvline(float(np.median(array)), color=_ORANGE, linestyle=(0, (4, 2)), linewidth=1.4)
    axis.set_title(f"{name}, n {len(array):,}", fontsize=10)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=whole))
    axis.tick_params(labelsize=8)


def _word_minutes(axis: Axes, rows: pd.DataFrame, name: str) -> None:
    minutes = ((rows["end_s"] - rows["start_s"]) / 60).groupby(rows["text"]).sum().sort_values(kind="stable").tail(10)
    axis.barh(range(len(minutes)), minutes.to_numpy(), color=_BLUE, edgecolor=_DARK, linewidth=0.6)
    axis.set_yticks(range(len(minutes)), [str(word)[:18] for word in minutes.index], fontsize=7)
    axis.set_title(f"{name} (min)", fontsize=10)
    axis.tick_params(axis="x", labelsize=8)


def write(folder: Path, name: str, text: str, figure: Figure | None) -> None:
    """Write <name>.md and <name>.svg below ``folder``; equal input gives equal bytes (no date, no random ids)."""
    folder.mkdir(parents=True, exist_ok=True)
    if figure is not None:
        _settle(figure)
        with mpl.rc_context({"svg.hashsalt": "emofuse", "svg.fonttype": "path"}):
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    (folder / f"{name}.md").write_text(text, encoding="utf-8")


def _settle(figure: Figure) -> None:
    """Fix the panels where the layout has put them, rounded: its last bits differ from call to call, and SVG derives names from them."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis in figure.axes:
        left, bottom, width, height = (round(float(side), 4) for side in axis.get_position().bounds)
        axis.set_position((left, bottom, width, height))
