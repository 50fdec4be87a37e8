"""MELD: 13,708 utterances of 1,432 dialogues from the series Friends in seven emotions (Poria et al. 2019); no dimensions.

Layout (``root`` is MELD.Raw or a folder above it; the three parts may have been unpacked with or without their folder)::

    MELD.Raw/train_sent_emo.csv                          or train/train_sent_emo.csv
    MELD.Raw/train/train_splits/dia0_utt0.mp4            or any other audio format under the same name
    MELD.Raw/dev/dev_splits_complete/, MELD.Raw/test/output_repeated_splits_test/

Numbers of dialogue and utterance are unique within a split only. The text is taken as it is, broken characters of some copies included.

Clips. Two are known to lack audio and three to hold whole scenes, which their times in the table say as well (declare-lab/MELD, issues
20, 27, 39). Against EndTime - StartTime, EmoBox's manifest of the genuine clips (2024) is within 0.5 s for all but 115 of 13,706, 113 of
them in test: there, lines that share a subtitle have one clip each of the whole subtitle. ``TOLERANCE_S`` leaves these out. Clips may be
as short as 0.06 s, and the voices of others and laughter are in many: neither can be seen from the table.

Thirty pairs of rows have the same season, episode, start and end: one clip twice, eleven times with one emotion and one speaker (the
second is left out), else with different ones (both are). Five pairs are in two parts of the official split.

Speakers. The official split shares its speakers (``official_shared_speakers``). ``fold`` is ours, for ``speaker_folds``: each of the six
main characters has one, in order of their names; every other speaker is in that which the SHA-256 of the name draws (2,056 to 2,564
rows). Dialogues are therefore in several folds: a test clip's scene may have been trained on through another speaker. A name is
the same however its case and spaces; ``Joey/Drake`` is Joey in a part; who is played by the actor of a main character is in that
fold. 69 clips have several speakers (``All``, ``Ross and Rachel``): speaker null, ``fold`` by their label, so that a voice can be
on two sides; release ``one_speaker`` leaves them out.
"""

import hashlib
import re
import string
import warnings
from collections import Counter
from pathlib import Path

import pandas as pd

from emofuse import audio, tables
from emofuse.corpora import Ingested, compared, complete, is_audio
from emofuse.errors import InputError
from emofuse.release import children, locate, refuse, regular, require
from emofuse.remarks import LeftOut, left_out_table

NAME = "meld"
RELEASES = ("raw", "one_speaker")  # MELD.Raw whole; without the clips that several people speak
PROTOCOL = "speaker_folds"
LICENCE = "annotations GPL-3.0, clips under copyright of the series' owners and published for research"
SPLITS = {  # official split: table, folder of its clips
    "train": ("train_sent_emo.csv", "train_splits"),
    "dev": ("dev_sent_emo.csv", "dev_splits_complete"),
    "test1": ("test_sent_emo.csv", "output_repeated_splits_test"),
}
CLASSES = {
    "anger": "angry", "disgust": "disgust", "fear": "fear", "joy": "happy", "neutral": "neutral", "sadness": "sad", "surprise": "surprise",
}  # fmt: skip
CLASS_COUNTS = {  # of the published tables, in the order of CLASSES
    "train": (1109, 271, 268, 1743, 4710, 683, 1205),
    "dev": (153, 22, 40, 163, 470, 111, 150),
    "test1": (345, 68, 50, 402, 1256, 208, 281),
}
SPEAKER_LABELS = 304
DIALOGUES = 1432
MAIN = ("Chandler", "Joey", "Monica", "Phoebe", "Rachel", "Ross")
SAME_ACTOR = {"Ursula": "Phoebe", "Dr. Drake Remoray": "Joey"}  # parts that the actor of a main character plays
SEVERAL = ("All", "Both", "The Guys", "Her-friends")  # all labels of several people without "and" in the published tables
TOLERANCE_S = 0.5  # between a clip and its times in the table: what the docstring says of EmoBox's manifest
SCENE_S = 30.0  # the longest other clip has 28.5 s
WITHOUT_AUDIO = ("train:dia125_utt3", "dev:dia110_utt7")
SCENES = ("test1:dia38_utt4", "test1:dia220_utt0", "train:dia309_utt0")  # 305, 235 and 41 s
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID", "Season", "Episode", "StartTime", "EndTime")
_TIME = r"\s*(\d+):([0-5]?\d):([0-5]?\d(?:[,.]\d+)?)\s*"  # 00:20:57,256


