"""Paper B's networks as params.yaml describes them, untrained or with the weights of their pretraining."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from emofuse.errors import InputError
from emofuse.models.fusion import Fusion, FusionHeads, FusionPretraining, Weighted
from emofuse.models.signal_encoder import SignalEncoder
from emofuse.models.speech_autoencoder import SpeechAutoencoder
from emofuse.params.wearable import Wearable
from emofuse.pretraining import INPUTS, SPEECH
from emofuse.signals import SIGNALS

STATISTICS = 8  # of each masked signal, B §3.2


def signal_encoder(params: Wearable) -> SignalEncoder:
    """The encoder of one wearable signal; raises InputError where a signal's window is too short for its blocks."""
    least = 2**params.signal_encoder.blocks  # each block halves
    for signal, rate_hz in params.windows.rates_hz.model_dump().items():
        samples = round(params.windows.length_s * rate_hz)
        if samples < least:
            raise InputError(
                f"wearable.windows: {params.signal_encoder.blocks} blocks of wearable.signal_encoder expect at least {least} samples, "
                f"found {samples} of {signal}; lengthen length_s, raise rates_hz.{signal} or take fewer blocks"
            )
    return SignalEncoder(**params.signal_encoder.model_dump())


def speech_autoencoder(params: Wearable) -> SpeechAutoencoder:
    """The speech autoencoder; raises InputError where its embedding and the wearable encoders' differ in width."""
    structure = params.speech_autoencoder
    if structure.kernel % 2 == 0:
        raise InputError(f"wearable.speech_autoencoder.kernel: expected an odd number, found {structure.kernel}; correct it in params.yaml")
    if structure.channels[-1] != params.signal_encoder.embedding:
        raise InputError(
            f"wearable.speech_autoencoder.channels: expected to end with the embedding of {params.signal_encoder.embedding} that the "
            f"wearable encoders give, found {structure.channels}; change one of the two"
        )
    return SpeechAutoencoder(params.mfcc.n_coefficients, structure.channels, structure.kernel, structure.stride)


def fusion(params: Wearable, mechanism: str, scale: str) -> Fusion:
    """The fusion layer of a mechanism and the projection after it; raises InputError where heads cannot share the attention's width."""
    attention, structure = params.mechanisms.attention, params.network
    size = attention.size.at(scale)
    width = size.width if attention.tokens == "elements" else params.signal_encoder.embedding
    if mechanism == "attention" and width % size.heads:
        raise InputError(f"wearable.mechanisms.attention.size.{scale}: expected heads that share a width of {width}, found {size.heads}")
    network = Fusion(
        mechanism,
        structure.projection,
        structure.topology,
        len(INPUTS),
        params.signal_encoder.embedding,
        size.width,
        size.heads,
        attention.tokens,
    )
    if isinstance(network.mechanism, Weighted):
        nn.init.constant_(network.mechanism.weights, params.mechanisms.weighted.initial)
    return network


def fusion_pretraining(params: Wearable, mechanism: str, scale: str) -> FusionPretraining:
    """Encoders, fusion and the heads that predict the statistics; all untrained."""
    encoders: dict[str, nn.Module] = {SPEECH: speech_autoencoder(params).encoder}
    encoders |= {signal: signal_encoder(params) for signal in SIGNALS}
    joined = fusion(params, mechanism, scale)
    return FusionPretraining(encoders, joined, FusionHeads(joined.width, len(INPUTS) * STATISTICS, params.network.fusion_head))


def load_encoders(network: FusionPretraining, speech: SpeechAutoencoder, weights: Mapping[str, Path]) -> None:
    """Put the pretrained encoders under the network's fusion: that of ``speech``, and of each signal the one in its weights file."""
    network.encoders[SPEECH].load_state_dict(speech.encoder.state_dict())
    for signal in SIGNALS:
        load_weights(network.encoders[signal], weights[signal], "encoder.")


def load_weights(network: nn.Module, path: Path, prefix: str = "") -> Any:
    """Put the weights of a file, those under ``prefix``, into the network and return it; InputError where they do not fit."""
    try:
        weights: dict[str, Tensor] = load_file(path)
        network.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"{path}: expected weights of the network that params.yaml describes: {' '.join(str(error).split())[:200]}; run `dvc repro`"
        ) from error
    return network


def scale_of_speech(params: Wearable, path: Path) -> SpeechAutoencoder:
    """The pretrained speech autoencoder: its encoder, and the scale of the MFCC that the fusion network is fed with."""
    network: SpeechAutoencoder = load_weights(speech_autoencoder(params), path)
    return network.requires_grad_(False).eval()
