"""The runs that params.yaml asks for, in the groups that the page counts: paper A's cells, paper B's pretraining and models."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from emofuse import code_digest, pretraining, speech_text, speech_wearables, study
from emofuse.errors import InputError
from emofuse.jobs import Work
from emofuse.params import Params

_FOLDS = {"official": 1, "official_shared_speakers": 1, "two_speakers": 2}  # of the protocols that always have as many


@dataclass(frozen=True)
class Run:
    """What the page needs of a job: a job itself holds the truth of its examples, which for hundreds of them is much."""

    name: str
    key: str
    entries: tuple[tuple[str, str], ...]
    networks: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """One line of the page, below the heading ``part``; the groups of one ``stage`` are executed together.

    Where the runs cannot be named yet, ``waits_for`` is the missing input, or ``problem`` the line that says what is wrong, and ``count``
    is how many there will be, or None where params.yaml alone does not tell.
    """

    part: str
    name: str
    stage: str
    runs: tuple[Run, ...]
    count: int | None
    waits_for: str = ""
    problem: str = ""

    @property
    def listed(self) -> bool:
        """True if the runs are known by name."""
        return not self.waits_for and not self.problem


def groups(params: Params) -> list[Group]:
    """Every group, with its runs as the inputs on disk and the code as it is now make them; omitted cells are none."""
    code = cache(code_digest.of_recipe)
    return [*_speech_text(params, code), *_pretraining(params, code), *_speech_wearables(params, code)]


def _speech_text(params: Params, code: Callable[[str, str], str]) -> Iterator[Group]:
    for cell in dict.fromkeys(study.cells(params)):
        if not study.omitted(params, cell):
            stage = "train" if params.execution.ahead else f"train {cell.name}"
            jobs = partial(speech_text.jobs, params, cell, code)
            yield _group("paper A: speech and text", cell.name, stage, jobs, _count(params, cell.corpus))


def _pretraining(params: Params, code: Callable[[str, str], str]) -> Iterator[Group]:
    part = "paper B: pretraining"
    yield _group(part, "encoders", "pretrain encoders", partial(pretraining.encoder_jobs, params, code), len(pretraining.INPUTS))
    yield _group(part, "fusion", "pretrain fusion", partial(pretraining.fusion_jobs, params, code), len(pretraining.MECHANISMS))


def _speech_wearables(params: Params, code: Callable[[str, str], str]) -> Iterator[Group]:
    known = speech_wearables.configurations(params.wearable.fusion)
    part = f"paper B: {speech_wearables.TASK}/{params.wearable.roles.emotion}"
    for stage, models in speech_wearables.GROUPS.items():
        for model in models:
            if known[model].labels != "majority":  # which is counted, not trained
                yield _group(part, model, f"train_emotion {stage}", partial(speech_wearables.jobs, params, model, code), None)


def _group(part: str, name: str, stage: str, jobs: Callable[[], Sequence[Work]], count: int | None) -> Group:
    try:
        runs = tuple(Run(job.name, job.key, job.entries, job.networks) for job in jobs())
    except InputError as error:
        subject = str(error).partition(": ")[0]
        if "/" in subject and not Path(subject).exists():
            return Group(part, name, stage, (), count, waits_for=subject)
        return Group(part, name, stage, (), count, problem=str(error))
    except (KeyError, OSError):  # examples that the features lack, or a file that was there a moment ago
        return Group(
            part, name, stage, (), count, problem="expected features of its examples as they are, found others; `dvc repro` mends it"
        )
    return Group(part, name, stage, runs, len(runs))


def _count(params: Params, corpus: str) -> int | None:
    """Number of runs of a cell of paper A, as far as params.yaml alone tells it."""
    named = params.at_scale(params.folds).get(corpus)
    folds = len(named) if named else _FOLDS.get(params.corpus(corpus).protocol)
    return folds * len(params.at_scale(params.seeds)) if folds else None
