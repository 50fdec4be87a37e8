"""Writes pickles as Python 2 did, in which text and bytes are one: loaded by Python 3 without ``encoding`` they fail.

``pickle.dumps`` of Python 3 writes text as UTF-8 in every protocol, so it cannot make such files.
"""

import struct
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import numpy as np


def write(path: Path, value: object) -> None:
    """Write dicts, lists, tuples, ASCII text, numbers, booleans, None and numeric arrays in protocol 2, making the folder.

    Raises TypeError for anything else. Memory stays at one array more than the value.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"\x80\x02")  # protocol 2
        file.writelines(_opcodes(value, count()))
        file.write(b".")


def _opcodes(value: object, memo: Iterator[int]) -> Iterator[bytes]:
    match value:
        case None:
            yield b"N"
        case bool():
            yield b"\x88" if value else b"\x89"
        case int():
            data = value.to_bytes(8, "little", signed=True)
            yield b"J" + data[:4] if -(2**31) <= value < 2**31 else b"\x8a\x08" + data
        case float():
            yield b"G" + struct.pack(">d", value)
        case str() | bytes():
            yield from _string(value.encode("ascii") if isinstance(value, str) else value, memo)
        case list():
            yield b"](" + b"".join(b"".join(_opcodes(item, memo)) for item in value) + b"e"
        case tuple():
            yield b"("
            for item in value:
                yield from _opcodes(item, memo)
            yield b"t"
        case Mapping():
            yield b"}("
            for key, item in value.items():
                yield from _opcodes(key, memo)
                yield from _opcodes(item, memo)
            yield b"u"
        case np.ndarray() if value.dtype.kind in "biuf":
            yield from _array(value, memo)
        case _:
            raise TypeError(f"no form in a Python 2 pickle for {type(value)}")


def _string(data: bytes, memo: Iterator[int]) -> Iterator[bytes]:
    """The opcodes of Python 2's ``str``, and the place in the memo that it gave to each."""
    yield b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + struct.pack("<i", len(data))
    yield data
    yield b"r" + struct.pack("<I", next(memo))


def _array(array: np.ndarray, memo: Iterator[int]) -> Iterator[bytes]:
    """What ``ndarray.__reduce__`` gave under NumPy 1: an empty array, then its state."""
    dtype = array.dtype.newbyteorder("<")
    yield b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    yield from _opcodes((0,), memo)
    yield from _string(b"b", memo)
    yield b"\x87R("  # called with these three; its state follows
    yield from _opcodes(1, memo)
    yield from _opcodes(tuple(array.shape), memo)
    yield b"cnumpy\ndtype\n"
    yield from _string(dtype.str[1:].encode(), memo)
    yield from _opcodes(0, memo)
    yield from _opcodes(1, memo)
    yield b"\x87R"
    yield from _opcodes((3, "<", None, None, None, -1, -1, 0), memo)
    yield b"b"
    yield from _opcodes(False, memo)
    yield from _string(np.ascontiguousarray(array, dtype).tobytes(), memo)
    yield b"tb"
