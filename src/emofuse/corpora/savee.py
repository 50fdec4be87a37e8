"""SAVEE: four men say 120 British English sentences each in seven acted emotions (Haq and Jackson 2009); no dimensions.

Licence: free after registration at the University of Surrey, for research.

Layout (``root`` is any folder at most seven above the clips), by speaker or flat; copies that hold both are read, too::

    AudioData/DC/a01.wav           emotion (a, d, f, h, n, sa, su), number of the sentence
    ALL/DC_a01.wav

All speakers are men, JE and JK too, whom some readers of this corpus take for women. What is said is not part of the release's labels:
transcripts are null. Known sizes: 480 clips, neutral 120, every other 60.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from emofuse.corpora import Ingested, compared, complete, is_audio, without_copies
from emofuse.errors import InputError
from emofuse.release import children, locate, require

NAME = "savee"
RELEASES = ("1",)  # one was published, without a number
PROTOCOL = "speaker_folds"
LICENCE = "free for research after registration with the University of Surrey"
CLASSES = {"a": "angry", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "sa": "sad", "su": "surprise"}
FOLDS = {"JE": 1, "KL": 2, "DC": 3, "JK": 4}  # EmoBox, 2024
COUNTS = {"examples": 480, "speakers": 4, **{emotion: 120 if emotion == "neutral" else 60 for emotion in CLASSES.values()}}
_SENTENCE = r"(sa|su|[adfhn])(\d\d)"
_IN_FOLDER = re.compile(_SENTENCE)
_FLAT = re.compile(f"({'|'.join(FOLDS)})_{_SENTENCE}")
_NESTED = 6  # levels of folders between the root and the clips' folders: archives unpacked into like-named folders, copies


def read(root: Path, release: str) -> Ingested:
    """Return the tables; ``fold`` is EmoBox's, one per speaker; transcripts, dimensions and their scale are null.

    Raises InputError for a root without clips, a file name that does not follow the grammar, and two different clips of one name.
    """
    require(NAME, release, RELEASES)
    base = locate(NAME, root, "SAVEE (AudioData/DC/a01.wav or ALL/DC_a01.wav and so on)", lambda folder: any(_clips(folder, _NESTED)))
    clips, copies = without_copies(((_native_id(path), path) for path in _clips(base, _NESTED)), root)
    rows = pd.DataFrame([_row(name, path.relative_to(root).as_posix()) for name, path in clips.items()])
    found = {"examples": len(rows), "speakers": rows["speaker"].nunique(), **Counter(rows["emotion"].astype(str))}
    return complete(rows, NAME, root, base, compared(COUNTS, found), copies)


def _clips(folder: Path, depth: int) -> Iterator[Path]:
    """Clips in a folder and below: all audio files of a speaker's folder, and of other folders those with a speaker's name."""
    entries = list(children(folder))
    audio = [path for path in entries if is_audio(path)]
    if folder.name in FOLDS and any(_IN_FOLDER.fullmatch(path.stem) for path in audio):
        yield from audio
    else:
        yield from (path for path in audio if _FLAT.match(path.stem))
        if depth > 0:
            for inner in entries:
                if inner.is_dir():
                    yield from _clips(inner, depth - 1)


def _native_id(path: Path) -> str:
    """Speaker and sentence, such as DC_a01."""
    name = path.stem if _FLAT.match(path.stem) else f"{path.parent.name}_{path.stem}"
    if not _FLAT.fullmatch(name):
        raise InputError(
            f"{path}: expected a name such as a01, or DC_a01 of speaker {'/'.join(FOLDS)}, with an emotion of {'/'.join(CLASSES)}, "
            f"found '{path.stem}'; rename or remove it"
        )
    return name


def _row(name: str, item: str) -> dict[str, object]:
    speaker, emotion, _ = match.groups() if (match := _FLAT.fullmatch(name)) else ("", "", "")
    return {
        "native_id": name,
        "path": item,
        "speaker": speaker,
        "gender": "male",
        "fold": FOLDS[speaker],
        "emotion": CLASSES[emotion],
        "emotion_raw": emotion,
    }
