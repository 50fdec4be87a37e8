"""Sections of params.yaml that belong to paper A: speech and text."""

from typing import Annotated, Literal

from pydantic import Field

from emofuse.params.section import AtScale, Positive, PositiveFloat, Section, Share

TaskName = Literal["emotion4", "arousal", "valence", "dominance", "avd"]
ModelName = Literal["cnn14", "sfcnn14", "mfcnn14", "bert"]
ProtocolName = Literal["official", "leave_one_speaker_out", "speaker_folds"]


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
