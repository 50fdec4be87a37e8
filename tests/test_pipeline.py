"""The real pipeline under the real DVC, in a clone of its own with the smallest study: what runs again after which change.

The tests share one clone and go in order, each from the state the one before left; together they take about ten minutes.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
MODELS = ["mfcnn14", "cnn14", "bert"]
WEARABLE_TOY = {
    "kemocon": {"pairs": 3, "debate_s": 20},
    "verbio": {"participants": 3, "talk_s": 10},
    **{name: {"subjects": 2, "duration_s": 30} for name in ("wesad", "ppg_dalia", "case", "clas", "affective_road")},
    "voxceleb1": {"speakers": 3, "utterances": 1},
}


class Clone:
    """A Git and DVC workspace with the repository's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "src"),
            "OMP_NUM_THREADS": "1",
            "GIT_AUTHOR_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@t",
            "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@t",
        }

    def call(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def repro(self, *words: str) -> tuple[set[str], dict[str, int]]:
        """Run dvc; return the executed stages, and the number of executed runs by cell."""
        shutil.rmtree(self.folder / "logs", ignore_errors=True)
        output = self.call("dvc", *(words or ("repro",)))
        return set(re.findall(r"Running stage '(.+?)'", output)), self.runs()

    def runs(self) -> dict[str, int]:
        found = {}
        for log in (self.folder / "logs").glob("train-*.log"):
            for name, number in re.findall(r"INFO train: (\S+): \d+ runs, \d+ in the run store, (\d+) to execute", log.read_text()):
                found[name] = found.get(name, 0) + int(number)
        return {name: number for name, number in found.items() if number}

    def trainings(self) -> dict[str, int]:
        """The number of executed pretrainings and runs of paper B, by what their stage was asked for."""
        logs = [log.read_text() for pattern in ("pretrain-*.log", "train_emotion-*.log") for log in (self.folder / "logs").glob(pattern)]
        found = re.findall(r"INFO (?:pretrain|train_emotion): (\w+): \d+ \w+, \d+ in the run store, (\d+) to", "".join(logs))
        return {name: int(number) for name, number in found if int(number)}

    def params(self, **changes: object) -> None:
        path = self.folder / "params.yaml"
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        for keys, value in changes.items():
            section = data
            *parts, last = keys.split("__")
            for part in parts:
                section = section[part]
            section[last] = value
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} no longer holds {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for name in filter(None, listed):
        if (REPOSITORY / name).is_file() and not name.startswith("reports/") and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    clone = Clone(folder)
    size = {"widths": [2, 2, 2, 2, 2, 2], "block_dropout": 0.2, "epochs": 1, "batch_size": 16, "crop_s": 0.5}
    clone.params(
        tasks=["emotion4"],
        baselines__single_stage="mfcnn14",  # DVC collapses equal entries of a matrix
        seeds__toy=[0],
        folds__toy={"iemocap": ["Ses01F"]},
        toy__msp_podcast={"train": 48, "dev": 12, "test1": 14, "test2": 2},
        toy__iemocap={"utterances_per_speaker": 4},
        **{f"sizes__toy__{m}": size for m in ("cnn14", "sfcnn14", "mfcnn14")},
        sizes__toy__bert__epochs=1,
        wearable__toy=WEARABLE_TOY,
        wearable__schedules__toy={k: {"epochs": 1, "batch_size": 4, "patience": 1} for k in ("speech", "signals", "fusion", "emotion")},
        wearable__validation__subjects=1,
    )
    clone.call("git", "init", "-q")
    clone.call("git", "add", ".")
    clone.call("git", "commit", "-qm", "start")
    return clone


@pytest.fixture(scope="module")
def first(clone):
    return clone.repro()


def predictions(clone):
    files = sorted((clone.folder / "results" / "cells").rglob("predictions.parquet"))
    return {f.parent.relative_to(clone.folder).as_posix(): pd.read_parquet(f) for f in files}


def test_everything_runs_once(clone, first):
    stages, runs = first
    assert runs == {f"emotion4/{c}/{m}": 1 for c in ("msp_podcast", "iemocap") for m in MODELS}
    assert {s.split("@")[0] for s in stages} == set(yaml.safe_load((clone.folder / "dvc.yaml").read_text())["stages"])
    assert clone.trainings().keys() == {"encoders", "fusion", "unweighted", "weighted", "attention", "unimodal", "controls"}
    metrics = json.loads((clone.folder / "reports" / "metrics.json").read_text())
    assert {"emotion4", "self_report"} <= metrics.keys() and (clone.folder / "reports" / "index.md").is_file()
    clone.call("git", "add", ".")
    clone.call("git", "commit", "-qm", "results")


def test_a_second_repro_runs_nothing(clone, first):
    assert clone.repro() == (set(), {})


def test_comments_docstrings_and_the_readme_run_nothing_but_the_digest(clone, first):
    clone.edit("src/emofuse/training.py", "def fit(", "# a comment\ndef fit(")
    clone.edit("src/emofuse/models/cnn14.py", '"""The pooled map H3."""', '"""What comes out of the block."""')
    (clone.folder / "README.md").write_text("other words\n")
    assert clone.repro() == ({"code"}, {})


def test_a_change_of_one_models_code_retrains_that_model_alone(clone, first):
    clone.edit("src/emofuse/models/mfcnn14.py", "[:, :, None, None]", "[:, :, None, None] * 1.0")
    stages, runs = clone.repro()
    assert set(runs) == {f"emotion4/{c}/mfcnn14" for c in ("msp_podcast", "iemocap")}
    assert {s for s in stages if s.startswith("train")} == {f"train@emotion4-{c}-mfcnn14" for c in ("msp_podcast", "iemocap")}


def test_undoing_it_restores_from_the_cache(clone, first):
    clone.edit("src/emofuse/models/mfcnn14.py", "[:, :, None, None] * 1.0", "[:, :, None, None]")
    stages, runs = clone.repro()
    assert runs == {} and not any(s.startswith("train") for s in stages)


def test_one_models_learning_rate_retrains_its_cells_and_what_depends_on_them(clone, first):
    before = predictions(clone)
    clone.params(models__cnn14__learning_rate=0.02)
    stages, runs = clone.repro()
    corpora = ("msp_podcast", "iemocap")
    assert set(runs) == {f"emotion4/{c}/cnn14" for c in corpora}
    expected = {f"train@emotion4-{c}-cnn14" for c in corpora} | {f"late_fusion@emotion4-{c}" for c in corpora}
    # where so small a network scores as before, dvc stops there: compare depends on the scores alone
    assert expected | {"score"} <= stages <= expected | {"score", "compare", "report"}
    clone.params(models__cnn14__learning_rate=0.01)
    stages, runs = clone.repro()
    assert runs == {} and not any(s.startswith(("train", "late_fusion", "score", "compare")) for s in stages)
    after = predictions(clone)
    assert before.keys() == after.keys() and all(before[k].equals(after[k]) for k in before)


def test_a_new_seed_executes_only_the_new_runs(clone, first):
    clone.params(seeds__toy=[0, 1])
    stages, runs = clone.repro()
    assert runs == {f"emotion4/{c}/{m}": 1 for c in ("msp_podcast", "iemocap") for m in MODELS}
    assert not any(s.startswith(("toy", "ingest", "transcribe", "extract", "embed")) for s in stages)


def test_dropping_the_seed_again_leaves_none_of_it_in_the_tables(clone, first):
    clone.params(seeds__toy=[0])
    _, runs = clone.repro()
    assert runs == {} and all(set(f["seed"]) <= {0, -1} for f in predictions(clone).values())


def test_where_and_how_runs_are_executed_re_runs_nothing(clone, first):
    kept = (clone.folder / "params.yaml").read_text()
    clone.params(execution__runner="slurm", execution__jobs=7, execution__retries=0, execution__ray__address="auto", execution__ahead=True)
    assert clone.repro() == (set(), {})
    (clone.folder / "params.yaml").write_text(kept)


def test_the_first_training_stage_executes_the_runs_of_every_cell_if_it_may(clone, first):
    clone.params(seeds__toy=[0, 2], execution__ahead=True)
    stages, runs = clone.repro()
    assert len([s for s in stages if s.startswith("train@")]) == 2 * len(MODELS)
    assert list(runs.values()) == [1]  # its own; those of the other cells were there when their stages came
    assert all(set(f["seed"]) == {0, 2} for name, f in predictions(clone).items() if "late_fusion" not in name and "emotion4" in name)
    clone.params(seeds__toy=[0], execution__ahead=False)
    clone.repro()


def test_dvc_exp_run_with_another_model_and_the_metrics_difference(clone, first):
    stages, runs = clone.repro("exp", "run", "-S", "model=sfcnn14")
    corpora = ("msp_podcast", "iemocap")
    assert runs == {f"emotion4/{c}/sfcnn14": 1 for c in corpora}
    assert {s for s in stages if s.startswith("train")} == {f"train@emotion4-{c}-sfcnn14" for c in corpora}
    difference = json.loads(clone.call("dvc", "metrics", "diff", "--json"))["reports/metrics.json"]
    assert any("sfcnn14.uar" in key for key in difference)
    assert "sfcnn14" in clone.call("dvc", "exp", "show", "--md")
    _, runs = clone.repro("exp", "run", "-S", "model=mfcnn14")
    assert runs == {}
    assert yaml.safe_load((clone.folder / "params.yaml").read_text())["model"] == "mfcnn14"


def test_another_mechanism_under_study_trains_its_controls_alone(clone, first):
    stages, runs = clone.repro("exp", "run", "-S", "wearable.fusion=weighted")
    assert runs == {} and clone.trainings().keys() == {"controls"}
    assert {"train_controls", "score"} <= stages <= {"train_controls", "score", "compare", "report"}
    clone.params(wearable__fusion="attention")
    stages, _ = clone.repro()
    assert clone.trainings() == {} and "train_controls" not in stages


def test_a_setting_of_one_mechanism_retrains_neither_encoders_nor_the_other_mechanisms(clone, first):
    clone.params(wearable__mechanisms__attention__tokens="single")
    stages, runs = clone.repro()
    assert runs == {} and "pretrain_encoders" not in stages
    assert clone.trainings().keys() == {"fusion", "attention", "controls"} and clone.trainings()["fusion"] == 1
    assert {s for s in stages if s.startswith("train")} == {"train_fusion@attention", "train_controls"}
    clone.params(wearable__mechanisms__attention__tokens="elements")
    clone.repro()
    assert clone.trainings() == {}


def test_a_setting_of_the_labels_trains_heads_and_pretrains_nothing(clone, first):
    clone.params(wearable__labels__low_at_most=1)
    stages, runs = clone.repro()
    assert runs == {} and "label_windows" in stages and not any(s.startswith(("cut", "extract")) for s in stages)
    assert not clone.trainings().keys() & {"encoders", "fusion"} and "attention" in clone.trainings()
    clone.params(wearable__labels__low_at_most=2)
    clone.repro()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wearable__mechanisms__attention__tokens": "words"}, ["'wearable.mechanisms.attention.tokens' expects 'elements' or 'single'"]),
        ({"models__cnn14__learning_rate": "fast"}, ["'models.cnn14.learning_rate' expects a valid number", "found 'fast'"]),
        ({"folds__toy": {"iemocap": ["Ses09F"]}}, ["Ses09F", "Ses01F"]),
        ({"corpora__iemocap__release": "half"}, ["corpora.iemocap.release", "half"]),
    ],
)
def test_a_wrong_parameter_stops_with_one_line_and_leaves_no_output(clone, first, changes, words):
    kept = (clone.folder / "params.yaml").read_text()
    clone.params(**changes)
    output = clone.call("dvc", "repro", code=255)
    (clone.folder / "params.yaml").write_text(kept)
    told = [line for line in output.split("\n") if all(w in line for w in words)]
    assert told and "Traceback" not in output
    assert clone.repro()[1] == {}


