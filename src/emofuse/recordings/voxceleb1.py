"""VoxCeleb1: utterances of 1,251 celebrities cut from interviews on YouTube (Nagrani et al. 2017).

Access: by a form of the Visual Geometry Group. B §3.1 trains its autoencoder on it.

Layout (``root`` is the folder that holds vox1_meta.csv, or one or two folders above it; ``wav`` may lie once or as dev/wav and test/wav)::

    vox1_meta.csv                                tab-separated: VoxCeleb1 ID, VGGFace1 ID, Gender, Nationality, Set (dev or test)
    iden_split.txt                               where it is there: 1, 2 or 3, a space, and the path of every utterance below wav
    wav/id10001/1zcIwhmdeo4/00001.wav            speaker, YouTube id (may begin with - or _), utterance; 16 kHz mono; or .flac

Known sizes: dev 148,642 utterances of 1,211 speakers, test 4,874 of 40. Names of persons are not read. Utterances of one video share
their acoustics; they share ``session``. The sound itself is not opened here.
"""

import csv
import filecmp
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from emofuse.audio import SUFFIXES
from emofuse.errors import InputError
from emofuse.recordings import Remark, locate, require_release
from emofuse.release import children, refuse, regular
from emofuse.remarks import LeftOut, exactly
from emofuse.signals import Recording

NAME = "voxceleb1"
RELEASES = ("1",)
LICENCE = "CC BY 4.0 for the lists; the rights to the sound remain with its owners"
UTTERANCES = {"dev": 148642, "test": 4874}
SPEAKERS = 1251
SPLITS = ("dev", "test")
_META = "vox1_meta.csv"
_LIST = "iden_split.txt"
_SPEAKER = re.compile(r"id\d{5}")
_UTTERANCE = re.compile(r"(id\d{5}/[A-Za-z0-9_-]{11}/\d{5})\.(?:wav|flac)")
_PURPOSE = re.compile(rf"([123])[ \t]+{_UTTERANCE.pattern}")
_FOLDERS = 3  # levels below wav: speaker, video, and one more, where nothing should be
_DEPTH = 3  # folders between the root and a folder wav/: at most two above the list of speakers, then dev or test


def read(root: Path, release: str) -> Iterator[Recording | Remark]:
    """Yield one recording for each utterance: ``id10001/1zcIwhmdeo4/00001`` with its audio, without tracks.

    Left out are audio files of other names, those that iden_split.txt does not list, equal copies of an utterance; and, as absent, what
    iden_split.txt lists or, without that file, speakers without an utterance. Raises InputError for an absent or damaged list, an
    utterance that is there twice with other content, or one whose speaker is not in the list.
    """
    require_release(NAME, release, RELEASES)
    base = locate(NAME, root, f"VoxCeleb1 ({_META})", lambda f: (f / _META).is_file())
    split = _splits(base / _META)
    utterances, left_out = _utterances(root)
    for utterance, path in utterances.items():
        if utterance.split("/")[0] not in split:
            raise InputError(f"{root / path}: expected a speaker listed in {base / _META}, found none of that id; use the release's list")
    speakers = [utterance.split("/")[0] for utterance in utterances]
    there = Counter(split[speaker] for speaker in speakers)
    yield from (exactly(f"utterances in {name}", number, there[name]) for name, number in UTTERANCES.items())
    yield exactly("speakers", SPEAKERS, len(set(speakers)))
    yield from left_out
    lists = base / _LIST
    listed = _listed(lists) if lists.is_file() else None
    for utterance, path in utterances.items():
        if listed is not None and utterance not in listed:
            yield LeftOut(path, "extra_file", f"{root / path}: expected utterances that {lists} lists, found one that it does not")
            continue
        speaker, video, _ = utterance.split("/")
        yield Recording(utterance, speaker, {}, session=video, audio=path, split=split[speaker])
    absent = sorted(set(split) - set(speakers)) if listed is None else sorted(set(listed) - set(utterances))
    for name in absent:
        yield LeftOut(name, "missing_audio", f"{lists if listed else base / _META}: expected audio of {name}, found none below {root}")


