"""What MSP-Podcast says of its turns, and how each release spells it: label files, partitions, speakers.

The words and letters are the release's own; so are the misspelt ones. Splits carry the project's names in a ``Turn``.
"""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emofuse.toy import acting, tree

LETTERS = {
    "angry": "A", "sad": "S", "happy": "H", "surprise": "U", "fear": "F", "disgust": "D", "contempt": "C", "neutral": "N", "other": "O",
    "no agreement": "X",
}  # fmt: skip
WORDS = {name: name.capitalize() for name in LETTERS if name != "no agreement"}
_HIDDEN = "test3"  # its labels are kept by the publisher


@dataclass(frozen=True)
class Rating:
    """What one worker said: primary class, secondary classes, arousal, valence, dominance on 1 to 7."""

    worker: str
    primary: str
    secondary: tuple[str, ...]
    arousal: int
    valence: int
    dominance: int


@dataclass(frozen=True)
class Turn:
    """One utterance with all that the release says of it."""

    file: str
    split: str
    speaker: str
    gender: str
    act: acting.Act
    ratings: tuple[Rating, ...]

    def mean(self, dimension: str) -> float:
        """Mean of the workers' ratings of ``arousal``, ``valence`` or ``dominance``."""
        return float(np.mean([getattr(rating, dimension) for rating in self.ratings]))


@dataclass(frozen=True)
class Spelling:
    """How one release names things: the label folder and files, the splits, the partition file, the columns of the workers' table."""

    folder: str = "Labels"
    stem: str = "labels_consensus"
    dev: str = "Development"
    test1: str = "Test1"
    partitions: str = "Partitions.txt"
    worker: str | None = None  # the column of the worker where each rating has columns of its own, else one text holds it

    def split(self, turn: Turn) -> str:
        """The release's name of a turn's split."""
        return {"dev": self.dev, "test1": self.test1}.get(turn.split, turn.split.capitalize())


_EARLY = "labels_concensus"
SPELLINGS = {
    "1.6": Spelling(folder="label", stem=_EARLY, dev="Validation", test1="Test", worker="Workers"),
    "1.7": Spelling(stem=_EARLY, dev="Validation"),
    "1.8": Spelling(stem=_EARLY, dev="Validation"),
    "1.9": Spelling(folder="labels", stem=_EARLY),
    "1.10": Spelling(),
    "1.11": Spelling(),
    "1.12": Spelling(partitions="Partition.txt"),
    "2.0": Spelling(worker="WorkerID"),
}


def write(folder: Path, turns: list[Turn], spelling: Spelling) -> None:
    """Write the label folder into a release's folder: consensus and workers' labels as CSV and JSON, and both as text."""
    labels = folder / spelling.folder
    consensus = {turn.file: _consensus(turn, spelling) for turn in turns}
    columns = ["FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set"]
    rows = [",".join((name, *said.values())) for name, said in consensus.items()]
    tree.write_text(labels / f"{spelling.stem}.csv", "\n".join([",".join(columns), *rows]) + "\n")
    twin = {name: {**said, "SpkrID": f" {said['SpkrID']}"} for name, said in consensus.items()}  # numbers are strings there, with a space
    tree.write_text(labels / f"{spelling.stem}.json", json.dumps(twin, indent=1) + "\n")
    rated = [turn for turn in turns if turn.split != _HIDDEN]
    tree.write_text(labels / "labels_detailed.csv", _ratings(rated, spelling))
    detailed = {t.file: {r.worker: _detail(r) for r in t.ratings} for t in rated}
    tree.write_text(labels / "labels_detailed.json", json.dumps(detailed, indent=1) + "\n")
    tree.write_text(labels / "labels.txt", "\n".join(_block(turn) for turn in rated))


def write_lists(folder: Path, turns: list[Turn], spelling: Spelling) -> None:
    """Write the lists at the root of a release: split by file, gender by speaker, speaker by file."""
    tree.write_text(folder / spelling.partitions, "".join(f"{spelling.split(t)}; {t.file}\n" for t in turns))
    genders = {turn.speaker: turn.gender for turn in turns if turn.speaker.isdigit()}
    people = "".join(f"Speaker_{speaker}; {genders[speaker]}\n" for speaker in sorted(genders, key=int))
    files = "".join(f"{turn.file}; {turn.speaker}\n" for turn in turns if turn.split != _HIDDEN)
    tree.write_text(folder / "Speaker_ids.txt", people + "*" * 40 + "\n" + files)


def _consensus(turn: Turn, spelling: Spelling) -> dict[str, str]:
    """The columns of a turn's row but its file name, in their order."""
    known = turn.split != _HIDDEN
    return {
        "EmoClass": LETTERS[turn.act.emotion] if known else "",
        "EmoAct": _short(turn.mean("arousal")) if known else "",
        "EmoVal": _short(turn.mean("valence")) if known else "",
        "EmoDom": _short(turn.mean("dominance")) if known else "",
        "SpkrID": turn.speaker if known else "",
        "Gender": turn.gender if known else "",
        "Split_Set": spelling.split(turn),
    }


def _ratings(turns: list[Turn], spelling: Spelling) -> str:
    if spelling.worker is None:
        lines = [(turn.file, _worker_line(rating).replace('"', '""')) for turn in turns for rating in turn.ratings]
        return "FileName,EmoDetail\n" + "".join(f'{file},"{line}"\n' for file, line in lines)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["FileName", spelling.worker, "EmoClass_Major", "EmoClass_Second", "EmoAct", "EmoVal", "EmoDom"])
    table.writerows([turn.file, rating.worker, *_detail(rating).values()] for turn in turns for rating in turn.ratings)
    return text.getvalue()


def _detail(rating: Rating) -> dict[str, str]:
    return {
        "EmoClass_Major": rating.primary,
        "EmoClass_Second": ",".join(rating.secondary),
        "EmoAct": f"{rating.arousal}",
        "EmoVal": f"{rating.valence}",
        "EmoDom": f"{rating.dominance}",
    }


def _worker_line(rating: Rating) -> str:
    numbers = f"A:{rating.arousal:.6f}; V:{rating.valence:.6f}; D:{rating.dominance:.6f};"
    return f"{rating.worker}; {rating.primary}; {','.join(rating.secondary)}; {numbers}"


def _block(turn: Turn) -> str:
    means = f"A:{turn.mean('arousal'):.6f}; V:{turn.mean('valence'):.6f}; D:{turn.mean('dominance'):.6f};"
    return f"{turn.file}; {LETTERS[turn.act.emotion]}; {means}\n" + "".join(_worker_line(rating) + "\n" for rating in turn.ratings)


def _short(value: float) -> str:
    """As in the release: ``2.2``, ``4.0``, ``3.777778``."""
    return str(round(value, 6))
