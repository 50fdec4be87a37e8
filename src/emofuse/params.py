"""params.yaml as frozen, typed objects: an unknown, missing or ill-typed key is an error that names it."""

import difflib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emofuse.errors import InputError

PARAMS_FILE = Path("params.yaml")

ScaleName = Literal["toy", "paper"]
TaskName = Literal["emotion4", "arousal", "valence", "dominance", "avd"]
ModelName = Literal["cnn14", "sfcnn14", "mfcnn14", "bert"]
ProtocolName = Literal["official", "leave_one_speaker_out", "speaker_folds"]
Positive = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A section of params.yaml: frozen, every key known, no value coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Value = TypeVar("Value")


class AtScale(Section, Generic[Value]):
    """A value at each scale."""

    toy: Value
    paper: Value


class Baselines(Section):
    """The models that every comparison refers to."""

    audio: ModelName
    text: ModelName
    single_stage: ModelName


class Corpus(Section):
    """Where a corpus lies, which release it is and how it is split."""

    root: str
    release: str
    protocol: ProtocolName
    transcripts: AtScale[str]
    check_counts: bool


class ToyMSPPodcast(Section):
    """Number of invented utterances in each official split."""

    train: Positive
    dev: Positive
    test1: Positive
    test2: Positive


class ToyIEMOCAP(Section):
    """Number of invented utterances of each of the ten speakers."""

    utterances_per_speaker: Positive


class Toy(Section):
    """The invented corpora."""

    seed: int
    msp_podcast: ToyMSPPodcast
    iemocap: ToyIEMOCAP


class DeepSpeech(Section):
    """Mozilla DeepSpeech 0.9: the interpreter that has the package, and its files."""

    python: str
    model: str
    scorer: str


class PocketSphinx(Section):
    """CMU PocketSphinx: its second pass, and its limits of active states and of words at each frame."""

    fwdflat: bool
    maxhmmpf: Positive
    maxwpf: Positive


class Transcription(Section):
    """Settings of each engine."""

    pocketsphinx: PocketSphinx
    deepspeech: DeepSpeech


class LogMel(Section):
    """Log-Mel spectrogram: rates in Hz, ``n_fft`` and ``hop`` in samples, ``floor`` in power."""

    sample_rate_hz: Positive
    n_fft: Positive
    hop: Positive
    n_mels: Positive
    f_min_hz: float
    f_max_hz: PositiveFloat
    floor: PositiveFloat
    dtype: Literal["float16", "float32"]


class TextEmbeddings(Section):
    """Mean over BERT's token embeddings."""

    max_tokens: Positive
    special_tokens: bool


class Features(Section):
    """What is computed once per example."""

    logmel: LogMel
    min_duration_s: AtScale[PositiveFloat]
    text_embeddings: TextEmbeddings


class Encoder(Section):
    """A BERT: a hub name, a folder or ``package:<name>``; ``sha256`` of its weights file where it is pinned."""

    name: str
    revision: str | None
    sha256: str | None


class GradClip(Section):
    """Largest gradient norm for each loss; null does not clip."""

    mse: PositiveFloat | None
    ccc: PositiveFloat | None
    cross_entropy: PositiveFloat | None


class CNN(Section):
    """Structure and optimiser of CNN14."""

    pool: Literal["max", "avg"]
    fc_dropout: Share
    head_init: Literal["torch", "panns"]
    learning_rate: PositiveFloat
    momentum: Share
    label_scale: Literal["centred", "raw"]
    grad_clip: GradClip


class FusionCNN(CNN):
    """CNN14 shifted by projected sentence embeddings."""

    projection_init: Literal["torch", "zero"]


class BERT(Section):
    """Optimiser of the fine-tuned BERT: Adam without bias correction."""

    beta1: Share
    beta2: Share
    epsilon: PositiveFloat
    weight_decay: Annotated[float, Field(ge=0)]
    label_scale: Literal["centred", "raw"]
    grad_clip: GradClip


class Models(Section):
    """The scale-free part of each model."""

    cnn14: CNN
    sfcnn14: FusionCNN
    mfcnn14: FusionCNN
    bert: BERT


class CNNSize(Section):
    """Channels of the six blocks, dropout after each, epochs, batch size and training crop in s."""

    widths: Annotated[list[Positive], Field(min_length=6, max_length=6)]
    block_dropout: Share
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    crop_s: PositiveFloat


class BERTSize(Section):
    """Fine-tuning schedule: linear warm-up, then linear decay to zero at ``total_steps``."""

    learning_rate: PositiveFloat
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    warmup_steps: Annotated[int, Field(ge=0)]
    total_steps: Positive


class ScaleSizes(Section):
    """The scale-bound part of each model."""

    cnn14: CNNSize
    sfcnn14: CNNSize
    mfcnn14: CNNSize
    bert: BERTSize


class Significance(Section):
    """Level of the tests."""

    alpha: Share


class Execution(Section):
    """How runs are executed; changes no result."""

    jobs: Positive | Literal["auto"]
    device: Literal["auto", "cpu", "cuda"]


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
    significance: Significance
    execution: Execution

    def corpus(self, name: str) -> Corpus:
        """The corpus of that name; InputError lists the known ones."""
        if name not in self.corpora:
            raise InputError(f"params.yaml: corpora has no '{name}'; it has {sorted(self.corpora)}")
        return self.corpora[name]

    def at_scale(self, section: AtScale[Value]) -> Value:
        """The part of a section that belongs to the chosen scale."""
        return section.toy if self.scale == "toy" else section.paper


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
    expected = error["msg"].removeprefix("Input should be ")
    return f"'{key}' expects {expected}, found {error['input']!r}"


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
    """Read and check params.yaml."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: expected the pipeline's parameters, found no file; run from the project's folder") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    return parse(data, str(path))
