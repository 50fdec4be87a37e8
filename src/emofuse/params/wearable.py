"""Sections of params.yaml that belong to paper B: speech and wearables."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from emofuse.params.section import AtScale, Positive, PositiveFloat, Section, Share

Mechanism = Literal["unweighted", "weighted", "attention"]
Dyadic = Literal["leave_one_subject_out", "leave_one_session_out"]
Names = Annotated[list[str], Field(min_length=1)]


class RecordingCorpus(Section):
    """Where a corpus of recordings lies and which release it is."""

    root: str
    release: str


class Roles(Section):
    """Which corpora each stage of the training reads: their names under ``corpora``."""

    speech: Names
    signals: Names
    fusion: Names
    emotion: str

    @model_validator(mode="after")
    def _nobody_is_pretrained_and_tested_on(self) -> "Roles":
        for role in ("speech", "signals", "fusion"):
            if self.emotion in getattr(self, role):
                raise ValueError(
                    f"expected other corpora for pretraining than the one tested on, found '{self.emotion}' in {role}; remove it there"
                )
        return self


class Validation(Section):
    """How many subjects (or sessions) of a fold select the epoch, and the seed of the draw."""

    subjects: Positive
    sessions: Positive
    seed: int


class Rates(Section):
    """Samples per second to which each signal is brought."""

    acc: Positive
    bvp: Positive
    eda: Positive
    temp: Positive


class Windows(Section):
    """How recordings are cut: lengths in s, rates in Hz, shares of a window."""

    length_s: PositiveFloat
    hop_s: PositiveFloat
    rates_hz: Rates
    constant_below: PositiveFloat
    largest_lost_share: Share


class Labels(Section):
    """How self-reports become classes."""

    low_at_most: Annotated[int, Field(ge=1, le=5)]
    neutral_at_most: Annotated[int, Field(ge=1, le=5)]
    absent_at_most: Annotated[int, Field(ge=0, le=4)]
    ties: Literal["neutral", "first", "drop"]
    interval: Literal["centre", "agreeing"]
    surplus: Literal["beginning", "end"]

    @model_validator(mode="after")
    def _levels_ascend(self) -> "Labels":
        if self.low_at_most > self.neutral_at_most:
            raise ValueError(
                f"expected low_at_most up to neutral_at_most, found {self.low_at_most} above {self.neutral_at_most}; correct one"
            )
        return self


class MFCC(Section):
    """Mel-frequency cepstral coefficients: rates in Hz, ``n_fft`` and ``hop`` in samples, ``floor`` in power, ``top_db`` in dB."""

    sample_rate_hz: Positive
    n_fft: Positive
    hop: Positive
    n_mels: Positive
    n_coefficients: Positive
    f_min_hz: Annotated[float, Field(ge=0)]
    f_max_hz: PositiveFloat
    floor: PositiveFloat
    top_db: PositiveFloat | None
    frames: Positive


class Autoencoder(Section):
    """The speech autoencoder: channels of its convolutions, and the weight of the L1 penalty on its code."""

    channels: Annotated[list[Positive], Field(min_length=1)]
    kernel: Positive
    stride: Positive
    sparsity: Annotated[float, Field(ge=0)]


class SignalEncoder(Section):
    """The wearable encoder: filters of each kernel, number of inception blocks, width of the embedding."""

    filters: Positive
    blocks: Positive
    embedding: Positive


class Views(Section):
    """The augmentations that make two views of a standardised window; sd and shares are relative to it."""

    transforms: Annotated[list[Literal["jitter", "scale", "mask", "permute", "warp"]], Field(min_length=1)]
    at_once: Positive
    jitter_sd: PositiveFloat
    scale_sd: PositiveFloat
    mask_share: Annotated[list[Share], Field(min_length=2, max_length=2)]
    segments: Annotated[int, Field(ge=2)]
    warp_sd: PositiveFloat
    warp_knots: Annotated[int, Field(ge=1)]


class Contrast(Section):
    """Contrastive pretraining: NT-Xent's temperature, widths of the projection that is dropped afterwards, the views."""

    temperature: PositiveFloat
    projection: Annotated[list[Positive], Field(min_length=1)]
    views: Views


