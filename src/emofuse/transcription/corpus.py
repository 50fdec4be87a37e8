"""Text that came with the corpus (paper A §4.1.1: gold transcriptions of IEMOCAP)."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from emofuse import params
from emofuse.errors import InputError


def recognise(examples: pd.DataFrame, root: Path, settings: params.Transcription, jobs: int) -> Iterator[tuple[str, float | None]]:
    """The examples' own transcripts; InputError naming the first example that has none (an empty one is a transcript)."""
    del root, settings, jobs
    absent = examples.loc[examples["transcript"].isna(), "example_id"]
    if len(absent):
        raise InputError(
            f"{absent.iloc[0]}: expected a transcript that came with the corpus, found none (nor for {len(absent) - 1} others); "
            "choose a recogniser in corpora.<name>.transcripts of params.yaml"
        )
    yield from ((str(text), None) for text in examples["transcript"])


def model_name(settings: params.Transcription) -> str:
    """These texts are from no model."""
    del settings
    return "transcripts of the corpus"
