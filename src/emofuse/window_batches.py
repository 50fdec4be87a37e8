"""Windows and embeddings by row: what many examples of equal length are read with, from several corpora at once."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float32

from emofuse.arrays import ArrayCache
from emofuse.batches import Batch, shuffled
from emofuse.errors import InputError


class WindowArrays:
    """Equally long arrays of many examples, memory-mapped: ``arrays.take(rows)`` reads rows in the order of the ids given."""

    def __init__(self, caches: Sequence[tuple[ArrayCache, Sequence[str]]]) -> None:
        shapes = {(int(n), *cache.frames.shape[1:]) for cache, ids in caches for n in cache.index.loc[list(ids), "length"].unique()}
        if len(shapes) != 1:
            raise InputError(f"windows: expected arrays of one length, found {sorted(shapes)}; run `dvc repro` for one window length")
        self.shape: tuple[int, ...] = shapes.pop()
        length = self.shape[0]
        self._caches = [cache for cache, _ in caches]
        self._ids = [example_id for _, ids in caches for example_id in ids]
        self._arrays = [cache.frames.reshape(-1, *self.shape) for cache, _ in caches]
        self._places = [cache.index.loc[list(ids), "offset"].to_numpy() // length for cache, ids in caches]
        self._source = np.repeat(np.arange(len(caches)), [len(p) for p in self._places])
        self._place = np.concatenate(self._places)
        self._verified = np.zeros(len(self._place), bool)

    def __len__(self) -> int:
        """Number of windows."""
        return len(self._place)

    def take(self, rows: np.ndarray) -> Float32[np.ndarray, "window *shape"]:
        """The windows of these rows, copied; InputError if one is damaged."""
        for row in rows[~self._verified[rows]]:
            self._caches[self._source[row]].verify(self._ids[row])
        self._verified[rows] = True
        out = np.empty((len(rows), *self.shape), np.float32)
        for source, array in enumerate(self._arrays):
            here = self._source[rows] == source
            out[here] = array[self._place[rows[here]]]
        return out


def epoch_rows(count: int, batch_size: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Rows of full mini-batches in random order; fewer rows than one batch make a single smaller batch."""
    size = min(batch_size, count)
    order = generator.permutation(count)
    for start in range(0, count - size + 1, size):
        yield order[start : start + size]


class EmbeddingBatches:
    """``embeddings`` (batch, width): one cached vector per example, held in memory; ``columns`` picks the part that is read."""

    def __init__(self, cache: ArrayCache, columns: slice = slice(None)) -> None:
        ids = list(cache)
        self._row = {example_id: row for row, example_id in enumerate(ids)}
        vectors = np.stack([cache[i][0, columns] for i in ids]).astype(np.float32) if ids else np.empty((0, 0), np.float32)
        self._vectors = torch.from_numpy(vectors)

    @property
    def width(self) -> int:
        """Numbers in one embedding."""
        return int(self._vectors.shape[1])

    def train(self, example_ids: Sequence[str], batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
        """One epoch in random order; the last, smaller batch is dropped."""
        for ids in shuffled(example_ids, batch_size, generator):
            yield self._batch(ids)

    def evaluate(self, example_ids: Sequence[str]) -> Iterator[Batch]:
        """Every example once, in one batch."""
        yield self._batch(list(example_ids))

    def _batch(self, ids: list[str]) -> Batch:
        return Batch(ids, {"embeddings": self._vectors[[self._row[i] for i in ids]]})
