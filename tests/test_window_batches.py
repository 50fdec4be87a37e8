import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse import arrays
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.window_batches import EmbeddingBatches, WindowArrays, epoch_rows


def cache(folder, held):
    arrays.write(folder, held.items())
    return ArrayCache(folder)


@pytest.fixture
def two(tmp_path):
    """Two caches of windows of (4, 3): window i of the first is full of i, of the second of 100 + i."""
    first = {f"a{i}": np.full((4, 3), i, np.float32) for i in range(5)}
    second = {f"b{i}": np.full((4, 3), 100 + i, np.float32) for i in range(4)}
    return cache(tmp_path / "a", first), cache(tmp_path / "b", second)


def test_rows_follow_the_ids_given_and_not_the_order_of_the_files(two):
    windows = WindowArrays([(two[0], ["a3", "a0"]), (two[1], ["b2", "b3", "b0"])])
    assert len(windows) == 5 and windows.shape == (4, 3)
    assert windows.take(np.arange(5))[:, 0, 0].tolist() == [3, 0, 102, 103, 100]
    assert windows.take(np.array([4, 1, 4]))[:, 3, 2].tolist() == [100, 0, 100]
    assert windows.take(np.array([], dtype=int)).shape == (0, 4, 3)


def test_what_is_taken_is_a_copy_that_may_be_changed(two):
    windows = WindowArrays([(two[0], ["a1"])])
    windows.take(np.array([0]))[:] = 9
    assert (windows.take(np.array([0])) == 1).all()


def test_a_corpus_of_no_window_changes_nothing(two):
    windows = WindowArrays([(two[1], []), (two[0], ["a2"])])
    assert windows.take(np.array([0])).max() == 2


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 6), st.data())
def test_each_window_is_that_of_its_id(tmp_path_factory, axes, length, data):
    folder = tmp_path_factory.mktemp("caches")
    held = {f"e{i}": np.random.default_rng(i).normal(size=(length, axes)).astype(np.float32) for i in range(6)}
    caches = [cache(folder / str(part), {i: held[i] for i in ids}) for part, ids in enumerate((["e2", "e0", "e1"], ["e5", "e3", "e4"]))]
    wanted = [data.draw(st.permutations(list(c))) for c in caches]
    windows = WindowArrays(list(zip(caches, wanted, strict=True)))
    for row, example_id in enumerate([*wanted[0], *wanted[1]]):
        np.testing.assert_array_equal(windows.take(np.array([row]))[0], held[example_id])


@pytest.mark.parametrize(("shape", "found"), [((5, 3), r"\[\(4, 3\), \(5, 3\)\]"), ((4, 2), r"\[\(4, 2\), \(4, 3\)\]")])
def test_windows_of_another_form_are_one_line_with_both_forms(two, tmp_path, shape, found):
    other = cache(tmp_path / "c", {"c0": np.zeros(shape, np.float32)})
    with pytest.raises(InputError, match=f"windows: expected arrays of one length, found {found}; run") as error:
        WindowArrays([(two[0], ["a0"]), (other, ["c0"])])
    assert "\n" not in str(error.value)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 99))
def test_an_epoch_is_full_batches_of_different_rows(count, batch_size, seed):
    batches = list(epoch_rows(count, batch_size, np.random.default_rng(seed)))
    rows = np.concatenate(batches)
    assert {len(b) for b in batches} == {min(batch_size, count)}
    assert len(set(rows.tolist())) == len(rows) and set(rows.tolist()) <= set(range(count))
    assert count - len(rows) < batch_size


def test_another_epoch_has_another_order_and_the_same_seed_the_same():
    generator = np.random.default_rng(0)
    first, second = (np.concatenate(list(epoch_rows(32, 8, generator))).tolist() for _ in range(2))
    assert first != second
    assert first == np.concatenate(list(epoch_rows(32, 8, np.random.default_rng(0)))).tolist()


@pytest.fixture
def embeddings(tmp_path):
    """Ten vectors of six numbers, written in falling order of their ids: vector i is 10 i, 10 i + 1, …"""
    return cache(tmp_path / "e", {f"e{i}": (10 * i + np.arange(6, dtype=np.float32))[None] for i in range(9, -1, -1)})


def test_training_batches_hold_each_examples_own_vector_and_the_rest_is_dropped(embeddings):
    batches = EmbeddingBatches(embeddings)
    seen = []
    for batch in batches.train([f"e{i}" for i in range(10)], 4, np.random.default_rng(0)):
        assert batch.inputs["embeddings"].shape == (4, 6) and batch.inputs["embeddings"].dtype == torch.float32
        assert batch.inputs["embeddings"][:, 0].tolist() == [10 * int(i[1:]) for i in batch.example_ids]
        seen += batch.example_ids
    assert len(seen) == len(set(seen)) == 8


def test_evaluation_gives_every_example_once_in_the_order_asked_for(embeddings):
    (batch,) = EmbeddingBatches(embeddings).evaluate(["e7", "e0", "e3"])
    assert batch.example_ids == ["e7", "e0", "e3"] and batch.inputs["embeddings"][:, 0].tolist() == [70, 0, 30]


def test_only_the_chosen_columns_are_read(embeddings):
    batches = EmbeddingBatches(embeddings, slice(2, 4))
    (batch,) = batches.evaluate(["e1"])
    assert batches.width == 2 and batch.inputs["embeddings"].tolist() == [[12, 13]]
    assert EmbeddingBatches(embeddings).width == 6


def test_a_damaged_window_is_told_when_it_is_taken_and_not_when_others_are(tmp_path):
    arrays.write(tmp_path / "c", [(f"e{k}", np.full((3, 2), k, np.float32)) for k in range(4)])
    data = bytearray((tmp_path / "c" / "frames.npy").read_bytes())
    data[-1] ^= 1  # in e3
    (tmp_path / "c" / "frames.npy").write_bytes(data)
    windows = WindowArrays([(ArrayCache(tmp_path / "c"), ["e3", "e1", "e0"])])
    assert windows.take(np.array([1, 2, 1])).max() == 1
    for _ in range(2):
        with pytest.raises(InputError, match="expected the array of e3 with SHA-256"):
            windows.take(np.array([1, 0]))


def test_a_damaged_embedding_is_told(tmp_path):
    arrays.write(tmp_path / "c", [(f"e{k}", np.full((1, 4), k, np.float32)) for k in range(4)])
    data = bytearray((tmp_path / "c" / "frames.npy").read_bytes())
    data[-1] ^= 1  # in e3, in a column that is not asked for
    (tmp_path / "c" / "frames.npy").write_bytes(data)
    with pytest.raises(InputError, match="expected the array of e3 with SHA-256"):
        EmbeddingBatches(ArrayCache(tmp_path / "c"), slice(0, 2))
