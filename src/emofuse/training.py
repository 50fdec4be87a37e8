"""The training loop that every network shares: epochs, selection on held-out data, the best weights kept."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from emofuse.checkpoints import Checkpoint, State
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


def fit(
    name: str,
    learner: Learner,
    schedule: Schedule,
    seed: int,
    report: Callable[[Epoch], None] = lambda epoch: None,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Train the learner's network in place, from where ``checkpoint`` has it: with the same result as without an interruption.

    Raises InputError with the run's name, epoch and step at the first loss that is not finite.
    """
    generator = np.random.default_rng(seed)
    course = _Course()
    if checkpoint is not None and (state := checkpoint.load(partial(_check, learner))):
        course = _go_on(state, learner, generator)
        log.info("%s goes on after epoch %d/%d", name, len(course.history), schedule.epochs)
    while len(course.history) < schedule.epochs and course.worse != schedule.patience:
        number = len(course.history) + 1
        learner.model.train()
        loss = _train_epoch(f"{name} epoch {number}", learner, schedule.grad_clip, generator)
        learner.model.eval()
        epoch = Epoch(number, loss, learner.dev_score())
        best = course.add(epoch, learner.model)
        log.info(
            "%s epoch %d/%d loss %.4f dev %.4f (best %.4f @ %d)",
            name, number, schedule.epochs, loss, epoch.dev_score, best.dev_score, best.epoch,
        )  # fmt: skip
        if checkpoint is not None and checkpoint.due():
            checkpoint.save(_state(course, learner, generator))
        report(epoch)
    return Fit(course.weights, course.selected, course.history)


@dataclass
class _Course:
    """How far a training has come: every epoch so far, which one is selected, its weights, and the epochs since that scored below it."""

    history: list[Epoch] = field(default_factory=list)
    selected: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)
    worse: int = 0

    def add(self, epoch: Epoch, model: nn.Module) -> Epoch:
        """Note an epoch; returns the best so far."""
        best = self.history[self.selected - 1] if self.history else None
        self.history.append(epoch)
        self.worse = 0 if best is None or epoch.dev_score >= best.dev_score else self.worse + 1
        if best is None or epoch.dev_score > best.dev_score:
            self.selected = epoch.epoch
            # on the CPU state_dict() is a live view: without a copy the best weights would be the last
            self.weights = {k: v.detach().to("cpu", copy=True) for k, v in model.state_dict().items()}
        return self.history[self.selected - 1]


def _state(course: _Course, learner: Learner, generator: np.random.Generator) -> State:
    """All that the next epoch depends on; whatever else a learner holds it must make anew from its seed alone."""
    return {
        "history": [astuple(epoch) for epoch in course.history],
        "selected": course.selected,
        "weights": course.weights,
        "worse": course.worse,
        "model": learner.model.state_dict(),
        "optimiser": learner.optimiser.state_dict(),
        "scheduler": learner.scheduler.state_dict(),
        "numpy": generator.bit_generator.state,
    }


def _go_on(state: State, learner: Learner, generator: np.random.Generator) -> _Course:
    learner.model.load_state_dict(state["model"])
    learner.optimiser.load_state_dict(state["optimiser"])
    learner.scheduler.load_state_dict(state["scheduler"])
    generator.bit_generator.state = state["numpy"]
    return _course(state)


def _course(state: State) -> _Course:
    return _Course([Epoch(*epoch) for epoch in state["history"]], state["selected"], state["weights"], state["worse"])


def _check(learner: Learner, state: State) -> None:
    """Raise ValueError (or what comes of missing fields) unless the learner can go on from the state; it is left as it is.

    PyTorch would find out itself only when half of it is changed, and of an optimiser's state not even then.
    """
    course, optimiser = _course(state), learner.optimiser.state_dict()
    parameters = [p for group in learner.optimiser.param_groups for p in group["params"]]
    kept = [(parameters[n], value) for n, values in state["optimiser"]["state"].items() for value in values.values()]
    fits = {
        "history": 1 <= course.selected <= len(course.history),
        "weights": _form(state["weights"]) == _form(learner.model.state_dict()),
        "model": _form(state["model"]) == _form(learner.model.state_dict()),
        "optimiser": _form(state["optimiser"]["param_groups"]) == _form(optimiser["param_groups"])
        and all(value.shape in (p.shape, ()) for p, value in kept if isinstance(value, Tensor)),
        "scheduler": _form(state["scheduler"]) == _form(learner.scheduler.state_dict()),
    }
    if not all(fits.values()):
        raise ValueError(f"its {next(name for name, fit in fits.items() if not fit)} does not fit the network that is trained")
    np.random.default_rng().bit_generator.state = state["numpy"]


def _form(value: Any) -> Any:
    """Keys, lengths, shapes and kinds of a state, without its numbers."""
    if isinstance(value, Tensor):
        return tuple(value.shape), value.dtype
    if isinstance(value, dict):
        return {key: _form(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_form(part) for part in value]
    return float if isinstance(value, int | float) else type(value)


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
