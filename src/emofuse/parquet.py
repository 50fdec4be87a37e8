"""Parquet files that never give other values than were written: one that is damaged is told, wherever in the file the damage is.

The format's own checksums cover the pages of values, and not what says how to read them: a flipped bit there can give another table. So the
file also carries the SHA-256 of its columns and values.
"""

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

_DIGEST = b"sha256"


def write(table: pa.Table, path: Path) -> None:
    """Write the table with its checksums; equal tables give equal bytes."""
    told = table.replace_schema_metadata({_DIGEST: _digest(table, table.to_pandas())})
    pq.write_table(told, path, compression="zstd", write_page_checksum=True)


def read(path: Path) -> pd.DataFrame:
    """Read what ``write`` wrote; raises FileNotFoundError, and where it is not as it was written ArrowException, OSError or ValueError."""
    table = pq.read_table(path, page_checksum_verification=True)
    frame: pd.DataFrame = table.to_pandas()
    expected = (table.schema.metadata or {}).get(_DIGEST)
    if expected is None:
        raise ValueError("it lacks the SHA-256 of its values")
    if _digest(table, frame) != expected:
        raise ValueError("its values are not of the SHA-256 that it was written with")
    return frame


def _digest(table: pa.Table, frame: pd.DataFrame) -> bytes:
    columns = str(table.schema.remove_metadata()).encode()
    rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()  # a null counts as one whatever lies under it
    return hashlib.sha256(columns + rows.tobytes()).hexdigest().encode()
