import json
import logging
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest
import torch

from emofuse import runners
from emofuse.errors import InputError
from emofuse.params import Execution, Ray, Slurm
from emofuse.runners import local
from emofuse.runners.local import Slot
from emofuse.runs import Store

SLURM = Slurm(partition=None, account=None, time_limit_min=1, memory_gb=1, cores=1, gpus=0, runs_per_job=1, options={})
EXECUTION = Execution(
    runner="local", store="runs", jobs=2, device="cpu", runs_per_gpu=1, pin_cores=False, ahead=False, keep_going=False, retries=2,
    checkpoint_every_s=0, ray=Ray(address=None, cores_per_run=1), slurm=SLURM,
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return tmp_path


def acted(*jobs):
    from acted_runs import Acted

    return [Acted(key, *rest) for key, *rest in jobs]


def errands(*jobs):
    return runners.errands_of(acted(*jobs), Store(Path("runs")), EXECUTION)


def execute(*jobs, going=lambda problem: True, **settings):
    """What was told of each run, in the order of their ends."""
    told = []

    def ended(errand, problem):
        told.append((errand.job.key, problem))
        return going(problem)

    local.run(errands(*jobs), EXECUTION.model_copy(update=settings), ended)
    return told


def attempts(key):
    path = Path("attempts") / key
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def published():
    return {path.name for path in Path("runs/fits").glob("*")}


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_every_run_is_executed_once_in_a_process_of_its_own_and_never_more_at_once_than_asked_for():
    names = [f"k{n}" for n in range(5)]
    told = execute(*((name, "sleep", 0.3) for name in names), jobs=2)
    assert sorted(told) == [(name, "") for name in names] and published() == set(names)
    made = [attempt for name in names for attempt in attempts(name)]
    assert len({attempt["pid"] for attempt in made}) == 5 and os.getpid() not in {attempt["pid"] for attempt in made}
    starts = sorted(attempt["start"] for attempt in made)
    assert all(later - earlier > 0.29 for earlier, later in zip(starts, starts[2:], strict=False))


def test_a_killed_worker_is_started_again_and_each_death_is_told_once(caplog):
    assert execute(("k", "die", (signal.SIGKILL, 2)), retries=2) == [("k", "")]
    assert len(attempts("k")) == 3 and published() == {"k"}
    assert warnings(caplog) == [
        f"acted k: the run's process was ended by SIGKILL; it is started again and goes on from its checkpoint ({n} more tries after this)"
        for n in (1, 0)
    ]


def test_a_death_does_not_count_if_the_run_had_come_further_before():
    assert execute(("k", "die_further", (signal.SIGKILL, 5)), retries=1) == [("k", "")]
    assert len(attempts("k")) == 6 and published() == {"k"}


def test_a_worker_that_is_killed_more_often_than_retries_is_one_line(caplog):
    [(_, problem)] = execute(("k", "die", (signal.SIGKILL, 9)), retries=1)
    log = Path("logs/runs/acted-k.log").absolute()
    assert (
        problem
        == f"acted k: the run's process was ended by SIGKILL, 2 times without having come further; is there memory enough? (see {log})"
    )
    assert len(attempts("k")) == 2 and not published() and log.exists()


@pytest.mark.parametrize(
    ("does", "how", "end"),
    [
        ("die", (signal.SIGSEGV, 9), "was ended by SIGSEGV"),
        ("die", (signal.SIGRTMIN + 3, 9), f"was ended by signal {signal.SIGRTMIN + 3}"),
        ("leave", 3, "ended with exit code 3"),
        ("leave", 0, "ended with exit code 0"),
    ],
)
def test_a_worker_that_ends_without_a_word_has_failed_however_it_ended(does, how, end):
    [(_, problem)] = execute(("k", does, how), retries=0)
    assert problem.startswith(f"acted k: the run's process {end}; is there memory enough?") and not published()


def test_a_run_that_says_itself_what_went_wrong_is_not_started_again():
    told = dict(execute(("wrong", "refuse", "a.wav: expected audio"), ("bug", "fail", "division\nby zero")))
    assert told["wrong"] == "a.wav: expected audio"
    assert told["bug"].startswith("acted bug: ZeroDivisionError: division by zero (see ")
    assert len(attempts("wrong")) == len(attempts("bug")) == 1


def test_a_line_longer_than_the_pipe_holds_arrives_whole():
    [(_, said)] = execute(("k", "refuse_at_length", 300_000))
    assert len(said) == 300_000 and set(said) == {"x"}


def test_after_a_failure_runs_in_flight_finish_and_no_more_is_started():
    told = execute(("slow", "sleep", 1.0), ("wrong", "refuse", "no"), ("never",), jobs=2, going=lambda problem: not problem)
    assert told == [("wrong", "no"), ("slow", "")]
    assert not attempts("never") and published() == {"slow"}


def test_a_run_that_dies_after_a_failure_is_not_started_again(caplog):
    told = execute(("victim", "wait", "never"), ("wrong", "refuse", "no"), jobs=2, going=lambda problem: (_kill("victim"), not problem)[1])
    assert [key for key, _ in told] == ["wrong", "victim"] and "was ended by SIGKILL; is there memory enough?" in told[1][1]
    assert len(attempts("victim")) == 1 and not warnings(caplog)


def _kill(key):
    until(lambda: attempts(key))
    if alive(attempts(key)[-1]["pid"]):
        os.kill(attempts(key)[-1]["pid"], signal.SIGKILL)


def test_what_a_terminal_sends_to_all_processes_does_not_end_a_worker():
    assert execute(("k", "be_interrupted")) == [("k", "")]
    assert len(attempts("k")) == 1


def test_pinned_runs_keep_to_cores_of_their_own_and_compute_on_one_thread():
    cores, threads, where = os.sched_getaffinity(0), torch.get_num_threads(), Path.cwd()
    names = [f"k{n}" for n in range(2 * len(cores))]
    execute(*((name, "sleep", 0.1) for name in names), jobs=len(cores), pin_cores=True)
    made = [attempts(name)[0] for name in names]
    assert {tuple(attempt["cores"]) for attempt in made} == {(core,) for core in cores}
    assert {attempt["threads"] for attempt in made} == {1}
    assert (os.sched_getaffinity(0), torch.get_num_threads(), Path.cwd()) == (cores, threads, where)


def test_runs_that_are_not_pinned_or_are_more_than_the_cores_may_use_any():
    cores = sorted(os.sched_getaffinity(0))
    execute(("free",), jobs=1)
    execute(*((f"k{n}",) for n in range(len(cores) + 1)), jobs=len(cores) + 1, pin_cores=True)
    assert [attempts(name)[0]["cores"] for name in ("free", "k0")] == [cores, cores]


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError("told"), RuntimeError])
def test_whatever_interrupts_the_runner_it_ends_its_workers(error):
    def raising(problem):
        until(lambda: attempts("long"))
        raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        execute(("long", "sleep", 60), ("short",), ("never",), jobs=2, going=raising)
    assert not alive(attempts("long")[0]["pid"]) and not attempts("never")


