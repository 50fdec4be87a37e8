import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from emofuse import records, runners
from emofuse.errors import InputError
from emofuse.params import Execution, Ray, Slurm
from emofuse.runners import local
from emofuse.runners import ray as ray_runner
from emofuse.runs import Store

os.environ["RAY_AUTH_MODE"] = "disabled"  # else Ray keeps a token in the home folder; read at its first import
HERE, TESTS = Path(__file__).parent, Path(__file__).parents[1]
SLURM = Slurm(partition=None, account=None, time_limit_min=1, memory_gb=1, cores=1, gpus=0, runs_per_job=1, options={})
EXECUTION = Execution(
    runner="ray", store="runs", jobs="auto", device="cpu", runs_per_gpu=2, pin_cores=False, ahead=False, keep_going=False, retries=2,
    checkpoint_every_s=0, ray=Ray(address=None, cores_per_run=1), slurm=SLURM,
)  # fmt: skip
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(HERE), str(TESTS)])}


def free_port():
    with socket.socket() as listener:
        listener.bind(("", 0))
        return listener.getsockname()[1]


@contextmanager
def node(*words, under=()):
    """A node of a Ray cluster, there when it says so, and gone with all its processes afterwards."""
    with tempfile.TemporaryDirectory(prefix="ray-test-", ignore_cleanup_errors=True) as folder:
        out = Path(folder) / "out"
        command = [*under, str(Path(sys.executable).with_name("ray")), "start", "--block", "--disable-usage-stats", *words]
        if "--head" in words:
            command += ["--include-dashboard=false", f"--temp-dir={folder}"]
        with out.open("w") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=ENVIRONMENT, start_new_session=True)
        try:
            until(lambda: "Ray runtime started" in out.read_text() or process.poll() is not None, 60)
            assert process.poll() is None, out.read_text()
            yield process
        finally:
            end([*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)] if process.poll() is None else [])
            process.wait()


def end(processes):
    for process in processes:
        if process.is_running():
            process.kill()
    psutil.wait_procs(processes, 10)


@pytest.fixture(scope="module")
def head():
    """Address of a cluster of one node with four cores and a GPU, both only said to be there."""
    port = free_port()
    with node("--head", f"--port={port}", "--num-cpus=4", "--num-gpus=1"):
        yield f"127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (HERE, TESTS):
        monkeypatch.syspath_prepend(str(path))
    return tmp_path


def settings(address, **changed):
    cores = changed.pop("cores_per_run", 1)
    return EXECUTION.model_copy(update={"ray": Ray(address=address, cores_per_run=cores), **changed})


def execute(execution, *jobs, store="runs", runner=ray_runner, going=lambda problem: True):
    """What was told of each run, in the order of their ends."""
    from acted_runs import Acted

    told = []

    def ended(errand, problem):
        told.append((errand.job.key, problem))
        return going(problem)

    jobs = [Acted(*job) if isinstance(job, tuple) else job for job in jobs]
    runner.run(runners.errands_of(jobs, Store(Path(store)), execution), execution, ended)
    return told


def attempts(key):
    path = Path("attempts") / key
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def published(store="runs"):
    return {path.name for path in Path(store, "fits").glob("*")}


def until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "runs" and record.levelno >= logging.WARNING]


def study_jobs(**sizes):
    import study_on_disk

    from emofuse import code_digest, speech_text
    from emofuse.study import Cell

    if not Path("data").exists():
        study_on_disk.write()
    return speech_text.jobs(study_on_disk.load(**sizes), Cell("emotion4", "msp_podcast", "mfcnn14"), code_digest.of_recipe)


def results(store):
    """Every file that the runs published, but the manifests, which say when and where."""
    return {p.relative_to(store): p.read_bytes() for p in Path(store).glob("*/*/*") if p.suffix in (".parquet", ".safetensors")}


def test_results_are_those_of_the_local_runner_bit_for_bit_though_a_worker_process_is_used_twice(head):
    jobs = study_jobs()
    finished = [(job.key, "") for job in jobs]
    assert execute(settings(head, jobs=1), *jobs, store="by_ray") == finished
    assert execute(settings(None, jobs=1), *jobs, store="by_processes", runner=local) == finished
    assert len(jobs) == 2 and len(results("by_ray")) == 2 * (2 + 3) and results("by_ray") == results("by_processes")


def test_a_run_that_fails_is_told_in_its_own_line_and_not_tried_again(head):
    told = dict(execute(settings(head), ("a", "refuse", "expected this, found that"), ("b", "fail", "by zero"), ("c", "nothing")))
    assert told["a"] == "expected this, found that" and told["c"] == "" and published() == {"c"}
    assert told["b"].startswith("acted b: ZeroDivisionError: by zero (see ") and "\n" not in told["b"]
    assert [len(attempts(key)) for key in "abc"] == [1, 1, 1]


