"""MSP-Podcast: turns of podcasts, rated by crowd workers for arousal, valence and dominance (1 to 7) and for an emotion class.

Licence: free for academic institutions under an agreement signed by the institution; not redistributable. Ask the MSP Lab
(lab-msp.com). Paper A uses release 1.7 (§4.1.2), which has no transcripts.

Layout (``root`` is the folder of the release, or one or two folders above it)::

    Labels/labels_concensus.csv    label/ in 1.6, labels/ in 1.9; labels_consensus.csv from 1.10; its JSON twin where the CSV is absent
    Audios/MSP-PODCAST_<podcast>_<turn>[_<part>].wav    also Audio/; MSP-PODCAST_test3_<number>.wav from 1.11
    Transcripts/<stem>.txt         from 1.9 or 1.10 on
    Previous_releases_information/previous_releases_info/v1.7/Labels/labels_concensus.csv                    1.12, for each
    Previous_releases_information/files_removed_from_prev_versions/v1.7_removed_files/MSP-PODCAST_....wav    earlier release

An earlier release can be rebuilt out of a folder that carries such information: name the earlier release and point to the newer folder.
Audio is then taken from Audios/, else from the removed files. Transcripts are taken from 1.9 on only: a rebuilt 1.7 has none, as the
release of paper A had none, although people have transcribed most of its turns since.

The split is called Validation up to 1.8 and Development from 1.10. Numbers of speakers hold within one release only. The turns of the
hidden test3 have no labels.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from emofuse.corpora import Ingested, compared, complete
from emofuse.errors import InputError
from emofuse.release import children, locate, refuse, regular, require
from emofuse.remarks import Count, LeftOut, exactly

NAME = "msp_podcast"
RELEASES = ("1.6", "1.7", "1.8", "1.9", "1.10", "1.11", "1.12", "2.0")
PROTOCOL = "official"
LICENCE = "Agreement of an academic institution with the MSP Lab; not redistributable"
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
        "female speakers in dev": 22, "male speakers in dev": 22, "female speakers in test1": 30, "male speakers in test1": 30,
    },
    "1.8": {  # EmoBox, 2024
        "examples": 73042, "examples in dev": 7800, "examples in test1": 15326,
        "class N": 26009, "class H": 14285, "class X": 14199, "class U": 4084, "class C": 3644, "class A": 3218, "class S": 2649,
        "class D": 2593, "class F": 1544, "class O": 817,
    },
    "1.11": {  # the publisher's page
        "examples": 151654, "examples in train": 84030, "examples in dev": 19815, "examples in test1": 30647,
        "examples in test2": 14815, "examples in test3": 2347, "speakers in train": 1409, "speakers in dev": 454, "speakers in test1": 237,
    },
    "1.12": {"examples": 207136, "examples in test3": 2347, "transcripts": 203936},  # its readme
    "2.0": {"examples": 264705},  # arXiv 2509.09791
}  # fmt: skip
FOUR_CLASSES = {  # fewest and most of angry, happy, neutral, sad; EmoBox, 2024, whose four numbers are 2 more in sum than its class totals
    "1.8": {f"four classes in {split}": (n - 2, n + 2) for split, n in {"train": 28601, "dev": 4773, "test1": 9305, "test2": 3484}.items()},
}
ABSENT = {"2.0": ("MSP-PODCAST_1909_1017.wav",)}  # in the labels but not in the release's audio
_COLUMNS = ["FileName", "EmoClass", *DIMENSIONS.values(), "SpkrID", "Gender", "Split_Set"]
_LABELS = re.compile(r"labels_con[cs]ensus", re.IGNORECASE)
_FILE_NAME = r"MSP-PODCAST_([0-9]{4}|test3)_[0-9]{4}(?:_[0-9]{4})?\.wav"
_HIDDEN = re.compile(r"MSP-PODCAST_test3_[0-9]{4}\.wav")
_ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")


def read(root: Path, release: str) -> Ingested:
    """Return the tables of one release, labels on the native scale of 1 to 7.

    Raises InputError for another release than the one named, audio or transcripts that are still packed, and a label file or value that
    cannot be used.
    """
    require(NAME, release, RELEASES)
    base = locate(NAME, root, f"MSP-Podcast {release} (Labels/labels_concensus.csv and Audios/)", lambda f: bool(_label_files(f)))
    audios = _unpacked(base, "audios", "audio")
    if audios is None:
        raise InputError(
            f"{base}: expected the folder Audios with the turns, found {[p.name for p in children(base)]}; unpack the release's audio"
        )
    earlier, removed = _previous(base, release)
    labels = _label_file(earlier or base, release)
    rows = _rows(labels)
    there = {path.name for path in children(audios)}
    gone = {path.name for path in children(removed)} - there if removed else set()
    rows = _with_hidden(rows, there) if _since(release, "1.11") else rows
    _require_named_release(earlier or base, labels, rows, release)
    examples = _labelled(rows, labels)
    folders = {path: path.relative_to(root).as_posix() for path in (audios, removed) if path}
    examples["path"] = [f"{folders[removed if removed and name in gone else audios]}/{name}" for name in rows["FileName"]]
    texts = _unpacked(base, "transcripts", "transcript") if _since(release, "1.9") else None
    examples["transcript"], recoded = _transcripts(texts, examples["native_id"].mask(rows["FileName"].isin(gone)))
    counts = [*_counts(examples, release), exactly("transcripts that are not UTF-8", None, recoded)]
    if earlier:
        counts.append(exactly("turns among the removed files", None, int(rows["FileName"].isin(gone).sum())))
    absent = rows["FileName"].isin(ABSENT.get(release, ())) & ~rows["FileName"].isin(there)
    fault = f"{labels}: lists it; known to be absent from the audio of release {release}"
    left_out = [LeftOut(name, "known_fault", fault) for name in examples["native_id"][absent]]
    left_out += [] if earlier else _texts_of_nothing(texts, examples["native_id"], root)
    own = removed if earlier else audios  # the newer release's audio holds turns of its own
    return complete(examples[~absent].reset_index(drop=True), NAME, root, base, counts, left_out, [own] if own else [])


def _since(release: str, first: str) -> bool:
    return RELEASES.index(release) >= RELEASES.index(first)


def _label_files(folder: Path) -> list[Path]:
    """The label files in a release's folder: CSV, else JSON."""
    inner = [d for d in children(folder) if d.name.lower().startswith("label") and d.is_dir()]
    found = [f for d in inner for f in children(d) if _LABELS.fullmatch(f.stem)]
    return [f for f in found if f.suffix.lower() == ".csv"] or [f for f in found if f.suffix.lower() == ".json"]


