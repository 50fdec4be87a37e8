"""How a task is learnt on one training fold: its loss, its label scaling and the score that selects the epoch (paper A §4.2)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from emofuse import metrics
from emofuse.errors import InputError
from emofuse.tasks import Task


@dataclass(frozen=True)
class Objective:
    """A task fitted to one training fold: class weights (n_targets,), or the affine map between labels and model outputs.

    Model outputs z and labels y obey ``z = (y - centre) / half_range``.
    """

    task: Task
    class_weights: tuple[float, ...] | None
    centre: float
    half_range: float

    def loss(self, outputs: Float[Tensor, "batch target"], truth: Float[Tensor, "batch target"]) -> Float[Tensor, ""]:
        """The training loss of a batch; raises ValueError where the shapes differ (they would broadcast silently)."""
        if outputs.shape != truth.shape:
            raise ValueError(f"outputs {tuple(outputs.shape)} and truth {tuple(truth.shape)} differ in shape")
        if self.task.categorical:
            return F.cross_entropy(outputs, truth.argmax(dim=1), weight=outputs.new_tensor(self.class_weights))
        scaled = (truth - self.centre) / self.half_range
        return F.mse_loss(outputs, scaled) if self.task.loss == "mse" else (1 - batch_ccc(outputs, scaled)).mean()

    def predictions(self, outputs: Float[Tensor, "example target"]) -> np.ndarray:
        """Posteriors of the classes, or values on the training corpus' own scale: (example, target) in float64."""
        if self.task.categorical:
            return outputs.double().softmax(dim=1).numpy()
        return (outputs.double() * self.half_range + self.centre).numpy()

    def selection_score(self, truth: np.ndarray, predictions: np.ndarray) -> float:
        """UAR of the classes, or the mean over targets of the CCC; the higher the better (A §4.2: "performed best on … validation")."""
        if self.task.categorical:
            return metrics.uar(truth.argmax(axis=1), predictions.argmax(axis=1))
        return float(np.mean([np.nan_to_num(metrics.ccc(truth[:, i], predictions[:, i])) for i in range(truth.shape[1])]))


def batch_ccc(x: Float[Tensor, "batch target"], y: Float[Tensor, "batch target"]) -> Float[Tensor, "target"]:
    """Concordance correlation of each column over the batch, population moments, as the authors' later code computes its loss."""
    dx, dy = x - x.mean(dim=0), y - y.mean(dim=0)
    covariance = (dx * dy).mean(dim=0)
    spread = dx.square().mean(dim=0) + dy.square().mean(dim=0) + (x.mean(dim=0) - y.mean(dim=0)).square()
    return 2 * covariance / (spread + 1e-10)  # keeps a batch of equal labels finite


def fit_objective(task: Task, train: pd.DataFrame, label_scale: str, scale: tuple[float, float] | None, where: str) -> Objective:
    """The objective of one training fold: nothing in it comes from dev or test.

    Raises InputError, naming ``where``, if a class has no training example or a dimension's corpus has no rating scale.
    """
    if task.categorical:
        counts = train.sum()
        if (counts == 0).any():
            raise InputError(
                f"{where}: expected training examples of every class, found none of {list(counts.index[counts == 0])}; use other folds"
            )
        return Objective(task, tuple(float(1 / n) for n in counts), 0.0, 1.0)
    if label_scale == "raw":
        return Objective(task, None, 0.0, 1.0)
    if scale is None:
        raise InputError(f"{where}: label_scale 'centred' needs the corpus' rating scale, found none in Examples")
    low, high = scale
    return Objective(task, None, (low + high) / 2, (high - low) / 2)
