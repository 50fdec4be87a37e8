"""Invented feelings, and how invented speakers show them: the words carry mainly valence, the voice mainly arousal and dominance.

The finding of paper A is planted here: text says little of arousal, audio says little of valence, and the two together say more of both.
Feelings are standardised (about mean 0, sd 1); the strengths below were set so that neither channel is certain of anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from emofuse.toy import script, speech

_FEELINGS: dict[str, tuple[float, float, float]] = {  # class: arousal, valence, dominance
    "angry": (1.2, -1.15, 0.9),
    "happy": (0.3, 1.25, 0.2),
    "excited": (0.7, 1.35, 0.4),
    "sad": (-1.35, -1.05, -0.9),
    "neutral": (-0.1, 0.1, 0.0),
    "frustrated": (0.4, -0.9, 0.3),
    "surprise": (0.9, 0.4, -0.2),
    "fear": (0.6, -1.0, -1.2),
    "disgust": (0.1, -1.1, 0.4),
    "contempt": (-0.2, -0.6, 0.7),
    "other": (0.0, 0.0, 0.0),
    "no agreement": (0.0, 0.0, 0.0),
}
FOUR = ("angry", "happy", "neutral", "sad")
_SPREAD = 0.45  # sd of a feeling within its class
_WORDS_SD = 0.4  # of what the words show of valence
_VOICE_SD = 0.55  # of what the voice shows of arousal and of dominance
_MISLABELLED = 0.06  # share of examples whose class is that of another feeling

# Variants of eSpeak NG that the recogniser understands: word error rate below 0.4 on these sentences, in a quiet room
_VARIANTS = {"male": ("", "klatt3", "klatt4", "klatt5", "m5", "m6"), "female": ("f2", "klatt3", "klatt5")}

Gender = Literal["female", "male"]


@dataclass(frozen=True)
class Speaker:
    """A constant voice; pitch and pitch range in eSpeak's 0..99, the rest as in ``speech.Utterance``."""

    gender: Gender
    variant: str
    rate_wpm: float
    pitch: float
    pitch_range: float
    size: float
    level_dbfs: float
    tilt_db: float
    noise_dbfs: float


@dataclass(frozen=True)
class Act:
    """One utterance with the feeling behind it and the class that most raters hear."""

    utterance: speech.Utterance
    arousal: float
    valence: float
    dominance: float
    emotion: str


def speaker(gender: Gender, rng: np.random.Generator) -> Speaker:
    """A new speaker."""
    variant = str(rng.choice(_VARIANTS[gender]))
    raised = gender == "female" and variant != "f2"  # a variant that is not female by itself
    return Speaker(
        gender=gender,
        variant=variant,
        rate_wpm=rng.uniform(162, 182),
        pitch=rng.uniform(58, 66) if raised else rng.uniform(40, 52),
        pitch_range=rng.uniform(42, 58),
        size=rng.uniform(1.03, 1.06) if raised else rng.uniform(0.93, 0.98) if gender == "female" else rng.uniform(0.97, 1.02),
        level_dbfs=rng.uniform(-27, -25),
        tilt_db=rng.uniform(0.5, 1.5),
        noise_dbfs=rng.uniform(-62, -57),
    )


def act(who: Speaker, feeling: str, rng: np.random.Generator) -> Act:
    """One utterance of a speaker who feels ``feeling``, a harmonised class name."""
    arousal, valence, dominance = np.array(_FEELINGS[feeling]) + _SPREAD * rng.standard_normal(3)
    words = script.sentence(1.3 * (valence + _WORDS_SD * rng.standard_normal()), rng)
    excitement, power = np.array([arousal, dominance]) + _VOICE_SD * rng.standard_normal(2)
    utterance = speech.Utterance(
        text=words,
        variant=who.variant,
        rate_wpm=int(np.clip(who.rate_wpm * 1.06**excitement, 130, 230)),
        pitch=int(np.clip(who.pitch + 9 * excitement - 3 * power, 5, 99)),
        pitch_range=int(np.clip(who.pitch_range + 12 * excitement, 5, 99)),
        size=who.size,
        level_dbfs=who.level_dbfs + 2.5 * excitement + 1.0 * power,
        tilt_db=who.tilt_db + 0.5 * excitement - 1.2 * power,
        noise_dbfs=who.noise_dbfs,
        seed=int(rng.integers(2**31)),
    )
    heard = str(rng.choice(FOUR)) if feeling in FOUR and rng.random() < _MISLABELLED else feeling
    return Act(utterance, float(arousal), float(valence), float(dominance), heard)


def feelings(count: int, four: tuple[str, ...], others: Iterator[str], rng: np.random.Generator) -> list[str]:
    """``count`` classes in random order: four in five are drawn in turn from ``four``, the rest from ``others``."""
    rest = count // 5
    chosen = [four[k % len(four)] for k in range(count - rest)] + [next(others) for _ in range(rest)]
    return [chosen[k] for k in rng.permutation(count)]


def ratings(value: float, raters: int, lowest: int, highest: int, rng: np.random.Generator) -> list[int]:
    """Whole-number ratings of a standardised feeling on the scale ``lowest`` to ``highest`` by raters who differ."""
    middle, unit = (lowest + highest) / 2, (highest - lowest) / 5.2
    heard = middle + unit * (value + 0.6 * rng.standard_normal(raters))
    return [int(rating) for rating in np.clip(np.round(heard), lowest, highest)]


def votes(emotion: str, raters: int, classes: tuple[str, ...], rng: np.random.Generator) -> list[str]:
    """The class each rater names: most name ``emotion``; for ``no agreement`` no class has more votes than every other."""
    if emotion == "no agreement":
        first, second = rng.choice(classes, 2, replace=False)
        cast = [str(first if k % 2 else second) for k in range(raters - raters % 2)]
        others = [name for name in classes if name not in (first, second)]
        return cast + [str(name) for name in rng.choice(others, raters % 2)]
    others = [name for name in classes if name != emotion]
    majority = raters // 2 + 1
    return [emotion] * majority + [str(rng.choice([emotion, emotion, *rng.choice(others, 1)])) for _ in range(raters - majority)]
