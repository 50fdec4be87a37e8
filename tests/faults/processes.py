"""The processes of one workspace, found by the environment that they inherit or the folder they are in, and what each of them is."""

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil
from workspace import MARK, Workspace

ORPHAN_S = 15.0  # within which everything must have ended once the call has


def of(workspace: Workspace) -> list[psutil.Process]:
    """Every live process of the workspace; zombies are dead."""
    found = [p for p in psutil.process_iter() if p.pid != os.getpid() and _belongs(p, workspace)]
    children = {child for process in found for child in _children(process)}
    return [p for p in {*found, *children} if _alive(p)]


def role(process: psutil.Process) -> str:
    """dvc, stage, server (that local workers are forked from), worker, ray worker, raylet, gcs or other."""
    try:
        words, parent = process.cmdline(), process.parent()
        line = " ".join(words)
        if line.startswith("ray::"):
            return "ray worker" if line.startswith("ray::emotion4/") else "ray idle"  # a task goes by the name of its run
        if any(Path(word).name in ("raylet", "gcs_server") for word in words[:1]):
            return Path(words[0]).name
        if "multiprocessing.forkserver" in line:
            return "worker" if parent is not None and "multiprocessing.forkserver" in " ".join(parent.cmdline()) else "server"
        if any(word.endswith("/dvc") for word in words[:3]):
            return "dvc"
        if any(word.startswith("stages/") for word in words) and "python" in Path(words[0]).name:
            return "stage"
    except psutil.Error:
        return "gone"
    return "other"


def playing(workspace: Workspace, wanted: str) -> list[psutil.Process]:
    """The live processes of that role, the oldest first."""
    return sorted((p for p in of(workspace) if role(p) == wanted), key=lambda p: p.pid)


def orphans(workspace: Workspace) -> list[str]:
    """What still runs ``ORPHAN_S`` after the call has ended; it is killed, so that nothing disturbs what comes next."""
    deadline = time.monotonic() + ORPHAN_S
    while (left := of(workspace)) and time.monotonic() < deadline:
        time.sleep(0.1)
    told = [f"{role(p)} {p.pid}" for p in left]
    kill_all(workspace)
    return told


def kill_all(workspace: Workspace) -> None:
    """SIGKILL to everything at once, as a power cut does; again until nothing is left."""
    while left := of(workspace):
        for process in left:
            send(process, signal.SIGKILL)
        time.sleep(0.02)


def send(process: psutil.Process, sent: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(sent)


def _belongs(process: psutil.Process, workspace: Workspace) -> bool:
    try:
        return process.environ().get(MARK) == workspace.mark or Path(process.cwd()).is_relative_to(workspace.folder)
    except (psutil.Error, OSError):
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
