"""Several calls at once, and a workspace that changes under a call: its clock, its code."""

import os
import shutil
import time
from pathlib import Path

import processes
from scene import Scene
from workspace import Workspace

EDITED = Path("src/emofuse/models/cnn14.py")
LINE, OTHER_LINE = "F.relu_(self.bn2(self.conv2(h1)))", "F.relu_(self.bn2(self.conv2(h1))) * 1.5 + 0.1"
CLOCK = Path(__file__).resolve().parent / "clock"
DAY_S = 86_400


def same_cell(scene: Scene) -> None:
    """The same call twice."""
    _twice(scene, ("cnn14",), ("cnn14",))


def two_cells(scene: Scene) -> None:
    """Two cells of one workspace."""
    scene.cells = ("cnn14", "mfcnn14")
    _twice(scene, ("cnn14",), ("mfcnn14",))


def _twice(scene: Scene, first: tuple[str, ...], second: tuple[str, ...]) -> None:
    scene.start(*first)
    time.sleep(scene.random.uniform(0, 4 + scene.undisturbed.seconds["stage"] * scene.patience))
    scene.note()
    scene.start(*second)


def worktrees(scene: Scene) -> None:
    """Two worktrees of one repository train the same cell, or two."""
    other = _worktree(scene)
    scene.cells = ("cnn14",)
    scene.start()
    time.sleep(scene.random.uniform(0, 4))
    scene.start(workspace=other)
    scene.note()


def worktrees_one_dies(scene: Scene) -> None:
    """The same, and one of them loses its power at a random moment."""
    other = _worktree(scene)
    call, theirs = scene.start(workspace=other), scene.start()
    scene.at_random("stage", theirs)
    processes.kill_all(other)
    call.wait(10)


def _worktree(scene: Scene) -> Workspace:
    ours = scene.workspace
    ours.run("dvc", "cache", "dir", "--local", str(ours.folder / ".dvc" / "cache"))
    ours.set(store=str(ours.store))
    ours.run("git", "commit", "-qam", "one store for all worktrees")
    folder = ours.folder.with_name(f"{ours.folder.name}-worktree")
    shutil.rmtree(folder, ignore_errors=True)  # an earlier scene's
    ours.run("git", "worktree", "add", "-q", "-f", str(folder), "HEAD")
    (folder / ".dvc" / "config.local").write_bytes((ours.folder / ".dvc" / "config.local").read_bytes())
    (folder / "logs").mkdir(exist_ok=True)
    scene.others.append(Workspace(folder))
    return scene.others[0]


def clock(scene: Scene) -> None:
    """The clock jumps a day ahead and two days back, and files have times in the future and in the past."""
    shift = scene.folder.with_name(f"{scene.folder.name}-clock")
    shift.write_text("0", encoding="ascii")
    search = os.pathsep.join([str(CLOCK), str(scene.workspace.folder / "src")])
    scene.workspace.variables |= {"FAULT_CLOCK": str(shift), "PYTHONPATH": search}
    call = scene.start()
    for jump_s in (DAY_S, -DAY_S):
        scene.at_random("stage", call, share=0.5)
        shift.write_text(str(jump_s), encoding="ascii")
        for file in (*scene.workspace.store.rglob("*"), *(scene.workspace.folder / "data").rglob("*")):
            _set_time(file, time.time() + jump_s)


def _set_time(file: Path, when_s: float) -> None:
    try:
        if file.is_file() and file.name != "manifest.json":  # by whose time the campaign sees whether a run was made again
            os.utime(file, (when_s, when_s))
    except FileNotFoundError:
        pass


def edited_code(scene: Scene) -> None:
    """A network is edited while it is trained, so that it computes something else."""
    file = scene.workspace.folder / EDITED
    kept = file.read_text(encoding="utf-8")
    call = scene.start()
    scene.at_random("stage", call)
    assert LINE in kept, f"{EDITED} no longer holds {LINE}"
    file.write_text(kept.replace(LINE, OTHER_LINE), encoding="utf-8")
    scene.mend.append(lambda: file.write_text(kept, encoding="utf-8"))
