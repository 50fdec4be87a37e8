"""The frozen part of paper B, computed once for every window: embeddings, and what each pretrained fusion makes of them (B §4.2)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from emofuse import arrays, study, tables, wearable_networks
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.models.fusion import Attention, FusionPretraining, Weighted
from emofuse.models.speech_autoencoder import SpeechAutoencoder
from emofuse.params import Params
from emofuse.params.wearable import Wearable
from emofuse.pretraining import INPUTS, MECHANISMS, SPEECH, windows_with
from emofuse.signals import SIGNALS
from emofuse.speech_wearables import PRETRAINED, RANDOM, representation_folder

_CHUNK = 64


def write(params: Params) -> None:
    """Write one cache for each representation of the emotion corpus, the learned fusion weights and the mean attention.

    A window without one of the five signals is left out. Raises InputError where no window is left, or weights are missing.
    """
    wearable, corpus = params.wearable, params.wearable.roles.emotion
    examples, caches = windows_with(corpus, INPUTS)
    ids = list(examples["example_id"])
    if not ids:
        raise InputError(f"{corpus}: expected windows with all of {INPUTS}, found none; check the corpus' wearable and audio files")
    speech = wearable_networks.scale_of_speech(wearable, study.weights_file(SPEECH))
    networks = {PRETRAINED: pretrained(wearable, params.scale, speech), RANDOM: untrained(wearable, params.scale)}
    networks |= {
        m: wearable_networks.load_weights(wearable_networks.fusion_pretraining(wearable, m, params.scale), study.weights_file(m)).eval()
        for m in MECHANISMS
    }
    embeddings = {name: _embeddings(network, speech, caches, ids) for name, network in networks.items()}
    for name, network in networks.items():
        values = embeddings[name] if name in (PRETRAINED, RANDOM) else _joined(network, embeddings[name], wearable.network.freeze)
        rows = ((i, v) for i, v in zip(ids, values.flatten(1)[:, None].numpy(), strict=True))
        arrays.write(representation_folder(name, corpus), rows)
    tables.write(fusion_weights(networks["weighted"]), study.FUSION_WEIGHTS_FILE, tables.FUSION_WEIGHTS)
    tables.write(mean_attention(networks["attention"], embeddings["attention"]), study.ATTENTION_FILE, tables.ATTENTION)


def pretrained(params: Wearable, scale: str, speech: SpeechAutoencoder) -> FusionPretraining:
    """The encoders as they were pretrained, each by itself; the fusion above them is not used."""
    network = wearable_networks.fusion_pretraining(params, "unweighted", scale)
    wearable_networks.load_encoders(network, speech, {signal: study.weights_file(signal) for signal in SIGNALS})
    return network.eval()


def untrained(params: Wearable, scale: str) -> FusionPretraining:
    """Encoders with their first weights, drawn from the pretraining's seed: the control that says what pretraining is worth."""
    torch.manual_seed(params.pretraining.seed)
    return wearable_networks.fusion_pretraining(params, "unweighted", scale).eval()


def fusion_weights(network: FusionPretraining) -> pd.DataFrame:
    """The scalars that the weighted fusion learnt in its pretraining."""
    mechanism = network.fusion.mechanism
    assert isinstance(mechanism, Weighted)
    learnt = mechanism.weights.detach().numpy().astype(float)
    frame = pd.DataFrame({"signal": INPUTS, "weight": learnt})
    return frame.assign(model="weighted_with_fusion_training", protocol="pretraining", fold="all", seed=0)


@torch.inference_mode()
def mean_attention(network: FusionPretraining, embeddings: Tensor) -> pd.DataFrame:
    """The attention of each element to each, mean over heads and windows; embeddings are (window, signal, embedding)."""
    mechanism = network.fusion.mechanism
    assert isinstance(mechanism, Attention)
    sums = torch.stack([mechanism.maps(part).mean(dim=2).sum(dim=0).double() for part in embeddings.split(_CHUNK)])
    maps = (sums.sum(dim=0) / len(embeddings)).numpy()  # (signal, query, key)
    signal, query, key = np.indices(maps.shape).reshape(3, -1)
    names = np.array(INPUTS)[signal]
    columns = {"signal": names, "query": query, "key": key, "weight": maps.reshape(-1)}
    return pd.DataFrame(columns).assign(model="attention_with_fusion_training")


@torch.inference_mode()
def _embeddings(network: FusionPretraining, speech: SpeechAutoencoder, caches: dict[str, ArrayCache], ids: list[str]) -> Tensor:
    """(window, signal, embedding) of every window."""
    return torch.cat([network.embed(**windows) for windows in _windows(speech, caches, ids)])


def _windows(speech: SpeechAutoencoder, caches: dict[str, ArrayCache], ids: list[str]) -> Iterator[dict[str, Tensor]]:
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        inputs = {name: torch.from_numpy(np.stack([cache[i] for i in chunk])) for name, cache in caches.items()}
        inputs[SPEECH] = speech.scaled(inputs[SPEECH])
        yield inputs


@torch.inference_mode()
def _joined(network: nn.Module, embeddings: Tensor, freeze: str) -> Tensor:
    assert isinstance(network, FusionPretraining)
    parts = embeddings.split(_CHUNK)
    return torch.cat([network.fusion(part) if freeze == "projection" else network.fusion.fuse(part) for part in parts])
