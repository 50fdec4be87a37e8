"""Processes that die: killed one by one, all at once, or asked to end."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import processes
from scene import Missed, Scene


def _killed(role: str) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        call = scene.start()
        processes.send(scene.one(role, call), signal.SIGKILL)

    return strike


worker, server, stage = (_killed(role) for role in ("worker", "server", "stage"))


def dvc(scene: Scene) -> None:
    """dvc alone, once it has a stage: before, nobody is left who could tell."""
    call = scene.start()
    scene.at_random("stage", call)
    for process in processes.playing(scene.workspace, "dvc"):
        processes.send(process, signal.SIGKILL)


def publisher(scene: Scene) -> None:
    """A worker, at the moment when it writes what it has finished."""
    call, which = scene.start(), scene.random.randint(1, 3)
    seen: set[str] = set()
    partial = scene.workspace.store / "partial"
    while len(seen) < which:
        if call.is_over:
            raise Missed
        with contextlib.suppress(FileNotFoundError):
            seen |= set(os.listdir(partial))
    writers = processes.playing(scene.workspace, "worker")
    for process in writers:
        processes.send(process, signal.SIGKILL)
    scene.note()


def power_cut(scene: Scene) -> None:
    """Everything dies at once, and what happened only the next call can say."""
    call = scene.start()
    scene.at_random("stage", call)
    scene.power_cut(call)
    scene.start()


def signalled(name: str, whom: str) -> Callable[[Scene], None]:
    """A signal to the process group, as a terminal or a batch system sends it, or to one process alone."""

    def strike(scene: Scene) -> None:
        call = scene.start()
        if whom == "the group":
            scene.at_random("stage", call)
            os.killpg(call.process.pid, signal.Signals[name])
        else:
            processes.send(scene.one(whom.removeprefix("the "), call), signal.Signals[name])

    return strike


def lacks_ray() -> str:
    """Why Ray cannot be used here."""
    missing = [module for module in ("ray", "emofuse.runners.ray") if importlib.util.find_spec(module) is None]
    return f"{missing[0]} is not installed" if missing else ""


def lacks_slurm() -> str:
    """Why Slurm cannot be used here."""
    if importlib.util.find_spec("emofuse.runners.slurm") is None:
        return "emofuse.runners.slurm is not installed"
    if not shutil.which("sinfo") or subprocess.run(["sinfo", "-h"], capture_output=True, timeout=20, check=False).returncode:
        return "no Slurm answers to sinfo"
    return ""


def ray_worker(scene: Scene) -> None:
    """The process in which Ray executes a run."""
    scene.workspace.set(runner="ray")
    _killed("ray worker")(scene)


def raylet(scene: Scene) -> None:
    """The process that is a node of Ray's cluster."""
    scene.workspace.set(runner="ray")
    call = scene.start()
    scene.at_random("ray worker", call)
    for process in processes.playing(scene.workspace, "raylet"):
        processes.send(process, signal.SIGKILL)


def stage_under_ray(scene: Scene) -> None:
    """The stage while Ray executes its runs."""
    scene.workspace.set(runner="ray")
    call = scene.start()
    scene.at_random("ray worker", call)
    for process in processes.playing(scene.workspace, "stage"):
        processes.send(process, signal.SIGKILL)


def slurm_step(scene: Scene) -> None:
    """A process in which a Slurm job executes a run."""
    scene.workspace.set(runner="slurm", slurm=_small_jobs())
    _killed("worker")(scene)


def slurm_cancelled(scene: Scene) -> None:
    """Somebody cancels all jobs of the user."""
    scene.workspace.set(runner="slurm", slurm=_small_jobs())
    call = scene.start()
    scene.at_random("worker", call)
    subprocess.run(["scancel", "--me"], check=True, capture_output=True)
    time.sleep(0.5)


def _small_jobs() -> dict[str, object]:
    sizes = {"time_limit_min": 10, "memory_gb": 1, "cores": 1, "gpus": 0, "runs_per_job": 2}
    return {"partition": None, "account": None, **sizes, "options": {}}
