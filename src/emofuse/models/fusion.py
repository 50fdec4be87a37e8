"""Fusion of the embeddings of speech and wearable signals (paper B §3.1-3.3): mechanisms, projection, and pretraining heads.

Deviations: the paper does not say over which tokens its "multi-head self-attention for each modality" attends; see ``Attention``.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SIGNALS = ("speech", "acc", "bvp", "eda", "temp")  # the order of embeddings everywhere


class Unweighted(nn.Module):
    """B §3.3, unweighted fusion: the embeddings as they are."""

    def forward(self, embeddings: Float[Tensor, "batch signal embedding"]) -> Float[Tensor, "batch signal embedding"]:
        """The same embeddings."""
        return embeddings


class Weighted(nn.Module):
    """B §3.3, weighted fusion: each signal's embedding times one trainable scalar, at first 1."""

    def __init__(self, signals: int = 5) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(signals))

    def forward(self, embeddings: Float[Tensor, "batch signal embedding"]) -> Float[Tensor, "batch signal embedding"]:
        """The scaled embeddings."""
        return embeddings * self.weights[:, None]


class Attention(nn.Module):
    """B §3.3, attention fusion: multi-head self-attention within each signal's embedding, each signal with its own weights, no residual.

    ``tokens="elements"``: the values of an embedding are its tokens, lifted to ``width`` and given a learned position; 1,777 parameters per
    signal at width 16 and 4 heads. ``tokens="single"``: the embedding is one token; softmax over one token is 1, so that this reading of
    the paper is no attention but an affine map (6,560 parameters per signal).
    """

    def __init__(
        self, signals: int = 5, embedding: int = 40, width: int = 16, heads: int = 4, tokens: Literal["elements", "single"] = "elements"
    ) -> None:
        super().__init__()
        width = width if tokens == "elements" else embedding
        if width % heads:
            raise ValueError(f"attention of width {width}: not divisible by {heads} heads")
        self.heads = heads
        self.elements = tokens == "elements"
        self.qkv_weight = nn.Parameter(torch.empty(signals, width, 3 * width))
        self.qkv_bias = nn.Parameter(torch.zeros(signals, 1, 3 * width))
        self.out_weight = nn.Parameter(torch.empty(signals, width, width))
        self.out_bias = nn.Parameter(torch.zeros(signals, 1, width))
        matrices = [*self.qkv_weight.data.unflatten(2, (3, width)).unbind(2), self.out_weight.data]
        if self.elements:
            self.lift_weight = nn.Parameter(torch.empty(signals, 1, width))
            self.lift_bias = nn.Parameter(torch.zeros(signals, 1, width))
            # standard normal, as PyTorch's Embedding: with small positions attention starts uniform and all tokens come out alike
            self.position = nn.Parameter(torch.randn(signals, embedding, width))
            self.lower_weight = nn.Parameter(torch.empty(signals, width, 1))
            self.lower_bias = nn.Parameter(torch.zeros(signals, 1))
            matrices += [self.lift_weight.data, self.lower_weight.data]
        for stack in matrices:
            for matrix in stack:
                nn.init.xavier_uniform_(matrix)

    def forward(self, embeddings: Float[Tensor, "batch signal embedding"]) -> Float[Tensor, "batch signal embedding"]:
        """What attention makes of each embedding."""
        batch, signals, _ = embeddings.shape
        query, key, value = self._query_key_value(embeddings)
        attended = F.scaled_dot_product_attention(query, key, value)  # (signal x batch, head, token, width of a head)
        attended = attended.transpose(1, 2).reshape(signals, -1, self.out_weight.shape[1])
        out = torch.baddbmm(self.out_bias, attended, self.out_weight)  # (signal, batch x token, width)
        if self.elements:
            out = torch.bmm(out, self.lower_weight)
        out = out.view(signals, batch, -1).transpose(0, 1)
        return out + self.lower_bias if self.elements else out

    def maps(self, embeddings: Float[Tensor, "batch signal embedding"]) -> Float[Tensor, "batch signal head token token"]:
        """How much each token (row) takes from each token (column): rows sum to 1."""
        query, key, _ = self._query_key_value(embeddings)
        weights = torch.softmax(query @ key.transpose(2, 3) / query.shape[3] ** 0.5, dim=3)
        return weights.unflatten(0, (embeddings.shape[1], -1)).transpose(0, 1)

    def _query_key_value(self, embeddings: Float[Tensor, "batch signal embedding"]) -> tuple[Tensor, Tensor, Tensor]:
        """Each (signal x batch, head, token, width of a head)."""
        batch, signals, _ = embeddings.shape
        tokens = embeddings[:, :, None]  # (batch, signal, token, width)
        if self.elements:
            tokens = embeddings[..., None] * self.lift_weight + (self.lift_bias + self.position)
        flat = tokens.transpose(0, 1).reshape(signals, -1, tokens.shape[3])
        qkv = torch.baddbmm(self.qkv_bias, flat, self.qkv_weight)
        qkv = qkv.view(signals * batch, tokens.shape[2], 3, self.heads, -1).permute(2, 0, 3, 1, 4).contiguous()
        return qkv[0], qkv[1], qkv[2]


