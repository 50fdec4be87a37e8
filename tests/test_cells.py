import importlib.util
import os
import signal
import sys
import textwrap
import time
from pathlib import Path
from subprocess import Popen

import numpy as np
import pandas as pd
import psutil
import pytest

from emofuse import cells, code_digest, runners, speech_text, study, tables
from emofuse.errors import InputError
from emofuse.jobs import unfinished
from emofuse.runs import Store
from emofuse.study import Cell

_spec = importlib.util.spec_from_file_location("study_on_disk", Path(__file__).with_name("study_on_disk.py"))
assert _spec and _spec.loader
study_on_disk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(study_on_disk)

CELL = Cell("emotion4", "msp_podcast", "mfcnn14")
STORE = Store(Path("runs"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study_on_disk.write()


def execute(params, cell=CELL, store=STORE, code=code_digest.of_recipe):
    jobs = speech_text.jobs(params, cell, code)
    missing = unfinished(jobs, store)
    runners.run(missing, store, study_on_disk.EXECUTION)
    return len(missing), *cells.collect(jobs, store)


def keys(params, cell=CELL, code=code_digest.of_recipe):
    return [j.key for j in speech_text.jobs(params, cell, code)]


def test_a_cell_runs_every_fold_and_seed_and_predicts_the_other_corpus_too():
    cell = Cell("emotion4", "iemocap", "cnn14")
    executed, predictions, history = execute(study_on_disk.load(), cell)
    assert executed == 6 and set(zip(history["fold"], history["seed"], strict=True)) == {(f"fold{k}", s) for k in (1, 2, 3) for s in (0, 1)}
    tables.check(predictions, tables.PREDICTIONS, "predictions")
    tables.check(history, tables.HISTORY, "history")
    counts = predictions.groupby(["fold", "seed", "partition", "test_corpus"])["example_id"].nunique()
    assert (counts.xs("iemocap", level="test_corpus") == 16).all() and (counts.xs("msp_podcast", level="test_corpus") == 16).all()
    assert np.allclose(predictions.groupby(["fold", "seed", "partition", "test_corpus", "example_id"])["prediction"].sum(), 1)
    assert (history.groupby(["fold", "seed"])["selected"].sum() == 1).all()


def test_a_planted_signal_is_learnt_on_dev_and_test():
    p = study_on_disk.load(epochs=25)
    _, predictions, _ = execute(p, Cell("emotion4", "msp_podcast", "cnn14"))
    test = predictions[(predictions["partition"] == "test") & (predictions["test_corpus"] == "msp_podcast") & (predictions["seed"] == 0)]
    wide = test.pivot(index="example_id", columns="target", values=["truth", "prediction"])
    assert (wide["truth"].idxmax(axis=1) == wide["prediction"].idxmax(axis=1)).mean() > 0.6


def test_a_second_call_executes_nothing_and_another_store_gives_the_same_bits():
    p = study_on_disk.load()
    executed, first, _ = execute(p)
    again, second, _ = execute(p)
    elsewhere, third, _ = execute(p, store=Store(Path("elsewhere")))
    assert (executed, again, elsewhere) == (2, 0, 2)
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    pd.testing.assert_frame_equal(first, third, check_exact=True)


def with_change(p, **sections):
    data = p.model_dump()
    for path, value in sections.items():
        section = data
        *parts, last = path.split("__")
        for part in parts:
            section = section[part]
        section[last] = value
    return type(p).model_validate(data)


def test_a_new_seed_leaves_the_keys_of_the_others_alone():
    p = study_on_disk.load()
    assert keys(with_change(p, seeds__toy=[0, 1, 2]))[:2] == keys(p)


@pytest.mark.parametrize("path", ["models__mfcnn14__learning_rate", "sizes__toy__mfcnn14__block_dropout", "sizes__toy__mfcnn14__crop_s"])
def test_a_setting_of_the_model_changes_its_keys(path):
    p = study_on_disk.load()
    assert not set(keys(with_change(p, **{path: 0.3}))) & set(keys(p))


@pytest.mark.parametrize("path", ["models__cnn14__learning_rate", "execution__jobs", "sizes__paper__mfcnn14__crop_s"])
def test_what_the_run_does_not_use_changes_no_key(path):
    p = study_on_disk.load()
    assert keys(with_change(p, **{path: 3 if "jobs" in path else 0.3})) == keys(p)


def test_code_and_training_labels_change_the_keys_and_test_labels_do_not():
    p = study_on_disk.load()
    before = keys(p)
    assert not set(keys(p, code=lambda recipe, network: "other")) & set(before)
    for split, same in (("test1", True), ("train", False), ("dev", False)):
        study_on_disk.write()
        frame = tables.read(study.examples_file("msp_podcast"), tables.EXAMPLES)
        row = frame.index[frame["split"] == split][0]
        frame.loc[row, "emotion"] = "sad" if frame.loc[row, "emotion"] != "sad" else "angry"
        tables.write(frame, study.examples_file("msp_podcast"), tables.EXAMPLES)
        assert (keys(p) == before) is same, split


def test_new_features_of_the_other_corpus_cost_predictions_and_no_training():
    p = study_on_disk.load()
    execute(p)
    fits = {
        j.key: (Path("runs/fits") / j.key / "manifest.json").stat().st_mtime_ns for j in speech_text.jobs(p, CELL, code_digest.of_recipe)
    }
    study_on_disk._write_corpus("iemocap", np.random.default_rng(99))
    executed, _, _ = execute(p)
    assert executed == 2
    assert fits == {k: (Path("runs/fits") / k / "manifest.json").stat().st_mtime_ns for k in fits}


def test_a_diverging_run_is_named_and_the_finished_ones_are_kept():
    p = with_change(study_on_disk.load(), models__mfcnn14__learning_rate=1e18)
    with pytest.raises(
        InputError, match=r"emotion4/msp_podcast/mfcnn14 official seed \d epoch 1, step \d+: expected a finite loss, found (nan|inf)"
    ) as error:
        execute(p)
    assert "\n" not in str(error.value) and not list(Path("runs/fits").glob("*"))


def test_a_crop_longer_than_the_shortest_example_is_refused():
    with pytest.raises(InputError, match=r"crop_s is 90 frames, the shortest example of msp_podcast has 41"):
        execute(study_on_disk.load(crop_s=0.9))


def test_an_unknown_fold_lists_those_that_exist():
    p = with_change(study_on_disk.load(), folds__toy={"msp_podcast": ["Ses01F"]})
    with pytest.raises(InputError, match=r"\['official'\], found \['Ses01F'\]"):
        keys(p)


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import study_on_disk
from pathlib import Path
from emofuse import code_digest, runners, speech_text
from emofuse.jobs import unfinished
from emofuse.runs import Store
from emofuse.study import Cell

if __name__ == "__main__":
    store = Store(Path("runs"))
    jobs = speech_text.jobs(study_on_disk.load(epochs=120), Cell("emotion4", "msp_podcast", "cnn14"), code_digest.of_recipe)
    execution = study_on_disk.EXECUTION.model_copy(update={execution!r})
    runners.run(unfinished(jobs, store), store, execution)
"""


def start(**execution):
    """A stage of two runs, of which those in flight have kept a state."""
    program = Path("stage.py")
    program.write_text(textwrap.dedent(PROGRAM.format(tests=str(Path(__file__).parent), execution={"checkpoint_every_s": 0.1} | execution)))
    with Path("stderr").open("w") as errors:
        process = Popen([sys.executable, str(program)], stderr=errors, start_new_session=True)
    deadline = time.monotonic() + 90
    while len(list(Path("runs/checkpoints").glob("[!.]*.pt"))) < execution.get("jobs", 2):
        assert process.poll() is None and time.monotonic() < deadline, Path("stderr").read_text()
        time.sleep(0.05)
    return process


def logs():
    """What the runs have written of themselves."""
    return "".join(file.read_text() for file in Path("logs/runs").rglob("*.log"))


def results(store=STORE):
    """How many of the stage's runs were still to be executed, and what all of them predict."""
    executed, predictions, _ = execute(study_on_disk.load(epochs=120), Cell("emotion4", "msp_podcast", "cnn14"), store=store)
    return executed, predictions


def workers(process):
    """The other processes of the stage's session that live."""
    return [p for p in psutil.process_iter() if p.pid != process.pid and _lives_in_session(p, process.pid)]


def _lives_in_session(process, session):
    try:
        return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
        return False


def worker(process):
    """One that trains: not the fork server, whose parent is the stage."""
    return next(p for p in workers(process) if p.ppid() != process.pid)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_ending_the_stage_ends_its_workers_and_publishes_nothing_half(sent):
    process = start()
    os.kill(process.pid, sent)
    process.wait(20)
    deadline = time.monotonic() + 10
    while workers(process) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not workers(process)
    assert not list(Path("runs/fits").glob("*"))


def test_a_killed_worker_is_told_by_name_started_again_and_goes_on_from_its_checkpoint():
    process = start()
    worker(process).kill()
    assert process.wait(120) == 0, Path("stderr").read_text()
    told = [line for line in Path("stderr").read_text().splitlines() if "SIGKILL" in line]
    assert len(told) == 1
    assert told[0].startswith("emotion4/msp_podcast/cnn14 official seed ") and "it is started again and goes on" in told[0]
    assert logs().count("goes on after epoch") == 1
    executed, predictions = results()
    assert executed == 0
    assert list(Path("runs/checkpoints").iterdir()) == []
    pd.testing.assert_frame_equal(predictions, results(Store(Path("clean")))[1], check_exact=True)


def test_a_killed_worker_that_may_not_be_started_again_is_told_by_name_and_a_second_call_goes_on():
    process = start(retries=0)
    worker(process).kill()
    assert process.wait(120) != 0
    last = Path("stderr").read_text().strip().splitlines()[-1]
    assert "InputError: emotion4/msp_podcast/cnn14 official seed" in last and "ended by SIGKILL" in last and "call again" in last
    before = logs().count("goes on after epoch")
    executed, predictions = results()
    assert executed == 1  # the other run was let finish
    assert (before, logs().count("goes on after epoch")) == (0, 1)
    pd.testing.assert_frame_equal(predictions, results(Store(Path("clean")))[1], check_exact=True)


def test_a_killed_fork_server_ends_no_run_in_flight_and_the_next_ones_get_another_server():
    process = start(jobs=1, retries=0)
    psutil.Process(worker(process).ppid()).kill()
    assert process.wait(120) == 0, Path("stderr").read_text()
    executed, predictions = results()
    assert executed == 0 and "goes on after epoch" not in logs()
    pd.testing.assert_frame_equal(predictions, results(Store(Path("clean")))[1], check_exact=True)


def test_features_that_are_made_anew_while_a_job_waits_are_refused_and_nothing_is_published(caplog):
    p = study_on_disk.load()
    jobs = speech_text.jobs(p, CELL, code_digest.of_recipe)[:1]
    keyed = [job.key for job in jobs]
    study_on_disk.write(seed=9)
    with pytest.raises(InputError, match=r"expected the features of msp_podcast that the stage was started with, found others; call"):
        runners.run(jobs, STORE, study_on_disk.EXECUTION)
    assert not STORE.holds([("fits", keyed[0])]) and not list(Path("runs").glob("fits/*"))
