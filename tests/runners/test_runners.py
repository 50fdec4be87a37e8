import hashlib
import io
import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from emofuse import records, runners
from emofuse.errors import InputError
from emofuse.params import Execution, Ray, Slurm
from emofuse.runs import Store

TESTS = Path(__file__).parents[1]
SLURM = Slurm(partition=None, account=None, time_limit_min=1, memory_gb=1, cores=1, gpus=0, runs_per_job=1, options={})
EXECUTION = Execution(
    runner="local", store="runs", jobs=1, device="cpu", runs_per_gpu=1, pin_cores=False, ahead=False, keep_going=False, retries=0,
    checkpoint_every_s=0, ray=Ray(address=None, cores_per_run=1), slurm=SLURM,
)  # fmt: skip
STORE = Store(Path("runs"))
END = "; finished runs are kept: mend the cause and call again (`make status` lists them)"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    caplog.set_level(logging.INFO)
    return tmp_path


def acted(*jobs):
    from acted_runs import Acted

    return [Acted(key, *rest) for key, *rest in jobs]


def execute(*jobs, ahead=(), **settings):
    runners.run(acted(*jobs), STORE, EXECUTION.model_copy(update=settings), acted(*ahead))


def failure(*jobs, **settings):
    with pytest.raises(InputError) as error:
        execute(*jobs, **settings)
    return str(error.value)


def published():
    return {path.name for path in Path("runs/fits").glob("*")}


def told(caplog, level):
    return [record.getMessage() for record in caplog.records if record.levelno == level and record.name == "runs"]


def test_every_run_is_told_as_it_ends(caplog):
    execute(("one",), ("two",))
    assert told(caplog, logging.INFO) == ["finished acted one (1 left)", "finished acted two (0 left)"] and published() == {"one", "two"}


def test_the_first_failure_is_raised_with_what_was_not_started(caplog):
    assert failure(("one",), ("bad", "refuse", "a.wav: empty"), ("two",), ("three",)) == f"a.wav: empty; 2 not started{END}"
    assert published() == {"one"} and told(caplog, logging.ERROR) == ["failed: a.wav: empty"]


def test_the_last_failure_is_raised_alone():
    assert failure(("bad", "refuse", "a.wav: empty")) == f"a.wav: empty{END}"


def test_keep_going_finishes_the_others_and_counts_the_failures(caplog):
    jobs = [("bad", "refuse", "first"), ("one",), ("worse", "refuse", "second"), ("two",), ("worst", "refuse", "third")]
    assert failure(*jobs, keep_going=True) == f"first; 2 more failed{END}"
    assert published() == {"one", "two"} and told(caplog, logging.ERROR) == ["failed: first", "failed: second", "failed: third"]


def test_a_failure_ahead_is_told_and_left_to_its_own_stage(caplog):
    execute(("one",), ahead=[("bad", "refuse", "b.wav: empty"), ("later",)])
    assert published() == {"one", "later"} and told(caplog, logging.ERROR) == []
    assert told(caplog, logging.WARNING) == ["failed ahead of its stage, which will try again: b.wav: empty"]
    record = records.read(STORE, "bad")
    assert record is not None and record.error == "b.wav: empty"


def test_runs_ahead_that_were_not_started_are_no_business_of_the_stage():
    assert failure(("bad", "refuse", "no"), ahead=[("later",), ("latest",)]) == f"no{END}"
    assert not published()


def test_own_runs_come_before_those_ahead(caplog):
    execute(("own",), ahead=[("later",)])
    assert told(caplog, logging.INFO) == ["finished acted own (1 left)", "finished acted later (0 left)"]


def test_a_run_whose_process_died_has_a_record_that_says_so():
    line = failure(("k", "die", (signal.SIGKILL, 9)))
    record = records.read(STORE, "k")
    assert record is not None and record.state == "failed" and line == record.error + END
    assert record.error.startswith("acted k: the run's process was ended by SIGKILL; is there memory enough?")


def test_a_runner_that_cannot_start_says_so_and_executes_nothing(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert failure(("k",), device="cuda").startswith("execution.device: 'cuda' was asked for, found no GPU")
    assert not published()


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("emotion4/iemocap/cnn14 fold1 seed 0", "emotion4/iemocap/cnn14-fold1-seed-0.log"),
        ("pretraining speech", "pretraining-speech.log"),
        ("self_report/case/attention subject é|&*1.5", "self_report/case/attention-subject-é---1.5.log"),
        ("a/../../b", "a/.-/.-/b.log"),
    ],
)  # fmt: skip
def test_the_log_of_a_run_is_named_after_it_and_below_the_logs(name, log):
    path = runners.log_of(SimpleNamespace(name=name))
    assert path == Path("logs/runs") / log and (Path("logs/runs").resolve() in path.resolve().parents)


def test_errands_carry_where_the_stage_was_started(folder):
    one, two = runners.errands_of(acted(("one",), ("two",)), STORE, EXECUTION)
    assert one.root == folder and one.store.folder == folder / "runs" and one.log.is_absolute()
    assert one.identity == two.identity == STORE.identity() and one.versions == two.versions


def test_ten_thousand_runs_are_made_ready_within_seconds(monkeypatch):
    """What is the same for all is looked up once."""
    calls = []
    monkeypatch.setattr(runners, "versions", lambda: calls.append("versions") or {})
    monkeypatch.setattr(Store, "identity", lambda store: calls.append("identity") or "x")
    assert len(runners.errands_of(acted(*((f"k{n}",) for n in range(10_000))), STORE, EXECUTION)) == 10_000
    assert sorted(calls) == ["identity", "versions"]


