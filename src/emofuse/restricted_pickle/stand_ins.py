"""What the names that a pickle of arrays asks for stand for: functions that check what they are given.

Neither NumPy's own constructors (whose dtype state can make raw bytes into object pointers) nor anything else is reached from a file.
``make`` counts what is made of bytes that were read already, so that one stretch of a file cannot become any number of copies.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

_DTYPE = re.compile(r"b1|[iufc](1|2|4|8|16)|[SU][1-9]\d{0,5}|O8?")  # truth values, numbers, text; objects only if each was loaded here
_AXES = 8
Make = Callable[[int], None]


class Refused(Exception):
    """What the pickle asks for is not what a pickle of arrays needs."""


@dataclass(frozen=True)
class Name:
    """One name that a pickle may ask for, and what it stands for: it can be called from the pickle, and nothing else."""

    name: str
    call: Callable[..., Any]


class Type:
    """What becomes a NumPy dtype: a code such as ``f8`` and a byte order."""

    def __init__(self, code: object) -> None:
        text = as_text(code)
        if not isinstance(text, str) or not _DTYPE.fullmatch(text):
            raise Refused(f"an array of type {text if isinstance(text, str) else type(text).__name__!r:.40}")
        self.dtype = np.dtype(text[:1] if text[0] == "O" else text)

    def build(self, _: Make, state: object) -> None:
        """Take the state (version, byte order, three fields that must be None, …)."""
        order, *parts = state[1:5] if isinstance(state, tuple) and len(state) >= 5 else (None,)
        if as_text(order) not in ("<", ">", "=", "|") or any(part is not None for part in parts):
            raise Refused("an array type with fields or of a form of its own")
        self.dtype = np.dtype(as_text(order) + self.dtype.str[1:])


class Array:
    """What becomes an array once its state has come."""

    array: np.ndarray

    def build(self, make: Make, state: object) -> None:
        """Take the state (version, shape, type, whether columns come first, the bytes or the objects)."""
        shape, kind, fortran, data = state[-4:] if isinstance(state, tuple) and len(state) in (4, 5) else (None,) * 4
        whole = isinstance(shape, tuple) and len(shape) <= _AXES and all(isinstance(n, int) and n >= 0 for n in shape)
        if not whole or not isinstance(kind, Type):
            raise Refused("an array without shape and type")
        if kind.dtype.hasobject:
            make(prod(shape))
            self.array = objects(data, prod(shape))
        else:
            self.array = _values(data, kind.dtype, prod(shape))
        self.array = self.array.reshape(shape, order="F" if fortran else "C")


def objects(data: object, number: int) -> np.ndarray:
    """The items of a list as an array of objects of shape (number,)."""
    if not isinstance(data, list) or len(data) != number:
        raise Refused("an array of objects that are given as bytes")
    array = np.empty(number, dtype=object)
    for i, item in enumerate(data):
        array[i] = item
    return array


def as_text(value: object) -> Any:
    """Text for bytes, and anything else as it is."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def named(module: object, name: object) -> Name:
    """What a name stands for; Refused for every name that arrays do not need."""
    if not isinstance(module, bytes | str) or not isinstance(name, bytes | str):
        raise Refused("a name that is no text")
    asked = f"{as_text(module)}.{as_text(name)}"
    if asked not in _NAMES:
        raise Refused(f"one that asks for {asked!r:.120}")
    return _NAMES[asked]


def _values(data: object, dtype: np.dtype, number: int) -> np.ndarray:
    if not isinstance(data, bytes) or len(data) != number * dtype.itemsize:
        raise Refused("an array whose bytes are not those of its shape and type")
    return np.frombuffer(data, dtype) if number else np.empty(0, dtype)


def _type(_: Make, code: object, *__: object) -> Type:
    return Type(code)


def _reconstruct(_: Make, subtype: object, *__: object) -> Array:
    if not isinstance(subtype, Name) or subtype.name != "numpy.ndarray":
        raise Refused("an array that is of no array type")
    return Array()


def _scalar(make: Make, kind: object, data: object) -> object:
    if not isinstance(kind, Type) or kind.dtype.hasobject:
        raise Refused("a number without a type")
    make(kind.dtype.itemsize if kind.dtype.kind in "SU" else 0)
    return _values(data, kind.dtype, 1).item()


def _encode(make: Make, text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or as_text(encoding) not in ("latin1", "latin-1"):
        raise Refused("an encoding other than latin1")
    make(len(text))
    return text.encode("latin-1")


def _never(*_: object) -> object:
    raise Refused("a call of numpy.ndarray")


_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")  # of NumPy 1 and 2
_CALLS: tuple[tuple[tuple[str, ...], str, Callable[..., Any]], ...] = (
    (("numpy",), "ndarray", _never),
    (("numpy",), "dtype", _type),
    (("_codecs",), "encode", _encode),  # how Python 3 writes bytes in protocol 2
    (_NUMPY, "_reconstruct", _reconstruct),
    (_NUMPY, "scalar", _scalar),
)
_NAMES = {f"{module}.{name}": Name(f"{module}.{name}", call) for modules, name, call in _CALLS for module in modules}
