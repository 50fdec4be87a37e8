"""IEMOCAP: ten actors in five dyadic sessions, improvised and scripted; rated for valence, arousal and dominance (1 to 5) and a class.

Licence: academic research only, not redistributable; request it with USC SAIL's release form (sail.usc.edu/iemocap).
Paper A uses all 10,039 utterances for regression, 5,531 for four classes, and the release's own transcriptions (§4.1.1).

Layout (``root`` is IEMOCAP_full_release, or one or two folders above it; the variant without video counts as ``full``)::

    Session<1-5>/dialog/EmoEvaluation/<dialogue>.txt     labels; its sub-folders (single raters) are not read
    Session<1-5>/dialog/transcriptions/<dialogue>.txt
    Session<1-5>/sentences/wav/<dialogue>/<utterance>.wav

Known sizes: 10,039 utterances, 151 dialogues. The letter after the session number is the actor who wears the motion-capture
markers; the speaker is the letter of an utterance's last part. The transcriptions also hold speech that nobody rated: back-channels
(``Ses01F_impro01_FXX0``), lines of the other speaker without a name (``M: ...``), utterances that were cut and never labelled. None of
these is an example; each is told with the corpus' other left-out records.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from emofuse.corpora import Ingested, compared, complete
from emofuse.errors import InputError
from emofuse.release import children, locate, regular, require
from emofuse.remarks import LeftOut, exactly

NAME = "iemocap"
RELEASES = ("full",)
PROTOCOL = "leave_one_speaker_out"
LICENCE = "Academic research only, by USC SAIL's release form; not redistributable"
SCALE = (1.0, 5.0)
CLASSES = {
    "neu": "neutral", "hap": "happy", "exc": "excited", "sad": "sad", "ang": "angry", "fru": "frustrated", "sur": "surprise",
    "fea": "fear", "dis": "disgust", "oth": None, "xxx": None,  # other; no majority
}  # fmt: skip
SPEAKERS = tuple(f"Ses0{session}{letter}" for session in range(1, 6) for letter in "FM")  # in the order of the folds
COUNTS = {
    "examples": 10039, "four classes": 5531, "dialogues": 151, "improvised examples": 4784, "scripted examples": 5255,
    "neu": 1708, "fru": 1849, "ang": 1103, "sad": 1084, "exc": 1041, "hap": 595, "sur": 107, "fea": 40, "oth": 3, "dis": 2, "xxx": 2507,
}  # fmt: skip
SESSION_DIALOGUES = (28, 30, 32, 30, 31)
SPEAKER_COLUMNS = ("examples", "ang", "hap+exc", "neu", "sad")
SPEAKER_COUNTS = (
    (873, 147, 132, 171, 78), (946, 82, 146, 213, 116), (859, 67, 166, 135, 113), (952, 70, 161, 227, 84), (1048, 92, 128, 130, 172),
    (1088, 148, 158, 190, 133), (987, 205, 185, 76, 62), (1116, 122, 118, 182, 81), (1033, 78, 159, 221, 132), (1137, 92, 283, 163, 113),
)  # fmt: skip
_NAME = re.compile(r"(Ses0([1-5])[FM]_(impro|script)\w+)_([FM])[0-9]{3}", re.ASCII)
_SUMMARY = re.compile(r"\[[^]]+ - [^]]+\]\s+(\S+)\s+(\S+)\s+\[([^],]+),([^],]+),([^],]+)\]\s*")
_RATERS = re.compile(r"%|[CA]-|\s*$")  # the other lines of a label file: the header, single raters' words and numbers, blank ones
_SPOKEN = re.compile(r"(Ses\w{1,60})\s*\[[^]]*\]:(.*)", re.ASCII)  # the text itself may hold colons and [LAUGHTER]


def read(root: Path, release: str) -> Ingested:
    """Return the tables, labels on the native scale of 1 to 5; ``session`` is the dialogue, ``fold`` the speaker's number.

    Raises InputError for a root that is not IEMOCAP, a session without labels, or a label or transcription that contradicts another or
    cannot be understood.
    """
    require(NAME, release, RELEASES)
    base = locate(NAME, root, "IEMOCAP (Session1 to Session5, each with dialog/EmoEvaluation)", lambda f: any(map(_labels, _sessions(f))))
    left_out: list[LeftOut] = []
    found = [row for session in _sessions(base) for row in _session(session, root, left_out)]
    if not found:
        raise InputError(f"{base}: expected dialog/EmoEvaluation/<dialogue>.txt in each session, found none; unpack the release again")
    rows = pd.DataFrame(found)
    twice = rows["native_id"].duplicated()
    if twice.any():
        raise InputError(f"{base}: {rows['native_id'][twice].iloc[0]}: expected one label, found two; unpack the release again")
    counts = compared(_published(), _counts(rows))
    counts.append(exactly("utterances without a transcription", None, int(rows["transcript"].isna().sum())))
    told = {(item.reason, item.item): item for item in left_out}  # a name may lack its label in two sessions
    return complete(rows, NAME, root, base, counts, list(told.values()), [session / "sentences" / "wav" for session in _sessions(base)])


def _sessions(base: Path) -> list[Path]:
    return [d for d in children(base) if re.fullmatch(r"Session[1-5]", d.name) and d.is_dir()]


def _labels(session: Path) -> list[Path]:
    """The label files of the session's dialogues; its sub-folders hold those of single raters."""
    folder = session / "dialog" / "EmoEvaluation"
    return [p for p in children(folder) if p.suffix == ".txt" and p.is_file()] if folder.is_dir() else []


