"""What a runner costs: the same runs executed bare, one after another in one process, and by each runner; and what a second worker brings.

Overhead: bare is prepare, train and predict in one process that has imported everything, without run store, lock, record, checkpoint or
process; the runner does it all with one worker. Rounds are interleaved and begin with the next contender each time, so that what else the
machine does falls on all of them; ratios are of the same round. The first call of each is told
apart: it starts what a stage starts once. Efficiency: a few runs of at least 20 s with one worker and with two;
1 is twice as fast. The corpora are noise of the toy study's size; nothing is learnt and nothing outside a temporary folder written.

Usage: python tests/benchmarks/runners.py [--quick] [--rounds N] [--runners local ray slurm]
Without --runners all that are here: Ray if it is installed, Slurm if `sinfo` answers. Take figures on a machine with nothing else on it.
"""

import argparse
import contextlib
import importlib.util
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import torch

from emofuse import code_digest, runners, speech_text, supervised
from emofuse.jobs import Job
from emofuse.params import Execution, Params
from emofuse.recipes import speech_text as recipe
from emofuse.runs import Store
from emofuse.study import Cell
from emofuse.training import fit

TESTS = Path(__file__).resolve().parents[1]
CELL = Cell("emotion4", "iemocap", "mfcnn14")
WIDTHS = [16, 32, 64, 128, 128, 128]


def study_on_disk() -> ModuleType:
    """The tests' small study without speech."""
    spec = importlib.util.spec_from_file_location("study_on_disk", TESTS / "study_on_disk.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def jobs_of(params: Params, number: int) -> list[Job]:
    """The first runs of the cell."""
    return speech_text.jobs(params, CELL, code_digest.of_recipe)[:number]


def bare(jobs: Sequence[Job]) -> None:
    """Prepare, train and predict in this process."""
    for job in jobs:
        run = recipe.prepare(job, torch.device("cpu"))
        result = fit(job.name, run.learner, run.schedule, job.seed)
        run.learner.model.load_state_dict(result.weights)
        for _, subset in job.predicted:
            ids = list(subset.truth.index)
            supervised.predict(run.learner.model, run.learner.objective, run.batches(subset.corpus), ids, run.learner.device)


def by_runner(jobs: Sequence[Job], execution: Execution) -> None:
    """Execute the runs by the runner, into a run store of their own, which is then deleted."""
    store = Store(Path("runs-of-a-benchmark").absolute())
    runners.run(jobs, store, execution)
    assert all(store.holds(job.entries) for job in jobs)
    shutil.rmtree(store.folder)


def interleaved(contenders: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for number in range(rounds):
        for name in order[number % len(order) :] + order[: number % len(order)]:
            start = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def spread(values: Sequence[float], form: str) -> str:
    """Median with the smallest and the largest."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def overhead(study: ModuleType, names: Sequence[str], number: int, rounds: int) -> None:
    """Print seconds a run, what the runner adds to each, and the ratio."""
    jobs = jobs_of(study.load(epochs=4, widths=WIDTHS, crop_s=0.4), number)
    contenders: dict[str, Callable[[], None]] = {"bare": lambda: bare(jobs)}
    for name in names:
        execution = study.EXECUTION.model_copy(update={"runner": name, "jobs": 1, "device": "cpu"})
        contenders[name] = lambda execution=execution: by_runner(jobs, execution)  # type: ignore[misc]
    first = interleaved(contenders, 1)  # imports the compiler, starts the server that workers are forked from: once a stage
    seconds = interleaved(contenders, rounds)
    print(f"\n{number} runs, one worker, {rounds} interleaved rounds: median (min to max)")
    print("| | s a run | s more than bare, a run | ratio to bare | s more, the first call |\n| --- | ---: | ---: | ---: | ---: |")
    for name, found in seconds.items():
        more = [(s - b) / number for s, b in zip(found, seconds["bare"], strict=True)]
        ratio = [s / b for s, b in zip(found, seconds["bare"], strict=True)]
        once = first[name][0] - statistics.median(found)
        each = spread([s / number for s in found], ".2f")
        print(f"| {name} | {each} | {spread(more, '.2f')} | {spread(ratio, '.2f')} | {once:.1f} |", flush=True)


def efficiency(study: ModuleType, names: Sequence[str], least_s: float, number: int, rounds: int) -> None:
    """Print the time of runs of at least ``least_s`` with one worker and with two, and half their ratio."""
    epochs = 4
    probe = jobs_of(study.load(epochs=epochs, widths=WIDTHS), 1)
    bare(probe)
    start = time.perf_counter()
    bare(probe)
    epochs = max(epochs, round(1.1 * least_s * epochs / (time.perf_counter() - start)))
    jobs = jobs_of(study.load(epochs=epochs, widths=WIDTHS), number)
    contenders: dict[str, Callable[[], None]] = {}
    for name in names:
        for pinned in (False, True) if name == "local" else (False,):
            for workers in (1, 2):
                change = {"runner": name, "jobs": workers, "device": "cpu", "pin_cores": pinned}
                execution = study.EXECUTION.model_copy(update=change)
                label = f"{name}{', pinned' if pinned else ''}, {workers}"
                contenders[label] = lambda execution=execution: by_runner(jobs, execution)  # type: ignore[misc]
    seconds = interleaved(contenders, rounds)
    print(f"\n{number} runs of {epochs} epochs, {rounds} interleaved rounds: median (min to max)")
    print("| | s, one worker | of it a run | s, two workers | efficiency of two |\n| --- | ---: | ---: | ---: | ---: |")
    for label in [name.removesuffix(", 1") for name in contenders if name.endswith(", 1")]:
        one, two = seconds[f"{label}, 1"], seconds[f"{label}, 2"]
        each = spread([a / 2 / b for a, b in zip(one, two, strict=True)], ".2f")
        print(f"| {label} | {spread(one, '.1f')} | {statistics.median(one) / number:.1f} | {spread(two, '.1f')} | {each} |", flush=True)


def here() -> list[str]:
    """The runners that this machine can use."""
    names = ["local"]
    names += ["ray"] if importlib.util.find_spec("ray") and importlib.util.find_spec("emofuse.runners.ray") else []
    if shutil.which("sinfo") and importlib.util.find_spec("emofuse.runners.slurm"):
        with contextlib.suppress(subprocess.TimeoutExpired):
            names += ["slurm"] if subprocess.run(["sinfo"], capture_output=True, timeout=10).returncode == 0 else []
    return names


def main(names: Sequence[str], rounds: int, quick: bool) -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    machine = f"{platform.processor() or platform.machine()}, {cores} cores, load {load:.1f}, torch {torch.__version__}"
    print(f"python {' '.join(sys.argv)}\n{machine}", flush=True)
    study, before = study_on_disk(), Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # a study is found below the current folder
        try:
            study.write()
            overhead(study, names, 2 if quick else 6, rounds)
            efficiency(study, names, 2.0 if quick else 20.0, 2 if quick else 4, 1 if quick else max(3, rounds // 2))
        finally:
            os.chdir(before)
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runners", nargs="+", choices=sorted(runners.RUNNERS), default=here())
    words = parser.parse_args()
    main(words.runners, words.rounds, words.quick)
