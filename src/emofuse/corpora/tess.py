"""TESS: two women say 200 words in a carrier phrase in seven acted emotions (Dupuis and Pichora-Fuller 2010); no dimensions.

Licence: CC BY-NC-ND 4.0, to be verified where you download it; TSpace record 1807/24487. The text says nothing of the emotion.

Layout (``root`` is any folder at most seven above the clips), in folders or flat::

    OAF_angry/OAF_back_angry.wav          speaker (the older or the younger woman), word, emotion
    YAF_pleasant_surprised/YAF_back_ps.wav

Folders differ in case and wording between copies. The folder names the speaker where there is one: ``OA_bite_neutral.wav`` is of OAF.
Some copies hold everything twice, one inside the other: copies of a clip count once. One file is sampled at 96 kHz, the others at
24.414 kHz. Known sizes: 2,800 clips, 400 of each emotion.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from emofuse.corpora import Ingested, compared, complete, is_audio, without_copies
from emofuse.errors import InputError
from emofuse.release import children, locate, require

NAME = "tess"
RELEASES = ("1",)  # one was published, without a number
PROTOCOL = "two_speakers"
LICENCE = "CC BY-NC-ND 4.0; verify it where you download the corpus"
CLASSES = {
    "angry": "angry", "disgust": "disgust", "fear": "fear", "happy": "happy", "ps": "surprise", "sad": "sad", "neutral": "neutral",
}  # fmt: skip
COUNTS = {"examples": 2800, "speakers": 2, **dict.fromkeys(CLASSES.values(), 400)}
_SPEAKERS = {"oaf": "OAF", "yaf": "YAF", "oa": "OAF"}  # by what a file's name begins with; one name lacks its F
_FOLDER = re.compile(r"(oaf|yaf)_(\w+)", re.IGNORECASE)
_STEM = re.compile(r"(oaf|oa|yaf)_([a-z]+)_([a-z]+)", re.IGNORECASE)
_NESTED = 6  # levels of folders between the root and the clips' folders: archives unpacked into like-named folders, copies


def read(root: Path, release: str) -> Ingested:
    """Return the tables; there is no fold, dimensions and their scale are null, every speaker is a woman.

    Raises InputError for a root without clips, a file name that does not follow the grammar or contradicts its folder, and for two
    different clips of one speaker, word and emotion.
    """
    require(NAME, release, RELEASES)
    base = locate(NAME, root, "TESS (OAF_angry/OAF_back_angry.wav and so on)", lambda folder: any(_clips(folder, _NESTED)))
    clips, copies = without_copies(((_fields(path), path) for path in _clips(base, _NESTED)), root)
    rows = pd.DataFrame([_row(path.stem, path.relative_to(root).as_posix(), *fields) for fields, path in clips.items()])
    found = {"examples": len(rows), "speakers": rows["speaker"].nunique(), **Counter(rows["emotion"].astype(str))}
    return complete(rows, NAME, root, base, compared(COUNTS, found), copies)


def _clips(folder: Path, depth: int) -> Iterator[Path]:
    """Clips in a folder, in its folders of clips, then below its other folders: the outermost copy comes first."""
    entries = list(children(folder))
    folders = [path for path in entries if path.is_dir()]
    of_clips = [path for path in folders if _FOLDER.fullmatch(path.name)]
    inside = [path for top in of_clips for path in children(top)]
    yield from (path for path in entries if is_audio(path) and (_FOLDER.fullmatch(folder.name) or _STEM.fullmatch(path.stem)))
    yield from (path for path in inside if is_audio(path))
    if depth > 0:
        for other in folders:
            if other not in of_clips:
                yield from _clips(other, depth - 1)


def _fields(path: Path) -> tuple[str, str, str]:
    """Speaker, word and emotion code of a clip."""
    prefix, word, emotion = match.groups() if (match := _STEM.fullmatch(path.stem.lower())) else ("", "", "")
    if emotion not in CLASSES:
        raise InputError(
            f"{path}: expected a name such as OAF_back_angry with an emotion of {'/'.join(CLASSES)}, found '{path.stem}'; "
            "rename or remove it"
        )
    speaker = _SPEAKERS[prefix]
    if folder := _FOLDER.fullmatch(path.parent.name.lower()):
        stated = "ps" if folder[2].startswith("pleasant") else folder[2]
        if (_SPEAKERS[folder[1]], stated) != (speaker, emotion):
            raise InputError(
                f"{path}: expected speaker and emotion of the folder {path.parent.name}, found '{path.stem}'; move or remove it"
            )
    return speaker, word, emotion


def _row(stem: str, item: str, speaker: str, word: str, emotion: str) -> dict[str, object]:
    return {
        "native_id": stem,
        "path": item,
        "speaker": speaker,
        "gender": "female",
        "transcript": f"Say the word {word}",
        "emotion": CLASSES[emotion],
        "emotion_raw": emotion,
    }
