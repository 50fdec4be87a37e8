"""What one Slurm job does on its node: a few runs, executed by the local runner, and one small file that says how each of them ended."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from submitit.core.utils import DelayedSubmission

from emofuse.errors import InputError
from emofuse.params import Execution
from emofuse.runners import local
from emofuse.runners.errands import Errand, standing

OUTCOMES, STOP = "ended", "stop"  # in the folder of an array: how each run ended; there if no more runs are to be started
SIGNAL_AHEAD_S = 30  # of the time limit; for one call of Slurm, since what the runs need to go on is in the store already
_SIGNAL_SLACK_S = 60  # Slurm may send the signal that much earlier


@dataclass
class Chunk:
    """The runs of one Slurm job, and the folder of the array that it belongs to. Called again in a job that was requeued, it goes on."""

    errands: list[Errand]
    execution: Execution
    folder: Path

    def __call__(self) -> None:
        """Execute the runs that have not ended yet, as many at a time as the job has cores, or places on its GPUs."""
        self._began = time.monotonic()
        self._before = self._standing()
        try:
            local.run(self._left(), on_node(self.execution), self._ended)
        except InputError as error:
            self._tell_all(str(error))

    def checkpoint(self) -> DelayedSubmission | None:
        """What submitit queues again when Slurm signals the end; None, and a line for each run, if none came further before the limit."""
        limit_s = 60 * self.execution.slurm.time_limit_min - SIGNAL_AHEAD_S - _SIGNAL_SLACK_S
        if time.monotonic() - self._began >= limit_s and self._standing() == self._before:
            limit = f"execution.slurm.time_limit_min is {self.execution.slurm.time_limit_min}"
            self._tell_all(f"{limit}: expected an epoch to end within it, found none; raise it")
            return None
        return DelayedSubmission(self)

    def _ended(self, errand: Errand, problem: str) -> bool:
        write_outcome(self.folder, errand, problem)
        return not (self.folder / STOP).exists() and (self.execution.keep_going or not problem)

    def _left(self) -> list[Errand]:
        return [errand for errand in self.errands if not (self.folder / OUTCOMES / errand.job.key).exists()]

    def _tell_all(self, problem: str) -> None:
        for errand in self._left():
            write_outcome(self.folder, errand, f"{errand.job.name}: {problem}")

    def _standing(self) -> dict[str, int]:
        """When the checkpoint of each run that is left was made, in ns; 0: it has none."""
        return {errand.job.key: standing(errand) for errand in self._left()}


def on_node(execution: Execution) -> Execution:
    """The execution for the local runner of one job: what Slurm gave the job, not what the node has."""
    slurm = execution.slurm
    jobs = slurm.gpus * execution.runs_per_gpu or slurm.cores
    device = execution.device if slurm.gpus else "cpu"
    confined = len(os.sched_getaffinity(0)) < (os.cpu_count() or 1) or slurm.cores == os.cpu_count()
    # on a node that does not confine its jobs, each of them would pin its runs to the same first cores
    return execution.model_copy(update={"jobs": jobs, "device": device, "pin_cores": execution.pin_cores and confined})


def write_outcome(folder: Path, errand: Errand, problem: str) -> None:
    """Say how a run ended: the line that says what went wrong, or an empty one."""
    path = folder / OUTCOMES / errand.job.key
    partial = folder / f".{errand.job.key}"
    partial.write_text(problem, encoding="utf-8")
    partial.replace(path)