class Masking(Section):
    """Masked-signal pretraining: share of a window that is masked, fewest samples, and whether targets are standardised."""

    share: Annotated[list[Share], Field(min_length=2, max_length=2)]
    fewest_samples: Positive
    targets: Literal["standardised", "raw"]


class Unweighted(Section):
    """Concatenation: nothing to set."""


class Weighted(Section):
    """One trainable scalar for each signal, and what it starts from."""

    initial: float


class AttentionSize(Section):
    """Width of a token, and the heads that share it."""

    width: Positive
    heads: Positive


class Attention(Section):
    """Self-attention over each embedding: what its tokens are, and its size."""

    tokens: Literal["elements", "single"]
    size: AtScale[AttentionSize]


class Mechanisms(Section):
    """What is special to each fusion mechanism."""

    unweighted: Unweighted
    weighted: Weighted
    attention: Attention


class FusionNetwork(Section):
    """Structure of the fusion network, whatever the mechanism."""

    projection: Annotated[list[Positive], Field(min_length=1)]
    topology: Literal["concatenated", "per_signal"]
    fusion_head: Positive
    emotion_head: Annotated[list[Positive], Field(min_length=1)]
    encoders: Literal["trainable", "frozen"]
    freeze: Literal["projection", "fusion"]


class Schedule(Section):
    """Longest training in epochs, batch size, and the epochs without improvement after which training stops."""

    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    patience: Positive


class Schedules(Section):
    """One schedule for each kind of training."""

    speech: Schedule
    signals: Schedule
    fusion: Schedule
    emotion: Schedule


class Pretraining(Section):
    """What all pretraining shares: seed, and the share of subjects that validates."""

    seed: int
    validation_share: Annotated[float, Field(gt=0, lt=1)]


class ToyDyads(Section):
    """Invented K-EmoCon: debates of two, each of this length in s."""

    pairs: Annotated[int, Field(ge=3)]
    debate_s: Positive


class ToyTalks(Section):
    """Invented VerBIO: participants, and the length of each of their two talks in s."""

    participants: Annotated[int, Field(ge=2)]
    talk_s: Positive


class ToySubjects(Section):
    """An invented wearable corpus: subjects, and the length of each recording in s."""

    subjects: Annotated[int, Field(ge=2)]
    duration_s: Positive


class ToyUtterances(Section):
    """Invented VoxCeleb1: speakers with two videos each, and utterances of each video."""

    speakers: Annotated[int, Field(ge=3)]
    utterances: Positive


class ToyRecordings(Section):
    """Sizes of the invented corpora of paper B."""

    kemocon: ToyDyads
    verbio: ToyTalks
    wesad: ToySubjects
    ppg_dalia: ToySubjects
    case: ToySubjects
    clas: ToySubjects
    affective_road: ToySubjects
    voxceleb1: ToyUtterances


class Wearable(Section):
    """All of paper B."""

    fusion: Mechanism
    seeds: AtScale[Annotated[list[int], Field(min_length=1)]]
    protocols: Annotated[list[Dyadic], Field(min_length=1)]
    validation: Validation
    corpora: Annotated[dict[str, RecordingCorpus], Field(min_length=1)]
    roles: Roles
    spoken: Names
    toy: ToyRecordings
    windows: Windows
    labels: Labels
    mfcc: MFCC
    speech_autoencoder: Autoencoder
    signal_encoder: SignalEncoder
    learning_rate: PositiveFloat
    pretraining: Pretraining
    contrast: Contrast
    masking: Masking
    mechanisms: Mechanisms
    network: FusionNetwork
    schedules: AtScale[Schedules]

    @model_validator(mode="after")
    def _roles_name_corpora(self) -> "Wearable":
        roles = self.roles
        named = [*roles.speech, *roles.signals, *roles.fusion, roles.emotion, *self.spoken]
        if unknown := sorted(set(named) - set(self.corpora)):
            raise ValueError(
                f"roles and spoken expect names of corpora {sorted(self.corpora)}, found {unknown}; correct them, or add the corpus"
            )
        if mute := sorted({*roles.speech, *roles.fusion, roles.emotion} - set(self.spoken)):
            raise ValueError(f"spoken expects every corpus whose speech is used, found none of {mute}; add them")
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process as plain values: a class made by ``AtScale[...]`` cannot be found there by its name."""
        return Wearable.model_validate, (self.model_dump(),)
