"""What several test folders share: where the repository is, and real recordings where the machine has them."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

REPOSITORY = Path(__file__).resolve().parents[1]
collect_ignore = ["benchmarks", "faults"]  # scripts, which find each other beside them


@pytest.fixture
def repository() -> Path:
    return REPOSITORY


@pytest.fixture
def recordings() -> Path:
    """Real recordings that are not part of the repository: ``../shared/data`` beside it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real recordings beside the repository (../shared/data)")
    return folder
