"""Emotion recognition heads of paper B (§3.1: "two fully connected layers and a softmax layer"), one for each target.

The widths 16 and 8 are those of the first author's app. Softmax belongs to the loss: the heads give logits.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from emofuse.models.fusion import Fusion


class EmotionHeads(nn.Module):
    """One head per target, computed side by side: ``classes`` are the targets' numbers of classes.

    With 16 inputs a head has 435 (3 classes) or 462 (6) parameters. Weights start as Glorot's, biases at zero (Keras' defaults).
    """

    class_head: Tensor

    def __init__(self, width_in: int, classes: Sequence[int], widths: Sequence[int] = (16, 8)) -> None:
        super().__init__()
        heads, sizes = len(classes), [width_in, *widths]
        self.classes = list(classes)
        self.weights = nn.ParameterList(torch.empty(heads, before, after) for before, after in pairwise(sizes))
        self.biases = nn.ParameterList(torch.zeros(heads, 1, after) for after in widths)
        self.out_weight = nn.Parameter(torch.empty(sum(classes), sizes[-1]))
        self.out_bias = nn.Parameter(torch.zeros(sum(classes)))
        self.register_buffer("class_head", torch.arange(heads).repeat_interleave(torch.tensor(self.classes)), persistent=False)
        for weight in [*self.weights, *torch.split(self.out_weight.data, self.classes)]:
            for matrix in weight if weight.ndim == 3 else [weight]:
                nn.init.xavier_uniform_(matrix)

    def forward(self, x: Float[Tensor, "batch width"]) -> Float[Tensor, "batch class"]:
        """Logits: the classes of the first target, then those of the second, and so on."""
        hidden = x.expand(len(self.classes), *x.shape)  # (head, batch, width)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            hidden = F.relu(torch.baddbmm(bias, hidden, weight))
        own = hidden.transpose(0, 1)[:, self.class_head]  # (batch, class, hidden): what each class' head has computed
        return (own * self.out_weight).sum(dim=2) + self.out_bias

    def split(self, logits: Float[Tensor, "batch class"]) -> tuple[Tensor, ...]:
        """The logits of each target, (batch, its classes)."""
        return torch.split(logits, self.classes, dim=1)


class FusedEmotion(nn.Module):
    """Heads on cached inputs of width ``inputs``: embeddings that a fusion joins first, or with ``fusion`` None what is already joined.

    The encoders below stay frozen (B §4.2), hence their embeddings can be computed once. Raises ValueError where widths do not fit.
    """

    def __init__(self, fusion: Fusion | None, heads: EmotionHeads, inputs: int) -> None:
        super().__init__()
        expected = heads.weights[0].shape[1]
        width, joined = (inputs, inputs) if fusion is None else (fusion.signals * fusion.embedding, fusion.width)
        if inputs != width or joined != expected:
            raise ValueError(f"inputs of width {inputs}: fusion takes {width} and gives {joined}, heads take {expected}")
        self.fusion = fusion
        self.heads = heads

    def forward(self, embeddings: Float[Tensor, "batch width"]) -> Float[Tensor, "batch class"]:
        """Logits of all targets. With a fusion ``width`` is signal after signal, as ``(batch, signal, embedding)`` flattened."""
        if self.fusion is None:
            return self.heads(embeddings)
        return self.heads(self.fusion(embeddings.view(-1, self.fusion.signals, self.fusion.embedding)))
