"""Zip files from outside: what is in them, without unpacking anything to disk, in bounded memory, whatever the file says of itself.

A small zip file can ask for any amount of memory in three ways, and each has its limit: members that unpack to far more than they are,
a directory of countless members, which ``zipfile`` reads as a whole when it opens the file, and methods of compression that cannot be
told how much to unpack at most. A member's name is only ever compared, so that ``..``, ``/`` or ``-`` in it lead nowhere.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar

from emofuse.errors import InputError

_MEMBERS = 1000
_DIRECTORY_BYTES = 1 << 18  # 60 bytes for each member, and room for long names
_END_BYTES = 22  # of the record at the end that says where the directory is, without its comment
_COMMENT_BYTES = (1 << 16) - 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1  # bit of a member's flags
_REMEDY = "unpack it yourself, or remove it"
Answer = TypeVar("Answer")


def names(path: Path) -> list[str]:
    """Full names of the files in a zip file, in its order, without folders.

    Raises InputError for a file that is no zip file, is damaged, exceeds a limit, or has encrypted members, links, members of one name or
    of an unusual compression.
    """
    members = [member for member in _ask(path, lambda archive: archive.infolist()) if not member.filename.endswith("/")]
    seen: set[PurePosixPath] = set()
    for member in members:
        wrong = {
            "another of the same name": PurePosixPath(member.filename) in seen,
            "an encrypted one": member.flag_bits & _ENCRYPTED,
            "a link": stat.S_ISLNK(member.external_attr >> 16),
            f"one of compression method {member.compress_type}": member.compress_type not in _METHODS,
        }
        if found := [what for what, is_so in wrong.items() if is_so]:
            raise InputError(f"{path}: {member.filename[:80]!a}: expected a plain file, found {found[0]}; {_REMEDY}")
        seen.add(PurePosixPath(member.filename))
    return [member.filename for member in members]


def content(path: Path, name: str, most_bytes: int) -> bytes:
    """The first ``most_bytes`` bytes of the file of that full name in a zip file; raises InputError where it cannot be read."""

    def first(archive: zipfile.ZipFile) -> bytes:
        with archive.open(name) as file:
            return file.read(most_bytes)

    return _ask(path, first)


def _ask(path: Path, ask: Callable[[zipfile.ZipFile], Answer]) -> Answer:
    try:
        with path.open("rb") as file:
            _require_small_directory(file, path)
            with zipfile.ZipFile(file) as archive:
                return ask(archive)
    except (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        found = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{path}: expected a zip file that can be read, found one that cannot ({found}); download it again") from error


def _require_small_directory(file: BinaryIO, path: Path) -> None:
    """Raise InputError where the record at the end, found as zipfile finds it, says that the directory is too large."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_BYTES - _COMMENT_BYTES))
    tail = file.read()
    at = len(tail) - _END_BYTES
    if tail[at : at + 4] != b"PK\5\6" or tail[-2:] != b"\0\0":
        at = tail.rfind(b"PK\5\6")
    members, directory_bytes = (int.from_bytes(tail[at + k : at + k + n], "little") for k, n in ((10, 2), (12, 4)))
    large = members > _MEMBERS or directory_bytes > _DIRECTORY_BYTES
    if at >= 0 and (large or tail[max(at - 20, 0) :].startswith(b"PK\6\7")):  # the latter marks a directory for more than 65,535 members
        raise InputError(
            f"{path}: expected a zip file of at most {_MEMBERS} members in a directory of at most {_DIRECTORY_BYTES} bytes, found one that "
            f"says {members} in {directory_bytes}; {_REMEDY}"
        )
