"""Excel workbooks from outside, as tables: size limits before anything is parsed, no entities, no formula evaluated, nothing extracted.

A workbook is XML inside a zip archive, so a small file can ask for any amount of memory or time, and each way has its limit: an archive's
directory longer than the archive's use, members that unpack to far more than they are or by a method that asks for memory itself, XML
entities, XML of countless tiny elements or in endless pieces (parsers begin a piece anew with each block that they read), styles and
sheets without number (which become objects of a kilobyte), formats that take a search of ages, a row without end, and a cell far away
that makes a sheet huge.
"""

import os
import struct
import warnings
import zipfile
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

import openpyxl
import pandas as pd

from emofuse.errors import InputError

# an hour at 64 Hz with a time column makes 24 MB of XML that shrinks 7-fold, 2.1 million nodes, 0.5 million cells
_DIRECTORY = 1_000_000  # bytes of the archive's own list of members
_MEMBERS = 1000
_BYTES = 200_000_000  # of all members when unpacked
_RATIO = 200  # of unpacked to packed bytes; a member of equal bytes reaches 1,000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Excel's; LZMA's own header asks for up to 4 GB
_NODES = 5_000_000  # elements and attributes; a parser keeps some 100 bytes for each, openpyxl 360 for a cell
_ROW_NODES = 50_000  # of one row, which is kept whole
_OF_CELLS = frozenset({"row", "c", "v", "f", "is", "si", "t", "r"})  # elements of which a table has many
_OTHER_NODES = 50_000  # elements that are not: styles, sheets, names
_SHEETS = 50
_PIECE = 1_000_000  # bytes between a < and its >
_FORMAT = 255  # characters of a number format, as in Excel: openpyxl looks into it once for each style
_COLUMNS = 2000  # VerBIO's Features/IS10.xlsx has 1,583
_CELLS = 2_000_000  # empty ones between filled ones count: a single far cell makes them
_CHUNK = 1 << 16


def read(path: Path) -> pd.DataFrame:
    """Return the first sheet: columns named by its first row (stripped), numbers as float, empty cells NaN, other cells as they are.

    A formula counts as the value that was stored with it. A column without a name is called ``column <n>``, n from 1. Rows after the
    last one that holds something are left out. Raises InputError where the file is absent, is no workbook, is damaged, exceeds a
    limit, declares a document type (which is where XML entities come from), or has no, repeated or numeric column names.
    """
    try:
        with path.open("rb") as file:
            _require_short_directory(file, path)
            with zipfile.ZipFile(file) as archive:
                _require_modest(archive, path)
                _require_plain_xml(archive, path)
            return _first_sheet(file, path)
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib, expat and openpyxl answer damage with many kinds of exception
        found = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{path}: expected an Excel workbook (.xlsx) that can be read, found {found}; unpack the release again") from error


def _require_short_directory(file: BinaryIO, path: Path) -> None:
    """Raise InputError where reading the list of members alone would take more memory than a workbook is worth."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 22))  # a comment of at most 64 kB may follow the end record of 22 bytes
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        raise InputError(f"{path}: expected an Excel workbook (.xlsx) that can be read, found no zip archive; unpack the release again")
    directory = struct.unpack_from("<I", tail, at + 12)[0]
    if directory > _DIRECTORY or tail[max(0, at - 20) : at].startswith(b"PK\6\7"):  # the second: a directory of more than 4 GB
        raise InputError(f"{path}: expected at most {_DIRECTORY} bytes of members' names, found more; this is no measurement; leave it out")
    file.seek(0)


def _require_modest(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise InputError where the archive's directory says too much; what is read of a member never exceeds the size said there."""
    members = archive.infolist()
    remedy = "this is no measurement; obtain the file again"
    if len(members) > _MEMBERS:
        raise InputError(f"{path}: expected at most {_MEMBERS} members in a workbook, found {len(members)}; {remedy}")
    total = sum(member.file_size for member in members)
    if total > _BYTES:
        raise InputError(f"{path}: expected at most {_BYTES} bytes in a workbook once unpacked, found {total}; {remedy}")
    for member in members:
        if member.compress_type not in _METHODS:
            raise InputError(
                f"{path}: expected members that are stored or deflated, found {member.filename!r:.80} packed by method "
                f"{member.compress_type}; {remedy}"
            )
        if member.file_size > _RATIO * member.compress_size:
            raise InputError(
                f"{path}: expected members that unpack to at most {_RATIO} times their size, found {member.filename!r} with "
                f"{member.file_size} bytes from {member.compress_size}; {remedy}"
            )


