"""Runs as tasks of a Ray cluster, one started on this machine or one that is there; Ray decides where and when each is executed.

A worker process executes several runs one after another, because a fresh one imports PyTorch for seconds; one that used a GPU is not used
again, so that its memory is free. Ray carries descriptions of runs only, data and results are in files: each node that can take a run is
asked first whether it sees the run store, and whether a lock that is held here is held there.
"""

import contextlib
import logging
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from emofuse.errors import InputError
from emofuse.params import Execution
from emofuse.runners import Ended, reaper
from emofuse.runners.errands import Errand, check_place, perform, standing
from emofuse.runners.local import gpu_count

log = logging.getLogger("runs")
_ANSWER_S = 60.0  # for a node to start a Python process that reads one file
_REACH_S = 5.0
_END_S = 5.0


@dataclass(frozen=True)
class Share:
    """What a run occupies of a node: processor cores, and a part of a GPU (0: none)."""

    cores: int
    gpu: float

    @property
    def device(self) -> str:
        """The device as the run's process sees it: Ray shows it its own GPU only."""
        return "cuda:0" if self.gpu else "cpu"

    def fits(self, resources: dict[str, float]) -> bool:
        """True if a node of these resources, all free, has a place for a run."""
        return resources.get("CPU", 0) >= self.cores and resources.get("GPU", 0) >= self.gpu


def run(errands: Sequence[Errand], execution: Execution, ended: Ended) -> None:
    """Execute the errands, as many at a time as the cluster has places for, and no more than ``execution.jobs`` if that is a number."""
    with _connected(execution):
        share, nodes = _places(execution)
        _probe(nodes, errands[0])
        _execute(errands, execution, share, ended)


@contextlib.contextmanager
def _connected(execution: Execution) -> Iterator[None]:
    """A cluster of this machine, which ends afterwards, or the one at ``execution.ray.address``, which is left."""
    address = execution.ray.address
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # by which Ray keeps to the loopback interface, on Linux too
    try:
        import ray
    except ImportError as error:
        raise InputError(
            f"execution.runner: expected the package ray for 'ray', found {error}; `make setup` installs it, or use local"
        ) from error
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with contextlib.ExitStack() as ended, tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as scratch:
        before = signal.getsignal(signal.SIGTERM)
        try:
            if address is None:
                ended.enter_context(_reaped())
                ray.init("local", include_dashboard=False, _temp_dir=scratch, **_resources(execution), **quiet)
            else:
                _reach(address)
                ray.init(address, **quiet)
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, before)  # the stage's own, which ray.init replaces
        except InputError:
            raise
        except Exception as error:
            ray.shutdown()
            where = "on this machine" if address is None else f"at '{address}'"
            raise InputError(f"execution.ray.address: expected a Ray cluster {where}, found {_line(error)}") from error
        try:
            yield
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _reaped() -> Iterator[None]:
    """Have somebody who ends the processes that are started should this one be killed."""
    quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    waiting = subprocess.Popen([sys.executable, str(Path(reaper.__file__)), str(os.getpid())], start_new_session=True, **quiet)
    try:
        yield
    finally:
        waiting.kill()
        waiting.wait()


def _resources(execution: Execution) -> dict[str, Any]:
    """What a cluster of this machine is told to have."""
    auto = len(os.sched_getaffinity(0))
    cores = auto if execution.jobs == "auto" else execution.jobs * execution.ray.cores_per_run
    return {"num_cpus": cores, "num_gpus": 0 if execution.device == "cpu" else gpu_count()}


def _reach(address: str) -> None:
    """Raise InputError where nothing listens at the address, which Ray itself would find out after minutes."""
    from ray._private.services import canonicalize_bootstrap_address_or_die

    try:
        host, _, port = canonicalize_bootstrap_address_or_die(address).rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except (OSError, ValueError) as error:
        raise InputError(
            f"execution.ray.address: expected a Ray cluster at '{address}', found {_line(error)}; start one with `ray start --head` "
            "(host:port, or auto on a machine of it), or use null for this machine alone"
        ) from error


def _places(execution: Execution) -> tuple[Share, list[dict[str, Any]]]:
    """What a run occupies, and the nodes that have as much; InputError where there are none, for which Ray would wait."""
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    gpus = execution.device != "cpu" and any(node["Resources"].get("GPU") for node in nodes)
    if execution.device == "cuda" and not gpus:
        raise InputError("execution.device: 'cuda' was asked for, found no GPU in the Ray cluster; use auto or cpu")
    share = Share(execution.ray.cores_per_run, _part(execution.runs_per_gpu) if gpus else 0.0)
    fitting = [node for node in nodes if share.fits(node["Resources"])]
    if not fitting:
        most = int(max((node["Resources"].get("CPU", 0) for node in nodes), default=0))
        beside = " beside a GPU" if gpus else ""
        raise InputError(
            f"execution.ray.cores_per_run: expected a node of the Ray cluster with {share.cores} cores{beside}, found at most {most}"
        )
    return share, fitting


def _part(runs: int) -> float:
    """The part of a GPU of which ``runs`` fit: Ray counts in ten-thousandths, and rounds."""
    return math.floor(10_000 / runs) / 10_000


