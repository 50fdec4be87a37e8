"""Workbooks: what a sheet says is what is read, by an independent writer; every way to make a small file large is answered in one line."""

import io
import math
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emofuse import workbook
from emofuse.errors import InputError

SHEET = "xl/worksheets/sheet1.xml"


def write(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.create_sheet("second").append(["not this one"])
    book.save(path)
    return path


def rewrite(path: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    """Replace one member's content."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return path


def add(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)


def problem(path: Path) -> str:
    with pytest.raises(InputError) as error:
        workbook.read(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return write(tmp_path / "BVP_PPT.xlsx", [["Time (s)", "BVP"], [0, 1.5], [1, -2.25]])


def test_the_first_sheet_is_read_with_stripped_names_and_floats(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [[" Time (s) ", "EDA", "PID"], [0, 0.1, "P001"], [0.25, None, "P002"]])
    table = workbook.read(path)
    expected = pd.DataFrame({"Time (s)": [0.0, 0.25], "EDA": [0.1, np.nan], "PID": ["P001", "P002"]})
    pd.testing.assert_frame_equal(table, expected)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(-1e300, 1e300), st.integers(-(2**40), 2**40)), min_size=1, max_size=5))
def test_numbers_come_back_as_they_were_written_by_another_library(tmp_path: Path, rows: list[tuple[float, int]]) -> None:
    path = tmp_path / "numbers.xlsx"
    pd.DataFrame(rows, columns=["a", "b"]).to_excel(path, index=False)
    table = workbook.read(path)
    assert table["a"].tolist() == pytest.approx([a for a, _ in rows], rel=1e-15)  # openpyxl writes 17 significant digits
    assert table["b"].tolist() == [b for _, b in rows]
    pd.testing.assert_frame_equal(table, pd.read_excel(path).astype(np.float64))


def test_a_column_without_a_name_is_called_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "index.xlsx"
    pd.DataFrame({"EDA": [0.5]}).to_excel(path)
    assert list(workbook.read(path)) == ["column 1", "EDA"]


def test_a_formula_counts_as_its_stored_value_and_is_not_evaluated(tmp_path: Path) -> None:
    path = write(tmp_path / "formula.xlsx", [["a", "b"], ["=1+1", '=HYPERLINK("http://localhost","x")']])
    assert all(math.isnan(value) for value in workbook.read(path).reindex([0]).iloc[0])
    rewrite(
        path, SHEET, lambda xml: xml.replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>7</v>").replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>7</v>")
    )
    assert workbook.read(path)["a"].tolist() == [7.0]


def test_empty_rows_at_the_end_are_left_out_and_those_between_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.xlsx", [["a"], [1], [None], [3]])
    book = openpyxl.load_workbook(path)
    book.worksheets[0].cell(9, 1).number_format = "0.0"  # a formatted empty cell
    book.save(path)
    np.testing.assert_array_equal(workbook.read(path)["a"], [1, np.nan, 3])


def test_an_extent_that_lies_changes_nothing(book: Path) -> None:
    before = workbook.read(book)
    rewrite(book, SHEET, lambda xml: xml.replace(b'ref="A1:B3"', b'ref="A1:A2"'))
    pd.testing.assert_frame_equal(workbook.read(book), before)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(book: Path) -> None:
    rewrite(book, SHEET, lambda xml: xml.replace(b"</sheetData>", b" " * 30_000_000 + b"</sheetData>"))
    assert book.stat().st_size < 100_000
    assert "at most 200 times their size, found 'xl/worksheets/sheet1.xml'" in problem(book)


def test_members_that_promise_too_much_together_are_refused(book: Path) -> None:
    noise = np.random.default_rng(1).bytes(1_100_000)
    for k in range(2):
        add(book, f"xl/media/{k}.bin", noise)
    data = bytearray(book.read_bytes())
    for k in range(2):  # the directory's field of the unpacked size is 22 bytes before the name
        at = data.rindex(f"xl/media/{k}.bin".encode()) - 22
        assert struct.unpack_from("<I", data, at) == (1_100_000,)
        struct.pack_into("<I", data, at, 110_000_000)
    book.write_bytes(data)
    assert "at most 200000000 bytes" in problem(book)


def test_a_member_that_is_larger_than_it_says_is_refused(book: Path) -> None:
    data = bytearray(book.read_bytes())
    at = data.rindex(SHEET.encode()) - 22
    struct.pack_into("<I", data, at, 300)
    book.write_bytes(data)
    assert "CRC" in problem(book)


def test_too_many_members_are_refused(book: Path) -> None:
    with zipfile.ZipFile(book, "a") as archive:
        for k in range(1000):
            archive.writestr(f"xl/media/{k}", b"")
    assert "at most 1000 members" in problem(book)


@pytest.mark.parametrize("member", [SHEET, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_billion_laughs_are_refused_in_any_member_and_encoding(book: Path, member: str, encoding: str) -> None:
    laughs = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))
    prolog = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE laughs [<!ENTITY l0 "ha">{laughs}]>'

    def laugh(xml: bytes) -> bytes:
        body = xml.decode().removeprefix("<?xml version='1.0' encoding='utf-8'?>").lstrip("\n")
        return (prolog + body.replace("</", "&l9;</", 1)).encode(encoding)

    assert f"document type, found one named 'laughs' in {member!r}" in problem(rewrite(book, member, laugh))


def test_an_external_entity_is_not_fetched(book: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("4711")
    rewrite(book, SHEET, lambda xml: f'<!DOCTYPE x SYSTEM "{secret.as_uri()}">'.encode() + xml)
    assert "4711" not in problem(book)


def test_countless_tiny_elements_are_refused(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_NODES", 10_000)
    workbook.read(book)
    rewrite(book, SHEET, lambda xml: xml.replace(b"</sheetData>", b"".join(b'<row r="%d"/>' % k for k in range(4, 6000)) + b"</sheetData>"))
    assert "at most 10000 XML nodes" in problem(book)


@pytest.mark.parametrize("cell", [b'<row r="9000000"><c r="A9000000"><v>1</v></c></row>', b'<row r="99999999999999"><c><v>1</v></c></row>'])
def test_a_cell_far_below_is_refused(book: Path, cell: bytes) -> None:
    rewrite(book, SHEET, lambda xml: xml.replace(b"</sheetData>", cell + b"</sheetData>"))
    assert "cells, found more" in problem(book)


def test_an_archive_whose_list_of_members_is_long_is_refused_before_it_is_read(book: Path) -> None:
    with zipfile.ZipFile(book, "a") as archive:
        for k in range(5000):
            archive.writestr(f"{k:0>200}", b"")
    assert "at most 1000000 bytes of members' names" in problem(book)


def test_a_list_of_members_of_the_kind_for_huge_archives_is_refused(book: Path) -> None:
    data = book.read_bytes()
    end = data.rindex(b"PK\5\6")
    book.write_bytes(data[:end] + b"PK\6\7" + bytes(16) + data[end:])
    assert "members' names" in problem(book)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_member_packed_by_a_method_that_asks_for_memory_itself_is_refused(book: Path, method: int) -> None:
    with zipfile.ZipFile(book, "a", method) as archive:
        archive.writestr("xl/media/image1.png", b"x" * 100)
    assert f"found 'xl/media/image1.png' packed by method {method}" in problem(book)


def test_an_encrypted_member_is_refused(book: Path) -> None:
    data = bytearray(book.read_bytes())
    data[data.rindex(SHEET.encode()) - 46 + 8] |= 1
    book.write_bytes(data)
    assert "encrypted" in problem(book)


MANY = {  # member, where, and what stands there, by what is said
    "at most 50000 XML nodes that are not cells": ("xl/styles.xml", b"</fonts>", b"<font/>" * 50_001 + b"</fonts>"),
    "at most 50 sheets": ("xl/workbook.xml", b"</sheets>", b'<sheet name="x" sheetId="1" r:id="rId1"/>' * 51 + b"</sheets>"),
    "at most 255 characters of a number format": (
        *("xl/styles.xml", b"<fonts"),
        b'<numFmts count="1"><numFmt numFmtId="170" formatCode="' + b"[" * 256 + b'"/></numFmts><fonts',
    ),
    "at most 50000 XML nodes in a row": (SHEET, b"</row></sheetData>", b"<c/>" * 50_001 + b"</row></sheetData>"),
    "at most 1000000 bytes between < and >": (SHEET, b'<c r="A2"', b'<c k="%b" r="A2"'),
    "expected rows in order, found row 2 after 3": (SHEET, b"</sheetData>", b'<row r="2"><c r="A2"><v>7</v></c></row></sheetData>'),
    "found row 3 after 3": (SHEET, b"</sheetData>", b'<row r="3"><c r="A3"><v>7</v></c></row></sheetData>'),
}


@pytest.mark.parametrize("said", MANY)
def test_what_would_take_memory_or_time_without_being_a_table_is_refused(book: Path, said: str) -> None:
    member, old, new = MANY[said]
    random = np.random.default_rng(1).bytes(600_000).hex().encode()  # a member of equal bytes would be refused for that
    new = new % random if b"%b" in new else new
    rewrite(book, member, lambda xml: xml.replace(old, new, 1) + b"<!--" + random[:500_000] + b"-->")
    started = time.perf_counter()
    assert said in problem(book)
    assert time.perf_counter() - started < 5


def test_a_link_to_another_workbook_is_not_followed(book: Path, tmp_path: Path) -> None:
    before = workbook.read(book)
    add(book, "xl/externalLinks/externalLink1.xml", b'<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>')
    rewrite(book, "xl/_rels/workbook.xml.rels", lambda xml: xml.replace(
        b"</Relationships>",
        b'<Relationship Id="rId99" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/externalLink" '
        b'Target="%b" TargetMode="External"/></Relationships>' % (tmp_path / "absent.xlsx").as_uri().encode(),
    ))  # fmt: skip
    rewrite(book, "xl/workbook.xml", lambda xml: xml.replace(
        b"</sheets>", b'</sheets><externalReferences><externalReference xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/'
        b'relationships" r:id="rId99"/></externalReferences>',
    ))  # fmt: skip
    pd.testing.assert_frame_equal(workbook.read(book), before)


def test_strings_that_cells_share_are_read(book: Path) -> None:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'.encode()
    rewrite(book, "[Content_Types].xml", lambda xml: xml.replace(b"</Types>", part))
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    add(
        book,
        "xl/sharedStrings.xml",
        b"<sst " + space + b">" + b"".join(b"<si><t>resting %d</t></si>" % (k * k) for k in range(20_000)) + b"</sst>",
    )
    rewrite(book, SHEET, lambda xml: xml.replace(b'<c r="B3" t="n"><v>-2.25</v>', b'<c r="B3" t="s"><v>19999</v>'))
    assert workbook.read(book)["BVP"].tolist() == [1.5, f"resting {19_999**2}"]
    rewrite(book, SHEET, lambda xml: xml.replace(b"<v>19999</v>", b"<v>20000</v>"))
    assert "list index out of range" in problem(book)


def test_reading_takes_memory_by_the_table_and_not_by_what_surrounds_it(book: Path) -> None:
    noise = b"".join(b"<?x %032x?>" % k for k in range(60_000))
    rewrite(book, SHEET, lambda xml: xml.replace(b"<sheetData>", noise + b"<sheetData>"))
    tracemalloc.start()
    try:
        assert workbook.read(book).shape == (2, 2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # bytes; this XML has 2.3 million


def test_a_cell_right_of_the_names_is_refused_with_its_row(book: Path) -> None:
    rewrite(book, SHEET, lambda xml: xml.replace(b"</row></sheetData>", b'<c r="C3"><v>1</v></c></row></sheetData>'))
    assert "row 3: expected 2 cells" in problem(book)


def test_members_named_outside_of_the_archive_write_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    path = write(folder / "a.xlsx", [["a"], [1]])
    for name in ("../escaped.txt", f"{tmp_path}/escaped.txt"):
        add(path, name, b"x")
    assert workbook.read(path)["a"].tolist() == [1.0]
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


@pytest.mark.parametrize("content", [b"", b"Time (s),EDA\n0,1\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 100, b"PK\x03\x04"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "EDA_PPT.xlsx"
    path.write_bytes(content)
    assert "expected an Excel workbook" in problem(path)


def test_an_archive_without_a_workbook_or_a_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    add(tmp_path / "a.xlsx", "hello.txt", b"hello")
    assert "expected an Excel workbook" in problem(tmp_path / "a.xlsx")
    assert "FileNotFoundError" in problem(tmp_path / "b.xlsx")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "found nothing"),
        ([[0.5], [1.5]], "found 0.5"),
        ([["EDA", " EDA"], [1, 2]], "'EDA' again"),
        ([[None], ["EDA"], [1]], "found nothing"),
    ],
)
def test_a_first_row_that_names_no_columns_is_refused(tmp_path: Path, rows: list[list[object]], expected: str) -> None:
    assert expected in problem(write(tmp_path / "a.xlsx", rows))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=40), st.booleans())
def test_damage_anywhere_is_answered_in_one_line_or_harmless(book: Path, at: int, junk: bytes, cut: bool) -> None:
    sound = book.read_bytes()
    at %= len(sound)
    damaged = book.with_name("damaged.xlsx")
    damaged.write_bytes(sound[:at] + junk + (b"" if cut else sound[at + len(junk) :]))
    try:
        table = workbook.read(damaged)
    except InputError as error:
        assert "\n" not in str(error)
        assert str(damaged) in str(error)
    else:
        assert table.shape == (2, 2)
