"""From examples to text: one module per engine, each with ``recognise`` (texts) and ``model_name`` (what produced them)."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import pandas as pd

from emofuse import params, tables
from emofuse.errors import InputError

ENGINES = ("corpus", "deepspeech", "pocketsphinx")

Recognition = tuple[str, float | None]  # text, and natural-log confidence where the engine gives one


class Engine(Protocol):
    """What a module of this package offers."""

    def recognise(self, examples: pd.DataFrame, root: Path, settings: params.Transcription, jobs: int) -> Iterator[Recognition]:
        """Text and confidence of each example, in order."""

    def model_name(self, settings: params.Transcription) -> str:
        """Model and version, as stored with each text."""


def transcribe(examples: pd.DataFrame, root: Path, engine: str, settings: params.Transcription, jobs: int) -> pd.DataFrame:
    """The Transcripts table of an Examples table whose audio lies under ``root``; one row per example, with or without words.

    ``jobs`` is the number of processes, where the engine uses several; it changes no text. Raises InputError for an unknown engine, for
    unreadable audio, and for what the engine lacks.
    """
    if engine not in ENGINES:
        raise InputError(
            f"transcription engine '{engine}': expected one of {', '.join(ENGINES)}; correct corpora.<name>.transcripts in params.yaml"
        )
    module = cast(Engine, import_module(f"emofuse.transcription.{engine}"))
    found = list(module.recognise(examples, root, settings, jobs))
    frame = pd.DataFrame(
        {
            "example_id": examples["example_id"].to_numpy(),
            "text": [text for text, _ in found],
            "confidence": pd.array([confidence for _, confidence in found], dtype="Float64").to_numpy(dtype=float, na_value=float("nan")),
            "engine": engine,
            "engine_model": module.model_name(settings),
        },
        columns=list(tables.TRANSCRIPTS.columns),
    )
    return tables.check(frame, tables.TRANSCRIPTS, f"transcripts by {engine}")
