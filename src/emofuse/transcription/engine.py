"""What a module of this package offers, and what it may use."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import pandas as pd

from emofuse import params

Recognition = tuple[str, float | None]  # text, and natural-log confidence where the engine gives one


@dataclass(frozen=True)
class Machine:
    """What an engine may use: processes at the same time, and cpu, cuda or auto. Changes no word, up to rounding on a GPU."""

    jobs: int
    device: Literal["auto", "cpu", "cuda"]


class Engine(Protocol):
    """A module of this package."""

    def recognise(self, examples: pd.DataFrame, root: Path, settings: params.Transcription, machine: Machine) -> Iterator[Recognition]:
        """Yield text and confidence of each example, in order, as soon as they are known.

        A text depends on its example and the settings alone, so that what an interrupted run has yielded can be kept.
        """

    def identity(self, settings: params.Transcription) -> tuple[str, str]:
        """Name of the model, and version: of the engine's package and what pins the model. Loads nothing."""
