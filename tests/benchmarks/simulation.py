"""A discrete-event simulation of runs on workers that fail: list scheduling, checkpoints, retries, stages that wait for their last run.

Every worker executes one run at a time. While it does, it is interrupted at random (exponential times): by a failure, which uses up one of
the run's retries, or by a pre-emption, which does not, as a site's queue gives the run back by itself. The run loses what it did since its
last checkpoint and goes to the front of the queue after a delay; the worker is away for a while. An idle worker does not fail.
"""

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Run:
    """One training with its predictions: ``seconds`` of work in ``epochs`` equal epochs; ``state_gb`` is the size of a checkpoint."""

    name: str
    seconds: float
    epochs: int = 1
    state_gb: float = 0.0


@dataclass(frozen=True)
class Stage:
    """Runs that a stage waits for; ``alone_s`` is what it does before and after them, when no worker has anything to do."""

    name: str
    runs: tuple[Run, ...]
    alone_s: float = 0.0


@dataclass(frozen=True)
class Site:
    """Workers and what befalls them; times in s, mean times between two events of one worker in h (inf: never).

    ``checkpoint_every_s`` None: no checkpoints; else at the end of an epoch, and not more often. ``start_s`` is what each attempt takes
    before its first step, and ``checkpoint_gb_per_s`` how fast a run writes a checkpoint, during which it does not train. A stage whose run
    has failed for good starts no more, ends, and is called again after ``call_again_s``.
    """

    workers: int
    start_s: float = 0.0
    failure_every_h: float = math.inf
    preemption_every_h: float = math.inf
    away_s: float = 0.0
    requeue_s: float = 0.0
    checkpoint_every_s: float | None = 0.0
    checkpoint_gb_per_s: float = math.inf
    retries: int = 2
    call_again_s: float = 0.0

    @property
    def rate_per_s(self) -> float:
        """Interruptions of a busy worker in a second."""
        return (1 / self.failure_every_h + 1 / self.preemption_every_h) / 3600


@dataclass
class Outcome:
    """What came of it: worker-seconds by what they were used for; what is left of ``workers · makespan_s`` was idle or away."""

    workers: int
    makespan_s: float = 0.0
    useful_s: float = 0.0
    lost_s: float = 0.0  # work done again
    starting_s: float = 0.0
    checkpointing_s: float = 0.0
    attempts: int = 0
    interruptions: int = 0
    given_up: int = 0  # runs whose retries were used up, each of which ended a call

    @property
    def idle_share(self) -> float:
        """Share of the workers' time in which they did nothing, whether they had nothing to do or were away."""
        held = self.workers * self.makespan_s
        return 1 - (self.useful_s + self.lost_s + self.starting_s + self.checkpointing_s) / held if held else 0.0


@dataclass
class _Waiting:
    run: Run
    done_s: float = 0.0
    tries: int = 0


@dataclass(order=True)
class _Event:
    at_s: float
    number: int  # the first of equal times
    kind: Literal["free", "ended"] = field(compare=False)
    waiting: _Waiting | None = field(compare=False, default=None)


def simulate(stages: Sequence[Stage], site: Site, seed: int = 0) -> Outcome:
    """Execute the stages one after another; equal seeds give equal outcomes."""
    rng, outcome = np.random.default_rng(seed), Outcome(site.workers)
    for stage in stages:
        outcome.makespan_s += stage.alone_s
        left = [_Waiting(run) for run in stage.runs]
        while left:
            left = _Call(site, rng, outcome).execute(left)
            if left:
                outcome.makespan_s += site.call_again_s + stage.alone_s
    return outcome


