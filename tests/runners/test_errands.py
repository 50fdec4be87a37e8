import json
import platform
import re
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from emofuse import code_digest, records, runners
from emofuse.errors import InputError
from emofuse.params import Execution, Ray, Slurm
from emofuse.runners import errands as errands_module
from emofuse.runners import local
from emofuse.runners.errands import check_place, note_failure
from emofuse.runs import Store

SLURM = Slurm(partition=None, account=None, time_limit_min=1, memory_gb=1, cores=1, gpus=0, runs_per_job=1, options={})
EXECUTION = Execution(
    runner="local", store="runs", jobs=2, device="cpu", runs_per_gpu=1, pin_cores=False, ahead=False, keep_going=False, retries=0,
    checkpoint_every_s=0, ray=Ray(address=None, cores_per_run=1), slurm=SLURM,
)  # fmt: skip
STORE = Store(Path("runs"))
NODE = platform.node()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return tmp_path


def errand(*job, **changes):
    from acted_runs import Acted

    made = runners.errands_of([Acted(*job)], STORE, EXECUTION)[0]
    return replace(made, **changes)


def send(*errands):
    """Have workers perform the errands; what they say by key."""
    told = {}

    def ended(errand, problem):
        told[errand.job.key] = problem
        return True

    local.run(errands, EXECUTION, ended)
    return told


def published():
    return {path.name for path in Path("runs/fits").glob("*")}


def test_what_is_published_leaves_no_record_and_has_a_log(folder):
    assert send(errand("k")) == {"k": ""}
    assert published() == {"k"} and records.read(STORE, "k") is None and (folder / "logs/runs/acted-k.log").exists()


def test_an_exception_is_one_line_that_names_run_and_log_which_has_the_traceback(folder):
    log = folder / "logs/runs/acted-k.log"
    [line] = send(errand("k", "fail", "a bug\nof two lines")).values()
    assert line == f"acted k: ZeroDivisionError: a bug of two lines (see {log})"
    assert "Traceback" in log.read_text() and "raise ZeroDivisionError" in log.read_text()
    record = records.read(STORE, "k")
    assert record is not None and (record.name, record.state, record.device, record.error) == ("acted k", "failed", "cpu", line)
    assert not published()


def test_a_mistake_of_the_user_is_its_own_line_and_needs_no_traceback(folder):
    [line] = send(errand("k", "refuse", "a.wav: expected audio")).values()
    assert line == "a.wav: expected audio" and "Traceback" not in (folder / "logs/runs/acted-k.log").read_text()
    record = records.read(STORE, "k")
    assert record is not None and (record.state, record.error) == ("failed", line)


def test_a_run_that_failed_and_is_mended_leaves_no_record():
    send(errand("k", "refuse", "no"))
    assert send(errand("k")) == {"k": ""} and records.read(STORE, "k") is None


def test_an_error_without_words_is_told_by_its_kind():
    [line] = send(errand("k", "fail", "")).values()
    assert line.startswith("acted k: ZeroDivisionError: ")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"identity": "another"}, r"expected the run store .*runs of the machine that started the stage, found another one; both belong"),
        ({"store": Store(Path("/nowhere/runs"))}, r"expected the run store /nowhere/runs of .*, found none; both belong on a file system"),
        ({"root": Path("/nowhere")}, r"expected the project's folder /nowhere, found none; mount it at the same path"),
        ({"versions": {"torch": "0.1"}}, r"expected \{'torch': '0.1'\}, found \{'torch': .*; use the same environment on every machine"),
    ],
)  # fmt: skip
def test_the_wrong_machine_says_so_in_one_line_and_publishes_nothing(changes, line):
    [problem] = send(errand("k", **changes)).values()
    assert re.fullmatch(f"{re.escape(NODE)}: {line}.*", problem) and not published() and not Path("attempts").exists()
    record = records.read(STORE, "k")
    assert (record is None) is (changes.keys() <= {"identity", "store"})  # nothing is written to a store that is not the stage's
    assert record is None or (record.state, record.error) == ("failed", problem)


def test_code_that_has_changed_since_the_stage_was_started_is_not_executed():
    from acted_runs import Acted

    code = "0123456789abcdef emofuse.training\ntorch==2.0 ; python_version > '3'\n"
    [problem] = send(*runners.errands_of([Acted("k", code=code)], STORE, EXECUTION)).values()
    assert problem == f"{NODE}: expected the code that the stage was started with, found emofuse.training changed; call the stage again"
    assert not published() and not Path("attempts").exists()


