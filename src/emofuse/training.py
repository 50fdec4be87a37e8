"""The training loop that every model shares: epochs, selection on dev, the best weights kept."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from emofuse.batches import Batches
from emofuse.errors import InputError
from emofuse.objectives import Objective

log = logging.getLogger("training")


@dataclass(frozen=True)
class Schedule:
    """How long and how: ``grad_clip`` is the largest gradient norm (None: no clipping).

    With ``early_stop`` training ends at the first epoch whose dev score is below the one before (paper A §4.2, BERT).
    """

    epochs: int
    batch_size: int
    grad_clip: float | None
    early_stop: bool


@dataclass(frozen=True)
class Epoch:
    """One epoch: mean training loss and the selection score on dev."""

    epoch: int
    loss: float
    dev_score: float


@dataclass(frozen=True)
class Fit:
    """The weights that scored best on dev (ties: the earliest), the epoch they come from, and every epoch's figures."""

    weights: dict[str, Tensor]
    selected: int
    history: list[Epoch]


@dataclass(frozen=True)
class Learner:
    """What is trained and with what: the network, its optimiser and rate schedule, the objective, and where batches come from and go to."""

    model: nn.Module
    optimiser: Optimizer
    scheduler: LRScheduler
    objective: Objective
    batches: Batches
    device: torch.device


def fit(
    name: str,
    learner: Learner,
    train: pd.DataFrame,
    dev: pd.DataFrame,
    schedule: Schedule,
    seed: int,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> Fit:
    """Train the learner's network in place; ``train`` and ``dev`` are truth frames (index example_id, one column per target).

    Raises InputError with the run's name, epoch and step at the first loss that is not finite.
    """
    generator = np.random.default_rng(seed)
    best: Epoch | None = None
    weights: dict[str, Tensor] = {}
    history: list[Epoch] = []
    for number in range(1, schedule.epochs + 1):
        loss = _train_epoch(f"{name} epoch {number}", learner, train, schedule, generator)
        predictions = predict(learner.model, learner.objective, learner.batches, list(dev.index), learner.device)
        epoch = Epoch(number, loss, learner.objective.selection_score(dev.to_numpy(), predictions.to_numpy()))
        history.append(epoch)
        report(epoch)
        if best is None or epoch.dev_score > best.dev_score:
            best = epoch
            # on the CPU state_dict() is a live view: without a copy the best weights would be the last
            weights = {k: v.detach().to("cpu", copy=True) for k, v in learner.model.state_dict().items()}
        score = f"dev {epoch.dev_score:.4f} (best {best.dev_score:.4f} @ {best.epoch})"
        log.info("%s epoch %d/%d loss %.4f %s", name, number, schedule.epochs, loss, score)
        if schedule.early_stop and len(history) > 1 and epoch.dev_score < history[-2].dev_score:
            break
    assert best is not None
    return Fit(weights, best.epoch, history)


def _train_epoch(name: str, learner: Learner, train: pd.DataFrame, schedule: Schedule, generator: np.random.Generator) -> float:
    """Mean loss of one pass over the training examples."""
    learner.model.train()
    losses: list[float] = []
    for step, batch in enumerate(learner.batches.train(list(train.index), schedule.batch_size, generator), start=1):
        truth = torch.from_numpy(train.loc[batch.example_ids].to_numpy(dtype=np.float32, copy=True)).to(learner.device)
        loss = learner.objective.loss(learner.model(**{k: v.to(learner.device) for k, v in batch.inputs.items()}), truth)
        losses.append(loss.item())
        if not np.isfinite(losses[-1]):
            raise InputError(f"{name}, step {step}: expected a finite loss, found {losses[-1]}; lower the learning rate or set grad_clip")
        learner.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if schedule.grad_clip is not None:
            nn.utils.clip_grad_norm_(learner.model.parameters(), schedule.grad_clip)
        learner.optimiser.step()
        learner.scheduler.step()
    return float(np.mean(losses))


@torch.inference_mode()
def predict(model: nn.Module, objective: Objective, batches: Batches, example_ids: Sequence[str], device: torch.device) -> pd.DataFrame:
    """Predictions in evaluation mode: index example_id in the order given, one column per target."""
    model.eval()
    ids: list[str] = []
    outputs: list[Tensor] = []
    for batch in batches.evaluate(example_ids):
        ids += batch.example_ids
        outputs.append(model(**{k: v.to(device) for k, v in batch.inputs.items()}).cpu())
    frame = pd.DataFrame(
        objective.predictions(torch.cat(outputs)), index=pd.Index(ids, name="example_id"), columns=list(objective.task.targets)
    )
    return frame.loc[list(example_ids)]
