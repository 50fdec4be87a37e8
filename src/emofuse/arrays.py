"""Feature caches: one array per example id, read from disk by random access without loading the corpus.

A cache is a folder of two files: ``frames.npy``, all arrays one after the other along the first axis (uncompressed,
memory-mapped on reading), and ``index.parquet`` (example_id, offset, length, sha256 of the array's bytes). One flat array gives a
thousand random mini-batches a second from data larger than memory; compressed or per-example files give 10 to 100.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.lib import format as npy

from emofuse import parquet
from emofuse.errors import InputError

_INDEX = pa.schema([("example_id", pa.string()), ("offset", pa.int64()), ("length", pa.int64()), ("sha256", pa.string())])
_REMEDY = (
    "delete the folder and run `dvc repro`, which restores it from DVC's cache; if that copy is damaged too, see 'Damaged files' in "
    "docs/many-machines.md"
)
_HEADER_BYTES = 128  # NumPy pads the header so that data start at a multiple of 64


def write(folder: Path, arrays: Iterable[tuple[str, np.ndarray]], gaps: bool = False) -> int:
    """Write (example id, array) pairs; return their number. Arrays share dtype and all axes but the first; memory stays constant.

    The folder appears whole or not at all. Raises InputError on a repeated id, another trailing shape or a non-finite value; with
    ``gaps`` NaN is allowed and marks a lost sample.
    """
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        rows = _write_frames(partial / "frames.npy", arrays, gaps)
        parquet.write(pa.Table.from_pylist(rows, schema=_INDEX), partial / "index.parquet")
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(rows)


def _write_frames(path: Path, arrays: Iterable[tuple[str, np.ndarray]], gaps: bool) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    first: np.ndarray | None = None
    offset = 0
    with path.open("wb") as file:
        file.write(bytes(_HEADER_BYTES))
        for example_id, array in arrays:
            first = array[:0] if first is None else first
            finite = bool((~np.isinf(array) if gaps else np.isfinite(array)).all())
            if example_id in seen or (array.shape[1:], array.dtype) != (first.shape[1:], first.dtype) or not finite:
                raise InputError(
                    f"{example_id}: a feature cache expects each id once, {first.dtype} arrays of shape (*, {first.shape[1:]}), finite; "
                    f"found {array.dtype} {array.shape}, repeated: {example_id in seen}, finite: {finite}"
                )
            seen.add(example_id)
            data = np.ascontiguousarray(array).tobytes()
            file.write(data)
            rows.append({"example_id": example_id, "offset": offset, "length": len(array), "sha256": hashlib.sha256(data).hexdigest()})
            offset += len(array)
        file.seek(0)
        first = np.empty(0, np.float32) if first is None else first
        file.write(_header((offset, *first.shape[1:]), first.dtype))
    return rows


def _header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """The NPY 1.0 header of exactly ``_HEADER_BYTES`` bytes, so that it can be written after the data."""
    text = repr({"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}).encode()
    body = _HEADER_BYTES - 10  # magic, version and the length field take 10 bytes
    return npy.magic(1, 0) + body.to_bytes(2, "little") + text.ljust(body - 1) + b"\n"


class ArrayCache:
    """Random access to the arrays of a cache folder, memory-mapped: ``cache[example_id]`` is a view of shape (length, …).

    Each array is verified when it is first read: a bit that flipped on the disk, which DVC does not look for, would otherwise train a wrong
    network under the right key. ``frames`` is all of them, not verified.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.index: pd.DataFrame = parquet.read(folder / "index.parquet").set_index("example_id")
            self.frames: np.ndarray = np.load(folder / "frames.npy", mmap_mode="r")
            rows = int(self.index["length"].sum())
            self._rows = dict(
                zip(self.index.index, self.index[["offset", "length", "sha256"]].itertuples(index=False, name=None), strict=True)
            )
            in_order = self.index["offset"].equals(self.index["length"].cumsum() - self.index["length"])
        except Exception as error:  # Arrow and NumPy's reader of headers answer damage with many kinds of exception
            raise InputError(f"{folder}: expected a feature cache (frames.npy, index.parquet), found {error}; {_REMEDY}") from error
        if not in_order or not self.index.index.is_unique:
            raise InputError(f"{folder}: expected each array once and behind the one before, found another index; {_REMEDY}")
        if self.frames.dtype.kind != "f" or not self.frames.dtype.isnative:  # the same bytes would be other numbers
            raise InputError(
                f"{folder}: expected floating-point numbers in this machine's byte order, found {self.frames.dtype}; {_REMEDY}"
            )
        if rows != len(self.frames):
            raise InputError(f"{folder}: the index speaks of {rows} frames, frames.npy holds {len(self.frames)}; {_REMEDY}")
        self.folder = folder
        self._verified: set[str] = set()

    def __len__(self) -> int:
        """Number of examples."""
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        """Example ids in the order they were written."""
        return iter(self._rows)

    def __getitem__(self, example_id: str) -> np.ndarray:
        """The array of one example; InputError if the cache lacks it, or it is damaged."""
        self.verify(example_id)
        offset, length, _ = self._rows[example_id]
        return self.frames[offset : offset + length]

    def verify(self, example_id: str) -> None:
        """Raise InputError if the array is absent, or, when it is first asked for, not of the SHA-256 that it was written with."""
        if example_id in self._verified:
            return
        offset, length, expected = self._row(example_id)
        found = hashlib.sha256(self.frames[offset : offset + length].data).hexdigest()
        if found != expected:
            raise InputError(f"{self.folder}: expected the array of {example_id} with SHA-256 {expected}, found {found}; {_REMEDY}")
        self._verified.add(example_id)

    def length(self, example_id: str) -> int:
        """Number of entries along the first axis."""
        return self._row(example_id)[1]

    def digests(self, example_ids: Iterable[str]) -> list[str]:
        """SHA-256 of each example's array, for run keys."""
        return [str(d) for d in self.index.loc[list(example_ids), "sha256"]]

    def _row(self, example_id: str) -> tuple[int, int, str]:
        try:
            return self._rows[example_id]
        except KeyError:
            raise InputError(f"{example_id}: expected in the feature cache, not found; run `dvc repro`") from None
