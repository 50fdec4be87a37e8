"""Learning from labels: a network, its batches, and the truth of the examples it is trained and selected on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from emofuse.batches import Batches
from emofuse.objectives import Objective


@dataclass
class Supervised:
    """A Learner on labels; ``train`` and ``dev`` are truth frames: index example_id, one column per output of the task."""

    model: nn.Module
    optimiser: Optimizer
    scheduler: LRScheduler
    objective: Objective
    batches: Batches
    batch_size: int
    train: pd.DataFrame
    dev: pd.DataFrame
    device: torch.device
    _truth: Tensor = field(init=False)
    _row: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Put the training truth where a batch's rows are found by id without pandas."""
        self._truth = torch.from_numpy(self.train.to_numpy(dtype=np.float32, copy=True)).to(self.device)
        self._row = {example_id: row for row, example_id in enumerate(self.train.index)}

    def losses(self, generator: np.random.Generator) -> Iterator[Tensor]:
        """Yield the objective's loss of each mini-batch, in random order."""
        for batch in self.batches.train(list(self.train.index), self.batch_size, generator):
            truth = self._truth[[self._row[i] for i in batch.example_ids]]
            yield self.objective.loss(self.model(**{k: v.to(self.device) for k, v in batch.inputs.items()}), truth)

    def dev_score(self) -> float:
        """Score the predictions of dev with the objective's selection score."""
        predictions = predict(self.model, self.objective, self.batches, list(self.dev.index), self.device)
        return self.objective.selection_score(self.dev.to_numpy(), predictions.to_numpy())


@torch.inference_mode()
def predict(model: nn.Module, objective: Objective, batches: Batches, example_ids: Sequence[str], device: torch.device) -> pd.DataFrame:
    """Predictions in evaluation mode: index example_id in the order given, one column per output of the task."""
    model.eval()
    ids: list[str] = []
    outputs: list[Tensor] = []
    for batch in batches.evaluate(example_ids):
        ids += batch.example_ids
        outputs.append(model(**{k: v.to(device) for k, v in batch.inputs.items()}).cpu())
    frame = pd.DataFrame(
        objective.predictions(torch.cat(outputs)), index=pd.Index(ids, name="example_id"), columns=list(objective.task.outputs)
    )
    return frame.loc[list(example_ids)]
