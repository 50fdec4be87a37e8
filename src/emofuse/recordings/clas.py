"""CLAS: 62 people solve tasks and watch pictures and films with a Shimmer3 at the hand (Markova et al. 2019, doi 10.21227/ybsw-yr53).

Licence: free to download with an IEEE DataPort account; its terms are not stated there. B §3.1 pretrains wearable encoders on it.

Layout (``root`` is the folder CLAS, or one or two folders above it; ``Participants`` is also called ``Data``)::

    Participants/Part<n>/by_block/<block>_gsr_ppg*.csv     Timestamp, PythonTimestamp, accelx, accely, accelz, ppg, gsr; 256 Hz
    Block_details/Part<n>_Block_Details.csv                Block, Block Type, …, Length(s), …

The file names in the table of blocks are not those on disk. The release does not say what unit the skin's signal has (taken as uS),
nor what its stamps count, so a block's clock starts at 0 and runs at the nominal rate. No temperature. Known size: 62 participants, of
whom some lack blocks, which are left out with a log line; as of some nothing may be there, 55 to 62 are accepted.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
from jaxtyping import Float32, Float64

from emofuse.corpora import children, is_invented, refuse
from emofuse.errors import InputError
from emofuse.recordings import locate, require_release
from emofuse.signals import Annotation, Recording, Track, in_g

NAME = "clas"
RELEASES = ("2019",)
PARTICIPANTS = (55, 62)  # fewest and most
RATE_HZ = 256.0
COLUMNS = ("accelx", "accely", "accelz", "ppg", "gsr")
_FOLDERS = ("Participants", "Data")
_DETAILS = ("Block", "Block Type", "Length(s)")
_PARTICIPANT = re.compile(r"Part\d+")
_LARGEST_DROPPED_SHARE = 0.05  # of a file's rows
_LARGEST_RATE_ERROR = 0.05

log = logging.getLogger("clas")


def read(root: Path, release: str, check_counts: bool) -> Iterator[Recording]:
    """Yield one recording for each block of each participant, ``Part1/1`` and so on: acc, bvp and eda at 256 Hz, annotation block_type.

    Rows that are not numbers, such as repeated headers, are dropped. Raises InputError naming the file for a table of blocks or a file
    that cannot be used, more than 5 % of such rows, or a number of samples that is more than 5 % off the block's length.
    """
    require_release(NAME, release, RELEASES)
    base = locate(NAME, root, "CLAS (Participants/Part1 and so on)", lambda f: bool(_participants(f)))
    participants = _participants(base)
    if check_counts and not is_invented(root, base) and not PARTICIPANTS[0] <= len(participants) <= PARTICIPANTS[1]:
        raise InputError(
            f"{base}: CLAS {release} has {PARTICIPANTS[0]} to {PARTICIPANTS[1]} participants, found {len(participants)}; unpack the "
            "release again, or set check_counts: false in params.yaml to use what is there"
        )
    blocks = 0
    for participant in participants:
        for recording in _blocks(base / "Block_details" / f"{participant.name}_Block_Details.csv", participant):
            blocks += 1
            yield recording
    if not blocks:
        raise InputError(f"{base}: expected files such as {participants[0].name}/by_block/1_gsr_ppg_.csv, found none; unpack CLAS again")


def _participants(base: Path) -> list[Path]:
    """Participants' folders by number; a stray ``Part25 - Copy`` is not one."""
    homes = [d for d in children(base) if d.name in _FOLDERS and d.is_dir()]
    found = [[d for d in children(home) if _PARTICIPANT.fullmatch(d.name) and d.is_dir()] for home in homes]
    if sum(map(bool, found)) > 1:
        raise InputError(f"{base}: expected participants in one of {list(_FOLDERS)}, found them in both; remove one of the two")
    return sorted((d for folders in found for d in folders), key=lambda d: int(d.name[4:]))


def _blocks(details: Path, participant: Path) -> Iterator[Recording]:
    folder = participant / "by_block"
    names = [path.name for path in children(folder)] if folder.is_dir() else []
    for block, kind, length_s in _table_of_blocks(details):
        files = [name for name in names if re.fullmatch(rf"{block}_gsr_ppg.*\.csv", name, re.IGNORECASE)]
        if not files:
            log.info("%s: no file %s_gsr_ppg*.csv for block '%s': left out", folder, block, kind)
            continue
        if len(files) > 1:
            raise InputError(f"{folder}: expected one file for block {block}, found {files}; keep the genuine one")
        yield _recording(folder / files[0], participant.name, block, kind, length_s)


