"""Readers of corpora of continuous signals: one module per corpus, named as the corpus is named everywhere.

Each has ``read(root, release) -> Iterator[Recording | Remark]``, which touches nothing but the files under its root and yields one
recording at a time, so that memory holds one recording, whatever the size of the corpus. What it leaves out it yields as a ``LeftOut``,
what it counts as a ``Count``; what cannot be understood is an InputError. A module says of itself: ``RELEASES``; ``LICENCE``, in a
sentence.
"""

import pkgutil
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

from emofuse import release as releases
from emofuse.errors import InputError
from emofuse.remarks import Count, LeftOut
from emofuse.signals import Recording

Remark = LeftOut | Count
SECTION = "wearable.corpora"  # of params.yaml, where these corpora's roots and releases stand
locate = partial(releases.locate, section=SECTION)
require_release = partial(releases.require, section=SECTION)


def known() -> list[str]:
    """Names of the corpora that can be read: the modules of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def read(name: str, root: Path, release: str) -> Iterator[Recording | Remark]:
    """Yield the recordings of the corpus ``name`` lying at ``root``, and remarks on it; raises InputError for unusable files."""
    if name not in known():
        raise InputError(f"corpus '{name}': expected one of {known()} (a module of emofuse.recordings); correct the name in params.yaml")
    found: Iterator[Recording | Remark] = import_module(f"emofuse.recordings.{name}").read(root, release)
    return found
