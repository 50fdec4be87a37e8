import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SCRIPT = '''
from emofuse.errors import InputError
from emofuse.stage import run

def main(kind: str) -> None:
    """Do it."""
    if kind == "input":
        raise InputError("a.wav: expected audio, found none; unpack it")
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "full disk":
        with open("/dev/full", "w") as file:
            file.write("a result")
    if kind == "bug":
        raise ZeroDivisionError("a bug")

run(main)
'''


@pytest.fixture
def call(tmp_path):
    (tmp_path / "thing.py").write_text(SCRIPT)

    def call(*words):
        return subprocess.run([sys.executable, "thing.py", *words], cwd=tmp_path, capture_output=True, text=True, check=False)

    call.folder = tmp_path
    return call


def test_wrong_input_is_one_line_and_exit_code_1(call):
    done = call("input")
    assert done.returncode == 1 and done.stderr == "thing: a.wav: expected audio, found none; unpack it\n"
    assert "ERROR thing: a.wav" in (call.folder / "logs" / "thing-input.log").read_text()


def test_a_finished_stage_says_how_long_it_took(call):
    done = call("fine")
    assert done.returncode == 0 and done.stderr.startswith("thing: done in ")


def test_wrong_words_show_the_usage(call):
    done = call()
    assert done.returncode == 1 and "usage: python stages/thing.py KIND" in done.stderr


def test_an_interrupt_says_that_what_is_finished_is_kept(call):
    done = call("interrupt")
    assert done.returncode == 130 and "interrupted" in done.stderr and "Traceback" not in done.stderr


def test_a_folder_without_room_for_the_log_is_one_line(call):
    (call.folder / "logs").write_text("")
    done = call("fine")
    assert done.returncode == 1
    assert done.stderr == "thing: logs: expected a folder to write the stage's log to, found: File exists; mend or remove it\n"


def test_a_full_disk_is_one_line(call):
    done = call("full disk")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "expected to write, found: No space left on device; free space" in done.stderr


def test_a_bug_keeps_its_traceback(call):
    done = call("bug")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize("script", sorted((Path(__file__).parents[1] / "stages").glob("*.py")), ids=lambda p: p.stem)
def test_every_stage_outside_the_project_says_what_it_misses(script, tmp_path):
    """In an empty folder a stage ends with one line that names a file or its usage, and leaves nothing but its log."""
    words = {
        "extract": ["logmel", "iemocap"],
        "train": ["emotion4", "iemocap", "cnn14"],
        "late_fusion": ["emotion4", "iemocap"],
        "pretrain": ["encoders"],
        "train_emotion": ["attention"],
    }
    one = ["toy_corpora", "audit", "audit_features", "ingest", "ingest_recordings", "cut_windows", "transcribe", "embed_text"]
    arguments = words.get(script.stem, ["iemocap"] if script.stem in one else [])
    done = subprocess.run([sys.executable, str(script), *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert {p.name for p in tmp_path.iterdir()} <= {"logs"}


LONG = """
import os, pathlib, signal, sys, time
sys.path.insert(0, {acted!r})
from emofuse import runners
from emofuse.params import Execution, Ray, Slurm
from emofuse.runs import Store
from emofuse.stage import run

SLURM = Slurm(partition=None, account=None, time_limit_min=1, memory_gb=1, cores=1, gpus=0, runs_per_job=1, options={{}})
EXECUTION = Execution(
    runner="local", store="runs", jobs=2, device="cpu", runs_per_gpu=1, pin_cores=False, ahead=False, keep_going=False, retries=2,
    checkpoint_every_s=0, ray=Ray(address=None, cores_per_run=1), slurm=SLURM,
)

def main(kind: str) -> None:
    pathlib.Path("pid").write_text(str(os.getpid()))
    if kind == "runs":
        from acted_runs import Acted
        runners.run([Acted("one", "sleep", 60), Acted("two", "sleep", 60)], Store(pathlib.Path("runs")), EXECUTION)
    if kind == "deaf":
        while True:
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                print("asked", flush=True)
    else:
        time.sleep(60)

if __name__ == "__main__":
    run(main)
"""
LAST = "what is finished is kept, call it again to go on"


class Stage:
    """A stage that would take a minute, started as dvc starts it or by hand, in a session of its own."""

    def __init__(self, folder, kind, parent=None, started=None):
        """``parent``: how the command is called, for the fake dvc; None starts the stage by hand."""
        self.folder = folder
        (folder / "long.py").write_text(LONG.format(acted=str(Path(__file__).parent / "runners")))
        command = [sys.executable, "long.py", kind]
        environment = {k: v for k, v in os.environ.items() if k != "DVC_STAGE"}
        if parent:
            dvc = "import os, subprocess, sys; subprocess.run(sys.argv[1:], env=os.environ | {'DVC_STAGE': 'long@1'}); input()"
            command = [sys.executable, "-c", dvc, *parent(command)]
        self.output = (folder / "output").open("w")
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stderr=self.output, stdout=self.output, stdin=subprocess.PIPE, start_new_session=True
        )
        started = started or (lambda: (folder / "pid").exists() and (folder / "pid").read_text())
        until(started, 60)
        self.pid = int((folder / "pid").read_text())

    def told(self):
        return (self.folder / "output").read_text().splitlines()

    def alive(self):
        """Every process of the session that runs a program still."""
        return [p for p in psutil.process_iter() if _session(p.pid) == self.process.pid and p.status() != psutil.STATUS_ZOMBIE]


def _session(pid):
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


def until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.05)