def _session(session: Path, root: Path, left_out: list[LeftOut]) -> Iterator[dict[str, object]]:
    """Rows of the session's labelled utterances; everything else that its texts hold goes to ``left_out``."""
    labels = _labels(session)
    if not labels:
        raise InputError(f"{session}: expected dialog/EmoEvaluation/<dialogue>.txt, found none; unpack the release again")
    transcriptions = session / "dialog" / "transcriptions"
    spoken: dict[str, str] = {}
    for path in children(transcriptions) if transcriptions.is_dir() else ():
        if path.suffix == ".txt":
            for name, text in _transcriptions(path, root, left_out).items():
                if spoken.setdefault(name, text) != text:
                    raise InputError(f"{path}: {name}: expected one transcription, found two; unpack it again")
    for path in labels:
        rows = _dialogue(path, root, left_out)
        if not (transcriptions / path.name).is_file():
            raise InputError(
                f"{transcriptions / path.name}: expected the transcription of a labelled dialogue, found no such file; unpack it again"
            )
        for row in rows:
            name = str(row["native_id"])
            audio = session / "sentences" / "wav" / path.stem / f"{name}.wav"
            yield {**row, "path": audio.relative_to(root).as_posix(), "transcript": spoken.pop(name, None)}
    for name in spoken:
        audio = session / "sentences" / "wav" / name.rpartition("_")[0] / f"{name}.wav"
        item = audio.relative_to(root).as_posix() if audio.is_file() else name
        left_out.append(LeftOut(item, "unlabelled", f"{transcriptions}: {name}: transcribed, expected a label, found none"))


def _dialogue(path: Path, root: Path, left_out: list[LeftOut]) -> list[dict[str, object]]:
    """Rows of one EmoEvaluation file: its summary lines, the ones that start with the bracketed times."""
    lines = list(enumerate(_lines(path), 1))
    rows = [_utterance(path, number, line) for number, line in lines if line.startswith("[")]
    if not rows:
        raise InputError(f"{path}: expected at least one line [start - end] utterance class [V, A, D], found none; unpack it again")
    unknown = [(number, line) for number, line in lines if not line.startswith("[") and not _RATERS.match(line)]
    left_out.extend(_malformed(path, root, unknown, "a line that starts with [, %, C- or A-"))
    return rows


def _utterance(path: Path, number: int, line: str) -> dict[str, object]:
    summary = _SUMMARY.fullmatch(line)
    if summary is None:
        raise InputError(f"{path}: line {number} expects [start - end] utterance class [V, A, D], found {line!r}; unpack it again")
    name, code, *values = summary.groups()
    parts = _NAME.fullmatch(name)
    if parts is None or parts[1] != path.stem or path.parents[2].name != f"Session{parts[2]}":
        raise InputError(f"{path}: line {number} expects an utterance such as {path.stem}_F000, found {name!r}; unpack it again")
    if code not in CLASSES:
        raise InputError(f"{path}: {name}: class expects one of {list(CLASSES)}, found {code!r}; unpack it again")
    speaker, partner = (f"Ses0{parts[2]}{letter}" for letter in (parts[4], "M" if parts[4] == "F" else "F"))
    return {
        "native_id": name,
        "speaker": speaker,
        "partner": partner,
        "gender": {"F": "female", "M": "male"}[parts[4]],
        "session": parts[1],
        "fold": SPEAKERS.index(speaker) + 1,
        "emotion": CLASSES[code],
        "emotion_raw": code,
        # the file's order is V, A, D
        **{d: _rating(path, name, d, v) for d, v in zip(("valence", "arousal", "dominance"), values, strict=True)},
        "scale_min": SCALE[0],
        "scale_max": SCALE[1],
    }


