"""Invented conversations: people take turns, and the voice of each says what they feel while they speak.

The other half of paper B's finding is planted here: voices say much of valence (pitch, melody, brightness, level, and the
shorter vocal tract of a smile) and little of arousal (rate), where wearables do the opposite (``toy.physiology``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int16

from emofuse.toy import acting, script, speech
from emofuse.toy.physiology import Feelings

_TURN_S = (4.0, 8.0)
_SHORTEST_S = 2.0  # a rest of the scene that is shorter belongs to the last turn
_PAUSE_S = 0.25  # at the end of a turn
_FADE_S = 0.02  # where a turn is interrupted
_VALENCE_SD = 0.35  # of what a voice shows of valence
_AROUSAL_SD = 0.9  # of what a voice shows of arousal


@dataclass(frozen=True)
class Scene:
    """Who speaks, what each of them feels from the scene's beginning on, and how long it lasts in s."""

    speakers: tuple[acting.Speaker, ...]
    felt: tuple[Feelings, ...]
    duration_s: float


@dataclass(frozen=True)
class Turn:
    """What one speaker of a scene says from ``start_s`` on; cut off, or followed by room noise, at ``end_s``."""

    start_s: float
    end_s: float
    speaker: int
    utterance: speech.Utterance


def speakers(count: int, rng: np.random.Generator) -> list[acting.Speaker]:
    """New speakers, women and men in turn."""
    return [acting.speaker("female" if k % 2 else "male", rng) for k in range(count)]


def speak(scenes: Sequence[Scene], seed: int, title: str) -> Iterator[Int16[np.ndarray, "sample"]]:
    """Samples of each scene in order, mono at ``speech.SAMPLE_RATE_HZ``, exactly as long as the scene; equal seeds give equal samples."""
    planned = [plan(scene, np.random.default_rng([seed, 41, k])) for k, scene in enumerate(scenes)]  # 41: this module's own stream
    spoken = speech.speak([turn.utterance for turns in planned for turn in turns], title=title)
    for k, (scene, turns) in enumerate(zip(scenes, planned, strict=True)):
        rng = np.random.default_rng([seed, 43, k])
        samples = _room(round(scene.duration_s * speech.SAMPLE_RATE_HZ), turns[0].utterance.noise_dbfs, rng)
        for turn in turns:
            first, last = (round(time_s * speech.SAMPLE_RATE_HZ) for time_s in (turn.start_s, turn.end_s))
            words = next(spoken)[: last - first]
            samples[first : first + len(words)] = _interrupted(words) if len(words) == last - first else words
        yield samples


def plan(scene: Scene, rng: np.random.Generator) -> list[Turn]:
    """The turns of a scene without a gap; a voice shows what its speaker feels in the middle of the turn."""
    noise_dbfs = float(rng.uniform(-62, -57))  # of the room, whoever speaks
    turns: list[Turn] = []
    start_s, speaker = 0.0, int(rng.integers(len(scene.speakers)))
    while start_s < scene.duration_s:
        length_s = float(rng.uniform(*_TURN_S))
        if scene.duration_s - start_s - length_s < _SHORTEST_S:
            length_s = scene.duration_s - start_s
        arousal, valence = (float(value[0]) for value in scene.felt[speaker].at(np.array([start_s + length_s / 2])))
        utterance = _utterance(scene.speakers[speaker], arousal, valence, length_s, noise_dbfs, rng)
        pause_s = min(_PAUSE_S, length_s / 4)
        turns.append(Turn(start_s, start_s + length_s - pause_s, speaker, utterance))
        start_s, speaker = start_s + length_s, (speaker + 1) % len(scene.speakers)
    return turns


def _utterance(
    who: acting.Speaker, arousal: float, valence: float, length_s: float, noise_dbfs: float, rng: np.random.Generator
) -> speech.Utterance:
    """Sentences that take about ``length_s`` or a little longer, in the voice of what is felt."""
    pleasure = valence + _VALENCE_SD * rng.standard_normal()
    excitement = arousal + _AROUSAL_SD * rng.standard_normal()
    rate_wpm = int(np.clip(who.rate_wpm * 1.04**excitement, 130, 230))
    sentences = [script.sentence(valence, rng)]
    while sum(len(sentence.split()) for sentence in sentences) < length_s * rate_wpm / 60:
        sentences.append(script.sentence(valence, rng))
    return speech.Utterance(
        text=", ".join(sentences),
        variant=who.variant,
        rate_wpm=rate_wpm,
        pitch=int(np.clip(who.pitch + 10 * pleasure, 5, 99)),
        pitch_range=int(np.clip(who.pitch_range + 15 * pleasure, 5, 99)),
        size=who.size * 1.03**pleasure,
        level_dbfs=who.level_dbfs + 2.0 * pleasure + 0.7 * excitement,
        tilt_db=who.tilt_db + 2.0 * pleasure,
        noise_dbfs=noise_dbfs,
        seed=int(rng.integers(2**31)),
    )


def _interrupted(words: Int16[np.ndarray, "sample"]) -> Int16[np.ndarray, "sample"]:
    """The words with their end faded out, so that the cut makes no click."""
    length = min(round(_FADE_S * speech.SAMPLE_RATE_HZ), len(words))
    gain = np.ones(len(words))
    gain[len(words) - length :] = np.linspace(1, 0, length)
    return np.round(words * gain).astype(np.int16)


def _room(count: int, noise_dbfs: float, rng: np.random.Generator) -> Int16[np.ndarray, "sample"]:
    return np.round(32767 * 10 ** (noise_dbfs / 20) * rng.standard_normal(count)).astype(np.int16)
