"""Pickles are read as data: what is allowed comes back as NumPy and Python know it, nothing that a file asks for is run."""

import builtins
import copyreg
import json
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emofuse import restricted_pickle
from emofuse.errors import InputError
from emofuse.toy import python2_pickle

REPOSITORY = Path(__file__).parents[1]
SAME_FOLDER = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


def values(smallest: int) -> st.SearchStrategy:
    """What a pickle of a release may hold; ``smallest``: the least length of an array's axis."""
    shapes = hnp.array_shapes(min_dims=1, max_dims=2, min_side=smallest, max_side=4)
    arrays = hnp.arrays(st.sampled_from(["f8", "f4", "i8", "i4", "u1", "b1"]), shapes)
    leaves = ASCII | st.integers(-(2**62), 2**62) | st.floats() | st.booleans() | st.none() | arrays
    return st.recursive(leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(ASCII, v, max_size=3) | st.tuples(v, v), max_leaves=8)


def same(one: object, other: object) -> bool:
    if isinstance(other, np.ndarray):
        return isinstance(one, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other, equal_nan=other.dtype.kind == "f")
    if isinstance(other, dict):
        return isinstance(one, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in other)
    if isinstance(other, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        restricted_pickle.load(path)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


@SAME_FOLDER
@given(value=values(0))
def test_a_pickle_of_python_2_comes_back_as_pickle_itself_reads_it(tmp_path, value):
    path = tmp_path / "a.pkl"
    python2_pickle.write(path, value)
    plain = pickle.loads(path.read_bytes(), encoding="latin1")
    assert same(plain, value)
    assert same(restricted_pickle.load(path), plain)


@SAME_FOLDER
@given(value=values(1), protocol=st.integers(0, 4))
def test_a_pickle_of_python_3_comes_back_as_it_was(tmp_path, value, protocol):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    assert same(restricted_pickle.load(path), value)


def test_the_invented_pickles_are_of_python_2(tmp_path):
    path = tmp_path / "a.pkl"
    python2_pickle.write(path, {"label": np.linspace(0, 1, 50)})
    with pytest.raises(UnicodeDecodeError):
        pickle.loads(path.read_bytes())


def test_python_2s_text_protocol_is_read(tmp_path):
    values = np.linspace(-3, 3, 100).reshape(50, 2)
    head = b"(dS'ACC'\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I50\nI2\ntcnumpy\ndtype\n"
    state = b"(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS"
    (tmp_path / "a.pkl").write_bytes(head + state + repr(values.tobytes())[1:].encode() + b"\ntbs.")
    assert np.array_equal(restricted_pickle.load(tmp_path / "a.pkl")["ACC"], values)


@pytest.mark.parametrize(
    "value",
    [
        np.float64(2.5),
        np.array(["ab", "c"]),
        np.array([b"ab"]),
        np.arange(6, dtype=">i4"),
        np.array([[1, 2], [3, 4]], order="F"),
        np.array([1, "b", None], dtype=object),
    ],
    ids=str,
)
def test_other_kinds_of_arrays_are_read(tmp_path, value):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"x": value}, 2))
    found = restricted_pickle.load(tmp_path / "a.pkl")["x"]
    assert np.array_equal(found, value) and getattr(found, "dtype", value.dtype) == value.dtype


class Attack:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "argument", "name"),
    [
        (os.system, "touch {}", ".system"),
        (subprocess.Popen, ["touch", "{}"], ".Popen"),
        (builtins.eval, "open('{}', 'w')", ".eval"),
        (np.load, "{}", ".load"),
    ],
)
@pytest.mark.parametrize("inside", ["bare", "nested", "array"])
def test_what_a_pickle_wants_to_run_is_named_and_not_run(tmp_path, function, argument, name, inside):
    mark, path = tmp_path / "mark", tmp_path / "S2.pkl"
    argument = argument.format(mark) if isinstance(argument, str) else [part.format(mark) for part in argument]
    attack = Attack(function, argument)
    objects = np.empty(1, dtype=object)
    objects[0] = attack
    value = {"bare": attack, "nested": {"signal": {"wrist": {"ACC": np.ones(3), "BVP": [(attack,)]}}}, "array": objects}[inside]
    path.write_bytes(pickle.dumps(value, 2))
    assert name in refusal(path)
    assert not mark.exists()


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
OBJECT = b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR"
FLOAT = b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR"


