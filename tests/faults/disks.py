"""Disks that are full, read-only, gone, or another than before."""

import os
import shutil
import subprocess
import time
import uuid
from pathlib import Path

import checks
from scene import Scene

PAGE = 4096


def lacks_mounts() -> str:
    """Why nothing can be mounted here."""
    if os.geteuid():
        return "mounting needs root"
    probe = Path("/tmp") / f"mount-probe-{os.getpid()}"
    probe.mkdir()
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(probe)], capture_output=True, text=True, check=False)
        if done.returncode:
            return done.stderr.strip() or "mount failed"
        subprocess.run(["umount", str(probe)], check=True)
        return ""
    finally:
        probe.rmdir()


def full_store(scene: Scene) -> None:
    """The store's disk has room for a part of what will be written."""
    whole = sum(file.stat().st_size for file in scene.undisturbed.after.store.rglob("*") if file.is_file())
    _full(scene, scene.workspace.store, int(whole * scene.random.uniform(0.05, 1.3)))


def full_results(scene: Scene) -> None:
    """The disk of the results has room for a part of the tables."""
    _full(scene, scene.workspace.folder / "results", scene.random.choice([4, 5, 6, 7, 8]) * PAGE)


def full_logs(scene: Scene) -> None:
    """Nothing can be logged any more."""
    shutil.rmtree(scene.workspace.folder / "logs")
    _full(scene, scene.workspace.folder / "logs", scene.random.choice([1, 2, 4, 6]) * PAGE)


def _full(scene: Scene, folder: Path, size: int) -> None:
    scene.mount(folder, "-t", "tmpfs", "-o", f"size={max(PAGE, size)}", "tmpfs")
    scene.mend.append(lambda: subprocess.run(["mount", "-o", "remount,size=256m", str(folder)], check=True))
    scene.start()
    scene.moment = f"{max(PAGE, size) // 1024} KiB free"


def read_only(scene: Scene) -> None:
    """A store that may be read and not written, with some of the runs in it."""
    kept = scene.random.randint(0, 3)
    if kept:
        scene.as_finished(results=False)
    store = scene.workspace.store
    store.mkdir(exist_ok=True)
    for folder in sorted((store / "fits").glob("*"))[kept:]:
        shutil.rmtree(folder)
    scene.note()
    scene.mount(store, "--bind", str(store))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(store)], check=True, capture_output=True)
    scene.mend.append(scene.unmount)
    scene.start()


def gone(scene: Scene) -> None:
    """The store's folder disappears while it is written to, as a network's file system does, and is there again for the second call."""
    call, store = scene.start(), scene.workspace.store
    scene.at_random("worker", call)
    away = store.with_name("runs.away")
    store.rename(away)

    def bring_back() -> None:
        shutil.rmtree(store, ignore_errors=True)
        away.rename(store)

    scene.mend.append(bring_back)


def foreign(scene: Scene) -> None:
    """Another store stands where the stage began with its own."""
    call = scene.start()
    scene.wait_for("server", call)
    time.sleep(scene.random.uniform(0, scene.undisturbed.seconds["server"] * scene.patience))
    scene.note()
    identity = scene.workspace.store / "identity"
    fresh = identity.with_name(".identity.other")
    fresh.write_text(uuid.uuid4().hex, encoding="utf-8")
    fresh.replace(identity)
    scene.finished = checks.published(scene.workspace.store)
