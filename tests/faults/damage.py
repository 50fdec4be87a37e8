"""Files that are not what was written: checkpoints, features, runs, results and DVC's own objects."""

import hashlib
import shutil
import sys
import time
from pathlib import Path

import checks
from scene import Missed, Scene
from workspace import CELLS

FEATURES = Path("data/features/logmel")
READER = """
import sys
from pathlib import Path
from emofuse import tables
from emofuse.errors import InputError
folder = Path("results/cells/emotion4/msp_podcast/cnn14")
try:
    tables.read(folder / "predictions.parquet", tables.PREDICTIONS)
    tables.read(folder / "history.parquet", tables.HISTORY)
except InputError as error:
    sys.exit(f"InputError: {error}")
"""


def checkpoint(scene: Scene) -> None:
    """After a power cut one of the checkpoints is damaged, cut short or empty."""
    call = scene.start()
    scene.at_random("worker", call)
    scene.power_cut(call)
    there = sorted((scene.workspace.store / "checkpoints").glob("*.pt"))
    if not there:
        raise Missed
    scene.finished = checks.published(scene.workspace.store)
    file, how = scene.random.choice(there), scene.random.choice(["flipped", "cut short", "empty"])
    if how == "flipped":
        scene.flip(file)
    else:
        file.write_bytes(b"" if how == "empty" else file.read_bytes()[: scene.random.randrange(1, file.stat().st_size)])
    scene.moment += f", {how}"
    scene.start()


def features(scene: Scene) -> None:
    """A byte of a feature cache has changed, and the file's time with it."""
    scene.flip(scene.workspace.folder / FEATURES / "msp_podcast" / "frames.npy")
    scene.start()


def features_silently(scene: Scene) -> None:
    """The same with the file's time as it was: DVC trusts it."""
    folder = scene.workspace.folder / FEATURES / scene.random.choice(["msp_podcast", "iemocap"])
    scene.workspace.run("dvc", "status", "features")  # DVC notes the file's time
    file = folder / scene.random.choice(["frames.npy", "frames.npy", "index.parquet"])
    scene.flip(file, silently=True)
    scene.moment = f"{folder.name}/{file.name}"
    scene.mend.append(lambda: shutil.rmtree(folder))
    scene.start()


def run(scene: Scene) -> None:
    """A file of a finished run is damaged before the call that needs it."""
    scene.as_finished(results=False)
    scene.cells = tuple(CELLS)  # whichever of them the run is of, the call needs it
    _spoil(scene)
    scene.start()


def run_meanwhile(scene: Scene) -> None:
    """A file of a finished run is damaged while the call trains others."""
    call = scene.start()
    while len(checks.published(scene.workspace.store)) < 3:
        if call.is_over:
            raise Missed
        time.sleep(0.01)
    _spoil(scene)
    scene.note()


def _spoil(scene: Scene) -> None:
    entry = scene.random.choice(sorted(checks.published(scene.workspace.store)))
    file = scene.random.choice(sorted((scene.workspace.store / entry).iterdir()))
    if scene.random.random() < 0.5:
        scene.flip(file, silently=True)
    else:
        file.write_bytes(file.read_bytes()[: scene.random.randrange(file.stat().st_size)])
    scene.moment = f"{entry.split('/')[0]}/{file.name}"
    scene.damaged.add(entry)


def results(scene: Scene) -> None:
    """A table that the study has made is damaged, and its time has changed."""
    scene.as_finished()
    scene.flip(_table(scene))
    scene.start()


def results_silently(scene: Scene) -> None:
    """The same with the file's time as it was: DVC trusts it, and who reads the table must notice."""
    scene.as_finished()
    scene.workspace.run("dvc", "status", CELLS["cnn14"])
    file = _table(scene)
    scene.flip(file, silently=True)
    _read_after(scene)
    scene.mend.append(file.unlink)


def cached_results(scene: Scene) -> None:
    """DVC's own copy of a table is damaged, and brought back where the table has been deleted."""
    scene.as_finished()
    file = _table(scene)
    cached = _object(scene, file)
    scene.flip(cached, silently=True)
    shutil.rmtree(file.parent)
    _read_after(scene)
    scene.mend += [lambda: shutil.rmtree(file.parent, ignore_errors=True), lambda: cached.unlink(missing_ok=True)]


def cached_features(scene: Scene) -> None:
    """DVC's own copy of a feature cache is damaged, and brought back where the cache has been deleted."""
    folder = scene.workspace.folder / FEATURES / "msp_podcast"
    cached = _object(scene, folder / "frames.npy")
    scene.flip(cached, silently=True)
    shutil.rmtree(folder)
    scene.mend += [lambda: shutil.rmtree(folder, ignore_errors=True), lambda: cached.unlink(missing_ok=True)]
    scene.start()


def _table(scene: Scene) -> Path:
    name = scene.random.choice(checks.TABLES)
    scene.moment = name
    return checks.results(scene.workspace, "cnn14") / name


def _object(scene: Scene, file: Path) -> Path:
    """DVC's copy of a file, by the file's bytes."""
    digest = hashlib.md5(file.read_bytes()).hexdigest()
    return scene.workspace.folder / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]


def _read_after(scene: Scene) -> None:
    """The call, and after it what a later stage does with the tables; a refusal counts as a failed call."""
    scene.start().wait(120)
    scene.read([sys.executable, "-c", READER])