def test_an_interrupt_at_any_line_of_the_runner_leaves_no_worker(monkeypatch):
    """SIGINT at 12 moments of a course of runs that lasts 0.4 s."""
    execute(("warm",))
    for number in range(12):
        timer = threading.Timer(0.03 * number + 0.005, os.kill, (os.getpid(), signal.SIGINT))
        names = [f"i{number}-{n}" for n in range(3)]
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            execute(*((name, "sleep", 0.2) for name in names), jobs=2)
            time.sleep(5)
        timer.join()
        pids = [attempt["pid"] for name in names for attempt in attempts(name)]
        until(lambda pids=pids: not any(map(alive, pids)), 3)
        assert not multiprocessing.active_children()


def server():
    return psutil.Process(forkserver._forkserver._forkserver_pid)


def test_runs_in_flight_outlive_the_fork_server_and_another_one_starts_the_rest(caplog):
    execute(("warm",))
    old = server()
    killer = threading.Thread(target=lambda: (until(lambda: attempts("one") and attempts("two")), old.kill()))
    killer.start()
    told = execute(("one", "sleep", 1.0), ("two", "sleep", 1.0), ("three",), ("four",), jobs=2)
    killer.join()
    assert dict(told) == dict.fromkeys(("one", "two", "three", "four"), "") and server().pid != old.pid
    assert all(len(attempts(key)) == 1 for key in ("one", "two"))


def test_a_run_that_has_lost_its_fork_server_is_ended_with_the_others():
    execute(("warm",))

    def interrupted(problem):
        until(lambda: attempts("long"))
        server().kill()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(("long", "sleep", 60), ("short",), jobs=2, going=interrupted)
    until(lambda: not alive(attempts("long")[0]["pid"]), 5)


def test_a_fork_server_that_dies_at_a_start_costs_an_attempt_and_no_run(caplog):
    execute(("warm",))
    os.kill(server().pid, signal.SIGSTOP)
    old = server()
    threading.Timer(0.5, old.kill).start()
    assert execute(("k",)) == [("k", "")]
    assert [line.partition("(")[0] for line in warnings(caplog)] == ["acted k: the run's process could not be started "]


def test_an_errand_that_cannot_be_sent_is_an_error_of_the_program_and_leaves_no_process():
    with pytest.raises((AttributeError, TypeError)):
        execute(("k", "nothing", lambda: None))
    assert not multiprocessing.active_children() and not attempts("k")


