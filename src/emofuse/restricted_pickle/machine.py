"""The stack machine of pickles with the instructions that arrays, numbers and text need, and no other.

No length is believed before the file is known to hold as much; a place in the memo is a key, not an index; a key of a dict is one whose
hash costs nothing; instructions are counted, and so are the bytes that calls make of what was read already.
"""

import codecs
import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from emofuse.restricted_pickle.stand_ins import Array, Name, Refused, Type, as_text, named

_INSTRUCTIONS = 1_000_000  # a release's pickle has some hundreds; each makes an object of at most some 200 bytes
_WIDEST_INT = 16  # bytes
_LONGEST_LINE = 400  # bytes of a number, a name or a key
_NAME_OF = {op.code.encode("latin-1"): op.name for op in pickletools.opcodes}


@dataclass
class Machine:
    """The file, the bytes of it that are left to read and to make again, the stack, the stacks below its marks, the memo."""

    file: BinaryIO
    left: int
    spare: int = 0
    stack: list[Any] = field(default_factory=list)
    below: list[list[Any]] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.spare = self.left

    def take(self, count: int) -> bytes:
        """The next bytes of the file; a length beyond its end is not tried."""
        if not 0 <= count <= self.left:
            raise EOFError(f"{count} bytes asked for where {self.left} are left")
        self.left -= count
        return self.file.read(count)

    def number(self, form: str) -> int:
        """A length or a place, as ``struct`` names its form."""
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def line(self, longest: int | None = _LONGEST_LINE) -> bytes:
        """The rest of a line, without its end."""
        data = self.file.readline(-1 if longest is None else longest)
        if not data.endswith(b"\n"):
            raise EOFError("a line that does not end")
        self.left -= len(data)
        return data[:-1]

    def make(self, count: int) -> None:
        """Count bytes that are made of what was read already: an honest pickle asks for each once."""
        self.spare -= count
        if self.spare < 0:
            raise Refused("more made of its content than it holds")

    def since_mark(self) -> list[Any]:
        """What lies above the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def last(self, kind: type) -> Any:
        """The top of the stack, which must be of this kind."""
        if type(self.stack[-1]) is not kind:
            raise Refused(f"a {type(self.stack[-1]).__name__} in place of a {kind.__name__}")
        return self.stack[-1]

    def fill(self, items: list[Any]) -> None:
        """Keys and values into the dict on the stack; a key must be one whose hash costs nothing."""
        into = self.last(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, bytes | str | int) or (isinstance(key, bytes | str) and len(key) > _LONGEST_LINE):
                raise Refused(f"a key that is a {type(key).__name__}, or too long")
            into[as_text(key)] = value


def run(machine: Machine) -> Any:
    """What the pickle leaves on the stack when it stops."""
    for _ in range(_INSTRUCTIONS):
        name = _NAME_OF.get(code := machine.take(1))
        if name is None:
            raise ValueError(f"no instruction begins with the byte {code[0]:#04x}")
        if name == "STOP":
            return machine.stack.pop()
        if name in _PUSHES:
            value = _PUSHES[name](machine)
            machine.stack.append(value)
        elif name in _CHANGES:
            _CHANGES[name](machine)
        else:
            raise Refused(f"one that asks for {name}")
    raise Refused(f"one of more than {_INSTRUCTIONS} instructions")


def _whole(text: bytes) -> int:
    return {b"00": False, b"01": True}.get(text, int(text))


def _wide(machine: Machine, size: int) -> int:
    if size > _WIDEST_INT:
        raise Refused(f"a whole number of {size} bytes")
    return int.from_bytes(machine.take(size), "little", signed=True)


def _quoted(text: bytes) -> bytes:
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise ValueError("a text without quotes")
    return codecs.escape_decode(text[1:-1])[0]


def _call(machine: Machine) -> object:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise Refused(f"a call of a {type(function).__name__}")
    return function.call(machine.make, *arguments)


def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    if not isinstance(machine.stack[-1], Type | Array):
        raise Refused(f"a state for a {type(machine.stack[-1]).__name__}")
    machine.stack[-1].build(machine.make, state)


def _dict(machine: Machine) -> None:
    items = machine.since_mark()
    machine.stack.append({})
    machine.fill(items)


def _append(machine: Machine, items: list[Any]) -> None:
    machine.last(list).extend(items)


def _mark(machine: Machine) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _last(machine: Machine, count: int) -> list[Any]:
    return [machine.stack.pop() for _ in range(count)][::-1]


_PUSHES: Mapping[str, Callable[[Machine], Any]] = {  # instructions that put one value on the stack
    "NONE": lambda m: None,
    "NEWTRUE": lambda m: True,
    "NEWFALSE": lambda m: False,
    "INT": lambda m: _whole(m.line()),
    "LONG": lambda m: int(m.line().removesuffix(b"L")),
    "BININT": lambda m: m.number("<i"),
    "BININT1": lambda m: m.number("<B"),
    "BININT2": lambda m: m.number("<H"),
    "LONG1": lambda m: _wide(m, m.number("<B")),
    "LONG4": lambda m: _wide(m, m.number("<i")),
    "FLOAT": lambda m: float(m.line()),
    "BINFLOAT": lambda m: struct.unpack(">d", m.take(8))[0],
    "STRING": lambda m: _quoted(m.line(None)),
    "BINSTRING": lambda m: m.take(m.number("<i")),
    "SHORT_BINSTRING": lambda m: m.take(m.number("<B")),
    "BINBYTES": lambda m: m.take(m.number("<I")),
    "SHORT_BINBYTES": lambda m: m.take(m.number("<B")),
    "BINBYTES8": lambda m: m.take(m.number("<Q")),
    "UNICODE": lambda m: m.line(None).decode("raw-unicode-escape"),
    "BINUNICODE": lambda m: m.take(m.number("<I")).decode("utf-8", "surrogatepass"),
    "SHORT_BINUNICODE": lambda m: m.take(m.number("<B")).decode("utf-8", "surrogatepass"),
    "BINUNICODE8": lambda m: m.take(m.number("<Q")).decode("utf-8", "surrogatepass"),
    "EMPTY_LIST": lambda m: [],
    "EMPTY_TUPLE": lambda m: (),
    "EMPTY_DICT": lambda m: {},
    "LIST": lambda m: m.since_mark(),
    "TUPLE": lambda m: tuple(m.since_mark()),
    "TUPLE1": lambda m: tuple(_last(m, 1)),
    "TUPLE2": lambda m: tuple(_last(m, 2)),
    "TUPLE3": lambda m: tuple(_last(m, 3)),
    "DUP": lambda m: m.stack[-1],
    "GET": lambda m: m.memo[int(m.line())],
    "BINGET": lambda m: m.memo[m.number("<B")],
    "LONG_BINGET": lambda m: m.memo[m.number("<I")],
    "GLOBAL": lambda m: named(m.line(), m.line()),
    "STACK_GLOBAL": lambda m: named(*_last(m, 2)),
    "REDUCE": _call,
}
_CHANGES: Mapping[str, Callable[[Machine], object]] = {  # instructions that change what is there
    "PROTO": lambda m: m.take(1),
    "FRAME": lambda m: m.take(8),
    "MARK": _mark,
    "POP": lambda m: m.stack.pop() if m.stack else m.since_mark(),
    "POP_MARK": lambda m: m.since_mark(),
    "APPEND": lambda m: _append(m, _last(m, 1)),
    "APPENDS": lambda m: _append(m, m.since_mark()),
    "SETITEM": lambda m: m.fill(_last(m, 2)),
    "SETITEMS": lambda m: m.fill(m.since_mark()),
    "DICT": _dict,
    "BUILD": _build,
    "PUT": lambda m: m.memo.update({int(m.line()): m.stack[-1]}),
    "BINPUT": lambda m: m.memo.update({m.number("<B"): m.stack[-1]}),
    "LONG_BINPUT": lambda m: m.memo.update({m.number("<I"): m.stack[-1]}),
    "MEMOIZE": lambda m: m.memo.update({len(m.memo): m.stack[-1]}),
}
