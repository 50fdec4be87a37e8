"""Corpus readers: one module per corpus, named as the corpus is named everywhere, each with ``read(root, release) -> Ingested``.

A reader touches nothing but the files under its root. What every reader has to do alike stands in ``complete``: look into every audio
file once, leave out what cannot be used and say so, find the files that the corpus does not list, count. Labels that cannot be
understood are an InputError; audio that cannot be used is left out and weighed by the audit.

A module says of itself: ``RELEASES``; ``PROTOCOL``, the one to use where nothing else is wanted; ``LICENCE``, in a sentence.
"""

import filecmp
import os
import pkgutil
import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import pandas as pd
from tqdm import tqdm

from emofuse import audio, tables
from emofuse.errors import InputError
from emofuse.release import is_invented
from emofuse.remarks import Count, LeftOut, counts_table, exactly, heard, left_out_table

_Clip = TypeVar("_Clip", bound=Hashable)
_READERS = 8  # threads: files are read and decoded while others wait for the disk


@dataclass(frozen=True)
class Ingested:
    """What a corpus holds: the Examples, LeftOut and Counts tables."""

    examples: pd.DataFrame
    left_out: pd.DataFrame
    counts: pd.DataFrame


def known() -> list[str]:
    """Names of the corpora that can be read: the modules of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def read(name: str, root: Path, release: str) -> Ingested:
    """Return the tables of the corpus ``name`` lying at ``root``; raises InputError for an unknown corpus or unusable files."""
    if name not in known():
        raise InputError(f"corpus '{name}': expected one of {known()} (a module of emofuse.corpora); correct the name in params.yaml")
    try:
        found: Ingested = import_module(f"emofuse.corpora.{name}").read(root, release)
    except UnicodeEncodeError as error:
        raise InputError(f"{root}: expected names of files and folders in UTF-8, found {error.object!a}; rename it") from None
    return found


def complete(
    rows: pd.DataFrame,
    corpus: str,
    root: Path,
    base: Path,
    counts: Sequence[Count],
    left_out: Sequence[LeftOut] = (),
    audio_folders: Sequence[Path] | None = None,
) -> Ingested:
    """Return the tables from a reader's rows: audio decoded once, columns that the corpus does not define set to null.

    ``rows`` has a column ``native_id``, unique within the corpus, and ``path`` relative to ``root``. ``base`` is the release's folder,
    ``counts`` what the reader found before anything was left out here. Audio files in ``audio_folders`` (``base`` where not given) that
    neither ``rows`` nor ``left_out`` names (by its path below the root) are extra. Raises InputError where no audio file can be used.
    """
    paths = [root / path for path in rows["path"]]
    files = _inspect(paths, corpus)
    kept = [file for file in files if isinstance(file, audio.AudioFile)]
    unusable = [LeftOut(str(name), *file) for name, file in zip(rows["native_id"], files, strict=True) if isinstance(file, tuple)]
    if len(unusable) == len(rows):
        first = unusable[0].detail if unusable else f"{base}: expected utterances of {corpus}, found none"
        raise InputError(f"{first} (and none of {len(rows)} audio files can be used)")
    named = {*rows["path"], *(item.item for item in left_out)}
    extra = [
        LeftOut(path, "extra_file", f"{root / path}: expected audio files that the corpus lists, found one that it does not")
        for path in _audio_below(audio_folders if audio_folders is not None else [base], root)
        if path not in named
    ]
    rows = rows[[isinstance(file, audio.AudioFile) for file in files]].assign(
        example_id=lambda table: corpus + ":" + table["native_id"],
        corpus=corpus,
        audio_sha256=[file.sha256 for file in kept],
        start_s=0.0,
        end_s=[file.duration_s for file in kept],
    )
    return Ingested(
        examples=tables.of_rows(rows, tables.EXAMPLES, str(root)),
        left_out=left_out_table(corpus, [*left_out, *unusable, *extra], root),
        counts=counts_table(corpus, counts, published=not is_invented(root, base)),
    )


def is_audio(path: Path) -> bool:
    """Tell by its suffix whether a file is one that can be decoded."""
    return path.suffix.lower() in audio.SUFFIXES


def without_copies(files: Iterable[tuple[_Clip, Path]], root: Path) -> tuple[dict[_Clip, Path], list[LeftOut]]:
    """Return the first file of each clip, and those that follow as left out: they are copies of it.

    A clip is anything that tells one from another, such as its native id. Raises InputError for two files of one clip that differ or
    cannot be compared.
    """
    clips: dict[_Clip, Path] = {}
    copies = []
    for clip, path in files:
        first = clips.setdefault(clip, path)
        if first == path:
            continue
        try:
            equal = filecmp.cmp(first, path, shallow=False)
        except OSError as error:
            raise InputError(f"{path}: expected a copy of {first}, found: {error.strerror}; remove one of the two") from error
        if not equal:
            raise InputError(f"{path}: expected a copy of {first}, found other content; remove one of the two")
        copies.append(LeftOut(path.relative_to(root).as_posix(), "copy", f"{path}: expected each clip once, found a copy of {first}"))
    return clips, copies


def compared(expected: Mapping[str, int], found: Mapping[str, int]) -> list[Count]:
    """One count for everything that is published, 0 where ``found`` lacks it, and for everything else that was counted."""
    return [exactly(what, expected.get(what), found.get(what, 0)) for what in dict.fromkeys([*expected, *found])]


def _audio_below(folders: Sequence[Path], root: Path) -> Iterator[str]:
    for top in folders:
        for folder, inner, names in os.walk(top):
            inner[:] = sorted(name for name in inner if not name.startswith(".") and name != "__MACOSX")
            for name in sorted(names):
                if not name.startswith(".") and is_audio(Path(name)):
                    yield (Path(folder) / name).relative_to(root).as_posix()


def _inspect(paths: Sequence[Path], corpus: str) -> list[audio.AudioFile | tuple[str, str]]:
    pool = ThreadPoolExecutor(_READERS)
    try:
        found = pool.map(heard, paths)
        return list(tqdm(found, f"{corpus}: audio files", total=len(paths), unit="file", disable=not sys.stderr.isatty()))
    finally:
        pool.shutdown(cancel_futures=True)
