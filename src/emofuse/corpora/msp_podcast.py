"""MSP-Podcast: turns of podcasts, rated by crowd workers for arousal, valence and dominance (1 to 7) and for an emotion class.

Licence: free for academic institutions under an agreement signed by the institution; not redistributable. Ask the MSP Lab
(lab-msp.com). Paper A uses release 1.7 (§4.1.2), which has no transcripts.

Layout (``root`` is the folder of the release, or one or two folders above it)::

    Labels/labels_concensus.csv    label/ in 1.6, labels/ in 1.9; labels_consensus.csv from 1.10
    Audios/MSP-PODCAST_<podcast>_<turn>[_<part>].wav
    Transcripts/<stem>.txt         later releases only

Known sizes: 1.7 train 38,179, dev 7,538 (44 speakers), test1 12,902 (60 speakers); 1.8 73,042 in all; 1.11 151,654 in all.
The split is called Validation up to 1.8 and Development from 1.10. Numbers of speakers hold within one release only.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from emofuse.corpora import children, complete, is_invented, locate, refuse, require_counts, require_release
from emofuse.errors import InputError

NAME = "msp_podcast"
RELEASES = ("1.6", "1.7", "1.8", "1.9", "1.10", "1.11", "1.12", "2.0")
SCALE = (1.0, 7.0)
DIMENSIONS = {"arousal": "EmoAct", "valence": "EmoVal", "dominance": "EmoDom"}
CLASSES = {
    "A": "angry", "S": "sad", "H": "happy", "U": "surprise", "F": "fear", "D": "disgust", "C": "contempt", "N": "neutral",
    "O": None, "X": None,  # other; no agreement
}  # fmt: skip
GENDERS = {"Male": "male", "Female": "female", "Unknown": None}
SPLITS = {
    "Train": "train", "Validation": "dev", "Development": "dev", "Test": "test1", "Test1": "test1", "Test2": "test2", "Test3": "test3",
}  # fmt: skip
COUNTS = {
    "1.7": {  # A §4.1.2
        "examples in train": 38179, "examples in dev": 7538, "examples in test1": 12902, "speakers in dev": 44, "speakers in test1": 60,
    },
    "1.8": {"examples": 73042, "examples in dev": 7800, "examples in test1": 15326},
    "1.11": {
        "examples in train": 84030, "examples in dev": 19815, "examples in test1": 30647,
        "examples in test2": 14815, "examples in test3": 2347,
    },
}  # fmt: skip
ABSENT = {"2.0": ("MSP-PODCAST_1909_1017.wav",)}  # in the labels but not in the release's audio
_COLUMNS = ["FileName", "EmoClass", *DIMENSIONS.values(), "SpkrID", "Gender", "Split_Set"]
_LABELS = re.compile(r"labels_con[cs]ensus\.csv", re.IGNORECASE)
_FILE_NAME = r"MSP-PODCAST_(\d{4}|test3)_\d{4}(?:_\d{4})?\.wav"


def read(root: Path, release: str, check_counts: bool) -> pd.DataFrame:
    """Return the Examples table of one release, labels on the native scale of 1 to 7.

    Raises InputError for another release than the one named, a label file or value that cannot be used, or damaged audio.
    """
    require_release(NAME, release, RELEASES)
    base = locate(NAME, root, f"MSP-Podcast {release} (Labels/labels_concensus.csv and Audios/)", lambda f: bool(_label_files(f)))
    labels = _label_files(base)
    if len(labels) > 1:
        raise InputError(
            f"{base}: expected one label file, found {[str(p.relative_to(base)) for p in labels]}; keep that of release {release}"
        )
    rows = _rows(labels[0])
    _require_named_release(base, labels[0], rows, release)
    audios = _folder(base, "audio")
    if audios is None:
        raise InputError(
            f"{base}: expected the folder Audios with the turns, found {[p.name for p in children(base)]}; unpack the release's audio"
        )
    known_absent = [name for name in ABSENT.get(release, ()) if not (audios / name).is_file()]
    rows = rows[~rows["FileName"].isin(known_absent)].reset_index(drop=True)
    examples = _labelled(rows, labels[0])
    if check_counts and not is_invented(root, base):
        require_counts(labels[0], f"MSP-Podcast {release}", COUNTS.get(release, {}), _counts(examples))
    examples["path"] = audios.relative_to(root).as_posix() + "/" + rows["FileName"]
    examples["transcript"] = _transcripts(_folder(base, "transcript"), examples["native_id"])
    return complete(examples, NAME, root)


def _label_files(folder: Path) -> list[Path]:
    return [
        f for d in children(folder) if d.name.lower().startswith("label") and d.is_dir() for f in children(d) if _LABELS.fullmatch(f.name)
    ]


def _folder(base: Path, start: str) -> Path | None:
    """Return the folder of that name, whatever its case and plural: re-packaged releases differ."""
    return next((d for d in children(base) if d.name.lower() in (start, f"{start}s") and d.is_dir()), None)


def _rows(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig").fillna("")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: expected a table with columns {_COLUMNS}, found {' '.join(str(error).split())}; unpack it again"
        ) from None
    rows = rows.rename(columns=str.strip)
    missing = [column for column in _COLUMNS if column not in rows]
    if missing or rows.empty:
        raise InputError(
            f"{path}: expected rows with columns {_COLUMNS}, found {len(rows)} rows, columns missing: {missing}; unpack it again"
        )
    rows = pd.DataFrame({column: rows[column].str.strip() for column in _COLUMNS})
    name = rows["FileName"]
    row = pd.Series([f"row {i + 2}" for i in range(len(rows))])
    refuse(path, row, ~name.str.fullmatch(_FILE_NAME), "FileName", name, "a name such as MSP-PODCAST_0001_0008.wav")
    refuse(path, row, name.duplicated(), "FileName", name, "each file once")
    refuse(path, name, ~rows["Split_Set"].isin(list(SPLITS)), "Split_Set", rows["Split_Set"], f"one of {list(SPLITS)}")
    return rows


def _require_named_release(base: Path, labels: Path, rows: pd.DataFrame, release: str) -> None:
    """Refuse another release than the named one, as far as its files tell: the name of the dev split, test3, transcripts."""
    age = RELEASES.index(release)
    splits = set(rows["Split_Set"])
    signs = []
    if age <= RELEASES.index("1.8"):
        signs += [f"split '{split}'" for split in ("Development", "Test3") if split in splits]
        signs += [f"folder {folder.name}/" for name in ("transcript", "forcealigned") if (folder := _folder(base, name))]
    elif age >= RELEASES.index("1.10"):
        signs += [f"split '{split}'" for split in ("Validation", "Test") if split in splits]
    if signs:
        raise InputError(
            f"{base}: expected MSP-Podcast {release}, found {' and '.join(signs)} ({labels.name}), which it does not have; "
            f"point corpora.{NAME}.root to release {release}, or name the release that you hold in corpora.{NAME}.release"
        )


def _labelled(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    name = rows["FileName"]
    hidden = rows["Split_Set"] == "Test3"  # its labels are kept by the publisher
    refuse(path, name, ~rows["EmoClass"].isin(list(CLASSES)) & ~hidden, "EmoClass", rows["EmoClass"], f"one of {list(CLASSES)}")
    refuse(path, name, ~rows["Gender"].isin(list(GENDERS)) & ~hidden, "Gender", rows["Gender"], f"one of {list(GENDERS)}")
    speaker = rows["SpkrID"].str.replace(r"\.0$", "", regex=True)  # 30.0 where the column was written as float
    unknown = speaker.str.fullmatch("unknown", case=False) | (hidden & ~speaker.str.fullmatch(r"\d+"))
    refuse(path, name, ~speaker.str.fullmatch(r"\d+") & ~unknown, "SpkrID", rows["SpkrID"], "a number or Unknown")
    podcast = name.str.extract(_FILE_NAME, expand=False)
    examples = pd.DataFrame(
        {
            "native_id": name.str.removesuffix(".wav"),
            "speaker": speaker.mask(unknown, None),
            "gender": rows["Gender"].map(GENDERS),
            "session": podcast.mask(podcast == "test3", None),
            "split": rows["Split_Set"].map(SPLITS),
            "emotion": rows["EmoClass"].mask(hidden, "X").map(CLASSES),
            "emotion_raw": rows["EmoClass"].mask(hidden, None),
            "scale_min": SCALE[0],
            "scale_max": SCALE[1],
        }
    )
    for dimension, column in DIMENSIONS.items():
        value = pd.to_numeric(rows[column], errors="coerce").astype(np.float64)
        refuse(path, name, ~value.between(*SCALE) & ~hidden, column, rows[column], f"a number from {SCALE[0]:g} to {SCALE[1]:g}")
        examples[dimension] = value.mask(hidden)
    return examples


def _counts(examples: pd.DataFrame) -> dict[str, int]:
    groups = examples.groupby("split")["speaker"]
    return {
        "examples": len(examples),
        **{f"examples in {split}": int(n) for split, n in groups.size().items()},
        **{f"speakers in {split}": int(n) for split, n in groups.nunique().items()},
    }


def _transcripts(folder: Path | None, stems: "pd.Series[str]") -> list[str | None]:
    """Text of each stem; null where the release has none. Their encoding is not documented, so a bad byte does not stop the reader."""
    if folder is None:
        return [None] * len(stems)
    there = {path.name for path in children(folder)}
    return [(folder / f"{s}.txt").read_text("utf-8", "replace").strip() if f"{s}.txt" in there else None for s in stems]
