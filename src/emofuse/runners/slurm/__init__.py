"""Runs as job arrays of a Slurm site, through submitit: several runs a job, on a file system that all nodes share.

A job that is pre-empted, reaches its time limit or loses its node is queued again by Slurm, and its runs go on from their checkpoints. The
jobs of a call that died stay in the queue, so that a dropped connection does not cost their places: the next call takes them over.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence

from emofuse import records
from emofuse.errors import InputError
from emofuse.params import Execution
from emofuse.runners import Ended
from emofuse.runners.errands import Errand, standing
from emofuse.runners.slurm import queue

try:
    from emofuse.runners.slurm import array as arrays
    from emofuse.runners.slurm.array import Array
except ModuleNotFoundError as error:
    if error.name != "submitit":
        raise
    raise InputError("execution.runner: 'slurm' needs submitit, found it not installed; `make setup` installs it, or use local") from None

log = logging.getLogger("runs")
_LARGEST_ARRAY = 500  # jobs; a site's limit is 1000 unless it says otherwise
_LOOK_S = 0.5  # between looks into the folders of the arrays
_ASK_FIRST_S, _ASK_GROWTH, _ASK_LAST_S = 2.0, 1.5, 60.0  # between questions to Slurm
_SETTLE_S = 5.0  # from the end of a job until what it wrote is seen here


def run(errands: Sequence[Errand], execution: Execution, ended: Ended) -> None:
    """Execute the errands, ``execution.slurm.runs_per_job`` in each Slurm job."""
    queue.check()
    arrays.check_options(execution)
    if execution.device == "cuda" and not execution.slurm.gpus:
        raise InputError("execution.device: 'cuda' was asked for, found execution.slurm.gpus to be 0; set it to 1 or more")
    call = _Call(errands, execution, ended)
    try:
        call.adopt()
        call.execute()
    except BaseException:
        for array in call.arrays:
            queue.cancel(array.name)
        raise


class _Call:
    """The arrays of one call, and the runs that are in none of them yet."""

    def __init__(self, errands: Sequence[Errand], execution: Execution, ended: Ended) -> None:
        self.execution, self._ended = execution, ended
        self.waiting = list(errands)
        self.tries = {errand.job.key: execution.retries for errand in errands}
        self.standing: dict[str, int] = {}  # when they were submitted
        self.arrays: list[Array] = []
        self.going = True
        self.ask_at = 0.0
        self.pause = _ASK_FIRST_S
        self.last_queue = ""

    def adopt(self) -> None:
        """Take over the jobs that a call left which died, if all of their runs are wanted, with the same settings; cancel the others."""
        left = arrays.left_behind(self.waiting[0].store)
        states = queue.look(array.name for array in left) if left else {}
        if isinstance(states, str):
            raise InputError(f"execution.runner: 'slurm' expected an answer of Slurm, found: {states}; call again when it is back")
        adopted, cancelled = 0, 0
        for array in left:
            plan = array.adopt()
            if plan is None:
                continue
            alive = {index: state for (name, index), state in states.items() if name == array.name and not state.over}
            if plan.get("settings") == arrays.settings(self.execution):
                self._take(array, plan["runs"], alive)
            refused = [state.number for index, state in alive.items() if index not in array.left]
            for number in refused:
                queue.cancel_one(number)
            adopted += sum(map(len, array.left.values()))
            cancelled += len(refused)
            if array.left:
                self.arrays.append(array)
            elif not alive:
                array.forget()
        if adopted or cancelled:
            log.info(
                "an earlier call left jobs in Slurm's queue: %d of its runs are taken over, %d of its jobs cancelled", adopted, cancelled
            )

    def _take(self, array: Array, runs: list[list[str]], alive: dict[int, queue.State]) -> None:
        wanted = {errand.job.key: errand for errand in self.waiting}
        finished = array.outcomes()
        for index, state in alive.items():
            to_come = [key for key in runs[index] if key not in finished]  # what ended under the earlier call is begun anew if wanted
            if to_come and wanted.keys() >= set(to_come):
                array.left[index], array.numbers[index] = [wanted.pop(key) for key in to_come], state.number
        self.waiting = list(wanted.values())

    def execute(self) -> None:
        """Submit, and follow until all that was submitted has ended."""
        done: list[Array] = []
        while self.arrays or (self.waiting and self.going):
            if self.waiting and self.going and sum(len(array.left) for array in self.arrays) <= _LARGEST_ARRAY:
                self._submit()
            time.sleep(_LOOK_S)
            for array in self.arrays:
                self._hear(array)
            if any(array.left for array in self.arrays) and time.monotonic() >= self.ask_at:
                self._ask()
            done += [array for array in self.arrays if not array.left]
            self.arrays = [array for array in self.arrays if array.left]
        deadline = time.monotonic() + _SETTLE_S
        for array in [array for array in done if array.well]:
            array.forget(deadline)

    def _submit(self) -> None:
        size = self.execution.slurm.runs_per_job
        now, self.waiting = self.waiting[: size * _LARGEST_ARRAY], self.waiting[size * _LARGEST_ARRAY :]
        for errand in now:
            records.remove(errand.store, errand.job.key)  # of an earlier attempt
            self.standing[errand.job.key] = standing(errand)
        array = arrays.new(now[0].store, [now[start : start + size] for start in range(0, len(now), size)])
        self.arrays.append(array)
        array.send(self.execution)
        log.info("submitted %d runs as %d Slurm jobs named %s", len(now), len(array.left), array.name)
        self._ask_soon()

    def _hear(self, array: Array, fresh: bool = False) -> None:
        for errand, problem in array.told(fresh):
            self._end(array, errand, problem)

    def _end(self, array: Array, errand: Errand, problem: str) -> None:
        array.well = array.well and not problem
        if not self._ended(errand, problem) and self.going:
            self.going = False
            for other in self.arrays:
                other.stop()
            self._ask_soon()

    def _ask_soon(self) -> None:
        self.pause = _ASK_FIRST_S
        self.ask_at = time.monotonic() + self.pause

    def _ask(self) -> None:
        """Ask Slurm for all jobs at once: less and less often while nothing happens."""
        self.pause = min(self.pause * _ASK_GROWTH, _ASK_LAST_S)
        self.ask_at = time.monotonic() + self.pause
        states = queue.look(array.name for array in self.arrays)
        if isinstance(states, str):
            log.warning("Slurm does not answer (%s); its jobs go on, and it is asked again", states)
            return
        self._tell_queue(states)
        for array in self.arrays:
            for index in list(array.left):
                state = states.get((array.name, index), queue.State(array.numbers[index], "GONE"))
                if not state.over:
                    array.over_since.pop(index, None)
                elif time.monotonic() - array.over_since.setdefault(index, time.monotonic()) < _SETTLE_S:
                    self._ask_soon()
                else:
                    self._hear(array, fresh=True)
                    self._close(array, index, state)

    def _tell_queue(self, states: dict[tuple[str, int], queue.State]) -> None:
        waiting = {state.reason for state in states.values() if state.name == "PENDING"}
        counts = Counter(state.name.lower() for state in states.values() if not state.over)
        text = ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), reverse=True)) + (
            f" ({', '.join(sorted(waiting))})" if waiting else ""
        )
        if text and text != self.last_queue:
            log.info("in Slurm's queue: %s", text)
            self.last_queue = text

    def _close(self, array: Array, index: int, state: queue.State) -> None:
        """A job is over: what it has not told of is submitted again, or has failed."""
        lost = array.left.pop(index, [])
        if not lost or not self.going:
            return
        if state.stuck:
            queue.cancel_one(state.number)
        words = array.last_words(index)
        if state.name == "PREEMPTED" or (state.name == "COMPLETED" and index in array.told_of):  # it made room, or started no more
            self.waiting += lost
        elif state.name == "CANCELLED":
            self._fail(array, lost, f"{state}, and not by this call; call the stage again")
        elif words is None and state.name == "FAILED":
            node = state.node or "its node"
            self._fail(
                array, lost,
                f"{state}: expected what it wrote in {array.folder}, found nothing; does {node} see that folder? the run store belongs on "
                "a file system that all nodes share",
            )  # fmt: skip
        else:
            self._try_again(array, index, lost, f"{state}{': ' + words if words else ''}")

    def _try_again(self, array: Array, index: int, lost: list[Errand], how: str) -> None:
        for errand in lost:
            if standing(errand) != self.standing.get(errand.job.key, standing(errand)):
                self.tries[errand.job.key] = self.execution.retries
        again = [errand for errand in lost if self.tries[errand.job.key]]
        given_up = [errand for errand in lost if not self.tries[errand.job.key]]
        for errand in again:
            self.tries[errand.job.key] -= 1
        self.waiting += again
        if again:
            log.warning("%s; its %d unfinished runs are submitted again and go on from their checkpoints", how, len(again))
        self._fail(array, given_up, f"{how}, {self.execution.retries + 1} times without having come further (see {array.log(index)})")

    def _fail(self, array: Array, lost: list[Errand], how: str) -> None:
        for errand in lost:
            self._end(array, errand, f"{errand.job.name}: {how}")
