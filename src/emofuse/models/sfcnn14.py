"""SFCNN14 (paper A §3, Fig. 1b): sentence embeddings shift the output of CNN14's last convolution only.

The shift is constant over time and frequency, so adding it to the map equals adding twice its value to the pooled vector: max over time
and mean over time each carry it once.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from emofuse.models.cnn14 import CNN14
from emofuse.models.projection import projection


class SFCNN14(CNN14):
    """CNN14 with one projection of the sentence embedding (768 to 2048 at full size: +1,574,912 parameters)."""

    def __init__(self, embedding: int, projection_init: str, *, widths: Sequence[int], **cnn14: object) -> None:
        super().__init__(widths=widths, **cnn14)  # type: ignore[arg-type]
        self.project = projection(embedding, widths[-1], projection_init)

    def shift(self, block: int, text: Float[Tensor, "batch embedding"] | None) -> Float[Tensor, "batch channel 1 1"] | None:
        """One bias for each feature map of the last block."""
        return self.project(text)[:, :, None, None] if block == len(self.blocks) - 1 else None
