"""CLAS: 62 people solve tasks and watch pictures and films with a Shimmer3 at the hand (Markova et al. 2019, doi 10.21227/ybsw-yr53).

Access: with a free IEEE DataPort account. B §3.1 pretrains wearable encoders on it.

Layout (``root`` is the folder CLAS, or one or two folders above it; ``Participants`` is also called ``Data``)::

    Participants/Part<n>/by_block/<block>_gsr_ppg*.csv     Timestamp, PythonTimestamp, accelx, accely, accelz, ppg, gsr; 256 Hz
    Block_details/Part<n>_Block_Details.csv                Block, Block Type, …, Length(s), …

The file names in the table of blocks are not those on disk. The release does not say in what units its signals are, nor what its stamps
count: acceleration tells its unit by gravity, the skin's signal by its level (uS, or kOhm where its median is above 40), and a block's
clock starts at 0 and runs at the nominal rate. No temperature. Known size: 62 participants, of whom some lack blocks; as of some nothing
may be there, 55 to 62 are expected.
"""

import csv
import filecmp
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
from jaxtyping import Float32, Float64

from emofuse.errors import InputError
from emofuse.recordings import Remark, locate, require_release
from emofuse.release import children, refuse, regular
from emofuse.remarks import Count, LeftOut, exactly
from emofuse.signals import Annotation, Recording, Track, in_g

NAME = "clas"
RELEASES = ("2019",)
LICENCE = "not stated; free to download with an IEEE DataPort account"
PARTICIPANTS = (55, 62)  # fewest and most
RATE_HZ = 256.0
COLUMNS = ("accelx", "accely", "accelz", "ppg", "gsr")
_FOLDERS = ("Participants", "Data")
_DETAILS = ("Block", "Block Type", "Length(s)")
_PARTICIPANT = re.compile(r"Part\d+")
_LARGEST_DROPPED_SHARE = 0.05  # of a file's rows
_LARGEST_RATE_ERROR = 0.05
_LARGEST_US = 40.0  # median skin conductance: higher ones are kOhm, of which lower ones would be as rare


def read(root: Path, release: str) -> Iterator[Recording | Remark]:
    """Yield one recording for each block of each participant, ``Part1/1`` and so on: acc, bvp and eda at 256 Hz, annotation block_type.

    Rows that are not numbers, such as repeated headers, are dropped, blocks without a file are left out. Raises InputError naming the
    file for a table of blocks or a file that cannot be used, more than 5 % of such rows, or a number of samples that is more than 5 % off
    the block's length.
    """
    require_release(NAME, release, RELEASES)
    base = locate(NAME, root, "CLAS (Participants/Part1 and so on)", lambda f: bool(_participants(f)))
    participants = _participants(base)
    yield Count("participants", len(participants), *PARTICIPANTS)
    yield from _strays(base, participants, root)
    listed, found = 0, 0
    for participant in participants:
        for block in _blocks(base / "Block_details" / f"{participant.name}_Block_Details.csv", participant, root):
            if isinstance(block, int):
                listed += block
                continue
            found += isinstance(block, Recording)
            yield block
    if not found:
        raise InputError(f"{base}: expected files such as {participants[0].name}/by_block/1_gsr_ppg_.csv, found none; unpack CLAS again")
    yield exactly("blocks", None, listed)


def _participants(base: Path) -> list[Path]:
    """Participants' folders by number; a stray ``Part25 - Copy`` is not one."""
    homes = [d for d in children(base) if d.name in _FOLDERS and d.is_dir()]
    found = [[d for d in children(home) if _PARTICIPANT.fullmatch(d.name) and d.is_dir()] for home in homes]
    if sum(map(bool, found)) > 1:
        raise InputError(f"{base}: expected participants in one of {list(_FOLDERS)}, found them in both; remove one of the two")
    return sorted((d for folders in found for d in folders), key=lambda d: int(d.name[4:]))


