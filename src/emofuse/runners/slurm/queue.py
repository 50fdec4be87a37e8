"""Slurm's queue as this user sees it: one call for all jobs, without accounting, which not every site has."""

import logging
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from emofuse.errors import InputError

log = logging.getLogger("runs")
_PROGRAMS = ("sbatch", "squeue", "scancel", "srun", "scontrol")
_TIMEOUT_S = 60.0
_OVER = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "GONE",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}


@dataclass(frozen=True)
class State:
    """A job as Slurm has it: ``number`` is what its own commands call it, ``name`` of an array is GONE if Slurm knows it no more."""

    number: str
    name: str
    node: str = ""
    reason: str = ""

    @property
    def over(self) -> bool:
        """True if the job will not run again by itself."""
        return self.name in _OVER or self.stuck

    @property
    def stuck(self) -> bool:
        """True if Slurm failed to start the job and holds it until somebody releases it."""
        return self.name in ("PENDING", "SPECIAL_EXIT", "REQUEUE_HOLD") and self.reason.replace("_", " ") == "launch failed requeued held"

    def __str__(self) -> str:
        if self.name == "GONE":
            return f"Slurm knows its job {self.number} no more"
        where = f" on {self.node}" if self.node and not self.node.startswith("(") else ""
        why = f" ({self.reason})" if self.reason not in ("", "None") else ""
        return f"Slurm job {self.number}{where} ended as {self.name}{why}" if not self.stuck else f"Slurm job {self.number} is held{why}"


def check() -> None:
    """Raise InputError unless this machine can submit to Slurm."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise InputError(
            f"execution.runner: 'slurm' needs Slurm's {missing[0]}, found no such program on this machine; start on a login node of the "
            "cluster, or use local or ray"
        )


def look(names: Iterable[str]) -> dict[tuple[str, int], State] | str:
    """State of every job that has one of the names, by name and index in its array; a line if Slurm does not answer."""
    command = ["squeue", f"--user={os.getuid()}", f"--name={','.join(names)}", "--states=all", "--array", "--noheader"]
    try:
        answer = subprocess.run([*command, "--format=%j|%F|%K|%T|%N|%r"], capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"squeue: {error}"
    if answer.returncode:
        return " ".join(answer.stderr.split())
    return dict(_read(line) for line in answer.stdout.splitlines() if line.count("|") >= 5)


def _read(line: str) -> tuple[tuple[str, int], State]:
    name, number, index, state, node, reason = line.split("|", maxsplit=5)
    if not index.isdigit():  # no array
        return (name, 0), State(number, state, node, reason)
    return (name, int(index)), State(f"{number}_{index}", state, node, reason)


def cancel(name: str, *options: str) -> None:
    """Cancel the jobs that have the name."""
    _cancel(f"--user={os.getuid()}", f"--name={name}", *options)


def cancel_one(number: str) -> None:
    """Cancel one job."""
    _cancel(number)


def _cancel(*words: str) -> None:
    command = ["scancel", *words]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S)
        problem = answer.stderr if answer.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        log.warning("jobs may still be in Slurm's queue: %s; end them with: %s", " ".join(problem.split()), " ".join(command))
