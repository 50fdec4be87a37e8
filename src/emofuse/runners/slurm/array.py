"""Runs that were sent to Slurm together: one job array, and its folder ``<store>/slurm/<name>`` on the shared file system.

``plan.json`` says which runs each job of the array executes, by its index; the array's name is that of its jobs in Slurm's queue. It is
written before the jobs are submitted, so that a later call finds them whenever this one dies. submitit's files lie beside it: what the jobs
execute, and what they wrote to their terminals.
"""

import contextlib
import io
import json
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import submitit
from filelock import FileLock, Timeout
from submitit.core.utils import FailedJobError, FailedSubmissionError

from emofuse.errors import InputError
from emofuse.params import Execution
from emofuse.runners.errands import Errand
from emofuse.runners.slurm import queue
from emofuse.runners.slurm.chunk import OUTCOMES, SIGNAL_AHEAD_S, STOP, Chunk
from emofuse.runs import Store

_PLAN = "plan.json"
_OWN_OPTIONS = {"array", "error", "job-name", "nodes", "ntasks", "ntasks-per-node", "open-mode", "output", "signal", "wrap", "parsable"}
_IN_SECTION = {
    "account": "account", "cpus-per-task": "cores", "gpus-per-node": "gpus", "mem": "memory_gb", "partition": "partition",
    "time": "time_limit_min",
}  # fmt: skip


class Array:
    """A job array: ``left`` are the runs of each job whose end is not known yet, by the job's index."""

    def __init__(self, folder: Path, left: dict[int, list[Errand]]) -> None:
        self.folder, self.left = folder, left
        self.numbers: dict[int, str] = {}
        self.told_of: set[int] = set()
        self.over_since: dict[int, float] = {}
        self.well = True
        self._lock = FileLock(folder / "driver.lock")  # freed when this process dies: then the array is anybody's

    @property
    def name(self) -> str:
        """What its jobs are called in Slurm's queue."""
        return self.folder.name

    def send(self, execution: Execution) -> None:
        """Submit; raises InputError with what sbatch says if it refuses."""
        (self.folder / OUTCOMES).mkdir(parents=True)
        self.folder.chmod(0o700)  # what lies in it is executed
        self._lock.acquire()
        chunks = [Chunk(errands, execution, self.folder) for errands in self.left.values()]
        plan = {"settings": settings(execution), "runs": [[errand.job.key for errand in chunk.errands] for chunk in chunks]}
        (self.folder / _PLAN).write_text(json.dumps(plan), encoding="utf-8")
        executor = submitit.SlurmExecutor(self.folder, max_num_timeout=sys.maxsize)  # how often, a chunk decides: while it comes further
        executor.update_parameters(**_parameters(self.name, len(chunks), execution))
        try:
            with _outside_of_any_job(), contextlib.redirect_stderr(io.StringIO()):
                jobs = executor.submit_array(chunks)
        except (FailedJobError, FailedSubmissionError) as error:
            raise InputError(f"execution.slurm: expected settings that this site takes, found {' '.join(str(error).split())}") from None
        self.numbers = {index: job.job_id for index, job in enumerate(jobs)}

    def adopt(self) -> dict[str, Any] | None:
        """Take an array over that another call left and return its plan; None if that call is still there, or there is no plan."""
        try:
            self._lock.acquire(timeout=0)
            plan: dict[str, Any] = json.loads((self.folder / _PLAN).read_text(encoding="utf-8"))
        except (Timeout, OSError, ValueError):
            return None
        return plan

    def told(self, fresh: bool = False) -> Iterator[tuple[Errand, str]]:
        """Yield each run that has ended since the last time, and what went wrong; ``fresh``: past what NFS remembers."""
        outcomes = self.folder / OUTCOMES
        if fresh:
            outcomes.chmod(0o700)  # makes a client of NFS ask its server
        there = self.outcomes()
        for index, errands in list(self.left.items()):
            self.left[index] = [errand for errand in errands if errand.job.key not in there]
            if not self.left[index]:
                del self.left[index]
            for errand in [errand for errand in errands if errand.job.key in there]:
                self.told_of.add(index)
                yield errand, (outcomes / errand.job.key).read_text(encoding="utf-8")

    def outcomes(self) -> set[str]:
        """Keys of the runs that have ended; InputError where somebody has deleted what they write."""
        try:
            return set(os.listdir(self.folder / OUTCOMES))
        except OSError as error:
            raise InputError(
                f"{self.folder}: expected the folder that the Slurm jobs write to, found: {error.strerror}; call the stage again"
            ) from error

    def last_words(self, index: int) -> str | None:
        """Last line of what a job wrote; None if it wrote to no file that can be seen here."""
        files = [self.folder / f"{self.numbers[index]}_0_log.{stream}" for stream in ("err", "out")]
        found = [file for file in files if file.is_file()]
        lines = [line for file in found for line in file.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]]
        return None if not found else " ".join(lines[0].split())[:300] if lines else ""

    def log(self, index: int) -> Path:
        """What a job wrote to its terminal."""
        return self.folder / f"{self.numbers[index]}_0_log.err"

    def stop(self) -> None:
        """Start no more runs: cancel the jobs that wait, and tell the others."""
        (self.folder / STOP).touch()
        queue.cancel(self.name, "--state=PENDING")

    def forget(self, deadline: float = 0.0) -> None:
        """Remove what is needed no more, once all jobs have written their last; wait until ``deadline`` (s, monotonic) for it."""
        results = [self.folder / f"{number}_0_result.pkl" for number in self.numbers.values()]
        while time.monotonic() < deadline and not all(result.exists() for result in results):
            time.sleep(0.05)
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def new(store: Store, chunks: Sequence[list[Errand]]) -> Array:
    """An array that is not sent yet."""
    return Array(store.folder / "slurm" / f"emofuse-{uuid.uuid4().hex[:12]}", dict(enumerate(chunks)))


