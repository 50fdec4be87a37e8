"""The wearable encoder of paper B (§3.1, "inception like block"; SigRep, Dissanayake et al. 2022): one network for each signal.

Layers, widths and initialisation are those of the first author's deployed app (Dissanayake et al. 2022, doi 10.1145/3546738), whose graphs
hold this encoder with 2 filters, 4 blocks and an embedding of 40: 40 + 264 + 520 + 776 + 1,320 = 2,920 parameters.
Deviations in the order of computation only, results agree to float32 rounding: (1) a block's four kernels are laid into one of width 7:
half the time on a CPU; (2) pooling comes before ReLU, which is monotone; (3) the pooling branch's two windows (3, stride 1; 2, stride 2)
are one of 4 with stride 2.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

KERNELS = (1, 3, 5, 7)


class InceptionBlock(nn.Module):
    """Parallel convolutions of four kernel sizes beside a max-pooled copy of the input (not in the first block), then pooling by two."""

    def __init__(self, channels_in: int, filters: int, pooled_copy: bool) -> None:
        super().__init__()
        self.weights = nn.ParameterList(torch.empty(filters, channels_in, kernel) for kernel in KERNELS)
        self.biases = nn.ParameterList(torch.zeros(filters) for _ in KERNELS)
        self.pooled_copy = pooled_copy
        self.channels_out = filters * len(KERNELS) + (channels_in if pooled_copy else 0)
        for weight in self.weights:
            nn.init.xavier_uniform_(weight)

    def forward(self, x: Float[Tensor, "window channel sample"]) -> Float[Tensor, "window channel2 sample2"]:
        """Half as many samples; the convolutions' channels first, then the copy's."""
        margins = [(max(KERNELS) - kernel) // 2 for kernel in KERNELS]
        kernels = [F.pad(weight, (margin, margin)) for weight, margin in zip(self.weights, margins, strict=True)]
        convolved = F.conv1d(x, torch.cat(kernels), torch.cat(list(self.biases)), padding=max(KERNELS) // 2)
        convolved = F.relu(F.max_pool1d(convolved, 2))
        return torch.cat([convolved, F.max_pool1d(x, 4, stride=2, padding=1)], dim=1) if self.pooled_copy else convolved


class SignalEncoder(nn.Module):
    """``blocks`` inception blocks, the maximum over time, one linear layer.

    Biases start at zero, weights as Glorot's (Keras' defaults), so that the untrained encoder is the app's too.
    """

    def __init__(self, filters: int = 2, blocks: int = 4, embedding: int = 40) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        channels = 1
        for index in range(blocks):
            block = InceptionBlock(channels, filters, pooled_copy=index > 0)
            self.blocks.append(block)
            channels = block.channels_out
        self.bottleneck = nn.Linear(channels, embedding)
        self.min_samples = 2**blocks  # each block halves
        nn.init.xavier_uniform_(self.bottleneck.weight)
        nn.init.zeros_(self.bottleneck.bias)

    def forward(self, signal: Float[Tensor, "window sample"]) -> Float[Tensor, "window embedding"]:
        """Embeddings of standardised windows, at least ``2**blocks`` samples long; raises ValueError for shorter ones."""
        if signal.shape[1] < self.min_samples:
            raise ValueError(f"a window of {signal.shape[1]} samples: {len(self.blocks)} halvings need at least {self.min_samples}")
        x = signal[:, None]
        for block in self.blocks:
            x = block(x)
        return self.bottleneck(x.amax(dim=2))
