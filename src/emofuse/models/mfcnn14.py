"""MFCNN14 (paper A §3, Fig. 1a): sentence embeddings shift the feature maps of every block of CNN14.

The order within a block is Eq. 1-4 (convolutions, pooling, shift), then PANNs' dropout. The projection is affine (Eq. 5): the authors'
later code puts a ReLU behind it, the paper does not.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from emofuse.models.cnn14 import CNN14
from emofuse.models.projection import projection


class MFCNN14(CNN14):
    """CNN14 with six projections of the sentence embedding (768 wide for BERT base: +3,100,608 parameters)."""

    def __init__(self, embedding: int, projection_init: str, *, widths: Sequence[int], **cnn14: object) -> None:
        super().__init__(widths=widths, **cnn14)  # type: ignore[arg-type]
        self.project = nn.ModuleList(projection(embedding, width, projection_init) for width in widths)

    def shift(self, block: int, text: Float[Tensor, "batch embedding"] | None) -> Float[Tensor, "batch channel 1 1"]:
        """One bias for each feature map of the block, constant over time and frequency (Eq. 4-5)."""
        return self.project[block](text)[:, :, None, None]