def test_after_a_failure_what_runs_is_finished_and_what_waits_is_not_started(head):
    jobs = [("slow", "wait", "go"), ("bad", "refuse", "no"), *((f"late{n}", "sleep", 1.0) for n in range(8))]

    def going(problem):
        Path("go").touch()
        return not problem

    told = execute(settings(head, cores_per_run=2), *jobs, going=going)
    assert told[0] == ("bad", "no") and ("slow", "") in told
    begun = {path.name for path in Path("attempts").glob("*")}
    assert len(begun) < len(jobs) and begun | {"bad"} == {key for key, _ in told}


def test_no_more_runs_at_once_than_asked_for(head):
    execute(settings(head, jobs=2), *((f"k{n}", "sleep", 0.5) for n in range(4)))
    starts = sorted(attempts(f"k{n}")[0]["start"] for n in range(4))
    assert all(later - start >= 0.5 for start, later in zip(starts, starts[2:], strict=False))
    assert {attempts(f"k{n}")[0]["threads"] for n in range(4)} == {1}


def test_two_runs_share_a_gpu_and_a_third_waits(head, monkeypatch):
    assert ray_runner.Share(1, 0.5).device == "cuda:0"
    monkeypatch.setattr(ray_runner.Share, "device", "cpu")  # there is none to compute with, only places on one
    begun = lambda: [f"k{n}" for n in range(3) if attempts(f"k{n}")]  # noqa: E731
    seen = []

    def watch():
        until(lambda: len(begun()) == 2, 90)
        time.sleep(2.0)
        seen.extend(begun())
        Path("go").touch()

    watcher = threading.Thread(target=watch)
    watcher.start()
    execute(settings(head, device="auto", runs_per_gpu=2), *((f"k{n}", "wait", "go") for n in range(3)))
    watcher.join()
    assert len(seen) == 2 and len(begun()) == 3 and len({attempts(key)[0]["pid"] for key in begun()}) == 3


@pytest.mark.parametrize("runs", [1, 2, 3, 6, 7, 16])
def test_so_many_runs_fit_a_gpu_as_are_asked_for(runs):
    assert 1 - 16e-4 < runs * ray_runner._part(runs) <= 1 and (ray_runner._part(runs) * 10_000) % 1 == pytest.approx(0, abs=1e-9)


def test_a_killed_worker_is_told_and_started_again_and_goes_on_with_the_bits_of_an_undisturbed_run(head, caplog):
    [job, *_] = study_jobs(epochs=30)
    store = Store(Path("runs"))

    def kill():
        until(lambda: (record := records.read(store, job.key)) is not None and record.epoch >= 2, 60)
        os.kill(records.read(store, job.key).pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert execute(settings(head), job) == [(job.key, "")]
    killer.join()
    [line] = warnings(caplog)
    assert line.startswith(f"{job.name}: the run's process or its machine died; it is started again") and "(1 more tries" in line
    assert "goes on after epoch" in runners.log_of(job).read_text()
    assert execute(settings(None), job, store="undisturbed", runner=local) == [(job.key, "")]
    assert results("runs") == results("undisturbed")


def test_a_run_whose_process_dies_each_time_is_given_up_by_name(head):
    [(_, problem)] = execute(settings(head, retries=1), ("k", "die", (signal.SIGKILL, 9)))
    assert problem.startswith(
        "acted k: the run's process or its machine died, 2 times without having come further; is there memory enough? (see "
    )
    assert len(attempts("k")) == 2


def test_the_runs_of_a_killed_node_are_executed_elsewhere(head, caplog):
    with node(f"--address={head}", "--num-cpus=4") as other:

        def kill():
            until(lambda: len(list(Path("attempts").glob("*"))) == 2, 60)
            end([*psutil.Process(other.pid).children(recursive=True), psutil.Process(other.pid)])
            Path("go").touch()

        killer = threading.Thread(target=kill)
        killer.start()
        told = execute(settings(head, cores_per_run=4), ("a", "wait", "go"), ("b", "wait", "go"))
        killer.join()
    assert sorted(told) == [("a", ""), ("b", "")] and sorted(len(attempts(key)) for key in "ab") == [1, 2]
    assert len(warnings(caplog)) == 1 and "its machine died; it is started again" in warnings(caplog)[0]


def test_a_node_that_does_not_see_the_run_store_is_named_before_anything_is_executed(head):
    Path("runs").mkdir()
    hidden = ("sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(Path("runs").absolute()))
    own = ("unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]))
    with node(f"--address={head}", "--num-cpus=4", under=(*own, *hidden)), pytest.raises(InputError) as error:
        execute(settings(head), ("k",))
    assert str(error.value).startswith(f"node {socket.gethostname()} (") and "expected the run store" in str(error.value)
    assert "\n" not in str(error.value) and not Path("attempts").exists()


def test_a_node_where_locks_of_the_driver_are_free_is_refused(head, monkeypatch):
    from contextlib import nullcontext

    monkeypatch.setattr(Store, "lock", lambda store, entry: (store.folder / "locks").mkdir(exist_ok=True) or nullcontext())
    with pytest.raises(InputError, match=r"locks/probe-\w+\.lock held, as it is on the machine that started the stage, found it free"):
        execute(settings(head), ("k",))


def test_a_node_that_does_not_answer_is_named_in_time(head, monkeypatch):
    monkeypatch.setattr(ray_runner, "_ANSWER_S", 1.0)
    with node(f"--address={head}", "--num-cpus=4") as other:
        stopped = psutil.Process(other.pid).children(recursive=True)
        for process in stopped:
            process.suspend()
        start = time.monotonic()
        try:
            with pytest.raises(InputError, match="expected an answer within 1 s, found none"):
                execute(settings(head), ("k",))
        finally:
            for process in stopped:
                process.resume()
        assert time.monotonic() - start < 20


def test_a_run_that_no_node_has_place_for_is_refused(head):
    with pytest.raises(InputError, match=r"execution.ray.cores_per_run: expected a node of the Ray cluster with 64 cores, found at most 4"):
        execute(settings(head, cores_per_run=64), ("k",))


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "auto", "nonsense", "no.such.host.invalid:6379"])
def test_an_address_where_no_cluster_answers_is_one_line_in_time(address, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free_port()}")  # where auto looks first
    address = address.format(port=free_port())
    start = time.monotonic()
    with pytest.raises(InputError, match=f"execution.ray.address: expected a Ray cluster at '{address}', found .*; start one") as error:
        execute(settings(address), ("k",))
    assert time.monotonic() - start < 20 and "\n" not in str(error.value)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"execution.runner: expected the package ray .* `make setup` installs it"):
        execute(settings(None), ("k",))


