"""The tables that carry everything between stages: what one row is, its key, its columns; checked on read and on write.

Every join in the project is by these keys, never by position or file order.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from emofuse import parquet
from emofuse.errors import InputError
from emofuse.tables.data import (
    ANNOTATIONS,
    AUDIT,
    COUNTS,
    EXAMPLES,
    LEFT_OUT,
    RECOGNITION,
    RECORDINGS,
    REFERENCES,
    TRANSCRIPTS,
    WINDOW_COUNTS,
)
from emofuse.tables.form import Column, Table
from emofuse.tables.results import ATTENTION, COMPARISONS, FUSION_WEIGHTS, HISTORY, PREDICTIONS, PRETRAINING, SCORES, WORD_ERRORS

__all__ = [
    "ANNOTATIONS",
    "ATTENTION",
    "AUDIT",
    "COMPARISONS",
    "COUNTS",
    "EXAMPLES",
    "FUSION_WEIGHTS",
    "HISTORY",
    "LEFT_OUT",
    "PREDICTIONS",
    "PRETRAINING",
    "RECOGNITION",
    "RECORDINGS",
    "REFERENCES",
    "SCORES",
    "TRANSCRIPTS",
    "WINDOW_COUNTS",
    "WORD_ERRORS",
    "Column",
    "Table",
    "check",
    "of_rows",
    "read",
    "write",
]


def of_rows(rows: Sequence[Mapping[str, object]] | pd.DataFrame, table: Table, where: str) -> pd.DataFrame:
    """The checked table of these rows, each value of its column's kind, an absent one null."""
    frame = pd.DataFrame(rows, columns=list(table.columns), dtype=object)
    return check(pa.Table.from_pandas(frame, schema=table.schema, preserve_index=False).to_pandas(), table, where)


def check(frame: pd.DataFrame, table: Table, where: str) -> pd.DataFrame:
    """Return ``frame`` with the table's columns in order, sorted by key; raise InputError naming the first bad record."""
    missing = [c for c in table.columns if c not in frame.columns]
    extra = [c for c in frame.columns if c not in table.columns]
    if missing or extra:
        raise InputError(f"{where}: {table.name} expects columns {list(table.columns)}; missing {missing}, unknown {extra}")
    frame = frame[list(table.columns)].sort_values(list(table.key), kind="stable").reset_index(drop=True)
    for name, column in table.columns.items():
        null = frame[name].isna()
        if not column.nullable and null.any():
            raise InputError(f"{where}: {table.name}.{name} may not be null; it is for {_record(frame, table, null)}")
    double = frame.duplicated(list(table.key))
    if double.any():
        raise InputError(f"{where}: {table.name} expects one row per {table.key}; found two for {_record(frame, table, double)}")
    return frame


def _record(frame: pd.DataFrame, table: Table, where: "pd.Series[bool]") -> str:
    return "/".join(str(v) for v in frame.loc[where, list(table.key)].iloc[0])


def write(frame: pd.DataFrame, path: Path, table: Table) -> None:
    """Check and write the table as Parquet; the file appears whole or not at all, and equal frames give equal bytes."""
    frame = check(frame, table, str(path))
    try:
        arrow = pa.Table.from_pandas(frame, schema=table.schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"{path}: {table.name} has a value of the wrong kind: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        parquet.write(arrow, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path, table: Table) -> pd.DataFrame:
    """Read and check a table that ``write`` wrote; raises InputError if it is absent, damaged or of other columns."""
    try:
        frame = parquet.read(path)
    except FileNotFoundError:
        raise InputError(f"{path}: expected the {table.name} table, found no file; run `dvc repro` to make it") from None
    except (pa.ArrowException, OSError, ValueError) as error:  # text that is no UTF-8 is a ValueError
        raise InputError(
            f"{path}: expected the {table.name} table, found an unreadable file ({error}); delete it and run `dvc repro`"
        ) from error
    return check(frame, table, str(path))
