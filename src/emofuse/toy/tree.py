"""A folder that appears whole or not at all, marked as invented."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from emofuse.errors import InputError

README = "SYNTHETIC_README.txt"
_TEXT = """This corpus is invented. It imitates the folder layout and the label files of {name}, so that a pipeline can be
tried without the licensed data; it holds nothing of the genuine corpus. No person speaks or is spoken about: the sentences were
written for this purpose, a synthesiser speaks them, the ratings are random numbers. Results obtained on it say nothing about people.

Licence of these files: CC0 1.0 (public domain dedication).
"""


@contextmanager
def whole(root: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder beside ``root`` that becomes ``root`` on success and is removed on failure.

    An invented corpus that stands at ``root`` is replaced; InputError if anything else is there.
    """
    if root.exists() and any(root.iterdir()) and not (root / README).exists():
        raise InputError(
            f"{root}: expected nothing or an invented corpus (with {README}), found other files; name another folder or empty this one"
        )
    partial = root.with_name(f".{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        write_text(partial / README, _TEXT.format(name=name))
        yield partial
        if root.exists():
            shutil.rmtree(root)
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def write_wav(path: Path, samples: np.ndarray, sample_rate_hz: int) -> None:
    """Write PCM16 WAV from int16 samples of shape (sample,) or (sample, channel), making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, sample_rate_hz, subtype="PCM_16")