def _label_file(folder: Path, release: str) -> Path:
    found = _label_files(folder)
    if len(found) != 1:
        there = [str(p.relative_to(folder)) for p in found]
        raise InputError(f"{folder}: expected one label file, found {there or 'none'}; keep that of release {release}")
    return found[0]


def _folder(folder: Path, *names: str) -> Path | None:
    """The folder of one of these names, whatever its case: re-packaged releases differ."""
    return next((d for d in children(folder) if d.name.lower() in names and d.is_dir()), None)


def _unpacked(folder: Path, *names: str) -> Path | None:
    """The folder of one of these names; raises InputError where it is there as an archive only."""
    found = _folder(folder, *names)
    packed = [p.name for p in children(folder) if p.name.lower() in [name + suffix for name in names for suffix in _ARCHIVES]]
    if packed and found is None:
        raise InputError(f"{folder}: expected a folder {names[0]}, found it still packed in {packed[0]}; unpack it there")
    return found


def _previous(base: Path, release: str) -> tuple[Path | None, Path | None]:
    """Folders in which a newer release at ``base`` keeps the labels of an earlier one and its audio dropped since; None where absent."""
    previous = _folder(base, "previous_releases_information")
    told = previous and _folder(previous, "previous_releases_info")
    earlier = told and _unpacked(told, f"v{release}")
    dropped = previous and _folder(previous, "files_removed_from_prev_versions")
    return earlier, earlier and dropped and _unpacked(dropped, f"v{release}_removed_files")


