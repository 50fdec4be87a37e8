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
these count. The chest device's signals (Bioharness) are left out.
"""

import csv
import logging
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emofuse.corpora import children, is_invented, require_counts
from emofuse.errors import InputError
from emofuse.recordings import empatica_e4, locate, require_release
from emofuse.signals import Annotation, Recording, Track

NAME = "affective_road"
RELEASES = ("2018",)
COUNTS = {"drives": 13}
ANNOTATED_HZ = 4.0  # of EDA, in whose samples roads are given, and of the rated stress
_DRIVE = re.compile(r"\d+-E4-(Drv\d+)")
_SIDE = re.compile(r"(left|right)(\d?)")
_NUMBER = re.compile(r"\d+(?=\D*$)")  # the last of a drive's name, be it 2, Drv2 or 2-E4-Drv2
_REMEDY = "correct the file or unpack it again"

log = logging.getLogger(NAME)


@dataclass(frozen=True)
class _Road:
    """A stretch of one road; ``leg`` is 0 on the way there, 1 on the way back; times in s from the first sample of the file."""

    name: str
    leg: int
    start_s: float
    end_s: float


def read(root: Path, release: str, check_counts: bool) -> Iterator[Recording]:
    """Yield the recordings Drv1/left, Drv1/right and so on, of subject Drv1, by drive and side; ``device`` is left or right.

    Annotations are ``road`` (city1 and so on) and ``stress``. Raises InputError, naming the file and what is wrong, for files that
    ``empatica_e4`` refuses, rows of annotations that are no samples in order, or a stress that is no number from 0 to 1.
    """
    require_release(NAME, release, RELEASES)
    found = locate(NAME, root, "AffectiveROAD (E4/1-E4-Drv1/Left and so on)", lambda folder: bool(_drives(folder)))
    drives = _drives(found)
    if check_counts and not is_invented(root, found):
        require_counts(found, f"AffectiveROAD {release}", COUNTS, {"drives": len(drives)})
    ratings = next((found / name for name in ("Subj_metric", "Metrics") if (found / name).is_dir()), found / "Subj_metric")
    rated = _roads(ratings / "Annot_Subjective_metric.csv")
    roads = {side: _roads(found / "E4" / f"Annot_E4_{side.capitalize()}.csv") for side in ("left", "right")}
    for drive, folder in drives.items():
        number = int(drive.removeprefix("Drv"))
        stress = _stress(ratings / f"SM_{drive}.csv")
        wrists = {wrist: _SIDE.fullmatch(wrist.name.lower()) for wrist in children(folder) if wrist.is_dir()}
        if not any(wrists.values()):
            raise InputError(f"{folder}: expected folders Left and Right, found {[w.name for w in wrists]}; unpack the release again")
        for wrist, side in wrists.items():
            if side is None:
                continue
            t0_unix_s, tracks = empatica_e4.tracks(wrist)
            name = f"{drive}/{wrist.name.lower()}"
            annotations: tuple[Annotation, ...] = ()
            if side[2]:
                log.warning("%s: a piece of a recording: without annotations", name)
            elif "eda" in tracks:
                own = roads[side[1]].get(number, [])
                offset_s = _offset_s(name, own, rated.get(number, [])) + tracks["eda"].start_s
                annotations = (*_on_clock(name, own, tracks["eda"]), *_ratings(stress, offset_s))
            yield Recording(name, drive, tracks, device=side[1], t0_unix_s=t0_unix_s, annotations=annotations)


def _drives(folder: Path) -> dict[str, Path]:
    """The folders of drives by name, Drv2 before Drv10."""
    if not (folder / "E4").is_dir():
        return {}
    named = {match[1]: child for child in children(folder / "E4") if (match := _DRIVE.fullmatch(child.name)) and child.is_dir()}
    return dict(sorted(named.items(), key=lambda item: int(item[0].removeprefix("Drv"))))


def _rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        log.warning("%s: no such file: its annotations are left out", path)
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a table as UTF-8 text, found one that cannot be read; {_REMEDY}") from error
    return [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]


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


def _on_clock(name: str, roads: Sequence[_Road], eda: Track) -> Iterator[Annotation]:
    end_s = eda.start_s + len(eda.samples) / eda.rate_hz
    for road in roads:
        start_s, last_s = eda.start_s + road.start_s, eda.start_s + road.end_s
        if last_s > end_s:
            log.warning("%s: %s ends %.2f s after the recording: cut", name, road.name, last_s - end_s)
        if start_s < end_s:
            yield Annotation(start_s, min(last_s, end_s), "road", text=road.name)


def _offset_s(name: str, roads: Sequence[_Road], rated: Sequence[_Road]) -> float:
    """The time of the first rating, in s from the first sample of EDA: the first road begins at the same moment for both."""
    begins = {(road.name, road.leg): road.start_s for road in roads}
    for road in rated:
        if (road.name, road.leg) in begins:
            return begins[road.name, road.leg] - road.start_s
    log.warning("%s: no road is known to both wristband and rated stress: taken to start together", name)
    return 0.0


def _ratings(stress: Sequence[float], offset_s: float) -> Iterator[Annotation]:
    for k, value in enumerate(stress):
        start_s = offset_s + k / ANNOTATED_HZ
        yield Annotation(start_s, start_s + 1 / ANNOTATED_HZ, "stress", value=value)
