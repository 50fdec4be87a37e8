"""A clip as parts that a network with a window of limited length hears one by one, and what was heard, joined again.

Whisper hears at most 30 s (Radford et al. 2022, arXiv:2212.04356, §2.1) and invents words where nobody speaks (Koenecke et al. 2024,
"Careless Whisper", doi:10.1145/3630106.3658996), therefore digital silence is never shown to it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Int16

from emofuse.transcription.engine import Recognition

_SEARCH_S = 2.5  # choice: how far from equal lengths a cut may be, to fall into a pause; a quarter of a part at most
_PAUSE_S = 0.1  # choice: length of what counts as a pause; the gaps inside words (closures of stops) are shorter


@dataclass(frozen=True)
class Heard:
    """What was heard in one part: the natural-log probabilities of its tokens and of the end of text, summed, and how many they are."""

    text: str
    log_probability: float
    tokens: int


def of(samples: Int16[np.ndarray, "sample"], longest_s: float, rate_hz: int) -> list[Float32[np.ndarray, "part"]]:
    """The parts of a clip, in [-1, 1): as few as ``longest_s`` allows, about equally long, cut at pauses; none that is digital silence."""
    edges = [0, *cuts(samples, longest_s, rate_hz), len(samples)]
    parts = [samples[start:end] for start, end in pairwise(edges)]
    return [part.astype(np.float32) / 32768 for part in parts if part.any()]


def cuts(samples: Int16[np.ndarray, "sample"], longest_s: float, rate_hz: int) -> list[int]:
    """Where to cut: near equal lengths, in the middle of the 0.1 s of least power; the later one of equals."""
    longest, pause = max(1, math.floor(longest_s * rate_hz)), max(1, round(_PAUSE_S * rate_hz))
    reach = min(round(_SEARCH_S * rate_hz), longest // 4)
    energy = np.concatenate([[0], np.cumsum(samples.astype(np.int64) ** 2)])
    found, start, end = [], 0, len(samples)
    for left in range(math.ceil(end / longest) - 1, 0, -1):  # cuts that are still to be made
        ideal = start + (end - start) // (left + 1)
        first = max(ideal - reach, end - left * longest, start + 1)
        places = np.arange(first, max(first, min(ideal + reach, start + longest)) + 1)
        before, after = np.maximum(places - pause // 2, 0), np.minimum(places + (pause + 1) // 2, end)
        power = (energy[after] - energy[before]) / (after - before)
        start = int(places[len(places) - 1 - np.argmin(power[::-1])])
        found.append(start)
    return found


def joined(heard: Sequence[Heard]) -> Recognition:
    """The text of a clip, and the mean natural-log probability of its tokens; no confidence where there are no words."""
    text = " ".join(part.text for part in heard if part.text)
    return text, sum(part.log_probability for part in heard) / sum(part.tokens for part in heard) if text else None
