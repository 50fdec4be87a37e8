"""IEMOCAP: ten actors in five dyadic sessions, improvised and scripted; rated for valence, arousal and dominance (1 to 5) and a class.

Licence: academic research only, not redistributable; request it with USC SAIL's release form (sail.usc.edu/iemocap).
Paper A uses all 10,039 utterances for regression, 5,531 for four classes, and the release's own transcriptions (§4.1.1).

Layout (``root`` is IEMOCAP_full_release, or one or two folders above it; the variant without video counts as ``full``)::

    Session<1-5>/dialog/EmoEvaluation/<dialogue>.txt     labels; its sub-folders (single raters) are not read
    Session<1-5>/dialog/transcriptions/<dialogue>.txt
    Session<1-5>/sentences/wav/<dialogue>/<utterance>.wav

Known sizes: 10,039 utterances, 151 dialogues. The letter after the session number is the actor who wears the motion-capture
markers; the speaker is the letter of an utterance's last part.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from emofuse.corpora import children, complete, is_invented, locate, require_counts, require_release
from emofuse.errors import InputError

NAME = "iemocap"
RELEASES = ("full",)
SCALE = (1.0, 5.0)
CLASSES = {
    "neu": "neutral", "hap": "happy", "exc": "excited", "sad": "sad", "ang": "angry", "fru": "frustrated", "sur": "surprise",
    "fea": "fear", "dis": "disgust", "oth": None, "xxx": None,  # other; no majority
}  # fmt: skip
SPEAKERS = tuple(f"Ses0{session}{letter}" for session in range(1, 6) for letter in "FM")  # in the order of the folds
COUNTS = {
    "examples": 10039, "dialogues": 151, "improvised examples": 4784, "scripted examples": 5255,
    "neu": 1708, "fru": 1849, "ang": 1103, "sad": 1084, "exc": 1041, "hap": 595, "sur": 107, "fea": 40, "oth": 3, "dis": 2, "xxx": 2507,
}  # fmt: skip
SESSION_DIALOGUES = (28, 30, 32, 30, 31)
SPEAKER_COLUMNS = ("examples", "ang", "hap+exc", "neu", "sad")
SPEAKER_COUNTS = (
    (873, 147, 132, 171, 78), (946, 82, 146, 213, 116), (859, 67, 166, 135, 113), (952, 70, 161, 227, 84), (1048, 92, 128, 130, 172),
    (1088, 148, 158, 190, 133), (987, 205, 185, 76, 62), (1116, 122, 118, 182, 81), (1033, 78, 159, 221, 132), (1137, 92, 283, 163, 113),
)  # fmt: skip
_NAME = re.compile(r"(Ses0([1-5])[FM]_(impro|script)\w+)_([FM])\d{3}")
_SUMMARY = re.compile(r"\[[^]]+ - [^]]+\]\s+(\S+)\s+(\S+)\s+\[([^],]+),([^],]+),([^],]+)\]\s*")


def read(root: Path, release: str, check_counts: bool) -> pd.DataFrame:
    """Return the Examples table, labels on the native scale of 1 to 5; ``session`` is the dialogue, ``fold`` the speaker's number.

    Raises InputError for a root that is not IEMOCAP, a label or transcription file that cannot be used, or absent or damaged audio.
    """
    require_release(NAME, release, RELEASES)
    base = locate(NAME, root, "IEMOCAP (Session1 to Session5, each with dialog/EmoEvaluation)", lambda f: bool(_sessions(f)))
    rows = pd.DataFrame([row for session in _sessions(base) for row in _session(session)])
    if rows.empty:
        raise InputError(f"{base}: expected dialog/EmoEvaluation/<dialogue>.txt in each session, found none; unpack the release again")
    twice = rows["native_id"].duplicated()
    if twice.any():
        raise InputError(f"{base}: {rows['native_id'][twice].iloc[0]}: expected one label, found two; unpack the release again")
    if check_counts and not is_invented(root, base):
        require_counts(base, "IEMOCAP", _published(), _counts(rows))
    rows["path"] = [path.relative_to(root).as_posix() for path in rows["path"]]
    return complete(rows, NAME, root)


def _sessions(base: Path) -> list[Path]:
    return [d for d in children(base) if re.fullmatch(r"Session[1-5]", d.name) and (d / "dialog" / "EmoEvaluation").is_dir()]


def _session(session: Path) -> Iterator[dict[str, object]]:
    for labels in children(session / "dialog" / "EmoEvaluation"):
        if labels.suffix == ".txt" and labels.is_file():
            rows = _dialogue(labels)
            texts = _transcriptions(session / "dialog" / "transcriptions" / labels.name)
            for row in rows:
                name = row["native_id"]
                yield {
                    **row,
                    "path": session / "sentences" / "wav" / labels.stem / f"{name}.wav",
                    "transcript": texts.get(str(name)),
                }


def _dialogue(path: Path) -> list[dict[str, object]]:
    """Rows of one EmoEvaluation file: its summary lines, the ones that start with the bracketed times."""
    lines = path.read_text("utf-8", "replace").splitlines()
    rows = [_utterance(path, number, line) for number, line in enumerate(lines, 1) if line.startswith("[")]
    if not rows:
        raise InputError(f"{path}: expected at least one line [start - end] utterance class [V, A, D], found none; unpack it again")
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


def _transcriptions(path: Path) -> dict[str, str]:
    """Text by utterance, without the lines of unsegmented speech (``M: ...``, names ending in ``XX0``), which have no label."""
    if not path.is_file():
        raise InputError(f"{path}: expected the transcription of a labelled dialogue, found no such file; unpack the release again")
    texts: dict[str, str] = {}
    for line in path.read_text("utf-8", "replace").splitlines():
        head, separator, text = line.partition("]:")  # the text itself may hold colons and [LAUGHTER]
        name = head.partition(" ")[0]
        if separator and _NAME.fullmatch(name) and texts.setdefault(name, text.strip()) != text.strip():
            raise InputError(f"{path}: {name}: expected one transcription, found two; unpack it again")
    return texts


def _published() -> dict[str, int]:
    counts = {f"dialogues in Session{i}": n for i, n in enumerate(SESSION_DIALOGUES, 1)} | COUNTS
    for speaker, numbers in zip(SPEAKERS, SPEAKER_COUNTS, strict=True):
        counts |= {f"{column} of {speaker}": n for column, n in zip(SPEAKER_COLUMNS, numbers, strict=True)}
    return counts


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    """Return the same counts as ``_published``, of what was read."""
    dialogue, code, speaker = (rows[column].astype(str) for column in ("session", "emotion_raw", "speaker"))
    merged = code.replace({"hap": "hap+exc", "exc": "hap+exc"})
    return {
        "examples": len(rows),
        "dialogues": dialogue.nunique(),
        "improvised examples": int(dialogue.str.contains("_impro").sum()),
        "scripted examples": int(dialogue.str.contains("_script").sum()),
        **Counter(code),
        **Counter(f"dialogues in Session{name[4]}" for name in dialogue.unique()),
        **Counter(f"examples of {name}" for name in speaker),
        **Counter(f"{c} of {s}" for c, s in zip(merged, speaker, strict=True)),
    }