def _probe(nodes: Sequence[dict[str, Any]], errand: Errand) -> None:
    """Raise InputError unless a process on each of the nodes finds there what the errand needs, and a lock held that is held here."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    name = f"probe-{uuid.uuid4().hex}"
    lock = errand.store.folder / "locks" / f"{name}.lock"
    with errand.store.lock(name), contextlib.ExitStack() as after:
        after.callback(lock.unlink, missing_ok=True)
        there = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
        look = ray.remote(num_cpus=0, max_retries=0)(_look)
        sent = [look.options(scheduling_strategy=where).remote(pickle.dumps(errand), lock).future() for where in there]
        wait(sent, timeout=_ANSWER_S)
        problems = [_answer(node, answer) for node, answer in zip(nodes, sent, strict=True)]
    for problem in filter(None, problems):
        raise InputError(problem)


def _answer(node: dict[str, Any], answer: Future[str]) -> str:
    import ray

    name = f"node {node['NodeManagerHostname']} ({node['NodeManagerAddress']}) of the Ray cluster"
    mend = "use the same environment on every machine, or take this one out of the cluster"
    if not answer.done():
        return f"{name}: expected an answer within {_ANSWER_S:.0f} s, found none; {mend}"
    try:
        problem = answer.result()
        return f"{name}: {problem}" if problem else ""
    except ray.exceptions.TaskUnschedulableError:
        return ""  # the node has left, and takes no run
    except ray.exceptions.RayError as error:
        return f"{name}: expected that it starts the project's code, found {_line(error)}; {mend}"


def _look(data: bytes, lock: Path) -> str:
    """On a node: what it lacks for an errand, in one line, or an empty string."""
    try:
        errand: Errand = pickle.loads(data)
        check_place(errand)
        FileLock(lock).acquire(timeout=0)
    except Timeout:
        return ""
    except InputError as error:
        return str(error)
    except OSError as error:
        return f"expected to write to the run store {errand.store.folder}, found: {error.strerror or error}; make it writable there"
    return (
        f"expected {lock} held, as it is on the machine that started the stage, found it free; the file system of the run store must "
        "share locks between machines (NFS: mount it without nolock and local_lock)"
    )


def _execute(errands: Sequence[Errand], execution: Execution, share: Share, ended: Ended) -> None:
    import ray

    # retries are counted here: Ray tells nobody of its own, and repeats without end what it ended itself for want of memory
    task = ray.remote(num_cpus=share.cores, num_gpus=share.gpu, max_retries=0, max_calls=1 if share.gpu else 0)(_work)
    most = len(errands) if execution.jobs == "auto" else execution.jobs
    waiting = deque((errand, 1) for errand in errands)
    sent: dict[Future[str], tuple[Errand, int, int, Any]] = {}  # ray.wait would make a signal handler's SystemExit one of code 1
    going = True
    try:
        while sent or (waiting and going):
            while waiting and going and len(sent) < most:
                errand, attempt = waiting.popleft()
                ref = task.options(name=errand.job.name).remote(pickle.dumps(errand), share.device)
                sent[ref.future()] = errand, attempt, standing(errand), ref
            done, _ = wait(sent, timeout=_ANSWER_S, return_when=FIRST_COMPLETED)
            if not done:
                _places(execution)  # is there still a node for what waits?
                continue
            outcome = done.pop()
            errand, attempt, before, _ = sent.pop(outcome)
            try:
                problem = _said(errand, outcome)
            except ray.exceptions.TaskCancelledError:
                continue  # it had not started
            except InputError as death:
                attempt = attempt if standing(errand) == before else 1
                if going and attempt <= execution.retries:
                    tries = execution.retries - attempt
                    log.warning("%s; it is started again and goes on from its checkpoint (%d more tries after this)", death, tries)
                    waiting.appendleft((errand, attempt + 1))
                    continue
                times = f", {attempt} times without having come further" if attempt > 1 else ""
                problem = f"{death}{times}; is there memory enough? (see {errand.log})"
            if not ended(errand, problem) and going:
                going = False
                for *_, ref in sent.values():
                    ray.cancel(ref)  # which ends those that wait; see _work
    finally:
        for *_, ref in sent.values():
            ray.cancel(ref, force=True)
        wait(sent, timeout=_END_S)


def _said(errand: Errand, outcome: Future[str]) -> str:
    """What an ended run says went wrong, or an empty string; InputError if it died without a word."""
    import ray

    name = errand.job.name
    try:
        return outcome.result()
    except ray.exceptions.TaskCancelledError:
        raise
    except ray.exceptions.OutOfMemoryError as error:
        raise InputError(f"{name}: Ray ended the run's process for want of memory on its machine") from error
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError) as error:
        raise InputError(f"{name}: the run's process or its machine died") from error
    except ray.exceptions.RayError as error:
        return f"{name}: Ray could not execute the run: {_line(error)}"


def _work(data: bytes, device: str) -> str:
    """In a worker: perform an errand, which comes as bytes because the arrays that Ray itself passes on are read-only."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # by which Ray cancels what runs already: that is to finish
    return perform(pickle.loads(data), device)


def _line(error: BaseException) -> str:
    """The error in one line; of an exception on another machine its last line, which is the exception's own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (lines[-1] if lines[0].startswith("\x1b") or "ray::" in lines[0] else " ".join(lines))[:300]