MECHANISMS = ("unweighted", "weighted", "attention")


def _mechanism(name: str, signals: int, embedding: int, attention_width: int, attention_heads: int, tokens: str) -> nn.Module:
    """One of ``MECHANISMS`` by its name; raises ValueError for another."""
    if name == "unweighted":
        return Unweighted()
    if name == "weighted":
        return Weighted(signals)
    if name == "attention":
        return Attention(signals, embedding, attention_width, attention_heads, "single" if tokens == "single" else "elements")
    raise ValueError(f"fusion '{name}': expected one of {MECHANISMS}")


class Fusion(nn.Module):
    """A mechanism, then "two fully connected layers" (B §3.1), each with ReLU.

    ``topology="concatenated"``: one projection of all embeddings, to ``projection[-1]`` values (6,960 parameters for 200, 32, 16).
    ``"per_signal"``: the same layers on each embedding (1,840), as in the first author's app, the results concatenated.
    """

    def __init__(
        self,
        mechanism: str,
        projection: Sequence[int] = (32, 16),
        topology: Literal["concatenated", "per_signal"] = "concatenated",
        signals: int = 5,
        embedding: int = 40,
        attention_width: int = 16,
        attention_heads: int = 4,
        tokens: Literal["elements", "single"] = "elements",
    ) -> None:
        super().__init__()
        self.signals = signals
        self.embedding = embedding
        self.rows = 1 if topology == "concatenated" else signals
        self.width = projection[-1] * self.rows
        self.mechanism = _mechanism(mechanism, signals, embedding, attention_width, attention_heads, tokens)
        sizes = [signals * embedding // self.rows, *projection]
        self.projection = nn.Sequential()
        for before, after in pairwise(sizes):
            self.projection.extend([nn.Linear(before, after), nn.ReLU()])
        _start_as_keras(self.projection)

    def fuse(self, embeddings: Float[Tensor, "batch signal embedding"]) -> Float[Tensor, "batch signal embedding"]:
        """What the mechanism makes of the embeddings."""
        return self.mechanism(embeddings)

    def project(self, fused: Float[Tensor, "batch signal embedding"]) -> Float[Tensor, "batch width"]:
        """The projected fusion."""
        return self.projection(fused.reshape(len(fused), self.rows, -1)).flatten(1)

    def forward(self, embeddings: Float[Tensor, "batch signal embedding"]) -> Float[Tensor, "batch width"]:
        """Both steps."""
        return self.project(self.fuse(embeddings))


class FusionHeads(nn.Module):
    """B §3.2, "one fusion head per statistical value": for each a layer of ``hidden`` with ReLU and a linear layer to one number.

    The heads are independent of each other and computed together; 11,560 parameters for 16 inputs and 40 heads.
    """

    def __init__(self, width_in: int, statistics: int = 40, hidden: int = 16) -> None:
        super().__init__()
        self.first = nn.Linear(width_in, statistics * hidden)  # the heads' hidden layers side by side
        self.out_weight = nn.Parameter(torch.empty(statistics, hidden))
        self.out_bias = nn.Parameter(torch.zeros(statistics))
        nn.init.zeros_(self.first.bias)
        for first, out in zip(self.first.weight.data.split(hidden), self.out_weight.data, strict=True):
            nn.init.xavier_uniform_(first)
            nn.init.xavier_uniform_(out[None])

    def forward(self, projected: Float[Tensor, "batch width"]) -> Float[Tensor, "batch statistic"]:
        """One prediction per head."""
        hidden = F.relu(self.first(projected)).unflatten(1, self.out_weight.shape)  # (batch, statistic, hidden)
        return (hidden * self.out_weight).sum(dim=2) + self.out_bias


class FusionPretraining(nn.Module):
    """B Fig. 1b: encoders, fusion and heads that predict the statistics of what was masked in each signal.

    ``encoders`` holds one network for each of ``SIGNALS``, from that signal's windows to (batch, embedding). Raises ValueError otherwise.
    """

    def __init__(self, encoders: Mapping[str, nn.Module], fusion: Fusion, heads: nn.Module) -> None:
        super().__init__()
        if set(encoders) != set(SIGNALS):
            raise ValueError(f"encoders of {sorted(encoders)}: expected one for each of {SIGNALS}")
        self.encoders = nn.ModuleDict({name: encoders[name] for name in SIGNALS})
        self.fusion = fusion
        self.heads = heads

    def embed(self, **signals: Tensor) -> Float[Tensor, "batch signal embedding"]:
        """Embeddings in the order of ``SIGNALS``."""
        return torch.stack([encoder(signals[name]) for name, encoder in self.encoders.items()], dim=1)

    def represent(self, **signals: Tensor) -> Float[Tensor, "batch width"]:
        """The projected fusion."""
        return self.fusion(self.embed(**signals))

    def forward(self, **signals: Tensor) -> Float[Tensor, "batch statistic"]:
        """Predictions of the statistics, in the order of ``SIGNALS``, eight each."""
        return self.heads(self.represent(**signals))


def _start_as_keras(layers: nn.Module) -> None:
    """Glorot-uniform weights and zero biases, as in the first author's app."""
    for layer in layers.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
