"""Mini-batches joined by example id: random crops for training, whole utterances for evaluation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from emofuse.arrays import ArrayCache

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Batch:
    """Example ids and the model's named inputs, in the same order."""

    example_ids: list[str]
    inputs: dict[str, Tensor]


class Batches(Protocol):
    """A source of mini-batches of one model's inputs."""

    def train(self, example_ids: Sequence[str], batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
        """One epoch in random order; the last, smaller batch is dropped (a batch of one has no CCC)."""
        ...

    def evaluate(self, example_ids: Sequence[str]) -> Iterator[Batch]:
        """Every example once, whole; a batch gives the same outputs as one example at a time."""
        ...


class AudioBatches:
    """``logmel`` (batch, time, mel) and, for fusion models, ``text`` (batch, embedding), read from the feature caches."""

    def __init__(self, logmel: ArrayCache, text: ArrayCache | None, crop_frames: int) -> None:
        self.logmel = logmel
        self.text = text
        self.crop_frames = crop_frames

    def train(self, example_ids: Sequence[str], batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
        """Crops of ``crop_frames`` frames at a random place, another one each epoch; shorter examples are refused by the model's cache."""
        for ids in shuffled(example_ids, batch_size, generator):
            yield self._batch(ids, [self._crop(self.logmel[i], generator) for i in ids])

    def evaluate(self, example_ids: Sequence[str]) -> Iterator[Batch]:
        """Whole utterances; only those of equal length share a batch, so nothing is padded."""
        ordered = sorted(example_ids, key=lambda i: (self.logmel.length(i), i))
        for _, same_length in groupby(ordered, key=self.logmel.length):
            ids = list(same_length)
            for start in range(0, len(ids), EVALUATION_BATCH):
                chunk = ids[start : start + EVALUATION_BATCH]
                yield self._batch(chunk, [self.logmel[i] for i in chunk])

    def _crop(self, frames: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        start = int(generator.integers(0, len(frames) - self.crop_frames + 1))
        return frames[start : start + self.crop_frames]

    def _batch(self, ids: list[str], logmel: list[np.ndarray]) -> Batch:
        inputs = {"logmel": torch.from_numpy(np.stack(logmel).astype(np.float32))}
        if self.text is not None:
            inputs["text"] = torch.from_numpy(np.concatenate([self.text[i] for i in ids]).astype(np.float32))
        return Batch(ids, inputs)


EVALUATION_BATCH = 64


class TextBatches:
    """``tokens`` and ``mask`` (batch, token) of the transcripts, padded to the longest of the batch."""

    def __init__(self, texts: dict[str, str], tokenizer: "PreTrainedTokenizerBase", max_tokens: int) -> None:
        self.tokenizer = tokenizer
        ids = list(texts)
        tokens = tokenizer([texts[i] for i in ids], truncation=True, max_length=max_tokens)["input_ids"] if ids else []
        self.tokens: dict[str, list[int]] = dict(zip(ids, tokens, strict=True))

    def train(self, example_ids: Sequence[str], batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
        """Random batches; BERT masks the padding."""
        for ids in shuffled(example_ids, batch_size, generator):
            yield self._batch(ids)

    def evaluate(self, example_ids: Sequence[str]) -> Iterator[Batch]:
        """Only transcripts of equal length share a batch."""
        ordered = sorted(example_ids, key=lambda i: (len(self.tokens[i]), i))
        for _, same_length in groupby(ordered, key=lambda i: len(self.tokens[i])):
            ids = list(same_length)
            for start in range(0, len(ids), EVALUATION_BATCH):
                yield self._batch(ids[start : start + EVALUATION_BATCH])

    def _batch(self, ids: list[str]) -> Batch:
        padded = self.tokenizer.pad({"input_ids": [self.tokens[i] for i in ids]}, return_tensors="pt")
        return Batch(ids, {"tokens": padded["input_ids"], "mask": padded["attention_mask"]})


def shuffled(example_ids: Sequence[str], batch_size: int, generator: np.random.Generator) -> Iterator[list[str]]:
    """Full batches of the examples in random order; fewer examples than one batch make a single smaller batch."""
    order = generator.permutation(len(example_ids))
    size = min(batch_size, len(order))
    for start in range(0, len(order) - size + 1, size):
        yield [example_ids[i] for i in order[start : start + size]]
