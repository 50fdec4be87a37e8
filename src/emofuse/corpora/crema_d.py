"""CREMA-D: 91 actors say twelve fixed sentences in six acted emotions (Cao et al. 2014); no arousal, valence, dominance.

Licence: ODbL 1.0 and DbCL 1.0; https://github.com/CheyneyComputerScience/CREMA-D (Git LFS). The text says nothing of the emotion.

Layout (``root`` is any folder at most two above ``AudioWAV``; copies with nothing but ``AudioWAV`` are read too)::

    AudioWAV/1001_IEO_NEU_XX.wav          actor, sentence, intended emotion, level (LO, MD, HI; XX unspecified)
    processedResults/summaryTable.csv     the majority vote of those who heard, saw, or heard and saw the clip
    SentenceFilenames.csv                 all clips
    AudioMP3, VideoFlash                  what the raters heard and saw; not read

Two releases differ in the label: ``intended`` is the emotion of the file name, ``perceived`` the vote on the voice alone (VoiceVote),
null where several emotions have equally many votes. The two differ for more than half of the clips.

Known sizes, from the repository's own files: 7,442 clips of 48 men and 43 women; intended neutral 1,087, every other 1,271.
Known faults of the clips: one has no sound (readme); of three pairs with different labels both files are the same, so that one label of
each is wrong. Copies from before October 2022 have ``1040_ITH_SAD_X.wav`` for ``..._XX``.

Known faults of the votes on the voice: the MP3 files of three more clips do not hold the clip (readme), and 20 of the 28 clips whose
videos had no sound until December 2020 (readme) have an MP3 file that is byte for byte the file of other clips, one that of the clip
without sound. Their votes differ nevertheless as if each had been heard: of the votes on 1072_WSI_ANG six of seven are for anger, of those
on 1075_WSI_DIS, with the same file, none of ten. What was heard cannot be told, so that ``perceived`` leaves them out.
"""

import re
from collections import Counter
from pathlib import Path

import pandas as pd

from emofuse.corpora import Ingested, compared, complete, is_audio, without_copies
from emofuse.errors import InputError
from emofuse.release import children, locate, refuse, regular, require
from emofuse.remarks import LeftOut

NAME = "crema_d"
RELEASES = ("intended", "perceived")
PROTOCOL = "speaker_folds"
LICENCE = "Open Database License 1.0, its contents under the Database Contents License 1.0"
CLASSES = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
VOTES = {code[0]: emotion for code, emotion in CLASSES.items()}
LEVELS = ("LO", "MD", "HI", "XX")
SENTENCES = {  # the repository's readme
    "DFA": "Don't forget a jacket",
    "IEO": "It's eleven o'clock",
    "IOM": "I'm on my way to the meeting",
    "ITH": "I think I have a doctor's appointment",
    "ITS": "I think I've seen this before",
    "IWL": "I would like a new alarm clock",
    "IWW": "I wonder what this is about",
    "MTI": "Maybe tomorrow it will be cold",
    "TAI": "The airplane is almost full",
    "TIE": "That is exactly what happened",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
ACTORS = range(1001, 1092)
WOMEN = (  # VideoDemographics.csv
    1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025, 1028, 1029, 1030, 1037, 1043, 1046, 1047,
    1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060, 1061, 1063, 1072, 1073, 1074, 1075, 1076, 1078, 1079, 1082, 1084, 1089, 1091,
)  # fmt: skip
MEN = tuple(actor for actor in ACTORS if actor not in WOMEN)
# EmoBox's split shares actors; here women, then men, in the order of their numbers are dealt to five folds in turn
FOLDS = {actor: place % 5 + 1 for place, actor in enumerate((*WOMEN, *MEN))}
SILENT = ("1076_MTI_SAD_XX",)
EQUAL = {  # clips whose WAV files have one SHA-256, and their MP3 files, too: the repository's Git LFS pointers
    "1006_TIE_HAP_XX": "1006_TIE_NEU_XX",
    "1013_WSI_DIS_XX": "1013_WSI_SAD_XX",
    "1017_IWW_ANG_XX": "1017_IWW_FEA_XX",
}
HEARD_WRONG = ("1064_IEO_DIS_MD", "1064_TIE_SAD_XX", "1076_MTI_NEU_XX")  # raters heard MP3 files of other content; the WAV files are right
SHARED_MP3 = (  # of the readme's list of videos without sound, those whose MP3 files have one SHA-256, a line each: Git LFS pointers
    "1007_IWL_HAP_XX", "1037_WSI_DIS_XX",
    "1037_DFA_ANG_XX", "1063_IEO_DIS_HI", "1073_MTI_SAD_XX", "1076_ITH_HAP_XX", "1076_ITH_NEU_XX",  # and 1076_MTI_SAD_XX, without sound
    "1037_WSI_FEA_XX", "1068_IEO_SAD_MD",
    "1039_IWL_SAD_XX", "1091_IWW_FEA_XX",
    "1039_WSI_SAD_XX", "1079_TAI_DIS_XX",
    "1061_TIE_ANG_XX", "1070_IWL_SAD_XX", "1075_IWW_DIS_XX",
    "1071_WSI_ANG_XX", "1076_TAI_NEU_XX",
    "1072_WSI_ANG_XX", "1075_WSI_DIS_XX",
)  # fmt: skip
COUNTS = {
    "intended": {"examples": 7442, "speakers": 91, **{e: 1087 if e == "neutral" else 1271 for e in CLASSES.values()}},
    "perceived": {  # counted in summaryTable.csv
        "examples": 7442, "speakers": 91, "angry": 986, "disgust": 547, "fear": 645, "happy": 353, "neutral": 3897, "sad": 370,
        "no majority": 644,
    },
}  # fmt: skip
_AUDIO = "AudioWAV"
_TABLE, _LIST = Path("processedResults", "summaryTable.csv"), Path("SentenceFilenames.csv")
_STEM = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{2})")


