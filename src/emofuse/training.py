"""The training loop that every network shares: epochs, selection on held-out data, the best weights kept."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from emofuse.errors import InputError

log = logging.getLogger("training")


@dataclass(frozen=True)
class Schedule:
    """How long and how: ``grad_clip`` is the largest gradient norm (None: no clipping).

    Training ends after ``patience`` epochs whose score is below the best one (None: never). With 1 that is the first epoch that scores
    below the one before (paper A §4.2, BERT).
    """

    epochs: int
    grad_clip: float | None = None
    patience: int | None = None


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


class Learner(Protocol):
    """What is trained: a network with its optimiser and rate schedule, the losses of an epoch, and the score that selects."""

    @property
    def model(self) -> nn.Module:
        """What is trained, in place."""
        ...

    @property
    def optimiser(self) -> Optimizer:
        """What takes a step after each loss."""
        ...

    @property
    def scheduler(self) -> LRScheduler:
        """What sets the rate of the next step."""
        ...

    def losses(self, generator: np.random.Generator) -> Iterator[Tensor]:
        """Yield the loss of each mini-batch of one epoch; the loop takes a step after each."""
        ...

    def dev_score(self) -> float:
        """Score the network on held-out data, in evaluation mode; the higher the better."""
        ...


def fit(name: str, learner: Learner, schedule: Schedule, seed: int, report: Callable[[Epoch], None] = lambda epoch: None) -> Fit:
    """Train the learner's network in place.

    Raises InputError with the run's name, epoch and step at the first loss that is not finite.
    """
    generator = np.random.default_rng(seed)
    best: Epoch | None = None
    weights: dict[str, Tensor] = {}
    history: list[Epoch] = []
    worse = 0
    for number in range(1, schedule.epochs + 1):
        learner.model.train()
        loss = _train_epoch(f"{name} epoch {number}", learner, schedule.grad_clip, generator)
        learner.model.eval()
        epoch = Epoch(number, loss, learner.dev_score())
        history.append(epoch)
        report(epoch)
        worse = 0 if best is None or epoch.dev_score >= best.dev_score else worse + 1
        if best is None or epoch.dev_score > best.dev_score:
            best = epoch
            # on the CPU state_dict() is a live view: without a copy the best weights would be the last
            weights = {k: v.detach().to("cpu", copy=True) for k, v in learner.model.state_dict().items()}
        score = f"dev {epoch.dev_score:.4f} (best {best.dev_score:.4f} @ {best.epoch})"
        log.info("%s epoch %d/%d loss %.4f %s", name, number, schedule.epochs, loss, score)
        if worse == schedule.patience:
            break
    assert best is not None
    return Fit(weights, best.epoch, history)


def _train_epoch(name: str, learner: Learner, grad_clip: float | None, generator: np.random.Generator) -> float:
    """Mean loss of one pass over the training examples."""
    losses: list[float] = []
    for step, loss in enumerate(learner.losses(generator), start=1):
        losses.append(loss.item())
        if not np.isfinite(losses[-1]):
            raise InputError(f"{name}, step {step}: expected a finite loss, found {losses[-1]}; lower the learning rate or set grad_clip")
        learner.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if grad_clip is not None:
            nn.utils.clip_grad_norm_(learner.model.parameters(), grad_clip)
        learner.optimiser.step()
        learner.scheduler.step()
    if not losses:
        raise InputError(f"{name}: expected at least one mini-batch, found none; lower the batch size or use more data")
    return float(np.mean(losses))
