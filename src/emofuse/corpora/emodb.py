"""EmoDB: ten actors say ten fixed German sentences in seven acted emotions (Burkhardt et al. 2005); no arousal, valence, dominance.

Licence: free to download (http://emodb.bilderbar.info, download.zip). The text says nothing of the emotion.

Layout (``root`` is any folder at most two above ``wav``; the audformat trees of versions 1.x have the same ``wav``)::

    wav/03a01Fa.wav        speaker (03), text (a01), emotion by its German name (F, Freude), version (a)
    lablaut, labsilb, silb, erkennung.txt, erklaerung.txt      labels in Latin-1 with decimal commas; not read, the name says all

Known sizes: 535 clips of five women and five men. EmoDB 2.0 (Zenodo 17651657), which adds the clips that were rejected then, keeps its
labels in tables and is not read.
"""

import re
from collections import Counter
from pathlib import Path

import pandas as pd

from emofuse.corpora import Ingested, compared, complete, is_audio, without_copies
from emofuse.errors import InputError
from emofuse.release import children, locate, require

NAME = "emodb"
RELEASES = ("1",)
PROTOCOL = "speaker_folds"
LICENCE = "free to download, no licence text in the classic release; audformat releases 1.x CC0 1.0"
CLASSES = {"W": "angry", "L": "boredom", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
GENDERS = {
    "03": "male", "08": "female", "09": "female", "10": "male", "11": "male", "12": "male", "13": "female", "14": "female", "15": "male",
    "16": "female",
}  # fmt: skip
FOLDS = {speaker: number for number, speaker in enumerate(GENDERS, 1)}  # EmoBox's five folds share speakers: here each speaker is a fold
TEXTS = {  # the corpus' documentation
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
COUNTS = {
    "examples": 535, "speakers": 10, "angry": 127, "boredom": 81, "disgust": 46, "fear": 69, "happy": 71, "sad": 62, "neutral": 79,
}  # fmt: skip
_STEM = re.compile(r"(\d\d)([ab]\d\d)([A-Z])([a-z])")
_OF_2_0 = ("db.speaker.csv", "db.emotion.categories.ambiguous.csv")  # tables that versions 1.x do not have


def read(root: Path, release: str) -> Ingested:
    """Return the tables; ``fold`` numbers the speakers in the order of their numbers, dimensions and their scale are null.

    Raises InputError for a root without ``wav``, for EmoDB 2.0, a file name that does not follow the grammar, or two different
    files of one name.
    """
    require(NAME, release, RELEASES)
    base = locate(NAME, root, "EmoDB (wav/03a01Fa.wav and so on)", lambda folder: _is_2_0(folder) or _holds_clips(folder))
    if _is_2_0(base):
        raise InputError(
            f"{base}: expected EmoDB 1 (the classic download.zip, or audformat 1.x), found EmoDB 2.0, which holds other clips and keeps "
            "its labels in tables; set corpora.emodb.root in params.yaml to http://emodb.bilderbar.info/download/download.zip, unpacked"
        )
    clips, copies = without_copies(((path.stem, path) for path in children(base / "wav") if is_audio(path)), root)
    rows = pd.DataFrame([_row(path, root) for path in clips.values()])
    found = {"examples": len(rows), "speakers": rows["speaker"].nunique(), **Counter(rows["emotion"].astype(str))}
    return complete(rows, NAME, root, base, compared(COUNTS, found), copies)


def _is_2_0(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _OF_2_0)


def _holds_clips(folder: Path) -> bool:
    wav = folder / "wav"
    return wav.is_dir() and any(is_audio(path) and _STEM.fullmatch(path.stem) for path in children(wav))


def _row(path: Path, root: Path) -> dict[str, object]:
    speaker, text, emotion, _ = match.groups() if (match := _STEM.fullmatch(path.stem)) else ("", "", "", "")
    if speaker not in GENDERS or text not in TEXTS or emotion not in CLASSES:
        raise InputError(
            f"{path}: expected a name such as 03a01Fa of speaker {'/'.join(GENDERS)}, text {'/'.join(TEXTS)}, emotion {'/'.join(CLASSES)} "
            f"and version, found '{path.stem}'; rename or remove it"
        )
    return {
        "native_id": path.stem,
        "path": path.relative_to(root).as_posix(),
        "speaker": speaker,
        "gender": GENDERS[speaker],
        "fold": FOLDS[speaker],
        "transcript": TEXTS[text],
        "emotion": CLASSES[emotion],
        "emotion_raw": emotion,
    }
