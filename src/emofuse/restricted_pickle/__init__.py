"""Reads pickles of arrays, numbers and text without running anything that they ask for.

WESAD and PPG-DaLiA are pickles that Python 2 wrote. A pickle is a program for a machine with a stack: loaded plainly it may call any
function that can be imported, and a few bytes of it may ask for any amount of memory or time. So no unpickler runs here. ``machine`` knows
the instructions that such data needs and no other, and every name that a pickle may ask for stands for a function of ``stand_ins``.
"""

import os
from pathlib import Path
from typing import Any

from emofuse.errors import InputError
from emofuse.restricted_pickle import machine
from emofuse.restricted_pickle.stand_ins import Array, Name, Refused, Type, as_text, objects

_REMEDY = "nothing of it was run; unpack the release again, or leave the file out"


def load(path: Path) -> Any:
    """The content of a pickle: dicts, lists and tuples of text, numbers and read-only arrays; byte strings are text (latin-1).

    Python 2 made no difference between text and bytes: only as bytes are its arrays read without copies. Memory stays at about the size
    of the file for what a release holds, and at a few times of it whatever the file says. Raises InputError naming the file, and the
    class, function or instruction where the pickle asks for another one, for a file that is no pickle or is cut short.
    """
    try:
        with path.open("rb") as file:
            return _settled(machine.run(machine.Machine(file, os.fstat(file.fileno()).st_size)), {})
    except Refused as refused:
        raise InputError(f"{path}: expected a pickle of arrays, numbers and text, found {refused}; {_REMEDY}") from None
    except OSError as error:
        raise InputError(f"{path}: expected a pickle, found: {error.strerror}; unpack the release again") from error
    except Exception as error:  # damaged pickles end in almost any exception
        found = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{path}: expected a whole pickle, found one that cannot be read ({found}); {_REMEDY}") from error


def _settled(value: Any, seen: dict[int, Any]) -> Any:
    """The value with arrays for their stand-ins and text for byte strings; what occurs twice is settled once."""
    if id(value) in seen:
        return seen[id(value)]
    result: Any
    if isinstance(value, dict):
        result = {key: _settled(v, seen) for key, v in value.items()}
    elif isinstance(value, list):
        result = [_settled(v, seen) for v in value]
    elif isinstance(value, tuple):
        result = tuple(_settled(v, seen) for v in value)
    elif isinstance(value, Array):
        result = value.array
        if result.dtype.hasobject:
            result = objects([_settled(v, seen) for v in result.ravel()], result.size).reshape(result.shape)
    elif isinstance(value, Name | Type):
        raise Refused("a class in place of a value")
    elif isinstance(value, bytes):
        result = as_text(value)
    else:
        return value
    seen[id(value)] = result
    return result
