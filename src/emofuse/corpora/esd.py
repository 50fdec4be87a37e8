"""ESD: ten speakers of Mandarin and ten of English read 350 sentences each in five emotions (Zhou et al. 2022); no dimensions.

Layout (``root`` is any folder at most two above the speakers'; either of the two trees, for each speaker)::

    Emotion Speech Dataset/0011/0011.txt
    Emotion Speech Dataset/0011/Angry/train/0011_000401.wav      also evaluation/ and test/
    Emotion Speech Dataset/0011/Angry/0011_000401.wav            newer copies

Utterances 1-350 of each speaker are neutral, 351-700 angry, 701-1050 happy, 1051-1400 sad, 1401-1750 surprised, in each part the same
350 sentences: the texts are parallel, a text model must stay at chance, and the official split (``split``, where the folders tell it)
divides sentences, not speakers. The emotion is the folder's.

``NNNN.txt`` has a line for each utterance: id, text and emotion, in English or Chinese, separated by tabs; in UTF-16, UTF-8, GB 2312 or
Latin-1, depending on the speaker (HLTSingapore/Emotional-Speech-Data, issue 1). Some lines have a space for the first tab, as that issue
says and two public readers of the corpus list; they are understood. From a line of any other form no text is taken; for the lines on
those lists that is a known fault.
"""

import codecs
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from emofuse.corpora import Ingested, compared, complete, is_audio, without_copies
from emofuse.errors import InputError
from emofuse.release import children, locate, regular, require
from emofuse.remarks import LeftOut, exactly

NAME = "esd"
SPEAKERS = {  # of each release
    "all": tuple(range(1, 21)),
    "english": tuple(range(11, 21)),
    "mandarin": tuple(range(1, 11)),
}
RELEASES = tuple(SPEAKERS)
PROTOCOL = "speaker_folds"
LICENCE = "for research only, on request from the National University of Singapore (HLTSingapore/Emotional-Speech-Data)"
MEN = (4, 5, 6, 8, 10, 11, 12, 13, 14, 20)  # the release's ReadMe
FOLDS = {  # speakers
    "all": ((5, 11, 16, 18), (12, 14, 15, 19), (3, 4, 6, 9), (7, 8, 13, 20), (1, 2, 10, 17)),  # EmoBox, 2024
    # ours, as EmoBox has none for one language: one man and one woman each, in the order of their numbers
    "english": ((11, 15), (12, 16), (13, 17), (14, 18), (20, 19)),
    "mandarin": ((4, 1), (5, 2), (6, 3), (8, 7), (10, 9)),
}
CLASSES = {"Neutral": "neutral", "Angry": "angry", "Happy": "happy", "Sad": "sad", "Surprise": "surprise"}  # by 350 utterances each
CHINESE = {"中立": "Neutral", "生气": "Angry", "快乐": "Happy", "伤心": "Sad", "惊喜": "Surprise"}  # in the tables of text
SENTENCES = 350
SPLITS = {"train": "train", "evaluation": "dev", "test": "test1"}
ODD_LINES = {  # by speaker, without three fields: the lists of ertk and of another public reader
    "0012": (1355,), "0013": (431, 914), "0014": (1590,), "0015": (137, 138, 175, 187, 217, 668, 690, 875, 1015, 1531, 1578),
}  # fmt: skip
_STEM = re.compile(r"([0-9]{4})_([0-9]{6})")


def read(root: Path, release: str) -> Ingested:
    """Return the tables of all speakers or of one language's; ``fold`` is by speaker, dimensions and their scale are null.

    Raises InputError for a root without speakers' folders, a speaker without the table of texts, a file name that does not follow the
    grammar, and two files of one name and different content.
    """
    require(NAME, release, RELEASES)
    base = locate(NAME, root, "ESD (folders 0001 to 0020, each with Angry, Happy and so on)", _holds)
    speakers = [folder for folder in children(base) if _number(folder) in SPEAKERS[release] and folder.is_dir()]
    rows: list[dict[str, object]] = []
    left_out: list[LeftOut] = []
    other_words = 0
    for folder in speakers:
        clips = _clips(folder, root, left_out)
        texts, other = _texts(folder / f"{folder.name}.txt", root, left_out)
        other_words += other
        for stem in sorted(texts.keys() - clips.keys()):
            detail = f"{folder}: expected the audio of {stem}, which {folder.name}.txt lists, found none; unpack the release's audio there"
            left_out.append(LeftOut(stem, "missing_audio", detail))
        rows += [_row(path, root, release, texts.get(stem)) for stem, path in clips.items()]
    if not rows:
        raise InputError(f"{base}: expected utterances such as 0011/Angry/0011_000351.wav, found none; unpack the release again")
    table = pd.DataFrame(rows)
    counts = compared(_published(release), _counts(table))
    counts += [
        exactly("transcripts", None, int(table["transcript"].notna().sum())),
        exactly("lines of text that name another emotion than the folder", None, other_words),
    ]
    return complete(table, NAME, root, base, counts, left_out, speakers)


def _holds(folder: Path) -> bool:
    return any(_number(child) is not None and any((child / emotion).is_dir() for emotion in CLASSES) for child in children(folder))