PROGRAM = """
import signal, sys
from pathlib import Path
from test_ray import execute, settings

if __name__ == "__main__":
    address = sys.argv[1] if sys.argv[1:] else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as a stage does
    execute(settings(address, jobs=2), ("a", "wait", "go"), ("b", "wait", "go"))
"""


@contextmanager
def driver(*words):
    """A stage with two runs under way, each until the file ``go`` is there, and the processes that it started."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    Path("home").mkdir()
    changed = {"MARK": mark, "HOME": str(Path("home").absolute()), "CUDA_VISIBLE_DEVICES": ""}
    Path("program.py").write_text(PROGRAM)
    process = subprocess.Popen([sys.executable, "program.py", *words], env=ENVIRONMENT | changed, stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: len(attempts("a")) == len(attempts("b")) == 1 or process.poll() is not None, 60)
        yield process, lambda: [p for p in psutil.process_iter() if p.pid != process.pid and marked(p, mark)]
    finally:
        process.kill()
        process.wait()


def marked(process, mark):
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("MARK") == mark
    except psutil.Error:
        return False


def test_a_cluster_of_its_own_keeps_to_this_machine_executes_the_runs_and_ends():
    with driver() as (process, started):
        listening = {connection.laddr.ip for p in started() for connection in p.net_connections() if connection.status == "LISTEN"}
        assert listening and {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
        Path("go").touch()
        assert process.wait(60) == 0 and not started()
    assert published() == {"a", "b"} and dict.fromkeys("ab", 1) == {key: len(attempts(key)) for key in "ab"}


def test_a_gpu_asked_for_where_no_node_has_one_is_refused(monkeypatch):
    import ray

    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 8.0}}, {"Alive": False, "Resources": {"GPU": 8.0}}])
    with pytest.raises(InputError, match=r"execution.device: 'cuda' was asked for, found no GPU in the Ray cluster; use auto or cpu"):
        ray_runner._places(settings(None, device="cuda"))
    assert ray_runner._places(settings(None, device="auto"))[0].device == "cpu"


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_of_an_ended_driver_with_a_cluster_of_its_own_no_process_is_left(sent):
    with driver() as (process, started):
        assert len(started()) > 4
        process.send_signal(sent)
        assert process.wait(20) in (-sent, 128 + sent)
        until(lambda: not started(), 20)
    assert not published()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_of_an_ended_driver_the_runs_on_another_cluster_end(head, sent):
    with driver(head) as (process, _):
        pids = [attempts(key)[0]["pid"] for key in "ab"]
        process.send_signal(sent)
        assert process.wait(20) in (-sent, 128 + sent)
        until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 20)
    assert not published()