def _rows(path: Path) -> pd.DataFrame:
    """The columns of a label file as stripped text."""
    try:
        rows = _of_json(path) if path.suffix.lower() == ".json" else _of_csv(path)
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise InputError(
            f"{path}: expected a table with columns {_COLUMNS}, found {' '.join(str(error).split())}; unpack it again"
        ) from None
    if rows.empty or not {*_COLUMNS} <= {*rows}:
        missing = [column for column in _COLUMNS if column not in rows]
        raise InputError(f"{path}: expected rows with columns {_COLUMNS}, found {len(rows)} rows without {missing}; unpack it again")
    rows = pd.DataFrame({column: rows[column].str.strip() for column in _COLUMNS})
    name = rows["FileName"]
    row = pd.Series([f"row {i + 2}" for i in range(len(rows))])
    refuse(path, row, ~name.str.fullmatch(_FILE_NAME), "FileName", name, "a name such as MSP-PODCAST_0001_0008.wav")
    refuse(path, row, name.duplicated(), "FileName", name, "each file once")
    refuse(path, name, ~rows["Split_Set"].isin(list(SPLITS)), "Split_Set", rows["Split_Set"], f"one of {list(SPLITS)}")
    return rows


def _of_csv(path: Path) -> pd.DataFrame:
    with regular(path).open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, strict=True)
        header = [name.strip() for name in next(lines, [])]
        if again := [name for name, times in Counter(header).items() if name and times > 1]:
            raise ValueError(f"the column {again[0]!r} twice")
        rows = []
        for row in lines:
            if row and (len(row) < len(header) or any(row[len(header) :])):
                raise ValueError(f"{len(row)} fields instead of {len(header)} in line {lines.line_num}")
            if row:
                rows.append(row[: len(header)])
    return pd.DataFrame(rows, columns=header, dtype=str)


def _of_json(path: Path) -> pd.DataFrame:
    """The twin of the CSV: an object by file name; its numbers are text or numbers."""
    turns = json.loads(regular(path).read_text("utf-8-sig"), object_pairs_hook=_once)
    if not isinstance(turns, dict) or not all(isinstance(turn, dict) for turn in turns.values()):
        raise ValueError("JSON that is no object of objects by file name")
    columns = _COLUMNS[1:] if turns else []
    rows = [[name, *("" if turn.get(c) is None else str(turn[c]) for c in columns)] for name, turn in turns.items()]
    known = [c for c in columns if any(c in turn for turn in turns.values())]
    return pd.DataFrame(rows, columns=["FileName", *columns], dtype=str)[["FileName", *known]]


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        again = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
        raise ValueError(f"{again!r} twice")
    return found


def _with_hidden(rows: pd.DataFrame, there: Iterable[str]) -> pd.DataFrame:
    """The rows, and one for each turn of the hidden test that has audio but no row: its name says all that is known of it."""
    unlisted = sorted({name for name in there if _HIDDEN.fullmatch(name)} - set(rows["FileName"]))
    hidden = pd.DataFrame({column: "" for column in _COLUMNS} | {"FileName": unlisted, "Split_Set": "Test3"}, columns=_COLUMNS)
    return pd.concat([rows, hidden.astype(rows.dtypes)], ignore_index=True) if unlisted else rows


