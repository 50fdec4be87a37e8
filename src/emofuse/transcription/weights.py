"""Where the weights of a recogniser lie, and what pins them: a folder is used as it is, any other name is the hub's."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from emofuse.errors import InputError


def locate(key: str, name: str, download: Callable[[], str]) -> Path:
    """The folder ``name``, or that which ``download`` returns; ``key`` is the one of params.yaml.

    Raises InputError where there is no such folder and the hub does not answer or does not have it.
    """
    if Path(name).is_dir():
        return Path(name)
    try:
        return Path(download())
    except Exception as error:  # the hub's client: OSError, ValueError, and the errors of its network library, which has changed
        raise InputError(
            f"{key}: expected a folder or a name that the hub has, found neither by '{name}' ({one_line(error)}); "
            "give a folder that holds the model, or connect to the hub"
        ) from error


def require_files(key: str, folder: Path, *names: str) -> None:
    """Raise InputError naming the first of ``names`` that is no file of ``folder``."""
    for name in names:
        if not (folder / name).is_file():
            raise InputError(f"{key}: expected {name} in {folder}, found no such file; give a folder that holds a whole model")


def pinned_by(name: str, revision: str | None, patterns: tuple[str, ...]) -> str:
    """What pins the model: the SHA-256 of a folder's weights (as by ``cat FILES | sha256sum``, files in order of name), or the revision.

    Reads every byte of them: 1 s for 1 GB, about.
    """
    folder = Path(name)
    if not folder.is_dir():
        return f"revision {revision}" if revision else "revision main, not pinned"
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return f"SHA-256 {digest.hexdigest()}"


def title(name: str) -> str:
    """The name of a model: that of the hub, or the folder's own without the way there."""
    folder = Path(name)
    return folder.resolve().name if folder.is_dir() else name


def one_line(error: Exception) -> str:
    """What an error of a library says, short enough for a message."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:140]