PROGRAM = """
import logging, sys
sys.path.insert(0, {tests!r})
import study_on_disk
from pathlib import Path
from emofuse import code_digest, runners, speech_text
from emofuse.jobs import unfinished
from emofuse.runs import Store
from emofuse.study import Cell

def train(store, **settings):
    store = Store(Path(store))
    jobs = speech_text.jobs(study_on_disk.load(epochs=30), Cell("emotion4", "msp_podcast", "cnn14"), code_digest.of_recipe)
    runners.run(unfinished(jobs, store), store, study_on_disk.EXECUTION.model_copy(update=settings))

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    {what}
"""


def program(what):
    path = Path("program.py")
    path.write_text(PROGRAM.format(tests=str(TESTS), what=textwrap.indent(textwrap.dedent(what), "    ").strip()))
    return [sys.executable, str(path)]


KILLER = """
import os, threading, time
from emofuse import records
def kill_in_the_middle(store):
    "Kill the process of each run once, after its third epoch at least."
    store, left = Store(Path(store)), 2
    killed = set()
    while left:
        for file in (store.folder / "records").glob("[!.]*.json"):
            record = records.read(store, file.stem)
            if record and file.stem not in killed and (store.folder / "checkpoints" / (file.stem + ".pt")).exists():
                os.kill(record.pid, 9)
                killed.add(file.stem)
                left -= 1
        time.sleep(0.005)
threading.Thread(target=kill_in_the_middle, args=("interrupted",), daemon=True).start()
train("interrupted", jobs=2, checkpoint_every_s=0, retries=2)
"""


def test_results_are_the_same_bits_for_every_setting_of_the_runner(monkeypatch):
    """One at a time, two, more than the cores, pinned, and with each run's process killed once and gone on from its checkpoint."""
    monkeypatch.syspath_prepend(str(TESTS))
    import study_on_disk

    study_on_disk.write()
    settings = {
        "one": "jobs=1",
        "two": "jobs=2",
        "five": "jobs=5, keep_going=True, checkpoint_every_s=0",
        "pinned": "jobs=2, pin_cores=True, retries=0",
        "auto": "jobs='auto', device='auto', checkpoint_every_s=3600",
    }
    lines = [f"train({name!r}, {setting})" for name, setting in settings.items()]
    done = subprocess.run(
        program("\n".join(lines) + KILLER), capture_output=True, text=True, check=False, timeout=300,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    digests = {name: published_bits(Path(name)) for name in (*settings, "interrupted")}
    assert len(digests["one"]) == 10  # of two runs: weights, history, and the predictions of dev, test and the other corpus
    assert all(found == digests["one"] for found in digests.values())
    assert not any(list(Path(name).glob("checkpoints/*.pt")) or list(Path(name).glob("records/*")) for name in digests)
    assert len(re.findall(r"ended by SIGKILL; it is started again and goes on from its checkpoint \(1 more tries", done.stderr)) == 2
    logs = "".join(log.read_text() for log in Path("logs/runs").rglob("*.log"))
    went_on = [int(epoch) for epoch in re.findall(r"goes on after epoch (\d+)/30", logs)]
    assert len(went_on) == 2 and all(0 < epoch <= 30 for epoch in went_on)


def published_bits(store):
    """SHA-256 of every published file by its place."""
    files = [
        file for kind in ("fits", "predictions") for file in (store / kind).rglob("*") if file.is_file() and file.name != "manifest.json"
    ]
    return {str(file.relative_to(store)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def on_a_terminal(command):
    """What the command writes to a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    written = io.BytesIO()
    while True:
        try:
            written.write(os.read(ours, 4096) or b"")
        except OSError:  # the last process has closed it
            break
    os.close(ours)
    return written.getvalue().decode(), process.wait()


BAR = """
import logging, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from emofuse import runners
from emofuse.params import Execution
from emofuse.runs import Store
from acted_runs import Acted

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    execution = Execution.model_validate({execution!r})
    runners.run([Acted("one", "sleep", 0.5), Acted("two", "report", 4.5)], Store(Path("runs")), execution)
"""


def test_a_terminal_shows_a_bar_and_how_far_a_run_is_and_whole_lines():
    program = BAR.format(tests=str(TESTS / "runners"), execution=EXECUTION.model_dump() | {"jobs": 2})
    Path("bar.py").write_text(program)
    written, code = on_a_terminal([sys.executable, "bar.py"])
    assert code == 0
    assert "finished acted one (1 left)\r\n" in written and "acted two epoch " in written and "/1000 dev 0.250" in written
    screen = [line.rpartition("\r")[2].strip() for line in written.replace("\r\n", "\n").split("\n")]
    assert "finished acted one (1 left)" in screen and "finished acted two (0 left)" in screen
    assert screen[-2].startswith("runs: 100%") and screen[-1] == ""


def test_without_a_terminal_there_is_no_bar(capfd):
    execute(("one",))
    assert "runs:" not in "".join(capfd.readouterr())


def test_a_record_of_a_run_is_json_that_others_can_read():
    failure(("k", "refuse", "no"))
    assert json.loads((Path("runs/records") / "k.json").read_text())["state"] == "failed"