def _strays(base: Path, participants: list[Path], root: Path) -> Iterator[LeftOut]:
    """Folders beside the participants', and tables of blocks of nobody."""
    home = participants[0].parent
    for folder in sorted(home.iterdir()):
        if folder.is_dir() and folder not in participants and not folder.name.startswith((".", "__")):
            fault = "known_fault" if folder.name.endswith(" - Copy") else "extra_file"  # the release has Part25 - Copy
            yield LeftOut(folder.relative_to(root).as_posix(), fault, f"{folder}: expected Part1 and so on, found another name")
    tables = {f"{participant.name}_Block_Details.csv" for participant in participants}
    for path in children(base / "Block_details") if (base / "Block_details").is_dir() else ():
        if path.name not in tables:
            said = f"{path}: expected the blocks of a participant below {home}, found nobody of that name"
            yield LeftOut(path.relative_to(root).as_posix(), "missing_signal", said)


def _blocks(details: Path, participant: Path, root: Path) -> Iterator[Recording | LeftOut | int]:
    """The number of blocks in the table, then each of them, or why it is left out, then the files that are none of them."""
    folder = participant / "by_block"
    names = [path.name for path in children(folder)] if folder.is_dir() else []
    blocks = _table_of_blocks(details)
    yield len(blocks)
    used: set[str] = set()
    for row, block, kind, length_s in blocks:
        files = [name for name in names if re.fullmatch(rf"{block}_gsr_ppg.*\.csv", name, re.IGNORECASE)]
        used.update(files)
        if not files:
            said = f"{folder}: expected {block}_gsr_ppg*.csv for block {block} ('{kind}'), found none"
            yield LeftOut(f"{details.relative_to(root).as_posix()}:{row}", "missing_signal", said)
            continue
        for other in files[1:]:
            if not filecmp.cmp(folder / files[0], folder / other, shallow=False):
                raise InputError(f"{folder}: expected one file for block {block}, found {files}; keep the genuine one")
            said = f"{folder / other}: expected one file for block {block}, found a copy of {files[0]}"
            yield LeftOut((folder / other).relative_to(root).as_posix(), "copy", said)
        yield from _recording(folder / files[0], participant.name, block, kind, length_s, root)
    for name in names:
        if re.search("_gsr_ppg", name, re.IGNORECASE) and name not in used:
            said = f"{folder / name}: expected a file of a block that {details.name} lists, found one of another"
            yield LeftOut((folder / name).relative_to(root).as_posix(), "extra_file", said)


def _table_of_blocks(path: Path) -> list[tuple[int, str, str, float]]:
    """Row, number, type and length in s of each block in the table."""
    try:
        header, *lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines())) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        found = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise InputError(f"{path}: expected a table with columns {list(_DETAILS)}, found: {found}; unpack CLAS again") from None
    header = [name.strip() for name in header]
    missing = [column for column in _DETAILS if header.count(column) != 1]
    if missing:
        raise InputError(f"{path}: expected a table with columns {list(_DETAILS)}, found none or two called {missing}; unpack CLAS again")
    cells = [[cell.strip() for cell in line] + [""] * len(header) for line in lines]
    longer = [k for k, line in enumerate(cells) if any(line[len(header) :])]
    if longer:
        raise InputError(f"{path}: row {longer[0] + 2}: expected {len(header)} fields as in the first row, found more; unpack CLAS again")
    rows = pd.DataFrame([[line[header.index(column)] for column in _DETAILS] for line in cells], columns=list(_DETAILS), dtype=str)
    rows = rows[(rows != "").any(axis=1)]
    block, kind, length = (rows[column] for column in _DETAILS)
    row = pd.Series([f"row {i + 2}" for i in rows.index], rows.index, dtype=str)
    refuse(path, row, ~block.str.fullmatch(r"[0-9]+"), "Block", block, "a number")
    refuse(path, row, block.duplicated(), "Block", block, "each block once")
    refuse(path, row, kind == "", "Block Type", kind, "a word")
    length_s = pd.to_numeric(length, errors="coerce")
    refuse(path, row, ~((length_s > 0) & np.isfinite(length_s)), "Length(s)", length, "a number of s above 0")
    return list(zip((i + 2 for i in rows.index), block, kind, length_s.astype(float), strict=True))


