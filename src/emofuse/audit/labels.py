"""Labels: inside their scale, of known names, and enough of them for what the study asks."""

from collections.abc import Sequence

import pandas as pd

from emofuse.audit.finding import Finding, native, of_records
from emofuse.tasks import DIMENSIONS, SIX_CLASSES, TASKS, truth

CHECKS = {
    "rating_range": "every rating is inside the corpus' scale",
    "rating_scale": "a corpus with ratings has one scale",
    "class_name": "every class has a harmonised name",
    "no_class": "how many examples have no class",
    "unrated": "how many examples lack a rating that others have",
    "no_labels": "labels for every task that is not omitted",
    "absent_class": "every class of a task occurs",
    "constant_dimension": "ratings vary",
}
CLASS_NAMES = (  # harmonised over the corpora: their own codes differ, and collide
    *("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise", "contempt", "boredom", "frustrated", "excited"),
    *SIX_CLASSES,
)


def find(examples: pd.DataFrame, asked: Sequence[str]) -> list[Finding]:
    """Findings on the labels of an Examples table; ``asked`` are the names of the tasks that the study asks of the corpus."""
    return [*_ratings(examples), *_classes(examples), *_tasks(examples, asked)]


def _ratings(examples: pd.DataFrame) -> list[Finding]:
    found = []
    scales = examples[["scale_min", "scale_max"]].drop_duplicates()
    rated = [name for name in DIMENSIONS if examples[name].notna().any()]
    if rated and (len(scales) > 1 or scales.isna().any(axis=None)):
        says = f"expected one scale for {', '.join(rated)}, found {scales.to_numpy().tolist()[:4]}; scores on two scales cannot be compared"
        found.append(Finding("rating_scale", "error", says, ("scale",), records=len(examples)))
    for name in rated:
        outside = (examples[name] < examples["scale_min"]) | (examples[name] > examples["scale_max"])
        wrong = examples[outside]
        if len(wrong):
            low, high = wrong[["scale_min", "scale_max"]].iloc[0]
            says = f"{name}: expected {low:g} to {high:g}, found {wrong[name].iloc[0]:g} and the like in {len(wrong):,} examples"
            first = native(str(wrong["example_id"].iloc[0]))
            found.append(Finding("rating_range", "error", f"{says}, first {first}; correct the labels", (name,), records=len(wrong)))
        if examples[name].nunique() == 1:
            says = f"{name}: expected ratings that vary, found {examples[name].dropna().iloc[0]:g} alone; concordance is not defined"
            found.append(Finding("constant_dimension", "error", says, (name,), records=len(examples)))
    lacking = examples[examples[rated].isna().any(axis=1)] if rated else examples[:0]
    share = f"of {len(examples):,} examples lack some of {', '.join(rated)}; they take no part in those tasks"
    return [*found, *of_records("unrated", "note", f"{{n}} {share}", list(lacking["example_id"].map(native)))]


def _classes(examples: pd.DataFrame) -> list[Finding]:
    named = examples["emotion"].notna()
    unknown = examples[named & ~examples["emotion"].isin(CLASS_NAMES)]
    found = [
        Finding(
            "class_name",
            "error",
            f"expected one of {', '.join(dict.fromkeys(CLASS_NAMES))}, found '{name}' in {len(rows):,} examples; mend the reader",
            (str(name),),
            records=len(rows),
        )
        for name, rows in unknown.groupby("emotion")
    ]
    if named.any():
        without = examples[~named]
        says = (
            f"{{n}} of {len(examples):,} examples ({len(without) / len(examples):.0%}) have no class: no agreement, or a class of its own"
        )
        found += of_records("no_class", "note", says, list(without["example_id"].map(native)))
    return found


def _tasks(examples: pd.DataFrame, asked: Sequence[str]) -> list[Finding]:
    found: dict[str, Finding] = {}
    corpus = examples["corpus"].iloc[0]
    for name in asked:
        labels = truth(TASKS[name], examples)
        if labels.empty:
            says = f'{name}: expected labelled examples, found none; add "{name}/{corpus}/*" to omit in params.yaml'
            found[name] = Finding("no_labels", "error", says, (name,), records=len(examples))
        elif TASKS[name].categorical:
            for output in labels.columns[labels.sum() == 0]:
                says = f"{output}: expected examples of every class of {name}, found none; its recall is not defined"
                found[output] = Finding("absent_class", "warning", says, (output,), records=0)
    return list(found.values())