def read(root: Path, release: str) -> Ingested:
    """Return the tables; ``fold`` is one of five actor-disjoint folds of 8 or 9 women and 9 or 10 men, scales are null.

    Raises InputError for a root without AudioWAV, a name outside the grammar, a bad vote, or two files of one clip that differ.
    """
    require(NAME, release, RELEASES)
    base = locate(NAME, root, "CREMA-D (AudioWAV/1001_DFA_ANG_XX.wav and so on)", _holds_clips)
    clips, copies = without_copies(((_native_id(path), path) for path in children(base / _AUDIO) if is_audio(path)), root)
    listed = _listed(base, votes=release == "perceived")
    names = list(clips) if listed is None else list(listed["FileName"])
    rows = pd.DataFrame([_row(name, clips.get(name, base / _AUDIO / f"{name}.wav"), root) for name in names])
    if listed is not None and "VoiceVote" in listed:
        rows = rows.assign(emotion=listed["VoiceVote"].map(VOTES), emotion_raw=listed["VoiceVote"])  # a tie is no key: null
    found = {"examples": len(rows), "speakers": rows["speaker"].nunique(), **Counter(rows["emotion"].fillna("no majority"))}
    faults = _faults(release)
    faulty = rows["native_id"].isin(list(faults))
    known = [
        LeftOut(path, "known_fault", f"{root / path}: {faults[name]}")
        for name, path in zip(rows["native_id"][faulty], rows["path"][faulty], strict=True)
    ]
    return complete(rows[~faulty], NAME, root, base, compared(COUNTS[release], found), known + copies, [base / _AUDIO])


def _native_id(path: Path) -> str:
    """A clip's name in the lists: older copies have X for XX, the unspecified level."""
    return f"{path.stem}X" if path.stem.endswith("_X") else path.stem


def _faults(release: str) -> dict[str, str]:
    """What was expected and found of each clip that the release has wrong."""
    faults = {name: "expected sound, the readme says that it has none" for name in SILENT}
    for one, other in (*EQUAL.items(), *((other, one) for one, other in EQUAL.items())):
        faults[one] = f"expected a clip of its own, found the audio of {other} in the published files: one of the two labels is wrong"
    if release == "perceived":
        votes = "expected votes of those who heard this clip"
        faults |= {name: f"{votes}, the readme says that the MP3 file which they heard is another" for name in HEARD_WRONG}
        faults |= {name: f"{votes}, found one MP3 file for it and for other clips among the published ones" for name in SHARED_MP3}
    return faults


def _holds_clips(folder: Path) -> bool:
    audio = folder / _AUDIO
    return audio.is_dir() and any(is_audio(path) and _STEM.fullmatch(_native_id(path)) for path in children(audio))


def _listed(base: Path, votes: bool) -> pd.DataFrame | None:
    """All clips in FileName, and with ``votes`` their VoiceVote; None where the copy has no list and no votes are wanted."""
    path = base / (_TABLE if votes or (base / _TABLE).is_file() else _LIST)
    if not path.is_file():
        if votes:
            raise InputError(
                f"{path}: release 'perceived' expects the votes there, found no such file; clone the repository, or use release 'intended'"
            )
        return None
    names = {"Filename" if path.name == _LIST.name else "FileName": "FileName"} | ({"VoiceVote": "VoiceVote"} if votes else {})
    try:
        table = pd.read_csv(regular(path), dtype=str, keep_default_na=False, encoding="utf-8-sig").fillna("")
    except (OSError, ValueError) as error:  # pandas' parser errors and undecodable bytes are ValueErrors
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: expected CSV with columns {list(names)}, found something else ({reason}); unpack it again") from error
    if table.empty or not set(names) <= set(table.columns):
        raise InputError(
            f"{path}: expected rows with columns {list(names)}, found {len(table)} with {list(table.columns)}; unpack it again"
        )
    table = table[list(names)].rename(columns=names)
    refuse(path, table["FileName"], table["FileName"].duplicated(), "FileName", table["FileName"], "each clip once")
    if votes:
        bad = pd.Series([not _is_vote(vote) for vote in table["VoiceVote"]])
        refuse(path, table["FileName"], bad, "VoiceVote", table["VoiceVote"], f"{'/'.join(VOTES)}, or several as in A:N")
    return table


def _is_vote(text: str) -> bool:
    letters = text.split(":")
    return set(letters) <= set(VOTES) and len(set(letters)) == len(letters)


def _row(name: str, path: Path, root: Path) -> dict[str, object]:
    actor, sentence, emotion, level = match.groups() if (match := _STEM.fullmatch(name)) else ("", "", "", "")
    if not actor or int(actor) not in ACTORS or sentence not in SENTENCES or emotion not in CLASSES or level not in LEVELS:
        raise InputError(
            f"{path}: expected a name such as 1001_IEO_NEU_XX of actor {ACTORS[0]} to {ACTORS[-1]}, sentence {'/'.join(SENTENCES)}, "
            f"emotion {'/'.join(CLASSES)} and level {'/'.join(LEVELS)}, found '{name}'; rename or remove it"
        )
    return {
        "native_id": name,
        "path": path.relative_to(root).as_posix(),
        "speaker": actor,
        "gender": "female" if int(actor) in WOMEN else "male",
        "fold": FOLDS[int(actor)],
        "transcript": SENTENCES[sentence],
        "emotion": CLASSES[emotion],
        "emotion_raw": emotion,
    }