class _Call:
    """One call of a stage."""

    def __init__(self, site: Site, rng: np.random.Generator, outcome: Outcome) -> None:
        self.site, self.rng, self.outcome = site, rng, outcome
        self.events: list[_Event] = []
        self.free = site.workers
        self.going = True
        self.number = 0

    def execute(self, runs: Sequence[_Waiting]) -> list[_Waiting]:
        """Returns what is left for the next call, because a run failed for good."""
        queue = deque(runs)
        unfinished: list[_Waiting] = []
        now = end = 0.0
        while True:
            while queue and self.free and self.going:
                self.free -= 1
                self._attempt(queue.popleft(), now)
            if not self.events:
                break
            event = heapq.heappop(self.events)
            now = event.at_s
            if event.kind == "free":
                self.free += 1
                continue
            end = now
            if event.waiting is None:
                continue
            if event.waiting.tries > self.site.retries:
                self.outcome.given_up += 1
                self.going = False
                unfinished.append(_Waiting(event.waiting.run, event.waiting.done_s))
            else:
                queue.appendleft(event.waiting)
        self.outcome.makespan_s += end
        return [_Waiting(waiting.run, waiting.done_s) for waiting in [*unfinished, *queue]]

    def _attempt(self, waiting: _Waiting, now: float) -> None:
        site, outcome, left_s = self.site, self.outcome, waiting.run.seconds - waiting.done_s
        outcome.attempts += 1
        # what checkpoints cost is spread over the work
        slower = (
            1 + checkpoints(waiting.run, site.checkpoint_every_s) * waiting.run.state_gb / site.checkpoint_gb_per_s / waiting.run.seconds
        )
        interrupted_s = self.rng.exponential(1 / site.rate_per_s) if site.rate_per_s else math.inf
        ends = interrupted_s >= site.start_s + left_s * slower
        worked_s = left_s if ends else max(0.0, interrupted_s - site.start_s) / slower
        kept_s = left_s if ends else self._kept(waiting.run, worked_s)
        outcome.starting_s += min(interrupted_s, site.start_s)
        outcome.useful_s += kept_s
        outcome.lost_s += worked_s - kept_s
        outcome.checkpointing_s += worked_s * (slower - 1)
        if ends:
            self._at(now + site.start_s + left_s * slower, "free")
            self._at(now + site.start_s + left_s * slower, "ended")
            return
        outcome.interruptions += 1
        failed = self.rng.random() * site.rate_per_s * 3600 < 1 / site.failure_every_h
        self._at(now + interrupted_s + site.away_s, "free")
        tries = (0 if kept_s else waiting.tries) + failed  # in a row, without having come further
        self._at(now + interrupted_s + site.requeue_s, "ended", _Waiting(waiting.run, waiting.done_s + kept_s, tries))

    def _kept(self, run: Run, worked_s: float) -> float:
        """What of an attempt's work its last checkpoint has."""
        if self.site.checkpoint_every_s is None:
            return 0.0
        every_s = _interval(run, self.site.checkpoint_every_s)
        return worked_s // every_s * every_s

    def _at(self, at_s: float, kind: Literal["free", "ended"], waiting: _Waiting | None = None) -> None:
        self.number += 1
        heapq.heappush(self.events, _Event(at_s, self.number, kind, waiting))


def checkpoints(run: Run, every_s: float | None) -> int:
    """How many checkpoints an undisturbed run writes."""
    return 0 if every_s is None else math.floor(run.seconds / _interval(run, every_s) + 1e-9)


def uninterrupted_s(run: Run, site: Site) -> float:
    """The longest piece of the run that has to go without an interruption: to its first checkpoint, or to its end."""
    piece_s = run.seconds if site.checkpoint_every_s is None else min(run.seconds, _interval(run, site.checkpoint_every_s))
    return site.start_s + piece_s


def hopeless(run: Run, site: Site) -> bool:
    """True if thousands of attempts would be needed to come through one piece: their expected number is exp(rate · piece)."""
    return site.rate_per_s * uninterrupted_s(run, site) > 8


def _interval(run: Run, every_s: float) -> float:
    """Seconds between two checkpoints: whole epochs, at least ``every_s``."""
    epoch_s = run.seconds / run.epochs
    return epoch_s * max(1, math.ceil(every_s / epoch_s - 1e-9))
