"""RAVDESS: 24 actors speak two fixed sentences in eight acted emotions (Livingstone and Russo 2018); no arousal, valence, dominance.

Licence: CC BY-NC-SA 4.0; Zenodo record 1188976, file Audio_Speech_Actors_01-24.zip. The text says nothing of the emotion, so a text
model must stay at chance here.

Layout (``root`` is any folder at most seven above the clips)::

    Audio_Speech_Actors_01-24/Actor_01/03-01-01-01-01-01-01.wav    or .flac and so on

Seven two-digit fields: modality (03 audio), channel (01 speech, 02 song), emotion, intensity, statement, repetition, actor (odd male,
even female). Known sizes: 1,440 clips; neutral 96, every other emotion 192. Song is left out; copies of a clip in nested folders
count once.
"""

import re
from collections import Counter
from pathlib import Path

import pandas as pd

from emofuse.corpora import Ingested, compared, complete, is_audio, without_copies
from emofuse.errors import InputError
from emofuse.release import children, locate, require
from emofuse.remarks import LeftOut

NAME = "ravdess"
RELEASES = ("1.0.0",)  # version of the Zenodo record
PROTOCOL = "speaker_folds"
LICENCE = "CC BY-NC-SA 4.0"
CLASSES = {"01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fear", "07": "disgust", "08": "surprise"}
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
FOLDS = ((1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23), (3, 5, 7, 24), (2, 15, 16, 18), (6, 13, 17, 22))  # actors; EmoBox, 2024
COUNTS = {"examples": 1440, "speakers": 24, **{emotion: 96 if emotion == "neutral" else 192 for emotion in CLASSES.values()}}
_ACTOR = re.compile(r"Actor_\d\d")
_STEM = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
_SPEECH_ONLY = ("03", "01")  # modality and channel
_NESTED = 6  # levels of folders between the root and the actors: archives unpacked into like-named folders, mirrors with copies


def read(root: Path, release: str) -> Ingested:
    """Return the tables; ``fold`` is EmoBox's speaker-disjoint fold, dimensions and their scale are null.

    Raises InputError for a root without Actor_ folders, or a file name that does not follow the grammar.
    """
    require(NAME, release, RELEASES)
    base = locate(NAME, root, "RAVDESS (Audio_Speech_Actors_01-24/Actor_01 and so on)", lambda f: bool(_actors(f, _NESTED)))
    speech, left_out = [], []
    for path in (path for actor in _actors(base, _NESTED) for path in children(actor) if is_audio(path)):
        if _fields(path)[:2] == _SPEECH_ONLY:
            speech.append((path.stem, path))
        else:
            item = path.relative_to(root).as_posix()
            left_out.append(LeftOut(item, "unlabelled", f"{path}: expected audio of speech (03-01-…), found song or video"))
    clips, copies = without_copies(speech, root)
    if not clips:
        raise InputError(f"{base}: expected clips such as Actor_01/03-01-01-01-01-01-01.wav, found none; unpack the release again")
    rows = pd.DataFrame([_row(path, root) for path in clips.values()])
    found = {"examples": len(rows), "speakers": rows["speaker"].nunique(), **Counter(rows["emotion"].astype(str))}
    return complete(rows, NAME, root, base, compared(COUNTS, found), left_out + copies)


def _actors(folder: Path, depth: int) -> list[Path]:
    """Folders Actor_NN in a folder, then those of its sub-folders down to ``depth`` levels: the outermost copy comes first."""
    folders = [d for d in children(folder) if d.is_dir()]
    here = [d for d in folders if _ACTOR.fullmatch(d.name)]
    return here + [actor for d in folders if depth > 0 and d not in here for actor in _actors(d, depth - 1)]


def _fields(path: Path) -> tuple[str, ...]:
    fields = _STEM.fullmatch(path.stem)
    if fields is None:
        raise InputError(
            f"{path}: expected a name of seven two-digit fields such as 03-01-01-01-01-01-01, found '{path.stem}'; rename or remove it"
        )
    return fields.groups()


def _row(path: Path, root: Path) -> dict[str, object]:
    _, _, emotion, _, statement, _, actor = _fields(path)
    fold = next((k for k, actors in enumerate(FOLDS, 1) if int(actor) in actors), None)
    if emotion not in CLASSES or statement not in STATEMENTS or fold is None or path.parent.name != f"Actor_{actor}":
        raise InputError(
            f"{path}: expected emotion {list(CLASSES)}, statement {list(STATEMENTS)} and actor 01 to 24 as the folder says, "
            f"found emotion '{emotion}', statement '{statement}', actor '{actor}'; rename or remove it"
        )
    return {
        "native_id": path.stem,
        "path": path.relative_to(root).as_posix(),
        "speaker": f"Actor_{actor}",
        "gender": "male" if int(actor) % 2 else "female",
        "fold": fold,
        "transcript": STATEMENTS[statement],
        "emotion": CLASSES[emotion],
        "emotion_raw": emotion,
    }