def read(root: Path, release: str) -> Ingested:
    """Return the tables; text from the corpus, dimensions, their scale, partner and gender null.

    Raises InputError where one of the three tables or folders of clips is absent, for a table that cannot be understood, and where clips
    need ffmpeg and there is none.
    """
    require(NAME, release, RELEASES)
    base = locate(NAME, root, "MELD.Raw (dev_sent_emo.csv, dev_splits_complete/ and so on)", _holds)
    folders = {split: _beside(base, name) / name for split, (_, name) in SPLITS.items()}
    rows = pd.concat([_rows(_beside(base, name) / name, split) for split, (name, _) in SPLITS.items()], ignore_index=True)
    counts = compared(_published(), _counts(rows))
    clips = {split: _clips(folder) for split, folder in folders.items()}
    rows["path"] = [
        (folders[split] / clips[split].get(clip, f"{clip}.mp4")).relative_to(root).as_posix()
        for split, clip in zip(rows["split"], rows["clip"], strict=True)
    ]
    left_out = _repeated(rows)
    if release == "one_speaker":
        several = rows["speaker"].isna() & ~rows["native_id"].isin([item.item for item in left_out])
        for name, label, path in rows.loc[several, ["native_id", "label", "path"]].itertuples(index=False):
            left_out.append(LeftOut(name, "unlabelled", f"{path}: expected one speaker, found '{label}'"))
    kept = rows[~rows["native_id"].isin([item.item for item in left_out])]
    if any(name.lower().endswith(audio.ffmpeg.SUFFIXES) for names in clips.values() for name in names.values()):
        audio.ffmpeg.program(str(base))  # without it, every clip would seem to be damaged
    ingested = complete(kept, NAME, root, base, counts, left_out, list(folders.values()))
    unheard = set(rows["path"]) - set(kept["path"])  # listed, so not extra
    listed = ingested.left_out
    listed = listed[~((listed["reason"] == "extra_file") & listed["item"].isin(unheard))]
    return _implausible_left_out(ingested.examples, listed, kept.set_index("native_id")["listed_s"], ingested.counts)


def _holds(folder: Path) -> bool:
    name, clips = SPLITS["dev"]
    return any((folder / place / name).is_file() or (folder / place / clips).is_dir() for place in ("", "dev"))


def _beside(base: Path, name: str) -> Path:
    """Folder that holds the table or folder of that name: the release's own or one at most two levels below."""
    return locate(NAME, base, f"MELD's {name}", lambda folder: (folder / name).exists())


def _rows(path: Path, split: str) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of fields beyond the header's, which would be lost
            table = pd.read_csv(
                regular(path), dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig", encoding_errors="replace"
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, OSError) as error:
        raise InputError(
            f"{path}: expected a table with columns {list(_COLUMNS)}, found {' '.join(str(error).split())}; unpack it again"
        ) from None
    table = table.rename(columns=str.strip)
    missing = [column for column in _COLUMNS if column not in table]
    if missing or table.empty:
        raise InputError(
            f"{path}: expected rows with columns {list(_COLUMNS)}, found {len(table)} rows, columns missing: {missing}; unpack it again"
        )
    table = table[list(_COLUMNS)].fillna("").apply(lambda column: column.str.strip())
    row = pd.Series([f"row {number + 2}" for number in range(len(table))])
    for column in ("Dialogue_ID", "Utterance_ID", "Season", "Episode"):
        refuse(path, row, ~table[column].str.fullmatch(r"[0-9]{1,9}"), column, table[column], "a number")
    clip = "dia" + table["Dialogue_ID"] + "_utt" + table["Utterance_ID"]
    refuse(path, clip, clip.duplicated(), "Utterance_ID", table["Utterance_ID"], "each utterance of a dialogue once")
    refuse(path, clip, ~table["Emotion"].str.lower().isin(list(CLASSES)), "Emotion", table["Emotion"], f"one of {list(CLASSES)}")
    refuse(path, clip, table["Speaker"] == "", "Speaker", table["Speaker"], "a name")
    for column in ("StartTime", "EndTime"):
        refuse(path, clip, ~table[column].str.fullmatch(_TIME), column, table[column], "a time such as 00:20:57,256")
    return pd.DataFrame(
        {
            "native_id": f"{split}:" + clip,
            "clip": clip,
            "split": split,
            "session": f"{split}:dia" + table["Dialogue_ID"],
            "label": table["Speaker"],
            "speaker": table["Speaker"].map(speaker),
            "fold": table["Speaker"].map(fold),
            "transcript": table["Utterance"],
            "emotion": table["Emotion"].str.lower().map(CLASSES),
            "emotion_raw": table["Emotion"],
            "episode": table["Season"].str.lstrip("0") + "x" + table["Episode"].str.lstrip("0"),
            "from_s": _seconds(table["StartTime"]),
            "listed_s": _seconds(table["EndTime"]) - _seconds(table["StartTime"]),
        }
    )


