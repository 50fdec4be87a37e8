"""Examples tables over audio files, settings of the engines, and what they may use."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
import soundfile

from emofuse import params, tables
from emofuse.transcription.engine import Machine


def examples_of(root: Path, names: Sequence[str], transcripts: Sequence[str | None] | None = None) -> pd.DataFrame:
    """An Examples table of whole files, in the order of ``names``."""
    rows = []
    for name, transcript in zip(names, transcripts or [None] * len(names), strict=True):
        path = root / name
        rows.append(
            {
                "example_id": f"test:{Path(name).stem}",
                "corpus": "test",
                "path": name,
                "audio_sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else name,
                "start_s": 0.0,
                "end_s": soundfile.info(path).duration if path.exists() else 1.0,
                "transcript": transcript,
            }
        )
    return pd.DataFrame(rows).reindex(columns=list(tables.EXAMPLES.columns))


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., pd.DataFrame]:
    return examples_of


@pytest.fixture(scope="session")
def settings() -> params.Transcription:
    return params.load(Path(__file__).parents[2] / "params.yaml").transcription


@pytest.fixture(scope="session")
def machine() -> Machine:
    return Machine(jobs=2, device="cpu")
