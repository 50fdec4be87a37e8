"""Reads pickles of arrays, numbers and text without running anything that they ask for.

WESAD and PPG-DaLiA are pickles that Python 2 wrote. A pickle is a program: loaded plainly it may call any function that can be
imported. Here every name that it may ask for stands for a function of this module that checks what it is given, so neither NumPy's
own constructors (whose dtype state can make raw bytes into object pointers) nor anything else is reached from the file.
"""

import pickle
import re
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from emofuse.errors import InputError

_DTYPE = re.compile(r"b1|[iufc](1|2|4|8|16)|[SU]\d{1,6}|O8?")  # truth values, numbers, text; objects only if each was loaded here
_REMEDY = "nothing of it was run; unpack the release again, or leave the file out"


class _Refused(Exception):
    """What the pickle asks for is not what a pickle of arrays needs."""


def load(path: Path) -> Any:
    """The content of a pickle: dicts, lists and tuples of text, numbers and read-only arrays; byte strings are text (latin-1).

    Python 2 made no difference between text and bytes: only as bytes are its arrays read without copies, and memory stays at about
    the size of the file. Raises InputError naming the file, and the class or function where the pickle asks for another one, for a
    file that is no pickle or is cut short.
    """
    try:
        with path.open("rb") as file:
            return _settled(_Reader(file, encoding="bytes").load(), {})
    except _Refused as refused:
        raise InputError(f"{path}: expected a pickle of arrays, numbers and text, found {refused}; {_REMEDY}") from None
    except OSError as error:
        raise InputError(f"{path}: expected a pickle, found: {error.strerror}; unpack the release again") from error
    except Exception as error:  # damaged pickles end in almost any exception
        found = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{path}: expected a whole pickle, found one that cannot be read ({found}); {_REMEDY}") from error


class _Allowed:
    """A stand-in for one name: it can be called from the pickle, and nothing else can be done to it."""

    __slots__ = ("_function", "name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise _Refused(f"a state for {self.name}")


class _Type:
    """What becomes a NumPy dtype: a code such as ``f8`` and a byte order."""

    __slots__ = ("dtype",)

    def __init__(self, code: object, *_: object) -> None:
        text = _text(code)
        if not isinstance(text, str) or not _DTYPE.fullmatch(text):
            raise _Refused(f"an array of type {text!r:.40}")
        self.dtype = np.dtype(text[:1] if text[0] == "O" else text)

    def __setstate__(self, state: object) -> None:
        order, *parts = state[1:5] if isinstance(state, tuple) and len(state) >= 5 else (None,)
        if _text(order) not in ("<", ">", "=", "|") or any(part is not None for part in parts):
            raise _Refused("an array type with fields or of a form of its own")
        self.dtype = np.dtype(_text(order) + self.dtype.str[1:])


class _Array:
    """What becomes an array once its state has come: shape, type, order and the bytes of its values."""

    __slots__ = ("array",)

    def __setstate__(self, state: object) -> None:
        parts = state[-4:] if isinstance(state, tuple) and len(state) in (4, 5) else (None,) * 4
        shape, kind, fortran, data = parts
        if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape) or not isinstance(kind, _Type):
            raise _Refused("an array without shape and type")
        if kind.dtype.hasobject:
            self.array = _objects(data, prod(shape))
        else:
            self.array = _values(data, kind.dtype, prod(shape))
        self.array = self.array.reshape(shape, order="F" if fortran else "C")


def _objects(data: object, number: int) -> np.ndarray:
    if not isinstance(data, list) or len(data) != number:
        raise _Refused("an array of objects that are given as bytes")
    array = np.empty(number, dtype=object)
    for i, item in enumerate(data):
        array[i] = item
    return array


def _values(data: object, dtype: np.dtype, number: int) -> np.ndarray:
    raw = data.encode("latin-1") if isinstance(data, str) else data
    if not isinstance(raw, bytes) or len(raw) != number * dtype.itemsize:
        raise _Refused(f"an array of {number} values that has not their {number * dtype.itemsize} bytes")
    return np.frombuffer(raw, dtype) if number else np.empty(0, dtype)


def _reconstruct(subtype: object, *_: object) -> _Array:
    if subtype is not _NDARRAY:
        raise _Refused("an array that is of no array type")
    return _Array()


def _scalar(kind: object, data: object) -> object:
    if not isinstance(kind, _Type) or kind.dtype.hasobject:
        raise _Refused("a number without a type")
    return _values(data, kind.dtype, 1).item()


def _encode(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or _text(encoding) not in ("latin1", "latin-1"):
        raise _Refused("an encoding other than latin1")
    return text.encode("latin-1")


def _never(*_: object) -> object:
    raise _Refused("a call of numpy.ndarray")


_NDARRAY = _Allowed("numpy.ndarray", _never)
_NAMES: dict[tuple[str, str], _Allowed] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Allowed("numpy.dtype", _Type),
    ("_codecs", "encode"): _Allowed("_codecs.encode", _encode),  # how Python 3 writes bytes in protocol 2
    **{
        (module, name): _Allowed(f"{module}.{name}", function)
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")  # NumPy 1 and 2
        for name, function in (("_reconstruct", _reconstruct), ("scalar", _scalar))
    },
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise _Refused(f"one that asks for {f'{module}.{name}'!r:.120}")
        return _NAMES[module, name]


def _text(value: object) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _settled(value: Any, seen: dict[int, Any]) -> Any:
    """The value with arrays for their stand-ins and text for byte strings; what occurs twice is settled once."""
    if id(value) in seen:
        return seen[id(value)]
    result: Any
    if isinstance(value, dict):
        result = {_settled(k, seen): _settled(v, seen) for k, v in value.items()}
    elif isinstance(value, list):
        result = [_settled(v, seen) for v in value]
    elif isinstance(value, tuple):
        result = tuple(_settled(v, seen) for v in value)
    elif isinstance(value, _Array):
        result = value.array
        if result.dtype.hasobject:
            result = _objects([_settled(v, seen) for v in result.ravel()], result.size).reshape(result.shape)
    elif isinstance(value, _Allowed | _Type):
        raise _Refused("a class in place of a value")
    elif isinstance(value, bytes):
        return value.decode("latin-1")
    else:
        return value
    seen[id(value)] = result
    return result