def _splits(path: Path) -> dict[str, str]:
    """Official split of each speaker."""
    columns = ["VoxCeleb1 ID", "Set"]
    try:
        lines = regular(path).read_text(encoding="utf-8-sig").splitlines()
        header, *rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        found = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise InputError(f"{path}: expected tab-separated columns {columns}, found: {found}; download it again") from None
    header = [name.strip() for name in header]
    missing = [column for column in columns if header.count(column) != 1]
    if missing:
        raise InputError(f"{path}: expected tab-separated columns {columns}, found none or two called {missing}; download it again")
    numbered = [(f"row {k}", row) for k, row in enumerate(rows, 2) if any(cell.strip() for cell in row)]
    for name, cells in numbered:
        if len(cells) != len(header):
            raise InputError(f"{path}: {name}: expected {len(header)} fields as in the first row, found {len(cells)}; download it again")
    row = pd.Series([name for name, _ in numbered], dtype=str)
    speaker, split = (pd.Series([cells[header.index(c)].strip() for _, cells in numbered], dtype=str) for c in columns)
    refuse(path, row, ~speaker.str.fullmatch(_SPEAKER.pattern), columns[0], speaker, "an id such as id10001")
    refuse(path, row, speaker.duplicated(), columns[0], speaker, "each speaker once")
    refuse(path, row, ~split.isin(SPLITS), columns[1], split, f"one of {list(SPLITS)}")
    return dict(zip(speaker, split, strict=True))


def _listed(path: Path) -> set[str]:
    """The utterances of iden_split.txt."""
    try:
        lines = regular(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: expected a list of utterances as UTF-8 text, found one that cannot be read; download it again"
        ) from error
    listed: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = _PURPOSE.fullmatch(line.strip())
        if found is None or found[2] in listed:
            raise InputError(
                f"{path}: line {number}: expected '1 id10001/1zcIwhmdeo4/00001.wav', each once, found {line!r:.80}; download it again"
            )
        listed.add(found[2])
    return listed


def _utterances(root: Path) -> tuple[dict[str, str], list[LeftOut]]:
    """Path relative to the root of each utterance, in order of their ids; and the audio files that are none."""
    paths: dict[str, str] = {}
    left_out = []
    for home in _homes(root):
        for file in _audio_below(home, _FOLDERS):
            path, utterance = file.relative_to(root).as_posix(), _UTTERANCE.fullmatch(file.relative_to(home).as_posix())
            if utterance is None:
                left_out.append(
                    LeftOut(path, "extra_file", f"{file}: expected a path such as id10001/1zcIwhmdeo4/00001.wav, found another")
                )
            elif (first := paths.setdefault(utterance[1], path)) != path:
                if not filecmp.cmp(root / first, file, shallow=False):
                    raise InputError(f"{file}: expected each utterance once, found other content as {root / first}; remove one of the two")
                left_out.append(LeftOut(path, "copy", f"{file}: expected each utterance once, found a copy of {root / first}"))
    if not paths:
        raise InputError(f"{root}: expected wav/id10001/1zcIwhmdeo4/00001.wav and so on, found none; unpack the release's audio")
    return dict(sorted(paths.items())), left_out


def _homes(root: Path) -> list[Path]:
    """Folders called ``wav`` in the root and in the folders at most two below it."""
    homes: list[Path] = []
    level = [root]
    for _ in range(_DEPTH + 1):
        folders = [child for folder in level for child in children(folder) if child.is_dir()]
        homes += [folder for folder in folders if folder.name == "wav"]
        level = [folder for folder in folders if folder.name != "wav"]
    return homes


def _audio_below(folder: Path, depth: int) -> Iterator[Path]:
    """Audio files in a folder and the folders down to ``depth`` levels below it."""
    for child in children(folder):
        if child.suffix.lower() in SUFFIXES:
            yield child
        elif depth and child.is_dir():
            yield from _audio_below(child, depth - 1)
