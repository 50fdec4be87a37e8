"""What everything around the trainings costs at the papers' number of stages and runs: dvc, the stages' start, enumerating, collecting.

A copy of the repository runs both papers whole under dvc: every task, corpus, model, fold and seed of the papers, but on the smallest
invented corpora and with one epoch of the narrowest networks, so that little but overhead is left. Then dvc is called again and runs
nothing. Every `python` that dvc starts goes through a small program that notes its times and its largest memory; how a training stage
spends its time is read from its log, and the runs' own seconds from the run store.

Usage: python tests/benchmarks/overhead.py [--quick] [--ahead] [--in FOLDER]
--quick takes one seed and two folds; --ahead lets the first training stage execute paper A's runs; FOLDER, new, is kept for a look inside.
The whole takes a quarter of an hour or more and 8 GB of disk.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SUBJECTS = 28  # of paper B; a pair of them is a session
NARROW = {"widths": [2, 2, 2, 2, 2, 2], "block_dropout": 0.2, "epochs": 1, "batch_size": 16, "crop_s": 0.5}
RECORDINGS = {
    "kemocon": {"pairs": SUBJECTS // 2, "debate_s": 20},
    "verbio": {"participants": 3, "talk_s": 10},
    **{name: {"subjects": 2, "duration_s": 30} for name in ("wesad", "ppg_dalia", "case", "clas", "affective_road")},
    "voxceleb1": {"speakers": 3, "utterances": 1},
}
TRAINING = ("train", "train_emotion", "pretrain")
NOTING = """#!{python} -ISE
import json, os, sys, time
began = time.time()
child = os.posix_spawn({python!r}, [{python!r}, *sys.argv[1:]], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = {{"wall_s": time.time() - began, "cpu_s": usage.ru_utime + usage.ru_stime}}
line = {{"words": sys.argv[1:], **seconds, "memory_mib": usage.ru_maxrss / 1024}}
with open({calls!r}, "a") as file:
    file.write(json.dumps(line) + "\\n")
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Call:
    """One process that ended: a stage by its script and arguments, or dvc. Processor time counts the children that it saw end."""

    words: list[str]
    wall_s: float
    cpu_s: float
    memory_mib: float

    @property
    def script(self) -> str:
        """Name of the stage's script."""
        return Path(self.words[0]).stem

    @property
    def log(self) -> str:
        """Name of the stage's log."""
        return "-".join([self.script, *self.words[1:]]).replace(os.sep, "-") + ".log"


@dataclass(frozen=True)
class Course:
    """How a training stage spent its time, in s: finding out which runs are missing, executing them, and writing their tables."""

    enumerating_s: float
    executing_s: float
    collecting_s: float
    runs: int


def copy(folder: Path) -> None:
    """The repository's files in a folder that Git and dvc know."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, names.stdout.split("\n")):
        if (REPOSITORY / name).is_file() and not name.startswith("reports/") and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)


def make_trivial(data: dict[str, Any], quick: bool, ahead: bool) -> None:
    """Give the parameters the papers' matrix and almost nothing to do in it."""
    data["tasks"] = ["emotion4", "arousal", "valence", "dominance", "avd"]
    data["seeds"]["toy"] = [0] if quick else data["seeds"]["paper"]
    data["folds"]["toy"] = {"iemocap": ["Ses01F", "Ses03M"]} if quick else data["folds"]["paper"]
    data["toy"] |= {"msp_podcast": {"train": 48, "dev": 12, "test1": 14, "test2": 2}, "iemocap": {"utterances_per_speaker": 4}}
    data["sizes"]["toy"] |= {model: NARROW for model in ("cnn14", "sfcnn14", "mfcnn14")}
    data["sizes"]["toy"]["bert"]["epochs"] = 1
    data["wearable"]["toy"] = RECORDINGS
    data["wearable"]["toy"]["kemocon"]["pairs"] = 3 if quick else SUBJECTS // 2
    data["wearable"]["validation"]["subjects"] = 1
    once = {"epochs": 1, "batch_size": 4, "patience": 1}
    data["wearable"]["schedules"]["toy"] = {part: once for part in ("speech", "signals", "fusion", "emotion")}
    data["execution"] |= {"runner": "local", "device": "cpu", "ahead": ahead}


def repro(folder: Path) -> tuple[Call, list[Call]]:
    """Call dvc; returns it and the stages that it ran. Exits with the end of its output where it fails."""
    calls, own = folder / "calls.jsonl", folder / "bin" / "python"
    calls.unlink(missing_ok=True)
    own.parent.mkdir(exist_ok=True)
    own.write_text(NOTING.format(python=str(BIN / "python"), calls=str(calls)), encoding="utf-8")
    own.chmod(0o755)
    path = os.pathsep.join([str(own.parent), str(BIN), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    with (folder / "dvc.log").open("w") as log:
        start = time.time()
        dvc = subprocess.Popen([str(BIN / "dvc"), "repro"], cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(dvc.pid, 0)
    if status:
        sys.exit("dvc repro failed: " + (folder / "dvc.log").read_text(encoding="utf-8")[-3000:])
    whole = Call(["dvc"], time.time() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    lines = calls.read_text(encoding="utf-8").splitlines() if calls.is_file() else []
    return whole, [Call(**json.loads(line)) for line in lines]


def course(log: str) -> Course | None:
    """Read the log of one call of a training stage; None where nothing was to execute."""
    found = re.search(r"^(\S+ \S+) INFO \w+: .* (\d+) to (?:execute|train)$", log, re.MULTILINE)
    last = re.findall(r"^(\S+ \S+) INFO runs: finished", log, re.MULTILINE)
    done = re.search(r"^(\S+ \S+) INFO \w+: done in ([\d.]+) s$", log, re.MULTILINE)
    if found is None or done is None or not last:
        return None
    enumerated, executed, ended = _seconds(found[1]), _seconds(last[-1]), _seconds(done[1])
    return Course(enumerated - (ended - float(done[2])), executed - enumerated, ended - executed, len(last))


def _seconds(time_of_log: str) -> float:
    return datetime.strptime(time_of_log, "%Y-%m-%d %H:%M:%S,%f").timestamp()


def told(log: str) -> float:
    """Seconds that a stage says it took, which is without its interpreter's and its imports' start."""
    found = re.findall(r"done in ([\d.]+) s$", log, re.MULTILINE)
    return float(found[-1]) if found else 0.0


def trained_s(store: Path) -> tuple[int, float]:
    """Number of published trainings and the sum of their seconds, by their manifests."""
    made = [json.loads(path.read_text(encoding="utf-8"))["made"]["seconds"] for path in store.glob("fits/*/manifest.json")]
    return len(made), sum(made)


def table(folder: Path, whole: Call, stages: list[Call], places: int) -> Iterable[str]:
    """Lines of Markdown: where the wall time of the first call went."""
    logs = {call.log: (folder / "logs" / call.log).read_text(encoding="utf-8") for call in stages}
    courses = [c for call in stages if call.script in TRAINING and (c := course(logs[call.log]))]
    runs, training = trained_s(folder / "runs")
    training_calls = [call for call in stages if call.script in TRAINING]
    other_calls = [call for call in stages if call.script not in TRAINING]
    start = sum(call.wall_s - told(logs[call.log]) for call in stages)
    executing = sum(c.executing_s for c in courses)
    rows = [
        ("dvc itself", whole.wall_s - sum(call.wall_s for call in stages), len(stages)),
        ("interpreters and imports of the stages", start, len(stages)),
        ("stages that train nothing", sum(told(logs[call.log]) for call in other_calls), len(other_calls)),
        ("training stages: enumerating, and what the store has", sum(c.enumerating_s for c in courses), len(courses)),
        ("training stages: executing", executing, runs),
        (f"… of it the trainings themselves, over {places} places", training / places, runs),
        ("… of it forking, preparing, predicting, publishing", executing - training / places, runs),
        ("training stages: collecting and writing tables", sum(c.collecting_s for c in courses), len(courses)),
        ("training stages with nothing to execute", sum(told(logs[c.log]) for c in training_calls if course(logs[c.log]) is None), 0),
    ]
    yield f"cold `dvc repro`: {whole.wall_s:.0f} s, {len(stages)} stages, {runs} runs"
    yield ""
    yield "| part | s | share | s each | of |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, seconds, count in rows:
        yield f"| {name} | {seconds:.1f} | {seconds / whole.wall_s:.1%} | {seconds / count if count else float('nan'):.2f} | {count} |"
    yield ""
    largest = max(training_calls, key=lambda call: call.memory_mib)
    yield f"largest memory of a training stage itself: {largest.memory_mib:.0f} MiB ({' '.join(largest.words)})"


def main(quick: bool, ahead: bool, folder: Path) -> None:
    """Run it and print the tables."""
    copy(folder)
    path = folder / "params.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    make_trivial(data, quick, ahead)
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    places = len(os.sched_getaffinity(0))
    print(
        f"python {' '.join(sys.argv)}; {platform.processor() or platform.machine()}, {places} cores, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    whole, stages = repro(folder)
    print("\n".join(table(folder, whole, stages, places)), flush=True)
    print(f"load {os.getloadavg()[0]:.1f}")
    again, ran = repro(folder)
    cost = f"{again.wall_s:.1f} s, {again.cpu_s:.1f} s of processor time, {again.memory_mib:.0f} MiB"
    print(f"second `dvc repro`: {cost}; {len(ran)} stages ran")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--ahead", action="store_true")
    parser.add_argument("--in", dest="folder", type=Path)
    words = parser.parse_args()
    if words.folder:
        words.folder.mkdir(parents=True)
        main(words.quick, words.ahead, words.folder.resolve())
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(words.quick, words.ahead, Path(scratch))
