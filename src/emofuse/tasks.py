"""What is predicted from labels: the targets and the loss of each task of paper A (§4.2)."""

from dataclasses import dataclass

import pandas as pd

CLASSES = ("angry", "happy", "neutral", "sad")
FOUR_CLASSES = {"angry": "angry", "happy": "happy", "excited": "happy", "neutral": "neutral", "sad": "sad"}  # A §4.2
DIMENSIONS = ("arousal", "valence", "dominance")


@dataclass(frozen=True)
class Task:
    """A task: one model output per target, trained with ``loss``: cross_entropy, mse or ccc."""

    name: str
    targets: tuple[str, ...]
    loss: str

    @property
    def categorical(self) -> bool:
        """True where the targets are classes of which one is right."""
        return self.loss == "cross_entropy"


TASKS = {
    task.name: task
    for task in [
        Task("emotion4", CLASSES, "cross_entropy"),
        *(Task(dimension, (dimension,), "mse") for dimension in DIMENSIONS),
        Task("avd", DIMENSIONS, "ccc"),
    ]
}


def truth(task: Task, examples: pd.DataFrame) -> pd.DataFrame:
    """Labels of the examples that have them: index example_id, one float column per target.

    Classes are 1 for the labelled one and else 0 (excited counts as happy; other classes and no agreement are left out); dimensions are on
    the corpus' own scale.
    """
    rows = examples.set_index("example_id")
    if task.categorical:
        emotion = rows["emotion"].map(FOUR_CLASSES).dropna()
        return pd.DataFrame({c: (emotion == c).astype(float) for c in task.targets}, index=emotion.index)
    return rows[list(task.targets)].dropna().astype(float)
