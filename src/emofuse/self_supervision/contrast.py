"""Contrastive pretraining of the wearable encoders (paper B §3.1; SigRep follows SimCLR, Chen et al. 2020)."""

from collections.abc import Sequence

from jaxtyping import Float
from pytorch_metric_learning.losses import SelfSupervisedLoss, SupConLoss
from torch import Tensor, nn


def nt_xent(a: Float[Tensor, "window width"], b: Float[Tensor, "window width"], temperature: float) -> Float[Tensor, ""]:
    """NT-Xent: rows i of ``a`` and ``b`` are two views of one window, all other 2N - 2 rows are its contrasts; mean over both directions.

    It is the library's supervised contrastive loss (Khosla et al. 2020) with one positive per row, which is the same number; the library's
    own NTXentLoss builds a matrix of all pairs by all pairs, 5 s a step for 256 windows on a CPU where this takes 7 ms.
    The value depends on N, at random it is log(2N - 1) or more: compare only between batches of one size.
    """
    loss: Tensor = SelfSupervisedLoss(SupConLoss(temperature=temperature), symmetric=True)(a, b)
    return loss


class Projected(nn.Module):
    """An encoder and the projection that only contrastive training needs: linear layers with ReLU between; keep ``encoder`` afterwards."""

    def __init__(self, encoder: nn.Module, embedding: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = nn.Sequential()
        for index, (before, after) in enumerate(zip([embedding, *widths], widths, strict=False)):
            if index > 0:
                self.projection.append(nn.ReLU())
            self.projection.append(nn.Linear(before, after))

    def forward(self, windows: Float[Tensor, "window sample"]) -> Float[Tensor, "window width"]:
        """What ``nt_xent`` compares."""
        return self.projection(self.encoder(windows))