def _table_of_blocks(path: Path) -> list[tuple[str, str, float]]:
    """Number, type and length in s of each block in the table."""
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig").rename(columns=str.strip)
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise InputError(f"{path}: expected a table with columns {list(_DETAILS)}, found: {found}; unpack CLAS again") from None
    missing = [column for column in _DETAILS if column not in rows]
    if missing:
        raise InputError(f"{path}: expected a table with columns {list(_DETAILS)}, found none called {missing}; unpack CLAS again")
    rows = rows[list(_DETAILS)].fillna("").apply(lambda column: column.str.strip())
    rows = rows[(rows != "").any(axis=1)]
    block, kind, length = (rows[column] for column in _DETAILS)
    row = pd.Series([f"row {i + 2}" for i in rows.index], rows.index, dtype=str)
    refuse(path, row, ~block.str.fullmatch(r"[0-9]+"), "Block", block, "a number")
    refuse(path, row, block.duplicated(), "Block", block, "each block once")
    refuse(path, row, kind == "", "Block Type", kind, "a word")
    length_s = pd.to_numeric(length, errors="coerce")
    refuse(path, row, ~((length_s > 0) & np.isfinite(length_s)), "Length(s)", length, "a number of s above 0")
    return list(zip(block, kind, length_s.astype(float), strict=True))


def _recording(path: Path, participant: str, block: str, kind: str, length_s: float) -> Recording:
    samples = _samples(path)
    found_s = len(samples) / RATE_HZ
    if abs(found_s / length_s - 1) > _LARGEST_RATE_ERROR:
        raise InputError(
            f"{path}: expected {length_s:g} s by the table of blocks, found {len(samples)} rows, "
            f"which are {found_s:g} s at {RATE_HZ:g} Hz: rates do not match; check the file"
        )
    tracks = {
        "acc": Track(RATE_HZ, 0.0, in_g(samples[:, :3], str(path))),
        "bvp": Track(RATE_HZ, 0.0, samples[:, 3].copy()),
        "eda": Track(RATE_HZ, 0.0, samples[:, 4].copy()),
    }
    annotation = Annotation(0.0, found_s, "block_type", text=kind)
    return Recording(f"{participant}/{block}", participant, tracks, annotations=(annotation,))


def _samples(path: Path) -> Float32[np.ndarray, "sample column"]:
    """The columns ``COLUMNS`` of a file without the rows that are not numbers."""
    malformed: list[int] = []

    def drop(_: arrow_csv.InvalidRow) -> str:
        malformed.append(1)
        return "skip"

    try:
        table = arrow_csv.read_csv(path, arrow_csv.ReadOptions(use_threads=False), arrow_csv.ParseOptions(invalid_row_handler=drop))
    except (pa.ArrowException, OSError) as error:
        found = " ".join(str(error).split())
        raise InputError(f"{path}: expected a table with columns {list(COLUMNS)}, found: {found}; unpack CLAS again") from None
    names = [name.strip().lower() for name in table.column_names]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        raise InputError(f"{path}: expected columns {list(COLUMNS)}, found none called {missing}; unpack CLAS again")
    with np.errstate(over="ignore"):  # what is too large for single precision counts as no number
        samples = np.stack([_numbers(table.column(names.index(column))) for column in COLUMNS], axis=1).astype(np.float32)
    usable = np.isfinite(samples).all(axis=1)
    dropped, rows = len(malformed) + int((~usable).sum()), len(malformed) + len(samples)
    if dropped > _LARGEST_DROPPED_SHARE * rows or not usable.any():
        raise InputError(f"{path}: expected rows of numbers, found {dropped} of {rows} rows that are not; unpack CLAS again")
    if dropped:
        log.info("%s: %d of %d rows are not numbers: dropped", path, dropped, rows)
    return samples[usable]


def _numbers(column: pa.ChunkedArray) -> Float64[np.ndarray, "row"]:
    """NaN where a field is not a number; one that is not makes Arrow read the whole column as text."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return column.to_numpy().astype(np.float64)
    text = pd.Series(column.cast(pa.string()).to_numpy(), dtype=object)
    return pd.to_numeric(text.str.strip(), errors="coerce").to_numpy(np.float64)
