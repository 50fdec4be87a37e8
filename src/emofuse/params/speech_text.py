"""Sections of params.yaml that belong to paper A: speech and text."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from emofuse.params.section import AtScale, Positive, PositiveFloat, Section, Share

TaskName = Literal["emotion4", "arousal", "valence", "dominance", "avd"]
ModelName = Literal["cnn14", "sfcnn14", "mfcnn14", "bert"]
ProtocolName = Literal["official", "official_shared_speakers", "leave_one_speaker_out", "speaker_folds", "two_speakers"]
WATCHED = r"^data/texts/[^/]+\.csv$"  # DVC watches this folder: a change there is seen


class Baselines(Section):
    """The models that every comparison refers to."""

    audio: ModelName
    text: ModelName
    single_stage: ModelName


class Corpus(Section):
    """Where a corpus lies, which release it is, how it is split, who writes its text down, and a CSV of what was really said."""

    root: str
    release: str
    protocol: ProtocolName
    transcripts: AtScale[str]
    reference: Annotated[str, Field(pattern=WATCHED)] | None = None


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
    """Mozilla DeepSpeech 0.9: the interpreter that has the package, its files, and how long in s an answer may take."""

    python: str
    model: str
    scorer: str | None
    timeout_s: PositiveFloat


class Whisper(Section):
    """Whisper through transformers: a hub name or a folder, ``revision`` of the hub's; lengths in s, 30 at most."""

    model: str
    revision: str | None
    language: str
    beams: Positive
    batch_size: Positive
    chunk_s: Annotated[float, Field(gt=0, le=30)]
    dtype: Literal["float32", "float16", "bfloat16"]


class FasterWhisper(Section):
    """Whisper through CTranslate2: a size, a hub name or a folder."""

    model: str
    revision: str | None
    language: str
    beams: Positive
    compute_type: Literal["int8", "float16", "int8_float16", "float32"]


class OwnTexts(Section):
    """Texts that the user brings: by corpus, a CSV with the columns example_id and text."""

    files: dict[str, str]


class PocketSphinx(Section):
    """CMU PocketSphinx: its second pass, and its limits of active states and of words at each frame."""

    fwdflat: bool
    maxhmmpf: Positive
    maxwpf: Positive


class Transcription(Section):
    """Settings of each engine."""

    pocketsphinx: PocketSphinx
    deepspeech: DeepSpeech
    whisper: Whisper
    faster_whisper: FasterWhisper
    table: OwnTexts

    @model_validator(mode="after")
    def _own_texts_are_where_changes_are_seen(self) -> "Transcription":
        for corpus, file in self.table.files.items():
            if not re.fullmatch(WATCHED, file):
                raise ValueError(f"table.files.{corpus}: expected a CSV in data/texts/, which DVC watches, found '{file}'; move it there")
        return self


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
