"""params.yaml as frozen, typed objects: an unknown, missing or ill-typed key is an error that names it."""

import difflib
import reprlib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError

from emofuse.errors import InputError
from emofuse.params.section import AtScale, NotNegative, NotNegativeFloat, Positive, PositiveFloat, Section, Share, Value
from emofuse.params.speech_text import (
    BERT,
    CNN,
    Baselines,
    BERTSize,
    CNNSize,
    Corpus,
    DeepSpeech,
    Encoder,
    FasterWhisper,
    Features,
    FusionCNN,
    LogMel,
    ModelName,
    Models,
    OwnTexts,
    PocketSphinx,
    ScaleSizes,
    TaskName,
    TextEmbeddings,
    Toy,
    ToyIEMOCAP,
    ToyMSPPodcast,
    Transcription,
    Whisper,
)
from emofuse.params.wearable import RecordingCorpus, ToyRecordings, Wearable

__all__ = [
    "BERT",
    "CNN",
    "Audit",
    "BERTSize",
    "CNNSize",
    "DeepSpeech",
    "Encoder",
    "FasterWhisper",
    "FusionCNN",
    "LogMel",
    "OwnTexts",
    "Params",
    "PocketSphinx",
    "TextEmbeddings",
    "ToyIEMOCAP",
    "ToyMSPPodcast",
    "Transcription",
    "Whisper",
    "load",
    "parse",
]

PARAMS_FILE = Path("params.yaml")
_MOST_BYTES = 1_000_000

ScaleName = Literal["toy", "paper"]


class Significance(Section):
    """Level of the tests."""

    alpha: Share


class Audit(Section):
    """What is reported of a corpus: durations in s; shares of its examples; and, by corpus, the checks whose findings the user accepts."""

    shortest_s: PositiveFloat
    longest_s: PositiveFloat
    parallel_text_share: Share
    accept: dict[str, list[str]]


class Ray(Section):
    """A Ray cluster: ``address`` of one that is there (``auto``, ``host:port``), or null for this machine alone."""

    address: str | None
    cores_per_run: Positive


class Slurm(Section):
    """What each Slurm job asks for, and how many runs it executes; ``options`` are any others of sbatch, by their long names."""

    partition: str | None
    account: str | None
    time_limit_min: Positive
    memory_gb: Positive
    cores: Positive
    gpus: NotNegative
    runs_per_job: Positive
    options: dict[str, str | int]


class Execution(Section):
    """How and where runs are executed; changes no result."""

    runner: Literal["local", "ray", "slurm"]
    store: str
    jobs: Positive | Literal["auto"]
    device: Literal["auto", "cpu", "cuda"]
    runs_per_gpu: Positive
    pin_cores: bool
    ahead: bool
    keep_going: bool
    retries: NotNegative
    checkpoint_every_s: NotNegativeFloat
    ray: Ray
    slurm: Slurm


class Params(Section):
    """All of params.yaml."""

    scale: ScaleName
    model: ModelName
    baselines: Baselines
    tasks: Annotated[list[TaskName], Field(min_length=1)]
    seeds: AtScale[Annotated[list[int], Field(min_length=1)]]
    folds: AtScale[dict[str, list[str]]]
    omit: list[str]
    corpora: Annotated[dict[str, Corpus], Field(min_length=1)]
    toy: Toy
    transcription: Transcription
    features: Features
    text_encoder: AtScale[Encoder]
    models: Models
    sizes: AtScale[ScaleSizes]
    wearable: Wearable
    significance: Significance
    audit: Audit
    execution: Execution

    def corpus(self, name: str) -> Corpus:
        """The corpus of that name; InputError lists the known ones."""
        if name not in self.corpora:
            raise InputError(f"params.yaml: corpora has no '{name}'; it has {sorted(self.corpora)}")
        return self.corpora[name]

    def recording_corpus(self, name: str) -> RecordingCorpus:
        """The corpus of recordings of that name; InputError lists the known ones."""
        if name not in self.wearable.corpora:
            raise InputError(f"params.yaml: wearable.corpora has no '{name}'; it has {sorted(self.wearable.corpora)}")
        return self.wearable.corpora[name]

    def root(self, name: str) -> Path:
        """Where the corpus of that name lies, of either paper."""
        return Path(self.recording_corpus(name).root if name in self.wearable.corpora else self.corpus(name).root)

    def toy_sizes(self, name: str) -> Any:
        """The sizes of an invented corpus of either paper; InputError lists the known ones."""
        for section in (self.toy, self.wearable.toy):
            if name in type(section).model_fields and name != "seed":
                return getattr(section, name)
        raise InputError(f"toy corpus '{name}': expected one of {sorted({*ToyRecordings.model_fields, *Toy.model_fields} - {'seed'})}")

    def at_scale(self, section: AtScale[Value]) -> Value:
        """The part of a section that belongs to the chosen scale."""
        return section.at(self.scale)


def parse(data: Any, where: str = "params.yaml") -> Params:
    """Check a mapping as read from YAML; raises InputError naming each wrong key, what was expected and what was found."""
    try:
        return Params.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: " + "; ".join(_problem(dict(e)) for e in error.errors())) from None


def _problem(error: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), _known_keys(), n=1)
        return f"unknown key '{key}'" + (f"; did you mean '{near[0]}'?" if near else "; remove it")
    if error["type"] == "missing":
        return f"key '{key}' is missing; add it as in the repository's params.yaml"
    if error["type"] == "value_error":  # a rule of several keys, which says itself what it expects
        return f"'{key}': {error['msg'].removeprefix('Value error, ')}"
    expected = error["msg"].removeprefix("Input should be ")
    return f"'{key}' expects {expected}, found {reprlib.repr(error['input'])}"  # aliases of aliases would fill the memory if written out


@cache
def _known_keys() -> tuple[str, ...]:
    keys: set[str] = set()
    pending: list[type[BaseModel]] = [Section]
    while pending:
        section = pending.pop()
        keys.update(section.model_fields)
        pending.extend(section.__subclasses__())
    return tuple(sorted(keys))


def load(path: Path = PARAMS_FILE) -> Params:
    """Read and check params.yaml: plain YAML, in which no tag makes an object."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: expected the pipeline's parameters, found a folder or device; put the repository's file there")
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise InputError(f"{path}: expected at most {_MOST_BYTES} bytes of parameters, found more; restore the repository's file")
        data = yaml.safe_load(text.decode("utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{path}: expected the pipeline's parameters, found no file; run from the project's folder") from None
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:  # a date that is none is a ValueError
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    return parse(data, str(path))
