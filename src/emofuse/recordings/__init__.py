"""Readers of corpora of continuous signals: one module per corpus, named as the corpus is named everywhere.

Each has ``read(root, release, check_counts) -> Iterator[Recording]``, which touches nothing but the files under its root and yields one
recording at a time, so that memory holds one recording, whatever the size of the corpus.
"""

import pkgutil
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

from emofuse import corpora
from emofuse.errors import InputError
from emofuse.signals import Recording

SECTION = "wearable.corpora"  # of params.yaml, where these corpora's roots and releases stand
locate = partial(corpora.locate, section=SECTION)
require_release = partial(corpora.require_release, section=SECTION)


def known() -> list[str]:
    """Names of the corpora that can be read: the modules of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def read(name: str, root: Path, release: str, check_counts: bool) -> Iterator[Recording]:
    """Yield the recordings of the corpus ``name`` lying at ``root``; raises InputError for an unknown corpus or unusable files.

    With ``check_counts`` a genuine release must have its published number of subjects.
    """
    if name not in known():
        raise InputError(f"corpus '{name}': expected one of {known()} (a module of emofuse.recordings); correct the name in params.yaml")
    recordings: Iterator[Recording] = import_module(f"emofuse.recordings.{name}").read(root, release, check_counts)
    return recordings
