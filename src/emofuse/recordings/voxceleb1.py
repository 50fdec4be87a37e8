"""VoxCeleb1: utterances of 1,251 celebrities cut from interviews on YouTube (Nagrani et al. 2017); B §3.1 trains its autoencoder on it.

Licence: the lists are CC BY 4.0, the rights to the sound remain with its owners; access by a form of the Visual Geometry Group.

Layout (``root`` is the folder that holds vox1_meta.csv, or one or two folders above it; ``wav`` may lie once or as dev/wav and test/wav)::

    vox1_meta.csv                                tab-separated: VoxCeleb1 ID, VGGFace1 ID, Gender, Nationality, Set (dev or test)
    wav/id10001/1zcIwhmdeo4/00001.wav            speaker, YouTube id (may begin with - or _), utterance; 16 kHz mono

Known sizes: dev 148,642 utterances of 1,211 speakers, test 4,874 of 40. Names of persons are not read. Utterances of one video share
their acoustics; they share ``session``. The sound itself is not opened here.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from emofuse.corpora import children, is_invented, refuse, require_counts
from emofuse.errors import InputError
from emofuse.recordings import locate, require_release
from emofuse.signals import Recording

NAME = "voxceleb1"
RELEASES = ("1",)
COUNTS = {"utterances in dev": 148642, "utterances in test": 4874, "speakers": 1251}
SPLITS = ("dev", "test")
_META = "vox1_meta.csv"
_SPEAKER = re.compile(r"id\d{5}")
_UTTERANCE = re.compile(r"id\d{5}/[A-Za-z0-9_-]{11}/\d{5}\.wav")
_DEPTH = 3  # folders between the root and a folder wav/: at most two above the list of speakers, then dev or test


def read(root: Path, release: str, check_counts: bool) -> Iterator[Recording]:
    """Yield one recording for each utterance: ``id10001/1zcIwhmdeo4/00001`` with its audio, without tracks.

    Raises InputError for an absent or damaged list of speakers, a file name outside the grammar, an utterance that is there twice or
    whose speaker is not in the list.
    """
    require_release(NAME, release, RELEASES)
    base = locate(NAME, root, f"VoxCeleb1 ({_META})", lambda f: (f / _META).is_file())
    split = _splits(base / _META)
    utterances = _utterances(root)
    for utterance, path in utterances.items():
        if utterance.split("/")[0] not in split:
            raise InputError(f"{root / path}: expected a speaker listed in {base / _META}, found none of that id; use the release's list")
    if check_counts and not is_invented(root, base):
        speakers = [utterance.split("/")[0] for utterance in utterances]
        found = {f"utterances in {name}": number for name, number in Counter(split[speaker] for speaker in speakers).items()}
        require_counts(base, f"VoxCeleb1 {release}", COUNTS, {**found, "speakers": len(set(speakers))})
    for utterance, path in utterances.items():
        speaker, video, _ = utterance.split("/")
        yield Recording(utterance, speaker, {}, session=video, audio=path, split=split[speaker])


def _splits(path: Path) -> dict[str, str]:
    """Official split of each speaker."""
    columns = ["VoxCeleb1 ID", "Set"]
    try:
        rows = pd.read_csv(
            path, sep="\t", quoting=csv.QUOTE_NONE, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig"
        ).rename(columns=str.strip)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        found = " ".join(str(error).split())
        raise InputError(f"{path}: expected tab-separated columns {columns}, found: {found}; download it again") from None
    missing = [column for column in columns if column not in rows]
    if missing:
        raise InputError(f"{path}: expected tab-separated columns {columns}, found none called {missing}; download it again")
    speaker, split = (rows[column].fillna("").str.strip() for column in columns)
    row = pd.Series([f"row {i + 2}" for i in range(len(rows))], dtype=str)
    refuse(path, row, ~speaker.str.fullmatch(_SPEAKER.pattern), columns[0], speaker, "an id such as id10001")
    refuse(path, row, speaker.duplicated(), columns[0], speaker, "each speaker once")
    refuse(path, row, ~split.isin(SPLITS), columns[1], split, f"one of {list(SPLITS)}")
    return dict(zip(speaker, split, strict=True))


def _utterances(root: Path) -> dict[str, str]:
    """Path relative to the root of each utterance, in order of their ids."""
    paths: dict[str, str] = {}
    for home in _homes(root):
        where = home.relative_to(root).as_posix()
        for utterance in _below(home):
            if not _UTTERANCE.fullmatch(utterance):
                raise InputError(f"{home / utterance}: expected a path such as id10001/1zcIwhmdeo4/00001.wav; rename or remove it")
            path = f"{where}/{utterance}"
            first = paths.setdefault(utterance.removesuffix(".wav"), path)
            if first != path:
                raise InputError(f"{root / path}: expected each utterance once, found it also as {root / first}; remove one of the two")
    if not paths:
        raise InputError(f"{root}: expected wav/id10001/1zcIwhmdeo4/00001.wav and so on, found none; unpack the release's audio")
    return dict(sorted(paths.items()))


def _homes(root: Path) -> list[Path]:
    """Folders called ``wav`` in the root and in the folders at most two below it."""
    homes: list[Path] = []
    level = [root]
    for _ in range(_DEPTH + 1):
        folders = [child for folder in level for child in children(folder) if child.is_dir()]
        homes += [folder for folder in folders if folder.name == "wav"]
        level = [folder for folder in folders if folder.name != "wav"]
    return homes


def _below(home: Path) -> Iterator[str]:
    """WAV files of speakers' videos, relative to ``home``."""
    for speaker in children(home):
        if _SPEAKER.fullmatch(speaker.name) and speaker.is_dir():
            for video in children(speaker):
                for path in children(video) if video.is_dir() else ():
                    if path.suffix.lower() == ".wav":
                        yield f"{speaker.name}/{video.name}/{path.name}"
