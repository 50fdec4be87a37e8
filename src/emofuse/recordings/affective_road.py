"""AffectiveROAD: 13 drives through a city and on a highway, with a wristband on each arm (El Haouij et al. 2018).

Access: page of the MIT Media Lab; its terms apply.

Layout (``root`` is any folder at most two above)::

    AffectiveROAD_Data/Database/E4/1-E4-Drv1/Left/ACC.csv and so on, as exported (see ``empatica_e4``); Right/
                                E4/Annot_E4_Left.csv  E4/Annot_E4_Right.csv
                                Subj_metric/SM_Drv1.csv  Subj_metric/Annot_Subjective_metric.csv     or Metrics/
                                Bioharness/

``Annot_E4_*.csv`` has a row for each drive (``Drive-id``) and the first and last sample of EDA, at 4 Hz, of each road: Z, City1, Hwy,
City2, then the same names again for the way back. ``Annot_Subjective_metric.csv`` (``Drive_id``) has the same of SM_Drv1.csv, the stress
from 0 to 1 that an observer rated at 4 Hz: the first road that both name brings the rating to the wristband's clock. The left wristband
of drive 2 stopped once: its pieces Left1 and Left2 are recordings of their own, without annotations, as nobody says from which piece
these count. The chest device's signals (Bioharness) are not used.
"""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emofuse.errors import InputError
from emofuse.recordings import Remark, empatica_e4, locate, require_release
from emofuse.release import children, regular
from emofuse.remarks import Count, LeftOut, exactly
from emofuse.signals import Annotation, Recording, Track

NAME = "affective_road"
RELEASES = ("2018",)
LICENCE = "the terms of the MIT Media Lab's download page"
DRIVES = 13
ANNOTATED_HZ = 4.0  # of EDA, in whose samples roads are given, and of the rated stress
_LENGTH_TOLERANCE_S = 10.0  # by which the files of one wristband may differ; genuine ones do by up to 4 s
_DRIVE = re.compile(r"\d+-E4-(Drv\d+)")
_RATINGS = re.compile(r"SM_(Drv\d+)\.csv")
_SIDE = re.compile(r"(left|right)(\d?)")
_NUMBER = re.compile(r"\d+(?=\D*$)")  # the last of a drive's name, be it 2, Drv2 or 2-E4-Drv2
_REMEDY = "correct the file or unpack it again"


@dataclass(frozen=True)
class _Road:
    """A stretch of one road; ``leg`` is 0 on the way there, 1 on the way back; times in s from the first sample of the file."""

    name: str
    leg: int
    start_s: float
    end_s: float


