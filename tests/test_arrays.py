import hashlib
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emofuse import arrays
from emofuse.errors import InputError


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 7), min_size=1, max_size=6),
    trailing=hnp.array_shapes(max_dims=2, max_side=5),
    dtype=st.sampled_from(["float16", "float32"]),
)
def test_every_array_comes_back_and_numpy_reads_the_file_too(tmp_path_factory, lengths, trailing, dtype):
    folder = tmp_path_factory.mktemp("cache") / "c"
    rng = np.random.default_rng(0)
    written = {f"e{i}": rng.normal(size=(n, *trailing)).astype(dtype) for i, n in enumerate(lengths)}
    assert arrays.write(folder, written.items()) == len(written)
    cache = arrays.ArrayCache(folder)
    assert list(cache) == list(written) and len(cache) == len(written)
    for example_id, array in written.items():
        np.testing.assert_array_equal(cache[example_id], array)
        assert cache.length(example_id) == len(array)
    np.testing.assert_array_equal(np.load(folder / "frames.npy"), np.concatenate(list(written.values())))


def test_reading_maps_the_file_instead_of_loading_it(tmp_path):
    arrays.write(tmp_path / "c", [("a", np.ones((5, 2), np.float16))])
    view = arrays.ArrayCache(tmp_path / "c")["a"]
    assert isinstance(view.base, np.memmap) and not view.flags.writeable


@pytest.mark.parametrize(
    "second", [np.ones((2, 3), np.float32), np.ones((2, 2), np.float16), np.full((1, 2), np.nan, np.float32)], ids=["shape", "dtype", "nan"]
)
def test_a_misfit_is_named_and_no_folder_is_left(tmp_path, second):
    with pytest.raises(InputError, match="second: a feature cache expects"):
        arrays.write(tmp_path / "c", [("first", np.ones((1, 2), np.float32)), ("second", second)])
    assert list(tmp_path.iterdir()) == []


def test_a_repeated_id_is_refused(tmp_path):
    with pytest.raises(InputError, match="repeated: True"):
        arrays.write(tmp_path / "c", [("a", np.ones((1, 2))), ("a", np.ones((1, 2)))])


def test_a_cache_cut_short_or_without_an_example_is_refused(tmp_path):
    arrays.write(tmp_path / "c", [("a", np.ones((100, 2)))])
    with pytest.raises(InputError, match="b: expected in the feature cache"):
        arrays.ArrayCache(tmp_path / "c")["b"]
    data = (tmp_path / "c" / "frames.npy").read_bytes()
    (tmp_path / "c" / "frames.npy").write_bytes(data[:-8])
    with pytest.raises(InputError, match="expected a feature cache"):
        arrays.ArrayCache(tmp_path / "c")


def test_lost_samples_are_kept_where_gaps_are_allowed_but_never_infinity(tmp_path):
    track = np.array([1, np.nan, 3], np.float32)
    arrays.write(tmp_path / "c", [("a", track)], gaps=True)
    np.testing.assert_array_equal(arrays.ArrayCache(tmp_path / "c")["a"], track)
    with pytest.raises(InputError, match=r"a: a feature cache expects .* finite: False"):
        arrays.write(tmp_path / "d", [("a", np.array([np.inf, np.nan], np.float32))], gaps=True)


def test_a_cache_of_nothing_can_be_read(tmp_path):
    assert arrays.write(tmp_path / "c", []) == 0
    assert list(arrays.ArrayCache(tmp_path / "c")) == []


def test_digests_follow_the_values_and_the_order_asked_for(tmp_path):
    for name, last in (("c", 2.0), ("d", 3.0)):
        arrays.write(tmp_path / name, [("a", np.ones(3, np.float32)), ("b", np.array([1, last], np.float32))])
    first, second = (arrays.ArrayCache(tmp_path / name) for name in "cd")
    assert first.digests(["b", "a"]) == first.digests(["a", "b"])[::-1]
    assert [x == y for x, y in zip(first.digests(["a", "b"]), second.digests(["a", "b"]), strict=True)] == [True, False]


def flip(path, place):
    """Flip one bit and let the file look as old as before, which is all that DVC looks at."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_flipped_bit_is_told_by_the_example_that_it_is_in_and_the_others_are_read(tmp_path):
    folder = tmp_path / "c"
    written = {"a": np.ones((3, 2), np.float32), "b": np.zeros((2, 2), np.float32), "d": np.ones((1, 2), np.float32)}
    arrays.write(folder, written.items())
    flip(folder / "frames.npy", 128 + 3 * 8 + 5)
    cache = arrays.ArrayCache(folder)
    np.testing.assert_array_equal(cache["a"], written["a"])
    expected = hashlib.sha256(bytes(16)).hexdigest()
    for _ in range(2):  # a second try is no way around
        with pytest.raises(InputError) as error:
            cache["b"]
        assert str(error.value).startswith(f"{folder}: expected the array of b with SHA-256 {expected}, found ")
        assert "delete the folder and run `dvc repro`" in str(error.value) and "\n" not in str(error.value)
    np.testing.assert_array_equal(cache["d"], written["d"])


def test_damage_anywhere_in_a_cache_is_told_or_the_arrays_are_as_before(tmp_path):
    folder = tmp_path / "c"
    written = {"a": np.arange(6, dtype=np.float16).reshape(3, 2), "empty": np.empty((0, 2), np.float16), "b": np.ones((2, 2), np.float16)}
    arrays.write(folder, written.items())
    for name in ("frames.npy", "index.parquet"):
        whole, told = (folder / name).read_bytes(), 0
        for place in range(len(whole)):
            (folder / name).write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
            try:
                cache = arrays.ArrayCache(folder)
                found = {i: cache[i] for i in cache}
            except InputError as error:
                assert "\n" not in str(error)
                told += 1
                continue
            assert list(found) == list(written) and all(found[i].dtype == np.float16 for i in found)
            assert all(np.array_equal(found[i], written[i]) for i in written)
        (folder / name).write_bytes(whole)
        assert told > len(whole) / 2


@pytest.mark.parametrize(("old", "new"), [(b"<f4", b">f4"), (b"<f4", b"<i4")], ids=["byte order", "integers"])
def test_a_header_that_makes_other_numbers_of_the_same_bytes_is_refused(tmp_path, old, new):
    arrays.write(tmp_path / "c", [("a", np.ones((3, 2), np.float32))])
    path = tmp_path / "c" / "frames.npy"
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(InputError, match="expected floating-point numbers in this machine's byte order"):
        arrays.ArrayCache(tmp_path / "c")


def test_an_array_is_verified_once_in_a_process(tmp_path, monkeypatch):
    arrays.write(tmp_path / "c", [("a", np.ones((3, 2), np.float32)), ("b", np.ones((1, 2), np.float32))])
    cache = arrays.ArrayCache(tmp_path / "c")
    hashed = []
    monkeypatch.setattr(arrays.hashlib, "sha256", lambda data: hashed.append(len(data)) or hashlib.new("sha256", data))
    for example_id in "abbaab":
        assert len(cache[example_id]) == cache.length(example_id)
    assert hashed == [3, 1]
