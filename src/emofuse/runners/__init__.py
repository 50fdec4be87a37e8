"""Where runs are executed: processes of this machine, a Ray cluster, or a Slurm site; chosen by ``execution.runner``, results identical.

A runner is a module with one function ``run(errands, execution, ended)``. It executes the errands, as many at a time as it has places
for, and calls ``ended(errand, problem)`` as each ends, with the line that says what went wrong or an empty one; while that returns True it
goes on starting. It returns when all that it started have ended. A run whose process or machine died is started again and goes on from its
checkpoint, up to ``execution.retries`` times without having come further; one that says itself what went wrong is not. Interrupted, by any
exception, it ends what it started.
"""

import logging
import pkgutil
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from emofuse import records
from emofuse.errors import InputError
from emofuse.jobs import Work, versions
from emofuse.params import Execution
from emofuse.runners.errands import Errand, note_failure
from emofuse.runs import Store

log = logging.getLogger("runs")
RUNNERS = {"local": "emofuse.runners.local", "ray": "emofuse.runners.ray", "slurm": "emofuse.runners.slurm"}
LOG_FOLDER = Path("logs/runs")
Ended = Callable[[Errand, str], bool]


class Runner(Protocol):
    """A module of this package."""

    def run(self, errands: Sequence[Errand], execution: Execution, ended: Ended) -> None:
        """Execute the errands; see the package's sentence. Raises InputError where it cannot start."""
        ...


def run(jobs: Sequence[Work], store: Store, execution: Execution, ahead: Sequence[Work] = ()) -> None:
    """Execute the jobs; returns when all are in the store. Jobs ``ahead``, of later stages, are executed along.

    The first failure lets runs in flight finish and starts no more (with ``execution.keep_going`` it does start the others), and is raised
    as InputError: its own line and how many others failed. A failure ahead is told and left to its own stage. What is published stays.
    """
    runner: Runner = pkgutil.resolve_name(RUNNERS[execution.runner])
    errands = errands_of([*jobs, *ahead], store, execution)
    unfinished = {errand.job.key: errand for errand in errands}
    own = {job.key for job in jobs}
    failures: list[str] = []
    with logging_redirect_tqdm(), tqdm(total=len(errands), desc="runs", unit="run", disable=None) as bar, _Ticker(bar, unfinished):

        def ended(errand: Errand, problem: str) -> bool:
            unfinished.pop(errand.job.key, None)
            if not problem:
                log.info("finished %s (%d left)", errand.job.name, len(unfinished))
            else:
                note_failure(errand, problem)
                if errand.job.key in own:
                    log.error("failed: %s", problem)
                    failures.append(problem)
                else:
                    log.warning("failed ahead of its stage, which will try again: %s", problem)
            bar.update()
            return execution.keep_going or not failures

        runner.run(errands, execution, ended)
    if failures:
        left = len(own & unfinished.keys())
        more = f"; {len(failures) - 1} more failed" if len(failures) > 1 else ""
        rest = f"; {left} not started" if left else ""
        raise InputError(f"{failures[0]}{more}{rest}; finished runs are kept: mend the cause and call again (`make status` lists them)")


def errands_of(jobs: Sequence[Work], store: Store, execution: Execution) -> list[Errand]:
    """The jobs as they are sent to workers."""
    root, store, known = Path.cwd(), Store(store.folder.absolute()), versions()
    identity = store.identity()
    return [Errand(job, root, store, identity, root / log_of(job), known, execution.checkpoint_every_s) for job in jobs]


def log_of(job: Work) -> Path:
    """The log of a run's process, below the project's folder."""
    return LOG_FOLDER / (re.sub(r"[^\w./-]|(?<=\.)\.", "-", job.name) + ".log")


class _Ticker(threading.Thread):
    """Shows beside a progress bar, while it is on a terminal, how far one of the runs is."""

    def __init__(self, bar: "tqdm[None]", unfinished: Mapping[str, Errand]) -> None:
        super().__init__(daemon=True)
        self.bar, self.unfinished, self.over = bar, unfinished, threading.Event()

    def __enter__(self) -> None:
        if not self.bar.disable:
            self.start()

    def __exit__(self, *error: object) -> None:
        self.over.set()
        if self.is_alive():
            self.join()  # it would draw a bar that is closed

    def run(self) -> None:
        """Look every two seconds."""
        while not self.over.wait(2.0):
            for key, errand in [*self.unfinished.items()]:
                record = records.read(errand.store, key)
                if record and record.state == "running" and record.epochs:
                    self.bar.set_postfix_str(f"{record.name} epoch {record.epoch}/{record.epochs} dev {record.dev_score:.3f}")
                    break
