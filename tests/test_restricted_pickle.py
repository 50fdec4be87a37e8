"""Pickles are read as data: what is allowed comes back as NumPy and Python know it, nothing that a file asks for is run."""

import builtins
import os
import pickle
import subprocess
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
