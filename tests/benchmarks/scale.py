"""Scale on paper: the full matrix of both papers on 1, 8 and 64 workers, simulated; nothing is trained.

The runs are those that params.yaml asks for at the scale paper. Their times are arithmetic (operations of a run over a rate); of the rates
those of a processor core are measured, those of a GPU assumed, as docs/scale.md says with every source. Failures are assumptions too.
Prints Markdown.

Usage: python tests/benchmarks/scale.py [SEEDS]    (default: 5 simulations of each line, of which the mean is printed)
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
from simulation import Outcome, Run, Site, Stage, checkpoints, hopeless, simulate

from emofuse import params, speech_wearables, study
from emofuse.params import Params
from emofuse.params.speech_text import BERTSize
from emofuse.params.wearable import Schedule
from emofuse.signals import SIGNALS
from emofuse.study import Cell

REPOSITORY = Path(__file__).resolve().parents[2]
WORKERS = (1, 8, 64)
SPREAD = 0.1  # assumed standard deviation of the logarithm of equal runs' times

FOLDS = {"official": 1, "leave_one_speaker_out": 10, "leave_one_subject_out": 28, "leave_one_session_out": 16}
UTTERANCES = {"msp_podcast": (38_179, 7_538, 12_902), "iemocap": (8_031, 1_004, 1_004)}  # train, dev, test of a fold
CROSS_TEST = {"msp_podcast": 12_902, "iemocap": 10_039}  # what models of the other corpus predict: the test sets of all folds
OF_FOUR_CLASSES = {"msp_podcast": 46_161 / 73_042, "iemocap": 5_531 / 10_039}  # share of the utterances; MSP-Podcast's of release 1.8
CLIP_S = {"msp_podcast": 5.6, "iemocap": 4.5}
CROP_GFLOP, EVALUATED_S_GFLOP = 35.6, 3.98  # CNN14: forward and backward of 3 s; forward of each second
TOKEN_GFLOP, TOKENS = 0.17, 62  # BERT-base: forward, and the tokens of an utterance padded to the longest of its batch
STATE_GB = {"bert": 4 * 0.438}  # of a checkpoint: weights, best weights, and the optimiser's two moments
CNN_STATE_GB = 3 * 0.331  # weights, best weights, momentum

ALL_TASKS = ("emotion4", "arousal", "valence", "dominance", "avd")
ALONE_S = 8.0  # of a stage: dvc, its start, enumerating and collecting
START_S = 10.0  # of an attempt on a cluster: a process, its imports from a shared file system, the first batch
AWAY_S = 600.0  # a machine that starts again
REQUEUE_S = 120.0
CALL_AGAIN_S = 3600.0  # until a person has seen that a call failed
CHECKPOINT_GB_PER_S = 0.4  # of one run: 1 GB took 2 s of processor time and 6 s and more on a shared disk

EVERY_S = 50.0  # execution.checkpoint_every_s is 10, but a state of 1 GB takes 2.5 s and is kept in at most a twentieth of the time

BEST = "ahead"

PAIRED_WINDOWS = 6_050  # of K-EmoCon: 172.9 min, two sides, 28 of 32 with a wristband, one each 3 s
STEP_S = {"attention_without_fusion_training": 0.022}  # of the emotion heads, measured on a core, batches of 64
LIGHT_STEP_S = 0.001  # of all other heads
PRETRAINING = {  # training windows, s of a step measured on a core at the papers' batch size
    "speech": (310_000, 0.040),
    **dict.fromkeys(SIGNALS, (120_000, 0.075)),
    "unweighted": (16_000, 0.042),
    "weighted": (16_000, 0.042),
    "attention": (16_000, 0.062),
}


@dataclass(frozen=True)
class Machine:
    """What a worker is: its rates in GFLOP/s, and the least that a training step of a large network takes, in s."""

    name: str
    trained: float
    evaluated: float
    step_s: float


CORE = Machine("core", 98, 125, 0.0)
GPU = Machine("H100", 100_000, 100_000, 0.010)


def speech_text_run(params: Params, cell: Cell, machine: Machine, rng: np.random.Generator) -> Run:
    """One run of a cell of paper A."""
    share = OF_FOUR_CLASSES[cell.corpus] if cell.task == "emotion4" else 1.0
    train, dev, test = (share * n for n in UTTERANCES[cell.corpus])
    other = next(name for name in CROSS_TEST if name != cell.corpus)
    clips_s = (test + dev) * CLIP_S[cell.corpus] + CROSS_TEST[other] * share * CLIP_S[other]
    size = getattr(params.sizes.paper, cell.model)
    if isinstance(size, BERTSize):
        epochs, example, dev_gflop, tested = (
            int(rng.integers(2, size.epochs + 1)),
            3 * TOKENS * TOKEN_GFLOP,
            dev * TOKENS * TOKEN_GFLOP,
            0.0,
        )
    else:
        epochs, example, dev_gflop = size.epochs, CROP_GFLOP * size.crop_s / 3, dev * CLIP_S[cell.corpus] * EVALUATED_S_GFLOP
        tested = clips_s * EVALUATED_S_GFLOP
    step_s = max(size.batch_size * example / machine.trained, machine.step_s)
    seconds = epochs * (train // size.batch_size * step_s + dev_gflop / machine.evaluated) + tested / machine.evaluated
    return Run(cell.name, seconds * rng.lognormal(0, SPREAD), epochs, STATE_GB.get(cell.model, CNN_STATE_GB))


def speech_text_stages(params: Params, machine: Machine, rng: np.random.Generator, alone_s: float) -> list[Stage]:
    """The train stages of paper A, one for each cell that is not omitted."""
    cells = [cell for cell in study.cells(params) if not study.omitted(params, cell)]
    return [
        Stage(cell.name, tuple(speech_text_run(params, cell, machine, rng) for _ in range(_repeats(params, cell))), alone_s)
        for cell in cells
    ]


def _repeats(params: Params, cell: Cell) -> int:
    chosen = params.folds.paper.get(cell.corpus)
    return (len(chosen) if chosen else FOLDS[params.corpus(cell.corpus).protocol]) * len(params.seeds.paper)


def wearable_stages(params: Params, rng: np.random.Generator, alone_s: float) -> list[Stage]:
    """The pretraining and training stages of paper B; its networks are so small that a GPU is taken to be no faster than a core."""
    schedules = params.wearable.schedules.paper
    by_network = {"speech": schedules.speech, **dict.fromkeys(SIGNALS, schedules.signals)}

    def pretraining(network: str) -> Run:
        schedule = by_network.get(network, schedules.fusion)
        windows, step_s = PRETRAINING[network]
        return _stopping_early(f"pretraining {network}", schedule, windows, step_s, rng)

    encoders = Stage("pretrain_encoders", tuple(pretraining(n) for n in by_network), alone_s)
    fusion = Stage("pretrain_fusion", tuple(pretraining(n) for n in PRETRAINING if n not in by_network), alone_s)
    repeats = sum(FOLDS[protocol] for protocol in params.wearable.protocols) * len(params.wearable.seeds.paper)
    windows = round(PAIRED_WINDOWS * 25 / 28)  # two subjects select, one is left out
    heads = []
    for group, models in speech_wearables.GROUPS.items():
        trained = [model for model in models if model != "majority_class" for _ in range(repeats)]
        runs = [_stopping_early(m, schedules.emotion, windows, STEP_S.get(_form(params, m), LIGHT_STEP_S), rng) for m in trained]
        heads.append(Stage(group, tuple(runs), alone_s))
    return [encoders, fusion, *heads]


def _form(params: Params, model: str) -> str:
    """The random encoders are read by the mechanism under study."""
    return f"{params.wearable.fusion}_without_fusion_training" if model == "random_encoders" else model


def _stopping_early(name: str, schedule: Schedule, windows: int, step_s: float, rng: np.random.Generator) -> Run:
    epochs = int(rng.integers(schedule.patience + 1, schedule.epochs + 1))
    return Run(name, epochs * (windows // schedule.batch_size) * step_s * rng.lognormal(0, SPREAD), epochs)


def plans(params: Params, machine: Machine, seed: int, alone_s: float) -> dict[str, list[Stage]]:
    """The same runs in the orders that are compared."""
    rng = np.random.default_rng(seed)
    wearable, speech_text = wearable_stages(params, rng, alone_s), speech_text_stages(params, machine, rng, alone_s)
    first, *later = speech_text
    written = [replace(stage, runs=()) for stage in later]  # nothing left to execute, only tables to write
    pooled = [run for stage in speech_text for run in stage.runs]
    encoders, fusion, *heads = wearable
    both = longest_first([*encoders.runs, *pooled])
    late = longest_first([run for stage in heads for run in stage.runs])
    return {
        "cell after cell": [*wearable, *speech_text],
        "cell after cell, 4 runs a job": [replace(stage, runs=tuple(by_fours(stage.runs))) for stage in [*wearable, *speech_text]],
        "ahead, in the stages' order": [*wearable, replace(first, runs=tuple(pooled)), *written],
        BEST: [*wearable, replace(first, runs=tuple(longest_first(pooled))), *written],
        "ahead, both papers": [
            replace(encoders, runs=tuple(both)), fusion, Stage("heads", tuple(late), alone_s), *(replace(s, runs=()) for s in heads[1:]),
            *(replace(stage, runs=()) for stage in speech_text),
        ],
    }  # fmt: skip


def longest_first(runs: Sequence[Run]) -> list[Run]:
    """The order of which Graham showed that it takes at most 4/3 of the shortest possible time."""
    return sorted(runs, key=lambda run: -run.seconds)


def by_fours(runs: Sequence[Run]) -> Iterator[Run]:
    """Jobs of up to four runs, one after another on one worker."""
    for start in range(0, len(runs), 4):
        job = runs[start : start + 4]
        yield Run(job[0].name, sum(run.seconds for run in job), sum(run.epochs for run in job), job[0].state_gb)


def lower_bound_s(stages: Sequence[Stage], workers: int) -> float:
    """No order can be faster: all work over all workers, or the longest run."""
    runs = [run for stage in stages for run in stage.runs]
    return max(sum(run.seconds for run in runs) / workers, max(run.seconds for run in runs))


def store_load(runs: Sequence[Run], makespan_s: float, every_s: float) -> tuple[float, float, float]:
    """File operations a second and GB a second of checkpoints over the course, and the GB of weights that remain.

    Counted in the source: 12 operations to publish an entry, 10 for the lock, the record's end and the look whether it is there, 2 for each
    record that is written, 3 for each checkpoint.
    """
    entries = sum(4 if run.state_gb else 3 for run in runs)  # weights; predictions of dev and test, in paper A of the other corpus too
    records = sum(min(run.epochs, run.seconds) for run in runs)
    kept = [checkpoints(run, every_s) for run in runs]
    written_gb = sum(count * run.state_gb for count, run in zip(kept, runs, strict=True))
    remaining_gb = sum(run.state_gb / (4 if run.name.endswith("/bert") else 3) for run in runs)
    return (12 * entries + 10 * len(runs) + 2 * records + 3 * sum(kept)) / makespan_s, written_gb / makespan_s, remaining_gb


def failure_sites(workers: int) -> dict[str, Site]:
    """What befalls workers, by the name of the line."""
    delays = {"start_s": START_S, "away_s": AWAY_S, "requeue_s": REQUEUE_S, "call_again_s": CALL_AGAIN_S}
    site = Site(workers, checkpoint_gb_per_s=CHECKPOINT_GB_PER_S, **delays)
    return {
        "nothing": site,
        "a failure each 1,000 h": replace(site, failure_every_h=1000),
        "a failure each 100 h": replace(site, failure_every_h=100),
        "a pre-emption each 6 h": replace(site, preemption_every_h=6),
        "both, 100 h and 6 h": replace(site, failure_every_h=100, preemption_every_h=6),
    }


def _mean(plan: str, machine: Machine, site: Site, params: Params, seeds: int) -> Outcome:
    """The mean of simulations with other run times and other failures each."""
    found = [simulate(plans(params, machine, seed, ALONE_S)[plan], site, seed) for seed in range(seeds)]
    return Outcome(site.workers, **{name: fmean(getattr(o, name) for o in found) for name in vars(found[0]) if name != "workers"})


def matrix_table(params: Params) -> Iterator[str]:
    """How many runs there are, and how long they take."""
    yield "| runs | number | s on a core, mean | longest | s on an H100, mean | longest | worker-hours, core | H100 |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    kinds: dict[str, dict[str, list[float]]] = {}
    for machine in (CORE, GPU):
        for stage in plans(params, machine, 0, ALONE_S)["cell after cell"]:
            for run in stage.runs:
                task, *rest = run.name.split("/")
                kind = " ".join([*rest]) if rest else "pretraining" if task.startswith("pretraining") else "emotion heads"
                kinds.setdefault(kind, {}).setdefault(machine.name, []).append(run.seconds)
    for kind, times in kinds.items():
        figures = " | ".join(f"{fmean(t):,.0f} | {max(t):,.0f}" for t in times.values())
        yield f"| {kind} | {len(times['core'])} | {figures} | " + " | ".join(f"{sum(t) / 3600:,.1f}" for t in times.values()) + " |"
    whole = [[s for times in kinds.values() for s in times[machine.name]] for machine in (CORE, GPU)]
    yield f"| all | {len(whole[0])} | | | | | " + " | ".join(f"{sum(t) / 3600:,.1f}" for t in whole) + " |"


def order_table(params: Params, machine: Machine, seeds: int) -> Iterator[str]:
    """Makespan and idle share of each order, without failures."""
    yield f"| on {machine.name}s, no failures | " + " | ".join(f"{w} workers: h | idle" for w in WORKERS) + " |"
    yield "| --- |" + " ---: | ---: |" * len(WORKERS)
    for plan in plans(params, machine, 0, ALONE_S):
        sites = [replace(failure_sites(w)["nothing"], checkpoint_every_s=None) for w in WORKERS]
        found = [_mean(plan, machine, site, params, seeds) for site in sites]
        yield f"| {plan} | " + " | ".join(f"{o.makespan_s / 3600:,.1f} | {o.idle_share:.0%}" for o in found) + " |"
    each = [plans(params, machine, seed, ALONE_S)["cell after cell"] for seed in range(seeds)]
    bounds = [fmean(lower_bound_s(stages, workers) for stages in each) for workers in WORKERS]
    yield "| no order is faster than | " + " | ".join(f"{bound / 3600:,.1f} | " for bound in bounds) + " |"


def failure_table(params: Params, machine: Machine, workers: int, seeds: int) -> Iterator[str]:
    """What failures cost with and without checkpoints."""
    yield f"| {workers} {machine.name}s, {BEST} | checkpoint each | h | lost | checkpointing | interruptions | calls that failed |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    runs = [run for stage in plans(params, machine, 0, ALONE_S)[BEST] for run in stage.runs]
    for name, without in failure_sites(workers).items():
        for every_s in (None, EVERY_S, 300.0):
            site = replace(without, checkpoint_every_s=every_s)
            kept = "none" if every_s is None else f"{every_s:.0f} s"
            never = sum(hopeless(run, site) for run in runs)
            if never:
                yield f"| {name} | {kept} | {never} runs never end | | | | |"
                continue
            o = _mean(BEST, machine, site, params, seeds)
            shares = f"{o.lost_s / o.useful_s:.1%} | {o.checkpointing_s / o.useful_s:.1%}"
            yield f"| {name} | {kept} | {o.makespan_s / 3600:,.2f} | {shares} | {o.interruptions:,.0f} | {o.given_up:.1f} |"


def store_table(params: Params, machine: Machine) -> Iterator[str]:
    """What the run store has to take while paper A's runs are executed."""
    yield f"| run store, {machine.name}s, {BEST} | file operations/s | checkpoints GB/s | weights that remain, GB |"
    yield "| --- | ---: | ---: | ---: |"
    pool = max(plans(params, machine, 0, ALONE_S)[BEST], key=lambda stage: len(stage.runs))
    for workers in WORKERS:
        for every_s in (EVERY_S, 300.0):
            site = replace(failure_sites(workers)["nothing"], checkpoint_every_s=every_s)
            operations, written, remaining = store_load(pool.runs, simulate([pool], site).makespan_s, every_s)
            yield f"| {workers} workers, a checkpoint each {every_s:.0f} s | {operations:.1f} | {written:.3f} | {remaining:.0f} |"


def main(seeds: int) -> None:
    """Print every table."""
    read = params.load(REPOSITORY / "params.yaml").model_copy(update={"scale": "paper", "tasks": list(ALL_TASKS)})
    tables = [matrix_table(read)]
    tables += [order_table(read, machine, seeds) for machine in (CORE, GPU)]
    tables += [failure_table(read, GPU, 64, seeds), failure_table(read, CORE, 64, seeds), store_table(read, GPU)]
    print("\n\n".join("\n".join(table) for table in tables))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
