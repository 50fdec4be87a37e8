import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import submitit

from emofuse import cells, code_digest, runners, speech_text
from emofuse.errors import InputError
from emofuse.jobs import unfinished
from emofuse.runs import Store
from emofuse.study import Cell

HERE = Path(__file__).parent


def _module(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


study_on_disk = _module("study_on_disk", HERE.parent / "study_on_disk.py")
counting = _module("counting", HERE / "counting.py")
wait_for = _module("slurm_site", HERE / "conftest.py").wait_for
Count = counting.Count

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True)
def folder(slurm, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
    caplog.set_level("INFO", "runs")
    yield
    slurm.command("scancel", "--user=0")
    wait_for(lambda: not slurm.alive(), 30)


@pytest.fixture
def store():
    return Store(Path("runs").absolute())


def settings(**changes):
    """The study's, on Slurm; changes of ``execution.slurm`` and of ``execution``."""
    execution = study_on_disk.EXECUTION
    own = {key: changes.pop(key) for key in list(changes) if key in type(execution.slurm).model_fields}
    slurm = execution.slurm.model_copy(update={"memory_gb": 1, "runs_per_job": 1, "time_limit_min": 10, **own})
    return execution.model_copy(update={"runner": "slurm", "jobs": "auto", "checkpoint_every_s": 0, "slurm": slurm, **changes})


class Call(threading.Thread):
    """runners.run beside the test, which meanwhile does harm."""

    def __init__(self, jobs, store, execution):
        super().__init__(daemon=True)
        self.words, self.error = (jobs, store, execution), None
        self.start()

    def run(self):
        try:
            runners.run(*self.words)
        except InputError as error:
            self.error = str(error)

    def end(self, slurm=None, seconds=120):
        deadline = time.monotonic() + seconds
        while self.is_alive() and time.monotonic() < deadline:
            self.join(0.5)
            if slurm:
                slurm.spare_the_wait()
        assert not self.is_alive(), "the call hangs"
        return self.error


def begun(store, key, steps=2):
    wait_for(lambda: len(counting.journal(store, key)) >= steps)


def counted(store, *jobs, again=1):
    """Every job is there, and a step was begun at most so many times more than once: the others were kept."""
    for job in jobs:
        steps = counting.journal(store, job.key)
        assert store.find("fits", job.key) and sorted(set(steps)) == list(range(job.steps)) and len(steps) <= job.steps + again, steps


CELL = Cell("emotion4", "msp_podcast", "cnn14")


def study(execution, store, epochs=2):
    jobs = speech_text.jobs(study_on_disk.load(epochs=epochs), CELL, code_digest.of_recipe)
    runners.run(unfinished(jobs, store), store, execution)
    return cells.collect(jobs, store)


def test_the_results_are_those_of_the_local_runner_and_execution_jobs_bounds_the_jobs_at_a_time(slurm, store):
    study_on_disk.write()
    here = study(study_on_disk.EXECUTION, Store(Path("local")))
    there = study(settings(jobs=1), store)
    for one, other in zip(here, there, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    wait_for(lambda: not slurm.alive())
    assert not list((store.folder / "slurm").iterdir())
    table = slurm.command("scontrol", "show", "job", "--oneliner").split()
    starts, ends = ([word.split("=")[1] for word in table if word.startswith(f"{what}Time=")] for what in ("Start", "End"))
    assert len(starts) == 2 and max(starts) >= min(ends)


def test_the_first_failure_starts_no_more_and_is_one_line(slurm, store):
    jobs = [Count("a", 3, fails_at=1), Count("b", 3), Count("c", 3)]
    with pytest.raises(InputError, match=r"^count a: expected to go on, found step 1; 2 .*not started; finished runs are kept") as error:
        runners.run(jobs, store, settings(jobs=1))
    assert "\n" not in str(error.value) and not slurm.alive()
    assert not counting.journal(store, "c")


def test_with_keep_going_the_other_runs_of_the_job_and_of_the_array_are_executed(slurm, store):
    jobs = [Count("a", 3, fails_at=1), Count("b", 3), Count("c", 3)]
    with pytest.raises(InputError, match=r"^count a: expected to go on, found step 1; finished runs are kept"):
        runners.run(jobs, store, settings(runs_per_job=2, keep_going=True))
    counted(store, jobs[1], jobs[2], again=0)


def test_a_requeued_job_goes_on_from_the_checkpoint_with_the_same_bits(slurm, store):
    study_on_disk.write()
    here = study(study_on_disk.EXECUTION, Store(Path("local")), 150)
    jobs = speech_text.jobs(study_on_disk.load(epochs=150), CELL, code_digest.of_recipe)
    for file in Path("logs").rglob("*.log"):
        file.unlink()
    call = Call(jobs, store, settings(runs_per_job=2, cores=2))
    wait_for(lambda: list(store.folder.glob("checkpoints/*.pt")))
    (number,) = slurm.alive()
    slurm.command("scontrol", "requeue", number)
    assert call.end(slurm) is None
    assert any("goes on after epoch" in file.read_text() for file in Path("logs").rglob("*.log"))
    for one, other in zip(here, cells.collect(jobs, store), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_job_that_reaches_its_time_limit_goes_on_unless_no_run_came_further(slurm, store):
    long, stuck = Count("long", 20, step_s=1.5), Count("stuck", 2, step_s=1000.0)
    call = Call([long, stuck], store, settings(time_limit_min=1, keep_going=True))
    wait_for(lambda: "PENDING" in slurm.jobs().values() and counting.journal(store, "long"), 90)
    error = call.end(slurm, 240)
    assert error.startswith("count stuck: execution.slurm.time_limit_min is 1: expected an epoch to end within it, found none; raise it")
    counted(store, long, again=6)  # each time that it is reached costs the step it is in; Slurm signals the end up to a minute early
    assert counting.journal(store, "stuck") == [0]


@pytest.mark.parametrize("retries", [1, 0])
def test_a_killed_job_is_submitted_again_as_often_as_retries_say(slurm, store, retries, caplog):
    job = Count("a", 20)
    call = Call([job], store, settings(retries=retries))
    begun(store, "a")
    (leader,) = slurm.steps()
    leader.kill()
    error = call.end()
    if retries:
        assert error is None and "its 1 unfinished runs are submitted again and go on from their checkpoints" in caplog.text
        counted(store, job)
    else:
        assert (
            error.startswith("count a: Slurm job")
            and "ended as FAILED" in error
            and "1 times without having come further" in error
            and "\n" not in error
        )


def test_a_slurmd_that_is_killed_and_started_again_costs_nothing(slurm, store):
    job = Count("a", 30)
    call = Call([job], store, settings())
    begun(store, "a")
    slurm.stop("slurmd", "kill")
    time.sleep(2)
    slurm.start("slurmd")
    assert call.end() is None
    counted(store, job, again=0)
    wait_for(slurm.idle)


def test_a_controller_that_does_not_answer_is_waited_for(slurm, store, caplog):
    job = Count("a", 40)
    call = Call([job], store, settings())
    begun(store, "a")
    slurm.stop("slurmctld")
    try:
        wait_for(lambda: "Slurm does not answer" in caplog.text, 90)
    finally:
        slurm.start("slurmctld")
    assert call.end() is None
    counted(store, job, again=0)
    wait_for(slurm.idle)


def test_a_lost_node_has_its_job_queued_again_by_slurm(slurm, store):
    job = Count("a", 20)
    call = Call([job], store, settings())
    begun(store, "a")
    (number,) = slurm.alive()
    slurm.command("scontrol", "update", f"NodeName={slurm.host}", "State=DOWN", "Reason=test")
    wait_for(lambda: slurm.jobs()[number] == "PENDING")
    slurm.command("scontrol", "update", f"NodeName={slurm.host}", "State=RESUME")
    assert call.end(slurm) is None
    counted(store, job)


def test_a_job_cancelled_by_somebody_else_is_told_in_one_line(slurm, store):
    call = Call([Count("a", 100), Count("b", 5)], store, settings(keep_going=True))
    begun(store, "a")
    number = next(n for n in slurm.alive() if n.endswith("_0"))
    slurm.command("scancel", number)
    error = call.end()
    assert error.startswith(f"count a: Slurm job {number} on {slurm.host} ended as CANCELLED, and not by this call; call the stage again")
    assert store.find("fits", "b")


PROGRAM = """
import logging, sys
from pathlib import Path
sys.path[:0] = [{here!r}, {tests!r}]
import study_on_disk
from counting import Count
from emofuse import runners, stage
from emofuse.runs import Store

def main():
    execution = study_on_disk.EXECUTION
    slurm = execution.slurm.model_copy(update={{"memory_gb": 1, "runs_per_job": 1, "time_limit_min": 10}})
    execution = execution.model_copy(
        update={{"runner": "slurm", "jobs": "auto", "checkpoint_every_s": 0, "slurm": slurm}}
    )
    runners.run([Count("a", {steps}), Count("b", {steps})], Store(Path("runs")), execution)

if __name__ == "__main__":
    stage.run(main)
"""


def start_stage(steps):
    Path("stage.py").write_text(textwrap.dedent(PROGRAM.format(here=str(HERE), tests=str(HERE.parent), steps=steps)))
    return subprocess.Popen([sys.executable, "stage.py"], stderr=Path("stderr").open("w"), start_new_session=True)


def test_the_jobs_of_a_killed_call_stay_and_the_next_one_takes_over_what_it_wants(slurm, store, caplog):
    process = start_stage(60)
    begun(store, "a")
    begun(store, "b")
    process.kill()
    process.wait(10)
    before = slurm.alive()
    assert sorted(before.values()) == ["RUNNING", "RUNNING"]
    wanted, new = Count("a", 60), Count("c", 3)
    assert Call([wanted, new], store, settings()).end() is None
    assert "1 of its runs are taken over, 1 of its jobs cancelled" in caplog.text and "submitted 1 runs as 1 Slurm jobs" in caplog.text
    counted(store, wanted, new, again=0)
    assert not store.find("fits", "b")


def test_a_call_with_other_settings_takes_nothing_over(slurm, store, caplog):
    process = start_stage(60)
    begun(store, "a")
    process.kill()
    process.wait(10)
    jobs = [Count("a", 60), Count("b", 60)]
    assert Call(jobs, store, settings(memory_gb=2)).end() is None
    assert "0 of its runs are taken over, 2 of its jobs cancelled" in caplog.text
    counted(store, *jobs)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_ending_the_stage_leaves_no_job(slurm, store, sent):
    process = start_stage(100)
    begun(store, "a")
    process.send_signal(sent)
    assert process.wait(20) == 128 + sent
    wait_for(lambda: not slurm.alive(), 20)
    wait_for(lambda: not slurm.steps(), 10)
    assert not list(store.folder.glob("fits/*"))


def test_a_node_that_sees_another_run_store_is_told_at_once(slurm, store, monkeypatch):
    real = Store.identity
    monkeypatch.setattr(Store, "identity", lambda self: real(self) + "other")
    with pytest.raises(InputError, match=r"expected the run store .*/runs of the machine that started the stage, found another one"):
        runners.run([Count("a", 3)], store, settings())


def test_a_node_that_does_not_see_the_folder_is_told(slurm, store, monkeypatch):
    elsewhere = store.folder / "elsewhere"

    class Elsewhere(submitit.SlurmExecutor):
        def __init__(self, folder, **options):
            super().__init__(elsewhere, **options)

    monkeypatch.setattr(submitit, "SlurmExecutor", Elsewhere)
    call = Call([Count("a", 3)], store, settings(options={"hold": ""}))
    wait_for(lambda: list(elsewhere.glob("*_submitted.pkl")))
    shutil.rmtree(elsewhere)
    (number,) = slurm.alive()
    slurm.command("scontrol", "release", number)
    error = call.end(seconds=60)
    assert "ended as FAILED (JobLaunchFailure): expected what it wrote in" in error and f"does {slurm.host} see that folder?" in error


def test_what_sbatch_refuses_is_one_line(slurm, store):
    for options, found in (({"frobnicate": 3}, "unrecognized option '--frobnicate=3'"), ({"reservation": "none"}, "reservation")):
        with pytest.raises(InputError, match="execution.slurm: expected settings that this site takes, found .*" + found) as error:
            runners.run([Count("a", 3)], store, settings(options=options))
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="invalid partition specified: nowhere"):
        runners.run([Count("a", 3)], store, settings(partition="nowhere"))