def read(root: Path, release: str) -> Iterator[Recording | Remark]:
    """Yield the recordings Drv1/left, Drv1/right and so on, of subject Drv1, by drive and side; ``device`` is left or right.

    Annotations are ``road`` (city1 and so on) and ``stress``; what the annotations name and no wristband recorded is left out. Raises
    InputError, naming the file and what is wrong, for files that ``empatica_e4`` refuses, two folders of one drive, rows of annotations
    that are no samples in order, or a stress that is no number from 0 to 1.
    """
    require_release(NAME, release, RELEASES)
    found = locate(NAME, root, "AffectiveROAD (E4/1-E4-Drv1/Left and so on)", lambda folder: bool(_drives(folder)))
    drives = _drives(found)
    yield exactly("drives", DRIVES, len(drives))
    ratings = next((found / name for name in ("Subj_metric", "Metrics") if (found / name).is_dir()), found / "Subj_metric")
    tables = {side: found / "E4" / f"Annot_E4_{side.capitalize()}.csv" for side in ("left", "right")}
    tables["stress"] = ratings / "Annot_Subjective_metric.csv"
    yield from (_absent(path, root) for path in tables.values() if not path.is_file())
    roads = {what: _roads(path) for what, path in tables.items()}
    yield from _unrecorded(drives, roads, ratings)
    lengths: list[bool] = []  # whether acceleration is as long as it must be
    for drive, folder in drives.items():
        number = int(drive.removeprefix("Drv"))
        if not (rated := ratings / f"SM_{drive}.csv").is_file():
            yield _absent(rated, root)
        stress = _stress(rated)
        for wrist, side, piece in _wrists(folder):
            name = f"{drive}/{wrist.name.lower()}"
            t0_unix_s, tracks, left_out = empatica_e4.tracks(wrist, root, name)
            yield from left_out
            annotations: list[Annotation] = []
            if piece:
                yield LeftOut(name, "unlabelled", f"{wrist}: expected one recording of a wrist, found a piece of it: it has no annotations")
            elif "eda" in tracks:
                own = roads[side].get(number, [])
                for stretch in (*_on_clock(name, own, tracks["eda"]), *_rated(name, own, roads["stress"].get(number, []), stress, tracks)):
                    if isinstance(stretch, LeftOut):
                        yield stretch
                    else:
                        annotations.append(stretch)
            else:
                yield LeftOut(name, "unlabelled", f"{wrist}: expected EDA, in whose samples roads are given, found none")
            if {"acc", "eda"} <= set(tracks):
                acc_s, eda_s = (len(tracks[signal].samples) / tracks[signal].rate_hz for signal in ("acc", "eda"))
                lengths.append(abs(acc_s - eda_s) <= _LENGTH_TOLERANCE_S)
            yield Recording(name, drive, tracks, device=side, t0_unix_s=t0_unix_s, annotations=tuple(annotations))
        yield from _without(drive, folder, root)
    yield Count("recordings with 8 samples of ACC for each of EDA", sum(lengths), len(lengths), len(lengths))


def _drives(folder: Path) -> dict[str, Path]:
    """The folders of drives by name, Drv2 before Drv10."""
    if not (folder / "E4").is_dir():
        return {}
    named: dict[str, Path] = {}
    for child in children(folder / "E4"):
        if (match := _DRIVE.fullmatch(child.name)) and child.is_dir() and (first := named.setdefault(match[1], child)) != child:
            raise InputError(f"{child}: expected one folder of {match[1]}, found {first.name} too; remove one of the two")
    return dict(sorted(named.items(), key=lambda item: int(item[0].removeprefix("Drv"))))


def _wrists(folder: Path) -> list[tuple[Path, str, bool]]:
    """The wristbands' folders of a drive, with their side, and whether one holds but a piece of the recording."""
    found = [(child, side) for child in children(folder) if child.is_dir() and (side := _SIDE.fullmatch(child.name.lower()))]
    if not found:
        there = [child.name for child in children(folder)]
        raise InputError(f"{folder}: expected folders Left and Right, found {there[:8]}; unpack the release again")
    return [(child, side[1], bool(side[2])) for child, side in found]


def _without(drive: str, folder: Path, root: Path) -> Iterator[LeftOut]:
    """What a drive's folder lacks, and what is in it beside the wristbands' folders."""
    wrists = {child: side for child, side, _ in _wrists(folder)}
    for side in ("left", "right"):
        if side not in wrists.values():
            yield LeftOut(f"{drive}/{side}", "missing_signal", f"{folder}: expected a wristband on each arm, found none on the {side}")
    for child in children(folder):
        if child not in wrists:
            found = f"{child}: expected folders Left and Right, found {child.name}"
            yield LeftOut(child.relative_to(root).as_posix(), "extra_file", found)


def _unrecorded(drives: dict[str, Path], roads: dict[str, dict[int, list[_Road]]], ratings: Path) -> Iterator[LeftOut]:
    """Drives that the annotations name and the wristbands lack."""
    named = {f"Drv{number}" for of_drives in roads.values() for number in of_drives}
    if ratings.is_dir():
        named |= {match[1] for child in children(ratings) if (match := _RATINGS.fullmatch(child.name))}
    for drive in sorted(named - set(drives)):
        yield LeftOut(drive, "missing_signal", f"{ratings.parent}: expected E4/<number>-E4-{drive}, found annotations of that drive only")


