"""How long what is left may take: from finished runs of the same group, else from running ones, else from others of the same networks."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

from emofuse.errors import InputError
from emofuse.params import Execution
from emofuse.records import Record
from emofuse.runners import local
from emofuse.runs import Store
from emofuse.status.progress import Progress, Standing, seconds

_SAMPLE = 5  # finished runs of a group that are asked how long they took


@dataclass(frozen=True)
class TimeLeft:
    """Seconds until each group is done, were it executed now, by its place in the list (None: not known), and until all are.

    ``unknown`` is the number of runs of which no time is known; ``in_all_s`` is without them.
    """

    groups_s: tuple[float | None, ...]
    in_all_s: float
    unknown: int


def estimate(standings: Sequence[Standing], store: Store, at_once: int | None) -> TimeLeft:
    """Time left with ``at_once`` runs at a time; stages are executed one after the other."""
    rests = [_rests_s(standing, each) for standing, each in zip(standings, _per_run_s(standings, store), strict=True)]
    open_runs = [len(s.of("running")) + len(s.of("left")) for s in standings]
    if not at_once:
        return TimeLeft((None,) * len(rests), 0.0, sum(open_runs))
    stages: dict[str, list[float]] = {}
    for standing, known in zip(standings, rests, strict=True):
        stages.setdefault(standing.group.stage, []).extend(known or [])
    return TimeLeft(
        groups_s=tuple(None if known is None else _span_s(known, at_once) for known in rests),
        in_all_s=sum(_span_s(known, at_once) for known in stages.values()),
        unknown=sum(number for known, number in zip(rests, open_runs, strict=True) if known is None),
    )


def _span_s(rests_s: Sequence[float], at_once: int) -> float:
    """Seconds until runs that take so long are done: no fewer than the longest of them takes."""
    return max(sum(rests_s) / at_once, max(rests_s, default=0.0))


def at_once(execution: Execution, running: int) -> int | None:
    """How many runs are executed at a time: as many as run now, or as params.yaml gives places for; None where neither tells."""
    places = 0
    if execution.runner == "local":
        with suppress(InputError):  # this machine has no GPU, the one that executes them may
            places = len(local.slots(execution))
    elif isinstance(execution.jobs, int):
        places = execution.jobs
    return max(places, running) or None


def epoch_s(record: Record) -> float | None:
    """Seconds for each epoch of the present attempt, or None before the first is done."""
    done = record.epoch - record.began_after
    return record.elapsed_s / done if done > 0 and 0 <= record.elapsed_s < math.inf else None


def rest_s(run: Progress, whole_s: float | None = None) -> float | None:
    """Seconds that a running or interrupted run still takes at its own pace, else as a share of ``whole_s``; None if neither is known."""
    record = run.record
    if record is None or record.epochs <= 0:
        return whole_s
    pace = epoch_s(record) or (whole_s / record.epochs if whole_s is not None else None)
    return None if pace is None else max(record.epochs - record.epoch, 0) * pace


def _rests_s(standing: Standing, per_run_s: float | None) -> list[float] | None:
    """Seconds that each run of the group which is not done still takes; None where that is not known of one."""
    going_on = [run for run in standing.of("left") if run.checkpoint]
    fresh = len(standing.of("left")) - len(going_on)
    rests = [rest_s(run, per_run_s) for run in [*standing.of("running"), *going_on]] + [per_run_s] * fresh
    known = [rest for rest in rests if rest is not None]
    return known if len(known) == len(rests) else None


def _per_run_s(standings: Sequence[Standing], store: Store) -> list[float | None]:
    own = [_own_s(standing, store) for standing in standings]
    by_networks: dict[tuple[str, ...], list[float]] = {}
    for standing, each in zip(standings, own, strict=True):
        if each is not None:
            by_networks.setdefault(standing.group.runs[0].networks, []).append(each)
    alike = [by_networks.get(s.group.runs[0].networks, []) if s.group.runs else [] for s in standings]
    return [median(others) if each is None and others else each for each, others in zip(own, alike, strict=True)]


def _own_s(standing: Standing, store: Store) -> float | None:
    """Seconds of one run by the group's own: the median of some that are done, else of what the running ones will have taken."""
    done = standing.of("done")
    asked = done[:: math.ceil(len(done) / _SAMPLE) or 1]
    taken = [took for run in asked if (took := seconds(store, run.run)) is not None]
    running = [run.record for run in standing.of("running") if run.record]
    paces = [pace * record.epochs for record in running if (pace := epoch_s(record)) is not None]
    return median(taken or paces) if taken or paces else None