def _rating(path: Path, name: str, dimension: str, value: str) -> float:
    try:
        rating = float(value)
    except ValueError:
        rating = float("nan")
    if not SCALE[0] <= rating <= SCALE[1]:
        raise InputError(
            f"{path}: {name}: {dimension} expects a number from {SCALE[0]:g} to {SCALE[1]:g}, found {value.strip()!r}; unpack it again"
        )
    return rating


def _transcriptions(path: Path, root: Path, left_out: list[LeftOut]) -> dict[str, str]:
    """Text by name, of utterances and of back-channels; lines without a name go to ``left_out``."""
    texts: dict[str, str] = {}
    nameless: list[tuple[int, str]] = []
    unknown: list[tuple[int, str]] = []
    for number, line in enumerate(_lines(path), 1):
        if spoken := _SPOKEN.fullmatch(line):
            name, text = spoken[1], spoken[2].strip()
            if _NAME.fullmatch(name) and texts.get(name, text) != text:
                raise InputError(f"{path}: {name}: expected one transcription, found two; unpack it again")
            texts[name] = f"{texts[name]} {text}" if name in texts and texts[name] != text else text
        elif line.strip():
            (unknown if line.startswith("Ses") else nameless).append((number, line))
    left_out.extend(_malformed(path, root, unknown, "utterance [start-end]: text"))
    if nameless:
        number, line = nameless[0]
        detail = f"{path}: expected the name of an utterance before each text, found {len(nameless)} without, first line {number}: {line!r}"
        left_out.append(LeftOut(path.relative_to(root).as_posix(), "unlabelled", detail))
    return texts


def _malformed(path: Path, root: Path, lines: list[tuple[int, str]], expected: str) -> Iterator[LeftOut]:
    for number, line in lines:
        item = f"{path.relative_to(root).as_posix()}: line {number}"
        yield LeftOut(item, "malformed", f"{path}: line {number}: expected {expected}, found {line[:80]!r}; unpack it again")


def _lines(path: Path) -> list[str]:
    """Lines of a text whose encoding is mostly ASCII."""
    try:
        return re.split(r"\r\n|\r|\n", regular(path).read_text("utf-8-sig", "replace"))
    except OSError as error:
        raise InputError(f"{path}: expected a text that can be read, found: {error.strerror}; unpack it again") from error


def _published() -> dict[str, int]:
    counts = {f"dialogues in Session{i}": n for i, n in enumerate(SESSION_DIALOGUES, 1)} | COUNTS
    for speaker, numbers in zip(SPEAKERS, SPEAKER_COUNTS, strict=True):
        counts |= {f"{column} of {speaker}": n for column, n in zip(SPEAKER_COLUMNS, numbers, strict=True)}
    return counts


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    """Return the same counts as ``_published``, of what was read."""
    dialogue, code, speaker = (rows[column].astype(str) for column in ("session", "emotion_raw", "speaker"))
    merged = code.replace({"hap": "hap+exc", "exc": "hap+exc"})
    columns = merged.isin(SPEAKER_COLUMNS)
    return {
        "examples": len(rows),
        "four classes": int(columns.sum()),
        "dialogues": dialogue.nunique(),
        "improvised examples": int(dialogue.str.contains("_impro").sum()),
        "scripted examples": int(dialogue.str.contains("_script").sum()),
        **Counter(code),
        **Counter(f"dialogues in Session{name[4]}" for name in dialogue.unique()),
        **Counter(f"examples of {name}" for name in speaker),
        **Counter(f"{c} of {s}" for c, s in zip(merged[columns], speaker[columns], strict=True)),
    }