@pytest.mark.parametrize(
    "program",
    {
        "objects as bytes": ARRAY + b"(I1\n(I1\nt" + OBJECT + b"I00\nS'AAAAAAAA'\ntb.",
        "objects by a forged flag": ARRAY + b"(I1\n(I1\nt" + OBJECT + b"(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'AAAAAAAA'\ntb.",
        "a type with fields": FLOAT + b"(I3\nS'<'\nN(S'x'\nt(dI8\nI1\nI0\ntb.",
        "a type by name": b"cnumpy\ndtype\n(S'f8,O'\ntR.",
        "a type from an array": b"cnumpy\ndtype\n(cnumpy\nndarray\ntR.",
        "too many values": ARRAY + b"(I1\n(L99999999999999999999L\nt" + FLOAT + b"I00\nS'AAAAAAAA'\ntb.",
        "a negative shape": ARRAY + b"(I1\n(I-1\nI-1\nt" + FLOAT + b"I00\nS'AAAAAAAA'\ntb.",
        "an array without state": ARRAY + b".",
        "a scalar of an object": b"cnumpy.core.multiarray\nscalar\n(" + OBJECT + b"S'AAAAAAAA'\ntR.",
        "a scalar of nothing": b"cnumpy.core.multiarray\nscalar\n(tR.",
        "a call of ndarray": b"cnumpy\nndarray\n((I9\ntS'O'\ntR.",
        "an array of another type": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
        "another encoding": b"c_codecs\nencode\n(Vabc\nVrot13\ntR.",
        "a new function body": b"cnumpy.core.multiarray\n_reconstruct\n(N(dV_function\nNstb.",
        "a class as a value": b"cnumpy\nndarray\n.",
        "a list that holds itself": b"(lp0\ng0\na.",
        "a class by a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.tofile.x\x93.",
        "an extension": b"\x80\x02\x82\x01.",
        "a reference to elsewhere": b"Phome\n.",
        "a name of two lines": b"\x80\x04\x8c\x03a\nb\x8c\x01c\x93.",
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_allowed_cannot_be_misused(tmp_path, program):
    (tmp_path / "a.pkl").write_bytes(program[1])
    refusal(tmp_path / "a.pkl")
    python2_pickle.write(tmp_path / "b.pkl", {"x": np.ones(2)})
    assert np.array_equal(restricted_pickle.load(tmp_path / "b.pkl")["x"], np.ones(2))  # and what comes later is not changed


def test_nested_repetitions_do_not_grow(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"(lp0\n" + b"".join(b"(lp%d\ng%d\nag%d\na" % (k, k - 1, k - 1) for k in range(1, 60)) + b".")
    found = restricted_pickle.load(tmp_path / "a.pkl")
    for _ in range(59):
        assert len(found) == 2 and found[0] is found[1]
        found = found[0]


@SAME_FOLDER
@given(data=st.data())
def test_a_pickle_that_is_cut_is_refused(tmp_path, data):
    python2_pickle.write(tmp_path / "a.pkl", {"signal": {"ACC": np.ones((40, 3))}, "subject": "S2"})
    whole = (tmp_path / "a.pkl").read_bytes()
    (tmp_path / "a.pkl").write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    refusal(tmp_path / "a.pkl")


@SAME_FOLDER
@given(content=st.binary(max_size=60))
def test_any_other_file_is_read_as_data_or_refused_in_one_line(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    try:
        restricted_pickle.load(tmp_path / "a.pkl")
    except InputError as error:
        assert "\n" not in str(error) and str(tmp_path / "a.pkl") in str(error)


def test_an_absent_file_is_named(tmp_path):
    assert "No such file" in refusal(tmp_path / "absent.pkl")


def test_memory_stays_near_the_size_of_the_file(tmp_path):
    path = tmp_path / "S2.pkl"
    python2_pickle.write(path, {"chest": {"ACC": np.ones((200_000, 3)), **{name: np.ones((200_000, 1)) for name in ("ECG", "EMG", "EDA")}}})
    tracemalloc.start()
    try:
        restricted_pickle.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.7 * path.stat().st_size  # decoding its text would need 3 and more


NOT_NEEDED = {
    *("PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"),
    *("EMPTY_SET", "ADDITEMS", "FROZENSET", "BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER"),
}


@pytest.mark.parametrize("instruction", pickletools.opcodes, ids=lambda op: op.name)
def test_an_instruction_that_arrays_do_not_need_is_refused_by_its_name_and_no_other_is(tmp_path, instruction):
    (tmp_path / "a.pkl").write_bytes(b"(" + instruction.code.encode("latin-1") + b"\n\n" + bytes(40))
    try:
        message = f"{restricted_pickle.load(tmp_path / 'a.pkl')!r}"
    except InputError as error:
        message = str(error)
    assert (f"asks for {instruction.name};" in message) == (instruction.name in NOT_NEEDED)


def test_a_function_that_another_unpickler_has_remembered_under_an_extension_is_not_reached(tmp_path):
    copyreg.add_extension("posix", "system", 240)
    try:
        assert pickle.loads(b"\x80\x02\x82\xf0.") is os.system  # from here on the standard library hands it out without asking
        (tmp_path / "a.pkl").write_bytes(b"\x80\x02\x82\xf0U\x0etouch executedR.")
        assert "EXT1" in refusal(tmp_path / "a.pkl")
    finally:
        copyreg.remove_extension("posix", "system", 240)


MEGABYTE = 1_000_000
TEXT = b"T" + struct.pack("<i", MEGABYTE) + bytes(MEGABYTE) + b"q\x00"
LETTERS = b"X" + struct.pack("<I", MEGABYTE) + b"a" * MEGABYTE + b"q\x00"
CODED = b"c_codecs\nencode\nq\x01" + LETTERS + b"X\x06\x00\x00\x00latin1\x86q\x020"
BYTES = b"cnumpy\ndtype\n(S'S900000'\nI0\nI1\ntR" + b"T" + struct.pack("<i", 900_000) + bytes(900_000) + b"\x86q\x01"
OBJECTS = b"(" + b"N" * 200_000 + b"lq\x000" + ARRAY + b"q\x01" + b"((J\x40\x0d\x03\x00t" + OBJECT + b"I00\nh\x00tq\x020]("
DEEP_TUPLE = b")q\x00" + b"".join(b"0h%ch%c\x86q%c" % (k, k, k + 1) for k in range(60))
BOMBS = {  # file by what it asks for
    "text of two gigabytes": b"T\xff\xff\xff\x7f",
    "bytes of exabytes": b"\x8e" + b"\xff" * 7 + b"\x0f.",
    "text of exabytes": b"\x8d" + b"\xff" * 7 + b"\x0f.",
    "unicode of four gigabytes": b"X\xff\xff\xff\xff.",
    "a number of two gigabytes": b"\x8b\xff\xff\xff\x7f.",
    "a frame of exabytes": b"\x95" + b"\xff" * 7 + b"\x0fN.",
    "a place in the memo that needs a table of 34 gigabytes": b"Nr\xff\xff\xff\x7f.",
    "a place in the memo beyond any table": b"Np99999999999999999\n.",
    "one text a hundred thousand times": b"]q\x02(" + TEXT + b"h\x00" * 100_000 + b"e.",
    "one text as a key of a hundred thousand dicts": b"]q\x02(" + TEXT + b"}h\x00Ns" * 100_000 + b"e.",
    "one text encoded a hundred thousand times": b"](" + CODED + b"h\x01h\x02R" * 100_000 + b"e.",
    "one scalar of a megabyte a hundred thousand times": (
        b"](cnumpy.core.multiarray\nscalar\nq\x00" + BYTES + b"R" + b"h\x00h\x01R" * 100_000 + b"e."
    ),
    "one list as arrays of objects": OBJECTS
    + (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntRh\x02b" * 10_000)
    + b"e.",
    "a tuple that takes 2^60 steps to hash": b"}(" + DEEP_TUPLE + b"Nu.",
    "a list that doubles sixty times as a key": b"}(" + b"(lq\x00" + b"".join(b"0(h%ch%clq%c" % (k, k, k + 1) for k in range(60)) + b"Nu.",
    "a number of a million digits": b"L" + b"9" * MEGABYTE + b"L\n.",
    "a shape of huge numbers": ARRAY + b"((" + b"\x8a\x10" + b"\xff" * 15 + b"\x7f" + b"2" * 7 + b"t" + FLOAT + b"I00\nS''\ntb.",
    "values without width": ARRAY + b"(J\xff\xff\xff\x7ft" + FLOAT.replace(b"f8", b"S0") + b"I00\nS''\ntb.",
    "lists in lists without end": b"(" * MEGABYTE + b"l" * MEGABYTE + b".",
    "two million dicts": b"(" + b"}" * 2 * MEGABYTE + b"l.",
}
CHILD = """
import json, resource, sys, time
from pathlib import Path
from emofuse import restricted_pickle
from emofuse.errors import InputError
in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + 300_000_000,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
for path in sorted(Path(sys.argv[1]).iterdir()):
    start = time.perf_counter()
    try:
        said = type(restricted_pickle.load(path)).__name__
    except InputError as error:
        said = str(error)
    print(json.dumps([path.stem, said, time.perf_counter() - start]), flush=True)
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, tuple[str, float]]:
    """What a process of 300 MB and 30 s says to each bomb, and how long it takes, in s."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, content in BOMBS.items():
        (folder / f"{name}.pkl").write_bytes(content)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"}
    child = subprocess.run([sys.executable, "-c", CHILD, str(folder)], capture_output=True, text=True, env=environment, check=False)
    return {name: (said, seconds) for name, said, seconds in map(json.loads, child.stdout.splitlines())}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_cannot_ask_for_any_amount_of_memory_or_time(outcomes, bomb):
    said, seconds = outcomes[bomb]  # absent: the process ended before
    assert seconds < 5
    assert "MemoryError" not in said
    harmless = {"one text a hundred thousand times": "list", "a place in the memo that needs a table of 34 gigabytes": "NoneType"}
    harmless |= {"a frame of exabytes": "NoneType", "a place in the memo beyond any table": "NoneType"}
    assert said == harmless.get(bomb, said)
    assert bomb in harmless or (f"{bomb}.pkl: expected" in said and "\n" not in said)


PROGRAMS = st.lists(
    st.sampled_from([op.code.encode("latin-1") for op in pickletools.opcodes if op.arg is None and op.name not in NOT_NEEDED])
    | st.integers(0, 255).map(lambda n: b"K%c" % n)
    | st.binary(max_size=3).map(lambda data: b"U%c%b" % (len(data), data))
    | st.integers(0, 3).map(lambda n: b"q%c" % n)
    | st.integers(0, 3).map(lambda n: b"h%c" % n),
    max_size=25,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=PROGRAMS)
def test_any_program_means_what_it_means_to_pickle_or_is_refused(tmp_path, program):
    (tmp_path / "a.pkl").write_bytes(b"(" + b"".join(program) + b".")
    try:
        found = restricted_pickle.load(tmp_path / "a.pkl")
    except InputError:
        return
    assert same(found, pickle.loads((tmp_path / "a.pkl").read_bytes(), encoding="latin1"))