def left_behind(store: Store) -> list[Array]:
    """The arrays whose folders are in the store."""
    return [Array(plan.parent, {}) for plan in sorted((store.folder / "slurm").glob(f"*/{_PLAN}"))]


def settings(execution: Execution) -> dict[str, Any]:
    """What of the execution makes a submitted job another one; it also keeps its call's keep_going, retries and checkpoint_every_s."""
    return execution.model_dump(include={"jobs", "device", "runs_per_gpu", "slurm"})


def check_options(execution: Execution) -> None:
    """Raise InputError for an option that may not be there; whether sbatch knows the others, it says itself."""
    for name, value in execution.slurm.options.items():
        where = f"execution.slurm.options: '{name}'"
        if name in _IN_SECTION:
            raise InputError(f"{where} is set by execution.slurm.{_IN_SECTION[name]}; set it there")
        if name in _OWN_OPTIONS:
            raise InputError(f"{where} is set by the pipeline itself; remove it")
        if not re.fullmatch(r"[a-z][a-z-]+", name) or not str(value).isprintable():
            raise InputError(f"{where} expects the long name of an option of sbatch and one line of text, found {str(value)!r}; correct it")


def _parameters(name: str, jobs: int, execution: Execution) -> dict[str, Any]:
    slurm = execution.slurm
    return {
        "job_name": name,
        "partition": slurm.partition,
        "account": slurm.account,
        "time": slurm.time_limit_min,
        "mem": f"{slurm.memory_gb}GB",
        "cpus_per_task": slurm.cores,
        "gpus_per_node": slurm.gpus or None,
        "array_parallelism": jobs if execution.jobs == "auto" else execution.jobs,
        "signal_delay_s": SIGNAL_AHEAD_S,
        "srun_args": [f"--cpus-per-task={slurm.cores}"],  # which since Slurm 22.05 a step does not take over from its job
        "wckey": None,
        "additional_parameters": {"requeue": True} | {k: True if v == "" else v for k, v in slurm.options.items()},
    }


@contextlib.contextmanager
def _outside_of_any_job() -> Iterator[None]:
    """Hide the job that this process may itself run in, whose limits sbatch would take over."""
    if "SLURM_JOB_ID" not in os.environ:
        yield
        return
    site = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
    with submitit.helpers.clean_env():
        os.environ.update(site)
        yield
