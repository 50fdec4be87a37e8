import os
from pathlib import Path

import pytest

from emofuse import isolation
from emofuse.errors import InputError

_heard: list[int] = []


def remember(number: int) -> tuple[int, ...]:
    _heard.append(number)
    return tuple(_heard)


def load() -> None:
    _heard[:] = [100]


def refuse(path: Path) -> None:
    raise InputError(f"{path}: refused")


def die(number: int) -> None:
    os._exit(9)


def test_no_call_sees_another_one() -> None:
    assert list(isolation.each(remember, range(6), 2, "numbers")) == [(k,) for k in range(6)]


def test_what_was_prepared_is_seen_unchanged() -> None:
    assert list(isolation.each(remember, [1, 2, 3], 1, "numbers", prepare=load)) == [(100, 1), (100, 2), (100, 3)]


def test_errors_arrive_as_raised() -> None:
    with pytest.raises(InputError, match=r"^a/b\.wav: refused$"):
        list(isolation.each(refuse, [Path("a/b.wav")], 2, "files"))


def test_a_call_that_dies_is_named() -> None:
    with pytest.raises(InputError, match=r"7: .*die.*code 9"):
        list(isolation.each(die, [7], 1, "numbers"))
