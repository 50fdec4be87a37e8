"""What is predicted from labels: targets, loss and metrics of each task of paper A (§4.2) and paper B (§4.1.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

CLASSES = ("angry", "happy", "neutral", "sad")
FOUR_CLASSES = {"angry": "angry", "happy": "happy", "excited": "happy", "neutral": "neutral", "sad": "sad"}  # A §4.2
DIMENSIONS = ("arousal", "valence", "dominance")
LEVELS = ("low", "neutral", "high")
SIX_CLASSES = ("cheerful", "happy", "angry", "nervous", "sad", "neutral")  # B §4.1.1, in the order of the first author's app


@dataclass(frozen=True)
class Task:
    """A task, trained with ``loss``: cross_entropy (of each of its class targets, added up), mse or ccc.

    ``classes`` are the classes of each categorical target; ``dimensions`` the targets that are numbers. A task has one kind only.
    """

    name: str
    loss: str
    metrics: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dimensions: tuple[str, ...] = ()

    @property
    def categorical(self) -> bool:
        """True where the targets are classes of which one is right."""
        return bool(self.classes)

    @property
    def outputs(self) -> tuple[str, ...]:
        """One name for each output of a model: the dimension, or <target>/<class>."""
        return self.dimensions or tuple(f"{target}/{c}" for target, classes in self.classes.items() for c in classes)

    @property
    def slices(self) -> dict[str, slice]:
        """Where the outputs of each target stand among all outputs."""
        found: dict[str, slice] = {}
        start = 0
        for target, classes in self.classes.items():
            found[target] = slice(start, start + len(classes))
            start += len(classes)
        return found or {dimension: slice(i, i + 1) for i, dimension in enumerate(self.dimensions)}


_DIMENSIONAL = ("ccc", "pcc", "mse")
TASKS = {
    task.name: task
    for task in [
        Task("emotion4", "cross_entropy", ("uar",), classes={"emotion": CLASSES}),
        *(Task(dimension, "mse", _DIMENSIONAL, dimensions=(dimension,)) for dimension in DIMENSIONS),
        Task("avd", "ccc", _DIMENSIONAL, dimensions=DIMENSIONS),
        Task(
            "self_report",
            "cross_entropy",
            ("accuracy", "macro_f1", "macro_f1_all", "uar"),
            classes={"arousal3": LEVELS, "valence3": LEVELS, "emotion6": SIX_CLASSES},
        ),
    ]
}


def truth(task: Task, examples: pd.DataFrame) -> pd.DataFrame:
    """Labels of the examples that have all of the task's: index example_id, one float column per output.

    Classes are 1 for the labelled one and else 0 (emotion4: excited counts as happy; other classes and no agreement are left out);
    dimensions are on the corpus' own scale.
    """
    rows = examples.set_index("example_id")
    if not task.categorical:
        return rows[list(task.outputs)].dropna().astype(float)
    labels = pd.DataFrame({target: _labels(target, rows) for target in task.classes}).dropna()
    columns = {f"{target}/{c}": (labels[target] == c).astype(float) for target, classes in task.classes.items() for c in classes}
    return pd.DataFrame(columns, index=labels.index)


def _labels(target: str, rows: pd.DataFrame) -> "pd.Series[str]":
    """The class of every example, null where it has none of the target's."""
    if target == "emotion":
        return rows["emotion"].map(FOUR_CLASSES)
    if target == "emotion6":
        return rows["emotion"].where(rows["emotion"].isin(SIX_CLASSES))
    return rows[target]