def test_the_code_that_is_loaded_is_the_code_of_the_files():
    code = code_digest.of_recipe("emofuse.recipes.speech_text", "cnn14")
    modules = {line.split()[1] for line in code.splitlines() if "==" not in line}
    assert {"emofuse.training", "emofuse.models.cnn14"} <= modules <= errands_module.loaded_code().keys()


def test_the_right_machine_is_accepted(monkeypatch):
    errands_module._LOADED.clear()
    made = errand("k")
    check_place(replace(made, job=replace(made.job, code=code_digest.of_recipe("emofuse.recipes.speech_text", "cnn14"))))


def test_a_recipe_that_changes_while_it_is_loaded_is_refused(folder, monkeypatch):
    """Its digest is taken after it is loaded: a change before is seen."""
    order = []
    monkeypatch.setattr(errands_module.pkgutil, "resolve_name", lambda name: order.append(name))
    monkeypatch.setattr(errands_module, "loaded_code", lambda: order.append("digest") or {})
    made = errand("k")
    with pytest.raises(InputError, match=r"found emofuse\.runs changed"):
        check_place(replace(made, job=replace(made.job, code="0 emofuse.runs\n")))
    assert order == ["acted_runs", "digest"]


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)


def test_the_record_of_a_run_tells_how_far_it_is(folder):
    thread = threading.Thread(target=send, args=(errand("k", "wait", "go"),))
    thread.start()
    until(lambda: (record := records.read(STORE, "k")) and record.epoch > 10)
    record = records.read(STORE, "k")
    attempt = json.loads(Path("attempts/k").read_text())
    (folder / "go").touch()
    thread.join()
    assert record is not None and (record.state, record.pid, record.host, record.device) == ("running", attempt["pid"], NODE, "cpu")
    assert (record.epochs, record.began_after, record.dev_score, record.gpu_memory_gib) == (1000, 0, 0.25, None)
    assert 0.02 * (record.epoch - 1) <= record.elapsed_s < 60 and Path(record.log) == folder / "logs/runs/acted-k.log"
    assert records.read(STORE, "k") is None


def test_of_two_processes_with_one_run_the_record_is_of_the_one_that_executes_it(folder):
    one, two = errand("k", "wait", "go"), errand("k", "wait", "go")
    thread = threading.Thread(target=send, args=(one, two))
    thread.start()
    until(lambda: "waiting for it" in (folder / "logs/runs/acted-k.log").read_text() if (folder / "logs/runs").exists() else False)
    first = json.loads(Path("attempts/k").read_text())["pid"]
    seen = {record.pid for _ in range(20) if not time.sleep(0.02) and (record := records.read(STORE, "k"))}
    (folder / "go").touch()
    thread.join()
    assert seen == {first} and published() == {"k"} and records.read(STORE, "k") is None


def test_what_a_dead_process_left_tells_how_far_it_came_and_how_it_ended():
    made = errand("k")
    records.write(STORE, "k", records.Record("acted k", "running", "cuda:1", "log", host="elsewhere", pid=7, epoch=3, epochs=9))
    note_failure(made, "acted k: the run's process was ended by SIGKILL")
    record = records.read(STORE, "k")
    assert record is not None and (record.state, record.epoch, record.host, record.device) == ("failed", 3, "elsewhere", "cuda:1")
    assert record.error == "acted k: the run's process was ended by SIGKILL"


def test_a_process_that_has_performed_an_errand_can_perform_another(folder):
    """As a worker of a cluster does: each has its own log, and computes on one thread."""
    program = """
        import sys
        sys.path.insert(0, {tests!r})
        from types import SimpleNamespace
        from pathlib import Path
        from emofuse import runners
        from emofuse.runners.errands import perform
        from emofuse.runs import Store
        from acted_runs import Acted

        jobs = [Acted("one", "fail", "first"), Acted("two", "fail", "second"), Acted("three")]
        made = runners.errands_of(jobs, Store(Path("runs")), SimpleNamespace(checkpoint_every_s=0.0))
        import os
        os.chdir("/")
        print(*(perform(errand, "cpu") for errand in made), sep="\\n")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program.format(tests=str(Path(__file__).parent)))],
        cwd=folder, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert [line.split(" (see")[0] for line in lines] == ["acted one: ZeroDivisionError: first", "acted two: ZeroDivisionError: second", ""]
    one, two = ((folder / f"logs/runs/acted-{name}.log").read_text() for name in ("one", "two"))
    assert "first" in one and "second" not in one and "second" in two and "first" not in two
    assert json.loads((folder / "attempts/three").read_text())["threads"] == 1 and published() == {"three"}
