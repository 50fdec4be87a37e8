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
