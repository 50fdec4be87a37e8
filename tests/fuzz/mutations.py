"""Damage to a file as accidents and attackers do it: every choice is taken from a ``random.Random``, so that Hypothesis can make it."""

import random
from collections.abc import Callable

Damaged = bytes | str  # another content, or words of ``reading.damage``
_NUMBERS = (
    b"nan",
    b"inf",
    b"-inf",
    b"1e400",
    b"-1",
    b"",
    b"0",
    b"1_0",
    "٣".encode(),
    b"word",
    b"0x10",
    b"9" * 25,
    b"1,5",
    b"-0.0",
    b"1e-320",
)
_DELIMITERS = b",;\t| "
_LONG = 60_000
_TEXTS = ("utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-8-sig", "utf-7")


def damaged(data: bytes, name: str, binary: bool, choose: random.Random) -> Damaged:
    """The file's new content, or that it is no file of this name any more; now and then damaged twice."""
    fate = choose.randrange(40)
    if fate < 3:
        return ("deleted", "a folder in its place", f"renamed to {renamed(name, choose)}")[fate]
    if fate < 12 and binary:
        return f"renamed to {renamed(name, choose)}"
    kinds = _OF_BYTES if binary else (*_OF_BYTES, *_OF_LINES, *_OF_LINES)
    for _ in range(2 if choose.randrange(6) == 0 else 1):
        data = kinds[choose.randrange(len(kinds))](data, choose)
    return data


def renamed(name: str, choose: random.Random) -> str:
    """Another name of at most 255 bytes, without a slash or NUL."""
    stem, _, suffix = name.rpartition(".")
    place = choose.randrange(len(stem) + 1)
    pieces = ("", "\n", "\udcff", "é", "\x1b[31m", "_", " ", "0", "9", "A", "x" * 100, "'", "\u202e")
    piece = pieces[choose.randrange(len(pieces))]
    return (
        f"{stem[:place]}{piece}{stem[place + choose.randrange(2) :]}.{suffix}",
        f"-{name}",
        name.swapcase(),
        f"{stem} - Copy.{suffix}",
        f"{stem} (1).{suffix}",
        f"{stem}.{('flac', 'WAV', 'mp4', 'csv', 'txt')[choose.randrange(5)]}",
        f".{name}",
        stem or "x",
    )[choose.randrange(8)]


def truncated(data: bytes, choose: random.Random) -> bytes:
    return data[: choose.randrange(len(data) + 1)]


def _span(data: bytes, choose: random.Random, longest: int) -> tuple[int, int]:
    """Half of the spans are in the first 200 bytes, where headers are."""
    start = choose.randrange(len(data) + 1)
    if choose.randrange(2):
        start = min(start, choose.randrange(200))
    return start, min(len(data), start + 1 + choose.randrange(longest))


def _flipped(data: bytes, choose: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(1 + choose.randrange(4)):
        start, end = _span(data, choose, 1)
        for place in range(start, end):
            changed[place] ^= 1 << choose.randrange(8)
    return bytes(changed)


def _overwritten(data: bytes, choose: random.Random) -> bytes:
    start, end = _span(data, choose, 300)
    return data[:start] + (b"\0", b"\xff")[choose.randrange(2)] * (end - start) + data[end:]


def _inserted(data: bytes, choose: random.Random) -> bytes:
    start, _ = _span(data, choose, 1)
    pieces = (
        b"\0",
        b"\x1b[31m",
        b'"',
        b"'",
        b"\xe9",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n\n",
        b"\n",
        b",",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\x1a",
        b"../",
        b"%s{}",
    )
    return data[:start] + pieces[choose.randrange(len(pieces))] * (1 + choose.randrange(3)) + data[start:]


def _cut_out(data: bytes, choose: random.Random) -> bytes:
    start, end = _span(data, choose, 300)
    return data[:start] + data[end:]


def _doubled(data: bytes, choose: random.Random) -> bytes:
    return data + data[choose.randrange(len(data) + 1) :]


def _replaced(data: bytes, choose: random.Random) -> bytes:
    return (
        b"",
        b"\n",
        b"\0" * 64,
        b"{}",
        b"<html>not found</html>\n",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"PK\x05\x06" + bytes(18),
    )[choose.randrange(7)]


def _recoded(data: bytes, choose: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode(_TEXTS[choose.randrange(len(_TEXTS))], "replace")


def _with_other_line_ends(data: bytes, choose: random.Random) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", (b"\r\n", b"\r", b"\n\r", b"\n\n")[choose.randrange(4)])


def _with_other_lines(data: bytes, choose: random.Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    one, other = choose.randrange(len(lines)), choose.randrange(len(lines))
    what = choose.randrange(6)
    if what == 0:
        del lines[min(one, other) : max(one, other) + 1 if choose.randrange(2) else min(one, other) + 1]
    elif what == 1:
        lines.insert(other, lines[one])
    elif what == 2:
        lines[one], lines[other] = lines[other], lines[one]
    elif what == 3:
        choose.shuffle(lines)
    elif what == 4:
        lines[1:] = lines[:0:-1]
    else:
        lines[one] = lines[one].rstrip(b"\r\n") * 200 + b"\n"
    return b"".join(lines)


def _delimiter(data: bytes) -> bytes:
    first = data.split(b"\n", 1)[0]
    return max((bytes([code]) for code in _DELIMITERS), key=first.count)


def _with_other_columns(data: bytes, choose: random.Random) -> bytes:
    by = _delimiter(data)
    rows = [line.split(by) for line in data.replace(b"\r\n", b"\n").split(b"\n")]
    width = max(len(rows[0]), 1)
    one, other, what = choose.randrange(width), choose.randrange(width), choose.randrange(5)
    if what == 0:
        rows = [row[:one] + row[one + 1 :] for row in rows]
    elif what == 1:
        rows[0][one] = (b"", b"name", rows[0][one].upper(), b" " + rows[0][one], rows[0][other])[choose.randrange(5)]
    elif what == 2:
        rows = [[*row, row[one]] if one < len(row) else row for row in rows]
    elif what == 3:
        order = list(range(width))
        choose.shuffle(order)
        rows = [[row[k] for k in order] if len(row) == width else row for row in rows]
    else:
        new = bytes([_DELIMITERS[choose.randrange(len(_DELIMITERS))]])
        return b"\n".join(new.join(row) for row in rows)
    return b"\n".join(by.join(row) for row in rows)


def _with_another_field(data: bytes, choose: random.Random) -> bytes:
    by = _delimiter(data)
    lines = data.split(b"\n")
    one = choose.randrange(len(lines))
    fields = lines[one].split(by)
    values = (*_NUMBERS, b"x" * _LONG, b'"' + b"y" * _LONG + b'"', b"a\nb", b'"a\nb"', b'"', b"1" + b"0" * 400)
    fields[choose.randrange(len(fields))] = values[choose.randrange(len(values))]
    lines[one] = by.join(fields)
    return b"\n".join(lines)


_OF_BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    truncated,
    _flipped,
    _overwritten,
    _inserted,
    _cut_out,
    _doubled,
    _replaced,
)
_OF_LINES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _recoded,
    _with_other_line_ends,
    _with_other_lines,
    _with_other_columns,
    _with_another_field,
)
