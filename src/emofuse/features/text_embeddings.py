"""Sentence embeddings: the mean of BERT's last hidden states over an utterance's tokens (paper A §3), computed once, never trained."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from tqdm import tqdm
from transformers import BertModel, BertTokenizer

from emofuse.params import TextEmbeddings

TOKENS_PER_BATCH = 1024  # measured fastest on CPU for sorted lengths; changes no result beyond rounding


def masked_mean(
    hidden: Float[torch.Tensor, "batch token embedding"], mask: Int[torch.Tensor, "batch token"]
) -> Float[torch.Tensor, "batch embedding"]:
    """Mean over the tokens whose mask is 1; a row of zeros is not allowed."""
    weight = mask[:, :, None].to(hidden.dtype)
    return (hidden * weight).sum(dim=1) / weight.sum(dim=1)


@torch.inference_mode()
def embed(
    texts: Sequence[str], tokenizer: BertTokenizer, encoder: BertModel, params: TextEmbeddings
) -> Float32[np.ndarray, "text embedding"]:
    """One embedding per text, in the order given.

    Truncated at ``params.max_tokens`` WordPieces. With ``special_tokens`` the mean includes [CLS] and [SEP], so that an empty transcript
    has an embedding; without, an empty transcript falls back to them. Texts are sorted by length and batched up to a token budget, which
    leaves a fifth of the padding of random batches; padding never changes a mean.
    """
    tokens = tokenizer(list(texts), truncation=True, max_length=params.max_tokens)["input_ids"]
    order = sorted(range(len(tokens)), key=lambda i: (len(tokens[i]), tokens[i]))
    result = np.empty((len(tokens), encoder.config.hidden_size), dtype=np.float32)
    progress = tqdm(total=len(tokens), desc="text embeddings", unit="utterance", disable=None)
    for batch in _batches(order, [len(t) for t in tokens]):
        padded = tokenizer.pad({"input_ids": [tokens[i] for i in batch]}, return_tensors="pt")
        mask = padded["attention_mask"]
        hidden = encoder(input_ids=padded["input_ids"], attention_mask=mask).last_hidden_state
        result[batch] = masked_mean(hidden, mask if params.special_tokens else without_special_tokens(mask)).numpy()
        progress.update(len(batch))
    progress.close()
    return result


def without_special_tokens(mask: Int[torch.Tensor, "batch token"]) -> Int[torch.Tensor, "batch token"]:
    """The mask without the first and the last real token of each row, unless nothing else is there."""
    inner = mask.clone()
    inner[:, 0] = 0
    inner[torch.arange(len(mask)), mask.sum(dim=1) - 1] = 0
    empty = inner.sum(dim=1) == 0
    inner[empty] = mask[empty]
    return inner


def _batches(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) + 1) * lengths[index] > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