def _seconds(times: "pd.Series[str]") -> "pd.Series[float]":
    parts = times.str.replace(",", ".").str.extract(_TIME).astype(float)
    return 3600 * parts[0] + 60 * parts[1] + parts[2]


def speaker(label: str) -> str | None:
    """Return the name of the one who speaks, None for several people.

    >>> speaker("joey/Drake"), speaker("Phoebe  Sr."), speaker("Ross and Rachel")
    ('Joey', 'Phoebe Sr', None)
    """
    name = string.capwords(label.partition("/")[0]).removesuffix(".")
    return None if name in SEVERAL or re.search(r" And |,|&", name) else name


def fold(label: str) -> int:
    """Fold of a speaker's label, from 1: the main character's, else drawn by the SHA-256 of the name in lower case.

    >>> fold("Ross"), fold("rachel "), fold("Ursula")
    (6, 5, 4)
    """
    name = speaker(label) or string.capwords(label)
    name = SAME_ACTOR.get(name, name)
    if name in MAIN:
        return MAIN.index(name) + 1
    return int.from_bytes(hashlib.sha256(name.lower().encode()).digest(), "big") % len(MAIN) + 1


def _repeated(rows: pd.DataFrame) -> list[LeftOut]:
    """Rows of one clip: all but the first where emotion and speaker agree, else all of them."""
    left_out = []
    voice = rows["speaker"].fillna(rows["label"].map(string.capwords))
    for _, same in rows.groupby(["episode", "from_s", "listed_s"], sort=False):
        if len(same) == 1:
            continue
        agree = same["emotion"].nunique() == voice[same.index].nunique() == 1
        first, second = same["native_id"].iloc[:2]
        found = "with the same emotion and speaker" if agree else "with different emotions or speakers"
        for name, path in same[["native_id", "path"]].iloc[1 if agree else 0 :].itertuples(index=False):
            other = second if name == first else first
            detail = f"{path}: expected each clip once, found the season, episode, start and end of {other}, {found}"
            left_out.append(LeftOut(name, "known_fault", detail))
    return left_out


def _clips(folder: Path) -> dict[str, str]:
    """Name of the audio file of each clip; the release's own format where there are several."""
    names = [path.name for path in children(folder) if is_audio(path)]
    return {Path(name).stem: name for name in sorted(names, key=lambda name: name.lower().endswith(".mp4"))}


def _implausible_left_out(examples: pd.DataFrame, left_out: pd.DataFrame, listed_s: "pd.Series[float]", counts: pd.DataFrame) -> Ingested:
    """Leave out clips that hold anything but their utterance, and give the release's known faults their reason."""
    native = examples["example_id"].str.removeprefix(f"{NAME}:")
    found_s = examples["end_s"]
    expected_s = native.map(listed_s)
    scene = native.isin(SCENES) & (found_s > SCENE_S)
    wrong = ((found_s - expected_s).abs() > TOLERANCE_S) | scene
    items = [
        LeftOut(
            name,
            "known_fault" if whole else "wrong_duration",
            f"{path}: expected {'one utterance' if whole else f'{said:.2f} s by StartTime and EndTime'}, found {heard:.2f} s",
        )
        for name, path, whole, said, heard in zip(
            native[wrong], examples.loc[wrong, "path"], scene[wrong], expected_s[wrong], found_s[wrong], strict=True
        )
    ]
    if len(items) == len(examples):
        raise InputError(f"{items[0].detail} (and none of {len(examples)} clips is as long as the tables say); unpack the release again")
    known = left_out["item"].isin(WITHOUT_AUDIO) & left_out["reason"].isin(["missing_audio", "damaged_audio"])
    left_out = pd.concat([left_out.assign(reason=left_out["reason"].mask(known, "known_fault")), left_out_table(NAME, items)])
    return Ingested(examples[~wrong].reset_index(drop=True), tables.check(left_out, tables.LEFT_OUT, NAME), counts)


def _published() -> dict[str, int]:
    by_class = {
        f"{name} in {split}": number
        for split, numbers in CLASS_COUNTS.items()
        for name, number in zip(CLASSES.values(), numbers, strict=True)
    }
    sizes = {f"examples in {split}": sum(numbers) for split, numbers in CLASS_COUNTS.items()}
    return {"examples": sum(sizes.values()), "dialogues": DIALOGUES, "speaker labels": SPEAKER_LABELS, **sizes, **by_class}


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    """Return the same counts as ``_published``, of what was read."""
    return {
        "examples": len(rows),
        "dialogues": rows["session"].nunique(),
        "speaker labels": rows["label"].nunique(),
        **Counter(f"examples in {split}" for split in rows["split"].astype(str)),
        **Counter(f"{name} in {split}" for name, split in zip(rows["emotion"], rows["split"], strict=True)),
    }