def _require_named_release(base: Path, labels: Path, rows: pd.DataFrame, release: str) -> None:
    """Refuse another release than the named one, as far as its files tell: the name of the dev split, test3, transcripts."""
    splits = set(rows["Split_Set"])
    young = {"Development": "1.9", "Test3": "1.11"}  # the first release that may have it
    old = ("Validation", "Test") if _since(release, "1.10") else ()
    signs = [f"split '{split}'" for split in SPLITS if split in splits and (split in old or not _since(release, young.get(split, "1.6")))]
    if not _since(release, "1.9"):
        signs += [f"folder {folder.name}/" for name in ("transcripts", "transcript", "forcealigned") if (folder := _folder(base, name))]
    if signs:
        raise InputError(
            f"{base}: expected MSP-Podcast {release}, found {' and '.join(signs)} ({labels.name}), which it does not have; point "
            f"corpora.{NAME}.root to release {release}, or to a newer one that has Previous_releases_information/ unpacked, or name the "
            f"release that you hold in corpora.{NAME}.release"
        )


def _labelled(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    name = rows["FileName"]
    hidden = rows["Split_Set"] == "Test3"  # its labels are kept by the publisher
    refuse(path, name, ~rows["EmoClass"].isin(list(CLASSES)) & ~hidden, "EmoClass", rows["EmoClass"], f"one of {list(CLASSES)}")
    refuse(path, name, ~rows["Gender"].isin(list(GENDERS)) & ~hidden, "Gender", rows["Gender"], f"one of {list(GENDERS)}")
    speaker = rows["SpkrID"].str.replace(r"\.0$", "", regex=True)  # 30.0 where the column was written as float
    known = speaker.str.fullmatch("[0-9]+")
    refuse(path, name, ~(known | speaker.str.fullmatch("unknown", case=False) | hidden), "SpkrID", rows["SpkrID"], "a number or Unknown")
    podcast = name.str.extract(_FILE_NAME, expand=False)
    examples = pd.DataFrame(
        {
            "native_id": name.str.removesuffix(".wav"),
            "speaker": speaker.where(known, None),
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


def _counts(examples: pd.DataFrame, release: str) -> list[Count]:
    around = FOUR_CLASSES.get(release, {})
    found = Counter({"examples": len(examples), "transcripts": int(examples["transcript"].notna().sum()), **dict.fromkeys(around, 0)})
    found.update("class " + examples["emotion_raw"].dropna())
    found.update("examples in " + examples["split"])
    found.update("four classes in " + examples["split"][examples["emotion_raw"].isin(list("AHNS"))])
    people = examples.dropna(subset="speaker").drop_duplicates(["split", "speaker"])
    found.update("speakers in " + people["split"])
    found.update((people["gender"] + " speakers in " + people["split"]).dropna())
    return [Count(c.what, c.found, *around.get(c.what, (c.least, c.most))) for c in compared(COUNTS.get(release, {}), found)]


def _transcripts(folder: Path | None, stems: "pd.Series[str]") -> tuple[list[str | None], int]:
    """Text of each stem, null where the release has none; and how many are not UTF-8, which are taken for Windows-1252."""
    there = {path.stem for path in children(folder) if path.suffix == ".txt"} if folder else set()
    found = {stem: _text(f"{folder}/{stem}.txt") for stem in stems if stem in there}
    return [found[stem][0] if stem in found else None for stem in stems], sum(recoded for _, recoded in found.values())


def _text(path: str) -> tuple[str, bool]:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise InputError(f"{path}: expected the text of a turn, found: {error.strerror}; unpack the transcripts again") from error
    try:
        return data.decode("utf-8-sig").strip(), False
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace").strip(), True


def _texts_of_nothing(folder: Path | None, stems: "pd.Series[str]", root: Path) -> list[LeftOut]:
    known = set(stems)
    return [
        LeftOut(path.relative_to(root).as_posix(), "unlabelled", f"{path}: expected the text of a turn in the labels, found no such turn")
        for path in (children(folder) if folder else ())
        if path.suffix == ".txt" and path.stem not in known
    ]