@pytest.fixture
def stage(tmp_path):
    stages = []

    def start(*arguments, **settings):
        stages.append(Stage(tmp_path, *arguments, **settings))
        return stages[-1]

    yield start
    for each in stages:
        for process in each.alive():
            process.kill()
        each.process.wait()
        each.output.close()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_stage_and_its_workers_with_one_line_and_its_exit_code(stage, tmp_path, sent, code):
    started = stage("runs", started=lambda: len(list(tmp_path.glob("attempts/*"))) == 2)
    os.kill(started.pid, sent)
    assert started.process.wait(10) == code
    until(lambda: not started.alive(), 20)  # the fork server unloads PyTorch
    assert started.told() == [f"long: interrupted by {sent.name}; {LAST}"] and not list(tmp_path.glob("runs/fits/*"))


def test_signals_to_the_whole_group_and_twice_end_it_all_the_same(stage, tmp_path):
    started = stage("runs", started=lambda: len(list(tmp_path.glob("attempts/*"))) == 2)
    for sent in (signal.SIGHUP, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        os.killpg(started.process.pid, sent)
    assert started.process.wait(10) in (129, 130, 143)
    until(lambda: not started.alive(), 20)  # the fork server unloads PyTorch
    [line] = started.told()
    assert re.fullmatch(f"long: interrupted by SIG[A-Z]+; {LAST}", line)


PARENTS = {
    "directly": lambda command: command,
    "a shell that executes it": lambda command: ["sh", "-c", "exec " + shlex.join(command)],
    "a shell that stays": lambda command: ["sh", "-c", shlex.join(command) + "; true"],
    "a shell and a wrapper": lambda command: ["sh", "-c", "timeout --foreground 60 " + shlex.join(command) + "; true"],
}


@pytest.mark.parametrize("parent", PARENTS.values(), ids=PARENTS.keys())
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_the_death_of_dvc_ends_the_stage(stage, parent, sent):
    started = stage("sleep", parent=parent)
    started.process.send_signal(sent)
    until(lambda: not started.alive(), 6)
    assert started.told() == [f"long: interrupted by the end of dvc; {LAST}"]


def test_the_death_of_dvc_ends_the_workers(stage, tmp_path):
    started = stage("runs", parent=PARENTS["a shell that stays"], started=lambda: len(list(tmp_path.glob("attempts/*"))) == 2)
    started.process.kill()
    until(lambda: not started.alive(), 20)  # the fork server unloads PyTorch
    assert started.told() == [f"long: interrupted by the end of dvc; {LAST}"] and not list(tmp_path.glob("runs/fits/*"))


def test_a_stage_that_does_not_heed_its_end_is_ended_after_a_while(stage):
    started = stage("deaf", parent=PARENTS["directly"])
    started.process.kill()
    until(lambda: "asked" in started.told(), 5)
    until(lambda: not started.alive(), 14)


def test_a_stage_started_by_hand_outlives_what_started_it(stage, tmp_path):
    hand = "import os, subprocess, sys; subprocess.run(sys.argv[1:]); input()"
    started = stage("sleep", parent=lambda command: ["env", "-u", "DVC_STAGE", sys.executable, "-c", hand, *command])
    middle = psutil.Process(started.pid).parent()
    assert middle is not None
    middle.kill()
    started.process.kill()
    time.sleep(2.5)
    assert psutil.pid_exists(started.pid) and started.told() == []


def test_a_stage_under_nohup_outlives_the_terminal(stage):
    started = stage("sleep", parent=lambda command: ["nohup", *command])
    os.kill(started.pid, signal.SIGHUP)
    time.sleep(0.5)
    assert psutil.Process(started.pid).status() != psutil.STATUS_ZOMBIE and not any("interrupted" in line for line in started.told())
    os.kill(started.pid, signal.SIGTERM)
    until(lambda: started.told()[-1:] == [f"long: interrupted by SIGTERM; {LAST}"], 5)


def test_a_stage_that_a_dvc_inside_a_stage_of_another_started_ends_with_the_inner_one(stage):
    inner = "import os, subprocess, sys; subprocess.run(sys.argv[1:], env=os.environ | {'DVC_STAGE': 'inner'})"
    started = stage("sleep", parent=lambda command: [sys.executable, "-c", inner, *command])
    middle = psutil.Process(started.pid).parent()
    assert middle is not None and middle.pid != started.process.pid
    middle.kill()
    until(lambda: not psutil.pid_exists(started.pid) or psutil.Process(started.pid).status() == psutil.STATUS_ZOMBIE, 6)
    assert started.told() == [f"long: interrupted by the end of dvc; {LAST}"]


ORPHAN = """
import os, time
from emofuse.stage import run

def main() -> None:
    time.sleep(60)

print(os.getpid(), flush=True)
run(main)
"""


def test_a_stage_whose_dvc_died_before_it_had_looked_ends_too(tmp_path):
    (tmp_path / "orphan.py").write_text(ORPHAN)
    dvc = "import os, subprocess, sys; subprocess.Popen([sys.executable, 'orphan.py'], env=os.environ | {'DVC_STAGE': 'orphan'})"
    with (tmp_path / "output").open("w") as output:
        subprocess.run([sys.executable, "-c", dvc], cwd=tmp_path, stdout=output, stderr=output, check=True)
    told = tmp_path / "output"
    until(lambda: told.read_text().strip(), 30)
    pid = int(told.read_text().split()[0])
    if psutil.pid_exists(pid) and psutil.Process(pid).ppid() != 1:
        os.kill(pid, signal.SIGKILL)
        pytest.skip("this system gives orphans to another process than the first")
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 30)
    assert told.read_text().splitlines()[1:] == [f"orphan: interrupted by the end of dvc; {LAST}"]
