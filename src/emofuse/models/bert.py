"""BERT: the pretrained encoder whose token embeddings are averaged, and the same encoder fine-tuned (paper A §4.2)."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import BertModel, BertTokenizer
from transformers.utils import logging as transformers_logging

from emofuse.errors import InputError

transformers_logging.disable_progress_bar()
transformers_logging.set_verbosity_error()

DROPOUT = 0.1  # BERT's own hidden dropout, before the linear layer as in BertForSequenceClassification


class FineTunedBERT(nn.Module):
    """BERT with dropout and a linear layer on the pooled [CLS] token (BERT base with 4 outputs: 109,485,316 parameters)."""

    def __init__(self, encoder: BertModel, outputs: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(DROPOUT)
        self.out = nn.Linear(encoder.config.hidden_size, outputs)
        nn.init.normal_(self.out.weight, std=encoder.config.initializer_range)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: Int[Tensor, "batch token"], mask: Int[Tensor, "batch token"]) -> Float[Tensor, "batch output"]:
        """Logits of the classes, or values of the dimensions. ``mask`` is 0 on padding."""
        return self.out(self.dropout(self.encoder(input_ids=tokens, attention_mask=mask).pooler_output))


def locate(name: str, sha256: str | None) -> str:
    """A hub name as it is, or the folder of a local encoder, its ``model.safetensors`` checked against ``sha256``.

    ``package:<name>`` is the data folder inside an installed Python package; the package's code is not imported. Raises InputError where
    the folder has no weights or they are others than pinned.
    """
    folder = Path(name)
    if name.startswith("package:"):
        spec = find_spec(name.removeprefix("package:"))
        if spec is None or spec.origin is None:
            raise InputError(f"text_encoder.name: expected the installed package of '{name}', found none; run `make setup`")
        folder = _weights_folder(Path(spec.origin).parent)
    elif not folder.is_dir():
        return name
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise InputError(f"{folder}: expected an encoder with model.safetensors, found none; give a folder saved by save_pretrained")
    found = hashlib.sha256(weights.read_bytes()).hexdigest() if sha256 else None
    if found != sha256:
        raise InputError(
            f"{weights}: expected SHA-256 {sha256}, found {found}; install the pinned file again or correct text_encoder.sha256"
        )
    return str(folder)


def _weights_folder(package: Path) -> Path:
    found = sorted(package.rglob("model.safetensors"))
    return found[0].parent if found else package


def load(name: str, revision: str | None, sha256: str | None) -> tuple[BertTokenizer, BertModel]:
    """Tokeniser and encoder (with pooler) in evaluation mode; raises InputError if the hub or the folder does not have them.

    Weights are read from safetensors only.
    """
    source = locate(name, sha256)
    try:
        tokenizer = BertTokenizer.from_pretrained(source, revision=revision or "main")
        encoder = BertModel.from_pretrained(source, revision=revision or "main", use_safetensors=True)  # never a pickle
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"text_encoder.name: expected a BERT at '{source}', could not load it ({reason}); give a local folder") from error
    return tokenizer, encoder.eval()
