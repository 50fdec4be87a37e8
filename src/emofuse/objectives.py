"""How a task is learnt on one training fold: its loss, its label scaling and the score that selects the epoch."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from emofuse import metrics
from emofuse.errors import InputError
from emofuse.tasks import Task

Selection = Literal["score", "loss"]


@dataclass(frozen=True)
class Objective:
    """A task fitted to one training fold: weights of the classes (one per output, None: all equal), or the affine map of the labels.

    Model outputs z and labels y of a dimension obey ``z = (y - centre) / half_range``.
    """

    task: Task
    class_weights: tuple[float, ...] | None
    centre: float = 0.0
    half_range: float = 1.0
    selection: Selection = "score"

    def loss(self, outputs: Float[Tensor, "batch output"], truth: Float[Tensor, "batch output"]) -> Float[Tensor, ""]:
        """The training loss of a batch; raises ValueError where the shapes differ (they would broadcast silently)."""
        if outputs.shape != truth.shape:
            raise ValueError(f"outputs {tuple(outputs.shape)} and truth {tuple(truth.shape)} differ in shape")
        if self.task.categorical:
            weights = None if self.class_weights is None else outputs.new_tensor(self.class_weights)
            terms = [
                F.cross_entropy(outputs[:, s], truth[:, s].argmax(dim=1), weight=None if weights is None else weights[s])
                for s in self.task.slices.values()
            ]
            return sum(terms[1:], terms[0])
        scaled = (truth - self.centre) / self.half_range
        return F.mse_loss(outputs, scaled) if self.task.loss == "mse" else (1 - batch_ccc(outputs, scaled)).mean()

    def predictions(self, outputs: Float[Tensor, "example output"]) -> np.ndarray:
        """Posteriors of each target's classes, or values on the training corpus' own scale: (example, output) in float64."""
        values = outputs.double()
        if self.task.categorical:
            return np.concatenate([values[:, s].softmax(dim=1).numpy() for s in self.task.slices.values()], axis=1)
        return (values * self.half_range + self.centre).numpy()

    def selection_score(self, truth: np.ndarray, predictions: np.ndarray) -> float:
        """The figure that selects the epoch; the higher the better.

        'score': UAR or CCC, the mean over the targets (A §4.2: "performed best on … validation"). 'loss': minus the cross-entropy, summed
        over the targets (B §4.2: early stopping).
        """
        columns = self.task.slices.values()
        if self.selection == "loss":
            return float(sum(np.log((truth[:, s] * predictions[:, s]).sum(axis=1).clip(1e-12)).mean() for s in columns))
        if self.task.categorical:
            return float(np.mean([metrics.uar(truth[:, s].argmax(axis=1), predictions[:, s].argmax(axis=1)) for s in columns]))
        return float(np.mean([np.nan_to_num(metrics.ccc(truth[:, i], predictions[:, i])) for i in range(truth.shape[1])]))


def batch_ccc(x: Float[Tensor, "batch target"], y: Float[Tensor, "batch target"]) -> Float[Tensor, "target"]:
    """Concordance correlation of each column over the batch, population moments, as the authors' later code computes its loss."""
    dx, dy = x - x.mean(dim=0), y - y.mean(dim=0)
    covariance = (dx * dy).mean(dim=0)
    spread = dx.square().mean(dim=0) + dy.square().mean(dim=0) + (x.mean(dim=0) - y.mean(dim=0)).square()
    return 2 * covariance / (spread + 1e-10)  # keeps a batch of equal labels finite


def fit_objective(task: Task, train: pd.DataFrame, label_scale: str, scale: tuple[float, float] | None, where: str) -> Objective:
    """The objective of paper A on one training fold (§4.2): nothing in it comes from dev or test.

    Raises InputError, naming ``where``, if a class has no training example or a dimension's corpus has no rating scale.
    """
    if task.categorical:
        counts = train.sum()
        if (counts == 0).any():
            raise InputError(
                f"{where}: expected training examples of every class, found none of {list(counts.index[counts == 0])}; use other folds"
            )
        return Objective(task, tuple(float(1 / n) for n in counts))
    if label_scale == "raw":
        return Objective(task, None)
    if scale is None:
        raise InputError(f"{where}: label_scale 'centred' needs the corpus' rating scale, found none in Examples")
    low, high = scale
    return Objective(task, None, (low + high) / 2, (high - low) / 2)
