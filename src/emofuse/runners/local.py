"""Runs as processes on this machine: a fresh, seeded process each, forked from a server that has already imported PyTorch.

Importing PyTorch takes seconds and a run of a narrow network little more; the fork takes hundredths. Each run computes on one thread,
so that its result does not depend on how many run beside it. A worker ends when its parent does, whatever ended the parent.
"""

import logging
import multiprocessing
import multiprocessing.connection
import os
import pkgutil
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from emofuse.errors import InputError
from emofuse.jobs import Work
from emofuse.runs import Store

log = logging.getLogger("runs")
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@dataclass
class _Worker:
    job: Work
    process: multiprocessing.process.BaseProcess
    messages: Connection
    gpu: int
    error: str = ""


def run(jobs: Sequence[Work], store: Store, at_once: int | Literal["auto"], device: str, log_file: Path) -> None:
    """Execute the jobs, ``at_once`` at a time; returns when all are in the store.

    The first failure lets runs in flight finish, starts no more, and is raised as InputError with the run's name. An interrupt ends the
    workers; what is published stays.
    """
    gpus = _gpu_count() if device in ("auto", "cuda") else 0
    if device == "cuda" and not gpus:
        raise InputError("execution.device: 'cuda' was asked for, found no GPU on this machine; use auto or cpu")
    slots = deque(range((gpus or len(os.sched_getaffinity(0))) if at_once == "auto" else at_once))
    context = multiprocessing.get_context("forkserver")
    preload = [*sorted({j.recipe for j in jobs}), *sorted({f"emofuse.models.{m}" for j in jobs for m in j.networks})]
    context.set_forkserver_preload([*preload, "torch._dynamo"])  # which the first optimiser of a process would import, for a second
    waiting, working, failures = deque(jobs), [], []  # type: ignore[var-annotated]
    progress = tqdm(total=len(jobs), desc="runs", unit="run", disable=None)
    try:
        while working or (waiting and not failures):
            while waiting and slots and not failures:
                working.append(_start(context, waiting.popleft(), store, slots.popleft(), gpus, log_file))
            _listen(working, progress)
            for worker in [w for w in working if w.process.exitcode is not None]:
                working.remove(worker)
                slots.append(worker.gpu)
                if problem := _problem(worker):
                    failures.append(problem)
                else:
                    progress.update()
                    log.info("finished %s (%d left)", worker.job.name, len(waiting) + len(working))
    finally:
        for worker in working:
            worker.process.kill()
        progress.close()
    if failures:
        left = len(waiting)
        raise InputError(
            "; ".join(failures)
            + f"; {left} runs not started; finished runs are kept: mend the cause and call again ({log_file} has the details)"
        )


def _start(context: multiprocessing.context.ForkServerContext, job: Work, store: Store, slot: int, gpus: int, log_file: Path) -> _Worker:
    ours, theirs = context.Pipe(duplex=False)
    device = f"cuda:{slot % gpus}" if gpus else "cpu"
    process = context.Process(target=_work, args=(job, store, device, theirs, log_file), name=job.name, daemon=True)
    process.start()
    theirs.close()
    return _Worker(job, process, ours, slot)


def _listen(working: list[_Worker], progress: "tqdm[None]") -> None:
    """Wait for a message or the end of a worker."""
    ready = multiprocessing.connection.wait([w.messages for w in working] + [w.process.sentinel for w in working], timeout=1.0)
    for worker in working:
        if worker.messages not in ready:
            continue
        try:
            kind, text = worker.messages.recv()
        except (EOFError, OSError):
            worker.process.join(timeout=1.0)
            continue
        if kind == "error":
            worker.error = text
        else:
            progress.set_postfix_str(text)


def _problem(worker: _Worker) -> str:
    """What went wrong with an ended worker, or an empty string."""
    while not worker.error and worker.messages.poll():
        try:
            kind, text = worker.messages.recv()
        except (EOFError, OSError):
            break
        worker.error = text if kind == "error" else ""
    code = worker.process.exitcode
    if worker.error:
        return worker.error
    if code is not None and code < 0:
        return f"{worker.job.name}: the run's process was ended by {signal.Signals(-code).name}"
    return f"{worker.job.name}: the run's process ended with exit code {code}" if code else ""


def _work(job: Work, store: Store, device: str, messages: Connection, log_file: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; it ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    import torch

    from emofuse.training import Epoch

    execute = pkgutil.resolve_name(f"{job.recipe}:execute")

    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, filename=log_file, format=LOG_FORMAT, force=True)

    def report(epoch: Epoch, epochs: int) -> None:
        _tell(messages, "epoch", f"{job.name} epoch {epoch.epoch}/{epochs} dev {epoch.dev_score:.3f}")

    try:
        execute(job, store, device, report)
    except InputError as error:
        _tell(messages, "error", str(error))
        raise SystemExit(1) from None
    except Exception as error:
        logging.getLogger("runs").error("%s failed:\n%s", job.name, traceback.format_exc())
        _tell(messages, "error", f"{job.name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
        raise SystemExit(1) from None


def _tell(messages: Connection, kind: str, text: str) -> None:
    try:
        messages.send((kind, text))
    except BrokenPipeError:  # the parent is gone
        os._exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _gpu_count() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([part for part in visible.split(",") if part.strip() not in ("", "-1")])
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))


Runner = Callable[[Sequence[Work], Store, int | Literal["auto"], str, Path], None]
