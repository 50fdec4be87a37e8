"""CNN14 (paper A §3; Kong et al. 2020, PANNs, 16 kHz form): the audio network that both fusions condition.

Deviations: (1) max pooling in blocks 1-5 as in the paper's Eq. 3, where PANNs and the authors' later code average (``pool``);
(2) fc1 and the output layer start from PyTorch's Linear initialisation instead of PANNs' Xavier (``head_init``): with the latter the
MSE runs diverge at the published learning rate; (3) no dropout around fc1, as in the authors' later code (``fc_dropout``).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

N_MELS = 64
MIN_FRAMES = 32  # five halvings of the time axis leave one frame


class ConvBlock(nn.Module):
    """Eq. 1-3: two 3x3 convolutions, each with batch normalisation and ReLU, then pooling by two in time and frequency."""

    def __init__(self, channels_in: int, channels_out: int, pool: str, pool_size: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.pool = pool
        self.pool_size = pool_size
        nn.init.xavier_uniform_(self.conv1.weight)
        nn.init.xavier_uniform_(self.conv2.weight)

    def forward(self, x: Float[Tensor, "batch channel time mel"]) -> Float[Tensor, "batch channel2 time2 mel2"]:
        """The pooled map H3."""
        h1 = F.relu_(self.bn1(self.conv1(x)))  # Eq. 1
        h2 = F.relu_(self.bn2(self.conv2(h1)))  # Eq. 2
        if self.pool_size == 1:
            return h2
        return F.max_pool2d(h2, self.pool_size) if self.pool == "max" else F.avg_pool2d(h2, self.pool_size)  # Eq. 3


class CNN14(nn.Module):
    """Twelve convolutions in six blocks, mean over frequency, max + mean over time, two linear layers.

    ``widths`` are the channels of the six blocks (the paper's: 64, 128, 256, 512, 1024, 2048; 79,673,792 parameters below ``out``).
    """

    def __init__(self, widths: Sequence[int], outputs: int, pool: str, block_dropout: float, fc_dropout: float, head_init: str) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(N_MELS)
        self.channels_last = widths[0] >= 8  # measured on CPU: channels-last is faster from 8 channels on, slower below
        pool_sizes = [2, 2, 2, 2, 2, 1]
        self.blocks = nn.ModuleList(
            ConvBlock(before, width, pool, size) for before, width, size in zip([1, *widths[:-1]], widths, pool_sizes, strict=True)
        )
        self.fc1 = nn.Linear(widths[-1], widths[-1])
        self.out = nn.Linear(widths[-1], outputs)
        self.block_dropout = nn.Dropout(block_dropout)
        self.fc_dropout = nn.Dropout(fc_dropout)
        if head_init == "panns":
            for layer in (self.fc1, self.out):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def shift(self, block: int, text: Float[Tensor, "batch embedding"] | None) -> Float[Tensor, "batch channel 1 1"] | None:
        """What is added to the output of a block (0-5); nothing in the unimodal network."""
        return None

    def forward(
        self, logmel: Float[Tensor, "batch time mel"], text: Float[Tensor, "batch embedding"] | None = None
    ) -> Float[Tensor, "batch output"]:
        """Logits of the classes, or values of the dimensions. ``logmel`` in dB, at least 32 frames long."""
        x = self.bn0(logmel[:, None].transpose(1, 3)).transpose(1, 3)  # statistics of each mel band; (batch, 1, time, mel)
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        for index, block in enumerate(self.blocks):
            x = block(x)
            shift = self.shift(index, text)
            x = self.block_dropout(x if shift is None else x + shift)  # Eq. 4
        x = x.mean(dim=3)  # over frequency; (batch, channel, time)
        x = x.amax(dim=2) + x.mean(dim=2)
        x = F.relu_(self.fc1(self.fc_dropout(x)))
        return self.out(self.fc_dropout(x))