def _absent(path: Path, root: Path) -> LeftOut:
    return LeftOut(path.relative_to(root).as_posix(), "unlabelled", f"{path}: expected annotations, found no such file")


def _rows(path: Path) -> list[list[str]]:
    """Rows of a table, none of an absent one."""
    try:
        text = regular(path).read_text(encoding="utf-8-sig")
        return [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected a table as UTF-8 text, found one that cannot be read; {_REMEDY}") from error


def _roads(path: Path) -> dict[int, list[_Road]]:
    """For each drive's number its roads in the order of the columns; a road with an empty cell is left out."""
    header, *rows = _rows(path) or [[]]
    names = [cell.strip().lower() for cell in header[1:]]
    roads = [name.removesuffix("_start") for name in names[::2]]
    if names != [f"{road}_{end}" for road in roads for end in ("start", "end")]:
        raise InputError(f"{path}: expected columns Z_Start, Z_End and so on after the drive, found {header}; {_REMEDY}")
    found: dict[int, list[_Road]] = {}
    for row in rows:
        drive = _NUMBER.search(row[0])
        if drive is None or len(row) != len(header) or int(drive[0]) in found:
            raise InputError(f"{path}: {row[0]!r}: expected a drive, once, and {len(names)} samples, found {row[1:]}; {_REMEDY}")
        found[int(drive[0])] = []
        for k, (road, first, last) in enumerate(zip(roads, row[1::2], row[2::2], strict=True)):
            if not first.strip() or not last.strip():
                continue
            if not 0 <= _number(first) < _number(last) < math.inf:
                raise InputError(f"{path}: {row[0]}: {road}: expected a sample and a later one, found {first!r} and {last!r}; {_REMEDY}")
            stretch = _Road(road, roads[:k].count(road), _number(first) / ANNOTATED_HZ, _number(last) / ANNOTATED_HZ)
            found[int(drive[0])].append(stretch)
    return found


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _stress(path: Path) -> list[float]:
    """The ratings of one drive, the last cell of each row; the header, whatever it is, is left out."""
    rows = _rows(path)
    values = [_number(row[-1]) for row in rows]
    first = 1 if values and math.isnan(values[0]) else 0
    for number, value in enumerate(values[first:], start=first + 1):
        if not 0 <= value <= 1:
            raise InputError(f"{path}: row {number}: expected a stress from 0 to 1, found {rows[number - 1][-1]!r}; {_REMEDY}")
    return values[first:]


def _on_clock(name: str, roads: Sequence[_Road], eda: Track) -> Iterator[Annotation | LeftOut]:
    """The roads on the wristband's clock, and those that the recording does not reach to the end."""
    end_s = eda.start_s + len(eda.samples) / eda.rate_hz
    for road in roads:
        start_s, last_s = eda.start_s + road.start_s, eda.start_s + road.end_s
        if last_s > end_s:
            found = f"{name}: expected roads in the recording, found that {road.name} ends {last_s - end_s:.2f} s after it: cut"
            yield LeftOut(f"{name}/{road.name}/{road.leg + 1}", "surplus", found)
        if start_s < end_s:
            yield Annotation(start_s, min(last_s, end_s), "road", text=road.name)


def _rated(
    name: str, roads: Sequence[_Road], of_stress: Sequence[_Road], stress: Sequence[float], tracks: dict[str, Track]
) -> Iterator[Annotation | LeftOut]:
    """The ratings on the wristband's clock: the first road that both name begins at the same moment for both."""
    begins = {(road.name, road.leg): road.start_s for road in roads}
    offset_s = next((begins[road.name, road.leg] - road.start_s for road in of_stress if (road.name, road.leg) in begins), None)
    if offset_s is None:
        if stress:
            found = f"{name}: expected a road that wristband and stress both name, found none: {len(stress)} ratings have no time"
            yield LeftOut(f"{name}/stress", "unlabelled", found)
        return
    for k, value in enumerate(stress):
        start_s = offset_s + tracks["eda"].start_s + k / ANNOTATED_HZ
        yield Annotation(start_s, start_s + 1 / ANNOTATED_HZ, "stress", value=value)