@pytest.mark.parametrize("room", [1, 4, 7])
def test_too_many_open_files_are_one_line(room):
    execute(("warm",))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    last = max(map(int, os.listdir("/proc/self/fd")))
    filled = [os.open("/dev/null", os.O_RDONLY)]
    while filled[-1] < last:
        filled.append(os.open("/dev/null", os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (filled[-1] + 1 + room, before[1]))
    try:
        with pytest.raises(InputError, match=r"its process could not be started: Too many open files; lower execution.jobs"):
            execute(*((f"k{n}", "sleep", 60) for n in range(9)), jobs=9)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for file in filled:
            os.close(file)
    assert not multiprocessing.active_children()


def test_many_runs_leave_no_open_file_and_no_process():
    execute(("warm",))
    before = len(os.listdir("/proc/self/fd"))
    execute(*((f"k{n}",) for n in range(12)), jobs=4)
    assert len(os.listdir("/proc/self/fd")) == before
    assert not [p for p in server().children() if p.status() == psutil.STATUS_ZOMBIE] and not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("gpus", "settings", "expected"),
    [
        (0, {"jobs": "auto"}, [("cpu", None)] * 4),
        (0, {"jobs": 1}, [("cpu", None)]),
        (0, {"jobs": 6, "pin_cores": True}, [("cpu", None)] * 6),
        (0, {"jobs": 4, "pin_cores": True}, [("cpu", (0,)), ("cpu", (2,)), ("cpu", (3,)), ("cpu", (7,))]),
        (0, {"jobs": 3, "pin_cores": True}, [("cpu", (0, 7)), ("cpu", (2,)), ("cpu", (3,))]),
        (2, {"jobs": "auto"}, [("cuda:0", None), ("cuda:1", None)]),
        (2, {"jobs": "auto", "runs_per_gpu": 2}, [("cuda:0", None), ("cuda:1", None)] * 2),
        (2, {"jobs": "auto", "pin_cores": True}, [("cuda:0", (0, 3)), ("cuda:1", (2, 7))]),
        (2, {"jobs": 3, "runs_per_gpu": 9}, [("cuda:0", None), ("cuda:1", None), ("cuda:0", None)]),
        (2, {"jobs": "auto", "device": "cpu"}, [("cpu", None)] * 4),
        (1, {"jobs": "auto", "device": "cuda", "runs_per_gpu": 3}, [("cuda:0", None)] * 3),
    ],
)  # fmt: skip
def test_the_places_for_runs(gpus, settings, expected, monkeypatch):
    monkeypatch.setattr(local, "gpu_count", lambda: gpus)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {7, 3, 0, 2})
    execution = EXECUTION.model_copy(update={"device": "auto", **settings})
    assert local.slots(execution) == [Slot(device, cores) for device, cores in expected]


def test_a_gpu_that_is_asked_for_and_not_there_is_one_line(monkeypatch):
    monkeypatch.setattr(local, "gpu_count", lambda: 0)
    with pytest.raises(InputError, match=r"^execution.device: 'cuda' was asked for, found no GPU on this machine; use auto or cpu$"):
        execute(("k",), device="cuda")


@pytest.mark.parametrize(
    ("visible", "count"),
    [
        ("0", 1),
        ("0, 2,3", 3),
        ("", 0),
        ("-1", 0),
        ("1,-1,2", 1),
        ("NoDevFiles", 0),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,1", 2),
        ("MIG-1b5a4d3e,MIG-9c7f2a01", 2),
    ],
)
def test_the_gpus_that_cuda_visible_devices_names(visible, count, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert local.gpu_count() == count


def test_the_gpus_of_the_machine_where_none_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(local, "_GPUS", tmp_path / "gpus")
    assert local.gpu_count() == 0
    for bus in ("0000:0f:00.0", "0000:10:00.0"):
        (tmp_path / "gpus" / bus).mkdir(parents=True)
    assert local.gpu_count() == 2


@pytest.mark.parametrize(
    ("visible", "device", "expected"),
    [("MIG-a,MIG-b", "cuda:1", ("cuda:0", "MIG-b")), ("2,5", "cuda:1", ("cuda:1", "2,5")), ("MIG-a,MIG-b", "cpu", ("cpu", "MIG-a,MIG-b"))],
)
def test_a_process_on_a_part_of_a_gpu_sees_that_part_alone(visible, device, expected, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert (local._own_device(Slot(device, None)), os.environ["CUDA_VISIBLE_DEVICES"]) == expected


def test_the_fork_server_survives_what_a_terminal_sends_while_it_imports(tmp_path):
    """Ctrl-C in the first seconds: the stage ends with one line, and the server writes none."""
    program = tmp_path / "stage.py"
    program.write_text(
        "import os, signal, sys, threading\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from multiprocessing import forkserver\n"
        "from emofuse.runners import local\n"
        "if __name__ == '__main__':\n"
        "    forkserver.set_forkserver_preload(['torch'])\n"
        "    local._ensure_server()\n"
        "    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    threading.Event().wait(0.2)\n"
        "    os.killpg(0, signal.SIGINT), os.killpg(0, signal.SIGTERM)\n"
        "    threading.Event().wait(0.2)\n"
        "    import psutil\n"
        "    print(psutil.Process(forkserver._forkserver._forkserver_pid).status())\n"
    )
    import subprocess

    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, start_new_session=True, timeout=60, check=False)
    assert done.stdout.strip() in ("running", "sleeping", "disk-sleep") and not done.stderr, done