def _recording(path: Path, participant: str, block: str, kind: str, length_s: float, root: Path) -> Iterator[Recording | LeftOut]:
    samples, dropped = _samples(path)
    found_s = len(samples) / RATE_HZ
    if abs(found_s / length_s - 1) > _LARGEST_RATE_ERROR:
        raise InputError(
            f"{path}: expected {length_s:g} s by the table of blocks, found {len(samples)} rows, "
            f"which are {found_s:g} s at {RATE_HZ:g} Hz: rates do not match; check the file"
        )
    if dropped:
        said = f"{path}: expected rows of numbers, found {dropped} of {dropped + len(samples)} rows that are not"
        yield LeftOut(path.relative_to(root).as_posix(), "lost_rows", said)
    tracks = {
        "acc": Track(RATE_HZ, 0.0, in_g(samples[:, :3], str(path))),
        "bvp": Track(RATE_HZ, 0.0, samples[:, 3].copy()),
        "eda": Track(RATE_HZ, 0.0, _in_us(samples[:, 4].copy())),
    }
    annotation = Annotation(0.0, found_s, "block_type", text=kind)
    yield Recording(f"{participant}/{block}", participant, tracks, annotations=(annotation,))


def _in_us(skin: Float32[np.ndarray, "sample"]) -> Float32[np.ndarray, "sample"]:
    """Skin conductance in uS from uS or kOhm, told apart by the median; what is no resistance is NaN."""
    if np.median(skin) <= _LARGEST_US:
        return skin
    with np.errstate(divide="ignore", over="ignore"):
        conductance = (np.float32(1000) / skin).astype(np.float32)
    conductance[~(np.isfinite(conductance) & (skin > 0))] = np.nan
    return conductance


def _samples(path: Path) -> tuple[Float32[np.ndarray, "sample column"], int]:
    """The columns ``COLUMNS`` of a file without the rows that are not numbers, and how many these are."""
    malformed: list[int] = []

    def drop(_: arrow_csv.InvalidRow) -> str:
        malformed.append(1)
        return "skip"

    try:
        # as latin1 any byte is a letter: of a row that is no text Arrow would not tell the handler
        options = arrow_csv.ReadOptions(use_threads=False, encoding="latin1")
        table = arrow_csv.read_csv(regular(path), options, arrow_csv.ParseOptions(invalid_row_handler=drop))
    except (pa.ArrowException, OSError) as error:
        found = " ".join(str(error).split())
        raise InputError(f"{path}: expected a table with columns {list(COLUMNS)}, found: {found}; unpack CLAS again") from None
    names = [name.removeprefix("\xef\xbb\xbf").strip().lower() for name in table.column_names]  # a byte order mark
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        raise InputError(f"{path}: expected columns {list(COLUMNS)}, found none called {missing}; unpack CLAS again")
    with np.errstate(over="ignore"):  # what is too large for single precision counts as no number
        samples = np.stack([_numbers(table.column(names.index(column))) for column in COLUMNS], axis=1).astype(np.float32)
    usable = np.isfinite(samples).all(axis=1)
    dropped, rows = len(malformed) + int((~usable).sum()), len(malformed) + len(samples)
    if dropped > _LARGEST_DROPPED_SHARE * rows or not usable.any():
        raise InputError(f"{path}: expected rows of numbers, found {dropped} of {rows} rows that are not; unpack CLAS again")
    return samples[usable], dropped


def _numbers(column: pa.ChunkedArray) -> Float64[np.ndarray, "row"]:
    """NaN where a field is not a number; one that is not makes Arrow read the whole column as text."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return column.to_numpy().astype(np.float64)
    text = pd.Series(column.cast(pa.string()).to_numpy(), dtype=object)
    return pd.to_numeric(text.str.strip(), errors="coerce").to_numpy(np.float64)
