"""PROJ of paper A Eq. 5: the trainable affine map from a sentence embedding to one value per feature map."""

from torch import nn


def projection(embedding: int, channels: int, init: str) -> nn.Linear:
    """A linear layer; ``init`` is ``torch`` (PyTorch's default) or ``zero`` (the network starts as plain CNN14, as in N-HANS)."""
    layer = nn.Linear(embedding, channels)
    if init == "zero":
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return layer
