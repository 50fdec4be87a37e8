"""Runs as processes of this machine: a fresh one each, forked from a server that has already imported PyTorch.

Importing PyTorch takes seconds and a run of a narrow network little more; the fork takes hundredths. A worker ends when its parent does,
whatever ended the parent.
"""

import errno
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from pathlib import Path

from emofuse.errors import InputError
from emofuse.params import Execution
from emofuse.runners import Ended
from emofuse.runners.errands import Errand, perform, standing

log = logging.getLogger("runs")
_FOR_THE_PARENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2)  # which decides; SIGUSR2: Slurm's end of time
_GPUS = Path("/proc/driver/nvidia/gpus")
_RESTART_S = 0.2
_SIGNALS = {sent.value: sent.name for sent in signal.Signals}


@dataclass(frozen=True)
class Slot:
    """A place for one run: its device, and the processor cores that it keeps to (None: any)."""

    device: str
    cores: tuple[int, ...] | None


class _Worker:
    """One attempt at a run: its process, not started yet, and the pipe on which it says its last word."""

    def __init__(self, context: ForkServerContext, errand: Errand, slot: Slot, attempt: int) -> None:
        self.errand, self.slot, self.attempt, self.standing = errand, slot, attempt, standing(errand)
        try:
            self.outcome, self._theirs = context.Pipe(duplex=False)
        except OSError as error:
            raise self._too_many(error) from error
        self.process = context.Process(target=_work, args=(errand, slot, self._theirs), name=errand.job.name, daemon=True)
        self.died = False
        self._end = ""

    def start(self) -> None:
        """Start the process; where that fails it counts as one that died."""
        try:
            _ensure_server()
            self.process.start()
        except (OSError, EOFError) as error:
            if isinstance(error, OSError) and error.errno == errno.EMFILE:
                raise self._too_many(error) from error
            # the server died this moment; the next attempt finds another
            self._end = f"could not be started ({type(error).__name__})"
            time.sleep(_RESTART_S)
        finally:
            self._theirs.close()

    def problem(self) -> str:
        """What the worker says at its end went wrong, or an empty string; or that it died, without a word or within it."""
        said = ""
        try:
            said = self.outcome.recv()
        except (EOFError, OSError):
            self.died = True
        self.leave()
        return f"{self.errand.job.name}: the run's process {self._end}" if self.died else said

    def _too_many(self, error: OSError) -> InputError:
        return InputError(f"{self.errand.job.name}: its process could not be started: {error.strerror}; lower execution.jobs")

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self.process.pid is not None:
            self.process.kill()

    def leave(self) -> None:
        """Wait for the end of the process, note what it was, and free what was needed to talk with it."""
        self.outcome.close()
        if self.process.pid is not None:
            self.process.join()
            code = self.process.exitcode or 0
            self._end = f"was ended by {_SIGNALS.get(-code, f'signal {-code}')}" if code < 0 else f"ended with exit code {code}"
            self.process.close()  # of which one that has lost its server notices that it is not wanted


def run(errands: Sequence[Errand], execution: Execution, ended: Ended) -> None:
    """Execute the errands, one process each."""
    free = deque(slots(execution))
    context = _context(errands)
    waiting = deque((errand, 1) for errand in errands)
    working: list[_Worker] = []
    going = True
    try:
        while working or (waiting and going):
            while waiting and free and going:
                errand, attempt = waiting.popleft()
                working.append(_Worker(context, errand, free.popleft(), attempt))  # before the start, so that an interrupt within ends it
                working[-1].start()
            spoken = wait([worker.outcome for worker in working])  # also of the dead, whose end of the pipe is closed
            for worker in [worker for worker in working if worker.outcome in spoken]:
                working.remove(worker)
                free.append(worker.slot)
                problem = worker.problem()
                attempt = worker.attempt if standing(worker.errand) == worker.standing else 1
                if worker.died and going and attempt <= execution.retries:
                    tries = execution.retries - attempt
                    log.warning("%s; it is started again and goes on from its checkpoint (%d more tries after this)", problem, tries)
                    waiting.appendleft((worker.errand, attempt + 1))
                    continue
                if worker.died:
                    times = f", {attempt} times without having come further" if attempt > 1 else ""
                    problem += f"{times}; is there memory enough? (see {worker.errand.log})"
                going = ended(worker.errand, problem) and going
    finally:
        for worker in working:
            worker.kill()
        for worker in working:
            worker.leave()


def slots(execution: Execution) -> list[Slot]:
    """The places for runs on this machine; InputError where a GPU is asked for and there is none."""
    gpus = gpu_count() if execution.device in ("auto", "cuda") else 0
    if execution.device == "cuda" and not gpus:
        raise InputError("execution.device: 'cuda' was asked for, found no GPU on this machine; use auto or cpu")
    cores = sorted(os.sched_getaffinity(0))
    count = execution.jobs if execution.jobs != "auto" else gpus * execution.runs_per_gpu or len(cores)
    pinned = execution.pin_cores and count <= len(cores)
    return [Slot(f"cuda:{n % gpus}" if gpus else "cpu", tuple(cores[n::count]) if pinned else None) for n in range(count)]


def gpu_count() -> int:
    """Number of GPUs, or parts of GPUs, that processes started here may use."""
    named = _named_gpus()
    return len(list(_GPUS.glob("*"))) if named is None else len(named)


def _named_gpus() -> list[str] | None:
    """What CUDA_VISIBLE_DEVICES names, up to the first that is none, where CUDA too stops reading; None where it is not set."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return None
    parts = (part.strip() for part in named.split(","))
    return list(takewhile(lambda part: part.isdigit() or part.startswith(("GPU-", "MIG-")), parts))


def _context(errands: Sequence[Errand]) -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    modules = {errand.job.recipe for errand in errands} | {f"emofuse.models.{m}" for errand in errands for m in errand.job.networks}
    # torch._dynamo is what the first optimiser of a process would import, for a second
    context.set_forkserver_preload(["emofuse.runners.with_parent", *sorted(modules), "torch._dynamo", "emofuse.runners.preload"])
    return context


def _ensure_server() -> None:
    """Start the server, or another where it has died; what a terminal sends to all its processes is no end of it."""
    resource_tracker.ensure_running()  # which would unblock the signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_PARENT)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(errand: Errand, slot: Slot, outcome: Connection) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_PARENT)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if slot.cores:
        os.sched_setaffinity(0, slot.cores)
    outcome.send(perform(errand, _own_device(slot)))


def _own_device(slot: Slot) -> str:
    """The slot's device as this process calls it: of parts of GPUs (MIG) a process sees only one, the first that is named."""
    named = _named_gpus() or []
    if slot.device == "cpu" or not any(part.startswith("MIG-") for part in named):
        return slot.device
    os.environ["CUDA_VISIBLE_DEVICES"] = named[int(slot.device.removeprefix("cuda:"))]
    return "cuda:0"


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
