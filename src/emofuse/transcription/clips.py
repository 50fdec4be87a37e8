"""The audio of an example as recognisers want it: 16-bit integers, mono, 16 kHz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int16

from emofuse import audio


@dataclass(frozen=True)
class Clip:
    """Where an example's audio is: the file, and the part of it in s."""

    example_id: str
    path: Path
    start_s: float
    end_s: float


def of(examples: pd.DataFrame, root: Path) -> list[Clip]:
    """One clip per row of an Examples table, in order."""
    columns = zip(examples["example_id"], examples["path"], examples["start_s"], examples["end_s"], strict=True)
    return [Clip(str(name), root / str(path), float(start), float(end)) for name, path, start, end in columns]


def samples(clip: Clip) -> Int16[np.ndarray, "sample"]:
    """The clip's samples at 16 kHz; raises InputError where the file cannot be read or is too short."""
    part = audio.cut(audio.read(clip.path), clip.start_s, clip.end_s, audio.SAMPLE_RATE_HZ, clip.example_id)
    return np.clip(np.round(part * 32768), -32768, 32767).astype(np.int16)