def test_damaged_audio_stops_the_pipeline_before_training_until_it_is_accepted_and_the_report_repeats_it(clone, first):
    own = clone.folder / "own"
    shutil.copytree(clone.folder / "data" / "toy" / "iemocap", own)
    damaged = next((own / "Session5" / "sentences" / "wav").rglob("[!.]*.wav"))
    damaged.write_bytes(damaged.read_bytes()[:1000])
    clone.params(corpora__iemocap__root="own")
    output = clone.call("dvc", "repro", code=255)
    assert "audit.accept.iemocap: [damaged_audio]" in output and "Running stage 'train" not in output and "Traceback" not in output
    assert f"{damaged.relative_to(own)}: expected" in (clone.folder / "reports" / "audit" / "iemocap.md").read_text().replace("\\", "")
    clone.params(audit__accept={"iemocap": ["damaged_audio"]})
    stages, runs = clone.repro()
    assert "audit@iemocap" in stages and not any(s.startswith("ingest") for s in stages)
    assert set(runs) >= {"emotion4/iemocap/cnn14"}
    told = (clone.folder / "reports" / "index.md").read_text()
    assert "every number here stands under it" in told and "`damaged_audio`" in told
    clone.params(corpora__iemocap__root="data/toy/iemocap", audit__accept={})
    _, runs = clone.repro()
    assert runs == {}


