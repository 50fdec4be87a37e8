"""Corpus readers: one module per corpus, named as the corpus is named everywhere, each with ``read(root, release, check_counts)``.

A reader touches nothing but the files under its root and returns the Examples table. What every reader has to do alike stands here:
find the release below the root, compare counts with the published ones, and look into every audio file once.
"""

import os
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from emofuse import audio, tables
from emofuse.errors import InputError

INVENTED = "SYNTHETIC_README.txt"  # lies at the root of a corpus that emofuse.toy wrote; published counts do not apply there
SECTION = "corpora"  # of params.yaml, where these corpora's roots and releases stand
_READERS = 8  # threads: files are read and decoded while others wait for the disk
_DEPTH = 2  # folders below the root in which a release may lie: archives unpacked into a like-named folder give X/X


def known() -> list[str]:
    """Names of the corpora that can be read: the modules of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def read(name: str, root: Path, release: str, check_counts: bool) -> pd.DataFrame:
    """Return the Examples table of the corpus ``name`` lying at ``root``; raises InputError for an unknown corpus or unusable files.

    With ``check_counts`` a genuine release must have its published number of examples.
    """
    if name not in known():
        raise InputError(f"corpus '{name}': expected one of {known()} (a module of emofuse.corpora); correct the name in params.yaml")
    examples: pd.DataFrame = import_module(f"emofuse.corpora.{name}").read(root, release, check_counts)
    return examples


def require_release(corpus: str, release: str, releases: Sequence[str], section: str = SECTION) -> None:
    """Raise InputError unless the reader knows ``release``; ``section`` of params.yaml names the corpus."""
    if release not in releases:
        raise InputError(f"{section}.{corpus}.release: expected one of {list(releases)}, found '{release}'; correct it in params.yaml")


def locate(corpus: str, root: Path, expected: str, holds: Callable[[Path], bool], section: str = SECTION) -> Path:
    """Return the folder for which ``holds`` is true: the root or, level by level, a folder at most two below it.

    ``section`` of params.yaml names the corpus. Raises InputError naming the root if it is absent, if no folder fits (saying what is
    there), or if several do.
    """
    remedy = f"set {section}.{corpus}.root in params.yaml to the folder of the release"
    if not root.is_dir():
        raise InputError(f"{root}: expected {expected}, found no such folder; {remedy}")
    level = [root]
    for _ in range(_DEPTH + 1):
        found = [folder for folder in level if holds(folder)]
        if len(found) > 1:
            raise InputError(f"{root}: expected {expected} once, found it in {[str(f) for f in found]}; {remedy}")
        if found:
            return found[0]
        level = [child for folder in level for child in children(folder) if child.is_dir()]
    there = [child.name for child in children(root)]
    more = f" and {len(there) - 8} more" if len(there) > 8 else ""
    raise InputError(f"{root}: expected {expected}, found {there[:8]}{more}; {remedy}")


def children(folder: Path) -> Iterator[Path]:
    """Files and folders in a folder by name, without what macOS and archive programs leave behind."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise InputError(f"{folder}: expected a folder that can be read, found: {error.strerror}; change its permissions") from error
    for name in names:
        if not name.startswith(".") and name != "__MACOSX" and not name.endswith(" - Copy"):
            yield folder / name


def is_invented(root: Path, release: Path) -> bool:
    """Tell whether the corpus is one that emofuse.toy wrote."""
    return (root / INVENTED).is_file() or (release / INVENTED).is_file()


def require_counts(where: Path, title: str, expected: Mapping[str, int], found: Mapping[str, int]) -> None:
    """Raise InputError naming the first published count that is not met; a name absent from ``found`` counts as 0."""
    for what, number in expected.items():
        if found.get(what, 0) != number:
            raise InputError(
                f"{where}: {title} has {number} {what}, found {found.get(what, 0)}; unpack the release again, "
                "or set check_counts: false in params.yaml to use what is there"
            )


def refuse(where: Path, key: "pd.Series[str]", bad: "pd.Series[bool]", column: str, values: "pd.Series[str]", expected: str) -> None:
    """Raise InputError for the first record for which ``bad`` is true; ``key`` names the records."""
    if bad.any():
        name, value = key[bad].iloc[0], values[bad].iloc[0]
        more = f" (and {bad.sum() - 1} more records)" if bad.sum() > 1 else ""
        raise InputError(f"{where}: {name}: {column} expects {expected}, found {value!r}{more}; correct the file or unpack it again")


def complete(rows: pd.DataFrame, corpus: str, root: Path) -> pd.DataFrame:
    """Return the Examples table from a reader's rows: audio decoded once, columns that the corpus does not define set to null.

    ``rows`` has a column ``native_id``, unique within the corpus, and ``path`` relative to ``root``. Raises InputError naming the
    first file that is absent or damaged.
    """
    paths = [root / path for path in rows["path"]]
    absent = [path for path in paths if not path.is_file()]
    if absent:
        number = f"{len(absent)} of {len(paths)} are absent"
        raise InputError(f"{absent[0]}: listed by the corpus, found no such file ({number}); unpack the release's audio there")
    files = _inspect(paths, corpus)
    rows = rows.assign(
        example_id=corpus + ":" + rows["native_id"],
        corpus=corpus,
        audio_sha256=[file.sha256 for file in files],
        start_s=0.0,
        end_s=[file.duration_s for file in files],
    ).reindex(columns=list(tables.EXAMPLES.columns))
    typed = pa.Table.from_pandas(rows, schema=tables.EXAMPLES.schema, preserve_index=False).to_pandas()
    return tables.check(typed, tables.EXAMPLES, str(root))


def _inspect(paths: Sequence[Path], corpus: str) -> list[audio.AudioFile]:
    pool = ThreadPoolExecutor(_READERS)
    try:
        found = pool.map(audio.inspect, paths)
        return list(tqdm(found, f"{corpus}: audio files", total=len(paths), unit="file", disable=not sys.stderr.isatty()))
    finally:
        pool.shutdown(cancel_futures=True)
