"""PocketSphinx with the US English model that its package ships: offline, small, far from the accuracy of the paper's DeepSpeech.

Its decoder carries state from one utterance to the next (the acoustic scores of an utterance depend on those before it), so every
example is decoded by a decoder that has heard nothing before. The order of examples and the number of processes change no text.
"""

import math
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from pocketsphinx import Decoder

from emofuse import audio, isolation, params
from emofuse.transcription import clips
from emofuse.transcription.engine import Machine, Recognition

_fresh: list[Any] = []  # the worker's decoder; its children use copies


def recognise(examples: pd.DataFrame, root: Path, settings: params.Transcription, machine: Machine) -> Iterator[Recognition]:
    """Text and natural-log posterior of each example's best hypothesis; empty text and no confidence where nothing was heard."""
    options = settings.pocketsphinx.model_dump()

    def load() -> None:
        _fresh[:] = [Decoder(samprate=audio.SAMPLE_RATE_HZ, loglevel="FATAL", **options)]

    yield from isolation.each(_decode, clips.of(examples, root), machine.jobs, None, prepare=load)


def identity(settings: params.Transcription) -> tuple[str, str]:
    """The model is a part of the package, whose version pins it."""
    del settings
    return "pocketsphinx en-us", f"pocketsphinx {version('pocketsphinx')}"


def _decode(clip: clips.Clip) -> Recognition:
    sound = clips.samples(clip)
    if not sound.any():
        return "", None  # the decoder hears words in digital silence
    decoder = _fresh[0]
    decoder.start_utt()
    decoder.process_raw(sound.tobytes(), full_utt=True)
    decoder.end_utt()
    best = decoder.hyp()
    if best is None or not best.hypstr:
        return "", None
    return best.hypstr, math.log(best.prob) if best.prob > 0 else None
