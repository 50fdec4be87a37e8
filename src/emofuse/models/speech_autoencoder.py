"""The speech encoder of paper B (§3.1, after its ref. 8): a sparse autoencoder of MFCC, whose encoder is kept.

Ref. 8 (doi 10.21437/Interspeech.2020-1356) says "sparse" and that the encoder keeps a time axis; its layers are not public. Here: strided
convolutions over time with ReLU, so that the code is non-negative and an L1 norm makes it sparse; transposed convolutions back, mirrored.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from emofuse.errors import InputError


class SpeechEncoder(nn.Module):
    """Standardised MFCC to a code, and to one embedding for each window: the mean of its code over time."""

    def __init__(self, coefficients: int, channels: Sequence[int], kernel: int, stride: int) -> None:
        super().__init__()
        widths = [coefficients, *channels]
        # of height 1: a two-dimensional convolution of (batch, coefficient, 1, frame) is a fifth faster on CPU than a one-dimensional one
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, (1, kernel), stride=(1, stride), padding=(0, kernel // 2)) for before, after in pairwise(widths)
        )

    def code(self, scaled: Float[Tensor, "batch frame coefficient"]) -> Float[Tensor, "batch channel time"]:
        """Non-negative; with stride 2 and three layers 400 frames become 50."""
        x = scaled.transpose(1, 2)[:, :, None]  # (batch, coefficient, 1, frame)
        for layer in self.layers:
            x = F.relu(layer(x))
        return x[:, :, 0]

    def forward(self, scaled: Float[Tensor, "batch frame coefficient"]) -> Float[Tensor, "batch embedding"]:
        """The embedding, as wide as the code has channels."""
        return self.code(scaled).mean(dim=2)


class SpeechAutoencoder(nn.Module):
    """Encoder, mirrored decoder, and the scale of the MFCC that both work on.

    ``mean`` and ``sd`` (coefficient,) are those of the pretraining corpus, kept with the weights; until ``standardise_by`` 0 and 1.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, coefficients: int = 40, channels: Sequence[int] = (64, 64, 40), kernel: int = 5, stride: int = 2) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(coefficients))
        self.register_buffer("sd", torch.ones(coefficients))
        self.layers, self.kernel, self.stride = len(channels), kernel, stride
        self.encoder = SpeechEncoder(coefficients, channels, kernel, stride)
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(after, before, (1, kernel), stride=(1, stride), padding=(0, kernel // 2))
            for before, after in reversed([*pairwise([coefficients, *channels])])
        )

    def standardise_by(self, mean: Float[Tensor, "coefficient"], sd: Float[Tensor, "coefficient"]) -> None:
        """Set the scale of the input; raises InputError for another number of coefficients or one that does not vary."""
        mean, sd = (torch.as_tensor(v, dtype=self.mean.dtype, device=self.mean.device) for v in (mean, sd))
        if mean.shape != self.mean.shape or sd.shape != self.sd.shape:
            raise InputError(f"MFCC: expected {len(self.mean)} means and deviations, found {len(mean)} and {len(sd)}; recompute the MFCC")
        unusable = torch.nonzero(~(torch.isfinite(mean) & torch.isfinite(sd) & (sd > 0)))[:, 0].tolist()
        if unusable:
            raise InputError(
                f"MFCC: expected finite means and positive standard deviations, found others for coefficients {unusable}; "
                "check the audio of the speech corpora"
            )
        self.mean.copy_(mean)
        self.sd.copy_(sd)

    def scaled(self, mfcc: Float[Tensor, "batch frame coefficient"]) -> Float[Tensor, "batch frame coefficient"]:
        """Each coefficient with mean 0 and standard deviation 1 over the pretraining corpus: what is encoded and reconstructed."""
        return (mfcc - self.mean) / self.sd

    def encode(self, mfcc: Float[Tensor, "batch frame coefficient"]) -> Float[Tensor, "batch channel time"]:
        """The code of MFCC in their own unit."""
        return self.encoder.code(self.scaled(mfcc))

    def embed(self, mfcc: Float[Tensor, "batch frame coefficient"]) -> Float[Tensor, "batch embedding"]:
        """The embedding of MFCC in their own unit."""
        return self.encoder(self.scaled(mfcc))

    def forward(
        self, mfcc: Float[Tensor, "batch frame coefficient"]
    ) -> tuple[Float[Tensor, "batch frame coefficient"], Float[Tensor, "batch channel time"]]:
        """The reconstruction of ``scaled(mfcc)``, and the code, whose L1 norm the objective penalises."""
        lengths = [mfcc.shape[1]]
        for _ in range(self.layers):
            lengths.append((lengths[-1] + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1)
        code = self.encode(mfcc)
        x = code[:, :, None]
        for index, layer in enumerate(self.decoder):
            x = layer(x, output_size=[1, lengths[-2 - index]])
            x = F.relu(x) if index < len(self.decoder) - 1 else x
        return x[:, :, 0].transpose(1, 2), code
