"""Many machines, one result: the ways that docs/many-machines.md describes, with real Git and DVC and local folders as remotes.

One small study, of one corpus, is taken as far as the training; worktrees and clones of it then train cells, for one that collects them.
"""

import importlib.util
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
import yaml

_spec = importlib.util.spec_from_file_location("test_pipeline", Path(__file__).with_name("test_pipeline.py"))
assert _spec and _spec.loader
test_pipeline = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(test_pipeline)
Clone, REPOSITORY = test_pipeline.Clone, test_pipeline.REPOSITORY

CELL = "train@emotion4-iemocap-{}"
OUTPUT = "results/cells/emotion4/iemocap/{}"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A Git repository with everything done that comes before training, and a folder as DVC's remote that holds it."""
    folder = tmp_path_factory.mktemp("machines") / "study"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for name in filter(None, listed):
        if (REPOSITORY / name).is_file() and not name.startswith("reports/") and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    study = Clone(folder)
    corpora = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))["corpora"]
    size = {"widths": [2, 2, 2, 2, 2, 2], "block_dropout": 0.2, "epochs": 1, "batch_size": 16, "crop_s": 0.5}
    study.params(
        corpora={"iemocap": corpora["iemocap"]},
        tasks=["emotion4"],
        baselines__single_stage="mfcnn14",
        seeds__toy=[0],
        folds__toy={"iemocap": ["Ses01F"]},
        toy__iemocap={"utterances_per_speaker": 4},
        **{f"sizes__toy__{m}": size for m in ("cnn14", "sfcnn14", "mfcnn14")},
        execution__store=str(folder.parent / "store"),
        execution__jobs=1,
        execution__device="cpu",
    )
    study.call("git", "init", "-q")
    study.call("dvc", "remote", "add", "-d", "shared", str(folder.parent / "remote"))
    study.call("dvc", "repro", "audit", "audit_features", "embed_text")
    study.call("git", "add", ".")
    study.call("git", "commit", "-qm", "before training")
    study.call("dvc", "push")
    return study


def executed(machine, model):
    """Numbers of runs that each call of the cell's stage executed on that machine."""
    log = machine.folder / "logs" / f"train-emotion4-iemocap-{model}.log"
    return [int(n) for n in re.findall(r"in the run store, (\d+) to execute", log.read_text())] if log.exists() else []


def time_of_training(machine, model):
    lines = (machine.folder / "logs" / f"train-emotion4-iemocap-{model}.log").read_text().splitlines()
    return [datetime.fromisoformat(line.split(" INFO ")[0].replace(",", ".")) for line in (lines[0], lines[-1])]


def files(machine, model):
    return {path.name: path.read_bytes() for path in (machine.folder / OUTPUT.format(model)).iterdir()}


def test_two_worktrees_with_one_cache_and_one_run_store_train_at_the_same_time_and_the_first_repository_runs_nothing(study, tmp_path):
    shutil.copytree(study.folder / ".dvc" / "cache", tmp_path / "cache")
    study.call("dvc", "cache", "dir", "--local", str(tmp_path / "cache"))
    machines = {}
    for model in ("mfcnn14", "cnn14"):
        study.call("git", "worktree", "add", "-q", "--detach", str(tmp_path / model))
        machines[model] = Clone(tmp_path / model)
        shutil.copy(study.folder / ".dvc" / "config.local", tmp_path / model / ".dvc")
        machines[model].call("dvc", "checkout", "--allow-missing")
    started = [
        subprocess.Popen(["dvc", "repro", "-s", CELL.format(model)], cwd=machine.folder, env=machine.environment, stdout=subprocess.DEVNULL)
        for model, machine in machines.items()
    ]
    assert [process.wait(300) for process in started] == [0, 0]
    assert [executed(machine, model) for model, machine in machines.items()] == [[1], [1]]
    (begun, ended), (other_begun, other_ended) = [time_of_training(machine, model) for model, machine in machines.items()]
    assert begun < other_ended and other_begun < ended

    output = study.call("dvc", "repro", *map(CELL.format, machines))
    assert output.count("is cached") == 2 and "Running stage" not in output
    assert all(files(study, model) == files(machine, model) for model, machine in machines.items())

    study.call("dvc", "repro", "-f", "-s", CELL.format("mfcnn14"))
    assert executed(study, "mfcnn14") == [0]  # the run store has it too
    assert files(study, "mfcnn14") == files(machines["mfcnn14"], "mfcnn14")
    (study.folder / ".dvc" / "config.local").unlink()
    study.call("git", "checkout", "-q", "dvc.lock")


def test_what_one_clone_trains_and_pushes_with_the_run_cache_another_gets_byte_for_byte_without_training(study, tmp_path):
    remote = study.folder.parent / "remote"
    worker, collector = (Clone(tmp_path / name) for name in ("worker", "collector"))
    for clone in (worker, collector):
        study.call("git", "clone", "-q", str(study.folder), str(clone.folder))
        clone.params(execution__store="runs")  # no file system in common
    worker.call("dvc", "pull", "--allow-missing")
    assert "Running stage 'train" in worker.call("dvc", "repro", "-s", CELL.format("mfcnn14"))
    assert executed(worker, "mfcnn14") == [1]

    worker.call("dvc", "push")
    assert not (remote / "runs").exists()  # a plain push tells nobody what the objects are the result of
    worker.call("dvc", "push", "--run-cache")
    output = collector.call("dvc", "repro", "--pull", CELL.format("mfcnn14"))
    assert "is cached" in output and "Running stage" not in output
    assert executed(collector, "mfcnn14") == [] and not (collector.folder / "runs").exists()
    assert files(collector, "mfcnn14") == files(worker, "mfcnn14") and len(files(worker, "mfcnn14")) == 2
