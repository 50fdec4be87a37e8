"""Text that came with the corpus (paper A §4.1.1: gold transcriptions of IEMOCAP)."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from emofuse import params
from emofuse.errors import InputError
from emofuse.transcription.engine import Machine, Recognition


def recognise(examples: pd.DataFrame, root: Path, settings: params.Transcription, machine: Machine) -> Iterator[Recognition]:
    """The examples' own transcripts, an empty one where an example has none, which the audit weighs; InputError where none has."""
    del root, settings, machine
    if len(examples) and examples["transcript"].isna().all():
        raise InputError(
            f"{examples['example_id'].iloc[0]}: expected a transcript that came with the corpus, found none (nor for {len(examples) - 1} "
            "others); choose a recogniser in corpora.<name>.transcripts of params.yaml"
        )
    yield from ((text, None) for text in examples["transcript"].fillna(""))


def identity(settings: params.Transcription) -> tuple[str, str]:
    """These texts are from no model."""
    del settings
    return "transcripts of the corpus", "none"
