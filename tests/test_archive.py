"""Zip files from outside are looked into in memory; what an attacker makes of one is under test where wristbands' exports are read."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emofuse import archive
from emofuse.errors import InputError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.mkdir("folder")
        file.writestr("folder/b.csv", "0123456789" * 1000)
        file.writestr("a.csv", "")
    return tmp_path / "a.zip"


def test_files_are_named_in_their_order_and_folders_are_not(path: Path) -> None:
    assert archive.names(path) == ["folder/b.csv", "a.csv"]


@pytest.mark.parametrize("most", [0, 7, 10_000, 20_000])
def test_content_is_cut_where_the_caller_says(path: Path, most: int) -> None:
    assert archive.content(path, "folder/b.csv", most) == (b"0123456789" * 1000)[:most]


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.zip: expected a zip file that can be read.*no item named 'c\.csv'"):
        archive.content(path, "c.csv", 1)
    with pytest.raises(InputError, match=r"b\.zip: expected a zip file that can be read.*No such file"):
        archive.names(path.with_name("b.zip"))


def test_a_comment_behind_the_directory_is_no_hindrance(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as file:
        file.comment = b"x" * 60_000
    assert len(archive.names(path)) == 2


def test_a_directory_for_more_members_than_two_bytes_can_count_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as file:
        for number in range(65_536):
            file.writestr(f"{number}", b"")
    with pytest.raises(InputError, match="at most 1000 members"):
        archive.names(tmp_path / "many.zip")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80))
@example(b"PK\5\6" + bytes(18))
@example(b"PK\5\6" + bytes(17))
@example(b"PK\5\6" + bytes(6) + b"\1\0" + b"\xff\0\0\0" + b"\xff\xff\xff\0" + b"\0\0")
@example(b"PK\6\7" + bytes(16) + b"PK\5\6" + bytes(18))
def test_any_bytes_are_a_zip_file_or_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    try:
        names = archive.names(path)
    except InputError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(str(path))
    else:
        assert names == []