def _number(folder: Path) -> int | None:
    return int(folder.name) if re.fullmatch(r"00(0[1-9]|1[0-9]|20)", folder.name) else None


def _clips(folder: Path, root: Path, left_out: list[LeftOut]) -> dict[str, Path]:
    """Audio file of each utterance of a speaker, from both trees."""
    named: list[tuple[str, Path]] = []
    for emotion in CLASSES:
        if not (folder / emotion).is_dir():
            continue
        entries = list(children(folder / emotion))
        inner = [path for split in entries if split.name in SPLITS and split.is_dir() for path in children(split)]
        for path in [*inner, *entries]:
            if not is_audio(path) or path.is_dir():
                continue
            parts = _STEM.fullmatch(path.stem)
            if parts is None or parts[1] != folder.name or not 1 <= int(parts[2]) <= SENTENCES * len(CLASSES):
                raise InputError(
                    f"{path}: expected a name such as {folder.name}_000351 with a number from 1 to {SENTENCES * len(CLASSES)}, "
                    f"found '{path.stem}'; rename or remove it"
                )
            said = _emotion(parts[2])
            if said != emotion:
                detail = f"{path}: expected an utterance of {emotion} as its folder says, found a number of {said}; put it into its folder"
                left_out.append(LeftOut(path.relative_to(root).as_posix(), "malformed", detail))
            else:
                named.append((path.stem, path))
    clips, copies = without_copies(named, root)
    left_out += copies
    return clips


def _emotion(number: str) -> str:
    return list(CLASSES)[(int(number) - 1) // SENTENCES]


def _texts(path: Path, root: Path, left_out: list[LeftOut]) -> tuple[dict[str, str | None], int]:
    """Text by utterance, null where its line cannot be understood; and how many lines name another emotion than the number's."""
    try:
        data = regular(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected the speaker's texts, found: {error.strerror}; unpack the release again") from None
    return _parsed(_text(data, path.stem), path, path.relative_to(root).as_posix(), left_out)


def _parsed(content: str, path: Path, item: str, left_out: list[LeftOut]) -> tuple[dict[str, str | None], int]:
    texts: dict[str, str | None] = {}
    other = 0
    for number, line in enumerate(content.split("\n"), 1):
        *fields, word = line.strip().split("\t")
        name, *words = " ".join(fields or [word]).split() or [""]
        stem = _STEM.match(name)
        valid = stem is not None and stem[1] == path.stem and 1 <= int(stem[2]) <= SENTENCES * len(CLASSES) and stem[0] not in texts
        understood = stem is not None and valid and stem[0] == name and bool(fields and words and word.strip())
        if stem is not None and valid:
            texts[stem[0]] = " ".join(words) if understood else None
        if stem is not None and understood:
            other += CHINESE.get(word.strip(), word.strip().capitalize()) != _emotion(stem[2])
        elif name:
            known = stem is not None and valid and int(stem[2]) in ODD_LINES.get(stem[1], ())
            detail = f"{path}: line {number}: expected id, text and emotion, found {line.strip()[:80]!r}; it is not used"
            left_out.append(LeftOut(f"{item}:{number}", "known_fault" if known else "malformed", detail))
    return texts, other


def _text(data: bytes, speaker: str) -> str:
    """The text in bytes of one of the encodings of the release: by its mark, else the first that fits."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if b"\0" in data:  # half of the bytes of separators and numbers are 0 in UTF-16
        return data.decode("utf-16-le" if data[1::2].count(0) >= data[::2].count(0) else "utf-16-be", "replace")
    # Latin-1 letters and Windows-1252 quotation marks are no GB 2312, where both bytes are high; either language has such files
    for encoding in ("utf-8-sig", "gb2312"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("gb18030" if int(speaker) in SPEAKERS["mandarin"] else "cp1252", "replace")


def _row(path: Path, root: Path, release: str, text: str | None) -> dict[str, object]:
    speaker, _, number = path.stem.partition("_")
    emotion = _emotion(number)
    return {
        "native_id": path.stem,
        "path": path.relative_to(root).as_posix(),
        "speaker": speaker,
        "gender": "male" if int(speaker) in MEN else "female",
        "split": SPLITS.get(path.parent.name),
        "fold": next(k for k, speakers in enumerate(FOLDS[release], 1) if int(speaker) in speakers),
        "transcript": text,
        "emotion": CLASSES[emotion],
        "emotion_raw": emotion,
    }


def _published(release: str) -> dict[str, int]:
    speakers = SPEAKERS[release]
    each = SENTENCES * len(CLASSES)
    return {
        "examples": each * len(speakers),
        "speakers": len(speakers),
        **{name: SENTENCES * len(speakers) for name in CLASSES.values()},
        **{f"examples of {speaker:04}": each for speaker in speakers},
    }


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    """Return the same counts as ``_published``, of what was read."""
    return {
        "examples": len(rows),
        "speakers": rows["speaker"].nunique(),
        **Counter(rows["emotion"].astype(str)),
        **Counter(f"examples of {speaker}" for speaker in rows["speaker"].astype(str)),
    }