def _require_plain_xml(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise InputError for a document type declaration or for more than a table has; nothing is kept of what is parsed."""
    nodes, others, sheets = 0, 0, 0
    row, number = None, 0.0  # nodes of the row that is open, and the row's number

    def count(name: str, attributes: list[str]) -> None:
        nonlocal nodes, others, sheets, row, number
        here = 1 + len(attributes) // 2
        nodes += here
        local = name.rpartition(":")[2]
        if local in _OF_CELLS:
            row = 0 if local == "row" else None if row is None else row + here
            if local == "row" and "r" in attributes[::2]:  # openpyxl leaves out a row that does not come after the one before
                before, number = number, float(attributes[attributes.index("r") + 1])
                if number <= before:
                    raise InputError(f"{path}: expected rows in order, found row {number:g} after {before:g}; save the workbook again")
        else:
            others += here
            sheets += local == "sheet"
            if local == "numFmt":
                require("characters of a number format", max(map(len, attributes), default=0), _FORMAT)
        require("XML nodes in a workbook", nodes, _NODES)
        require("XML nodes in a row", row or 0, _ROW_NODES)
        require("XML nodes that are not cells", others, _OTHER_NODES)
        require("sheets", sheets, _SHEETS)

    def require(what: str, found: int, most: int) -> None:
        if found > most:
            raise InputError(f"{path}: expected at most {most} {what}, found more in {member.filename!r:.80}; obtain the file again")

    def refuse(name: str, *_: object) -> None:
        raise InputError(
            f"{path}: expected XML without a document type, found one named {name[:40]!r} in {member.filename!r:.80}; obtain the file again"
        )

    for member in archive.infolist():
        parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.StartElementHandler = count
        parser.StartDoctypeDeclHandler = refuse
        fed, row, number = 0, None, 0.0
        try:
            with archive.open(member) as stream:
                while chunk := stream.read(_CHUNK):
                    parser.Parse(chunk)
                    fed += len(chunk)
                    require("bytes between < and >", fed - parser.CurrentByteIndex, _PIECE)
        except expat.ExpatError:
            continue  # a picture; where it should be XML, openpyxl stops at the same place


def _first_sheet(file: BinaryIO, path: Path) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of openpyxl, on styles and extensions that it leaves out
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        if not book.worksheets:
            raise InputError(f"{path}: expected a sheet, found none; obtain the file again")
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of its own extent is neither checked nor needed
        names = _names(next(sheet.iter_rows(max_row=1, max_col=_COLUMNS, values_only=True), ()), path)
        rows: list[list[object]] = []
        empty: list[list[object]] = [[float("nan")] * len(names)]
        blank = 0  # rows since the last one that holds something
        for row in sheet.iter_rows(min_row=2, max_col=len(names) + 1, values_only=True):
            if (len(rows) + blank + 1) * len(names) > _CELLS:
                raise InputError(f"{path}: expected at most {_CELLS} cells, found more; obtain the file again")
            if row.count(None) == len(row):
                blank += 1
                continue
            rows += blank * empty
            blank = 0
            if row[len(names) :] not in ((), (None,)):
                raise InputError(
                    f"{path}: row {len(rows) + 2}: expected {len(names)} cells as in the first row, found more; correct the workbook"
                )
            rows.append([_value(cell) for cell in row[: len(names)]])
    return pd.DataFrame(rows, columns=names)


def _names(cells: tuple[object, ...], path: Path) -> list[str]:
    width = max((k for k, cell in enumerate(cells, 1) if cell is not None), default=0)
    wrong = [str(cell)[:40] for cell in cells if not isinstance(cell, str | None)]
    if wrong or not width:
        raise InputError(f"{path}: expected column names in the first row, found {wrong[0] if wrong else 'nothing'}; correct the workbook")
    names = [str(cell or "").strip() or f"column {k}" for k, cell in enumerate(cells[:width], 1)]
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice:
        raise InputError(f"{path}: expected each column name once, found {twice[0][:40]!r} again; correct the workbook")
    return names


def _value(cell: object) -> object:
    if cell is None:
        return float("nan")
    return float(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) else cell
