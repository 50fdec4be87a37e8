"""Finding a corpus' release below the folder that a user names, whatever unpacking it has left around it."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from emofuse.errors import InputError

INVENTED = "SYNTHETIC_README.txt"  # lies at the root of a corpus that emofuse.toy wrote; published counts do not apply there
LARGEST_TEXT_BYTES = 1 << 28  # of a list or table; the largest of any corpus here has a tenth of it
_DEPTH = 2  # folders below the root in which a release may lie: archives unpacked into a like-named folder give X/X


def require(corpus: str, release: str, releases: Sequence[str], section: str = "corpora") -> None:
    """Raise InputError unless the reader knows ``release``; ``section`` of params.yaml names the corpus."""
    if release not in releases:
        raise InputError(f"{section}.{corpus}.release: expected one of {list(releases)}, found '{release}'; correct it in params.yaml")


def locate(corpus: str, root: Path, expected: str, holds: Callable[[Path], bool], section: str = "corpora") -> Path:
    """Return the folder for which ``holds`` is true: the root or, level by level, a folder at most two below it.

    ``section`` of params.yaml names the corpus. Raises InputError naming the root if it is absent, if no folder fits (saying what is
    there), or if several do.
    """
    remedy = f"set {section}.{corpus}.root in params.yaml to the folder of the release"
    if not root.is_dir():
        raise InputError(f"{root}: expected {expected}, found no such folder; {remedy}")
    level = [root]
    for _ in range(_DEPTH + 1):
        found = [folder for folder in level if holds(folder)]
        if len(found) > 1:
            raise InputError(f"{root}: expected {expected} once, found it in {[str(f) for f in found]}; {remedy}")
        if found:
            return found[0]
        level = [child for folder in level for child in children(folder) if child.is_dir()]
    there = [child.name for child in children(root)]
    more = f" and {len(there) - 8} more" if len(there) > 8 else ""
    raise InputError(f"{root}: expected {expected}, found {there[:8]}{more}; {remedy}")


def children(folder: Path) -> Iterator[Path]:
    """Files and folders in a folder by name, without what macOS and archive programs leave behind.

    A link to nothing is a file that is not there. Raises InputError for a pipe or device: whoever opened it would wait for ever.
    """
    try:
        with os.scandir(folder) as entries:
            plain = {entry.name: entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False) for entry in entries}
    except OSError as error:
        raise InputError(f"{folder}: expected a folder that can be read, found: {error.strerror}; change its permissions") from error
    for name, is_plain in sorted(plain.items()):
        path = folder / name
        if not is_plain and path.exists() and not path.is_file() and not path.is_dir():
            raise InputError(f"{path}: expected a file or folder, found a pipe or device; remove it")
        if not name.startswith(".") and name != "__MACOSX" and not Path(name).stem.endswith(" - Copy"):
            yield path


def regular(path: Path, most_bytes: int = LARGEST_TEXT_BYTES) -> Path:
    """Return the path of a file that is to be read at once; InputError for a pipe, a device or folder, or more than ``most_bytes``.

    A path at which nothing is, is returned, too.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return path
    except OSError as error:
        raise InputError(f"{path}: expected a file that can be read, found: {error.strerror}; unpack it again") from error
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path}: expected a file, found a folder, pipe or device; unpack it again")
    if status.st_size > most_bytes:
        raise InputError(f"{path}: expected at most {most_bytes} bytes, found {status.st_size}; unpack it again")
    return path


def is_invented(root: Path, base: Path) -> bool:
    """Tell whether the corpus at ``root``, its release at ``base``, is one that emofuse.toy wrote."""
    return (root / INVENTED).is_file() or (base / INVENTED).is_file()


def refuse(where: Path, key: "pd.Series[str]", bad: "pd.Series[bool]", column: str, values: "pd.Series[str]", expected: str) -> None:
    """Raise InputError for the first record for which ``bad`` is true; ``key`` names the records."""
    if bad.any():
        name, value = key[bad].iloc[0], values[bad].iloc[0]
        more = f" (and {bad.sum() - 1} more records)" if bad.sum() > 1 else ""
        raise InputError(f"{where}: {name}: {column} expects {expected}, found {value!r}{more}; correct the file or unpack it again")