CELLS = ["train@emotion4-msp_podcast-mfcnn14", "train@emotion4-iemocap-cnn14"]


@pytest.mark.parametrize(("sent", "seeds"), [(signal.SIGKILL, [10, 11, 12, 13]), (signal.SIGINT, [20, 21, 22, 23])])
def test_an_interrupted_pipeline_is_finished_by_a_second_call_with_the_same_bits(clone, first, sent, seeds):
    clone.params(seeds__toy=seeds)
    shutil.rmtree(clone.folder / "runs")
    process = subprocess.Popen(
        ["dvc", "repro", *CELLS], cwd=clone.folder, env=clone.environment, start_new_session=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list((clone.folder / "runs").glob("fits/*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, sent)
    process.wait(60)
    done = len(list((clone.folder / "runs").glob("fits/*")))
    _, runs = clone.repro("repro", *CELLS)
    assert 0 < sum(runs.values()) <= 2 * len(seeds) - done + 2  # at most two runs were in flight
    again = predictions(clone)
    shutil.rmtree(clone.folder / "runs")
    clone.call("dvc", "repro", "-f", "-s", *CELLS)
    undisturbed = predictions(clone)
    assert all(undisturbed[name].equals(again[name]) for name in again)
    clone.params(seeds__toy=[0])
