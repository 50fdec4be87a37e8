"""OpenAI's Whisper (Radford et al. 2022, arXiv:2212.04356) through transformers: any size, from the hub or a folder.

Greedy or beam search only: no sampling, no second try at a higher temperature, no timestamps, nothing carried from one part to the next.
Clips that are longer than ``chunk_s`` are cut at pauses (``parts.py``). Weights are read from safetensors files alone, which cannot hold
code, and no code that comes with a model is run.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from huggingface_hub import snapshot_download
from jaxtyping import Float32
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer
from transformers.utils import logging as transformers_logging

from emofuse import audio, params
from emofuse.errors import InputError
from emofuse.transcription import clips, parts, weights
from emofuse.transcription.engine import Machine, Recognition

transformers_logging.disable_progress_bar()
transformers_logging.set_verbosity_error()

Part = Float32[np.ndarray, "part"]
_KEY = "transcription.whisper"
_WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors")


@dataclass(frozen=True)
class _Network:
    """What hears: the model, what it hears by, what its tokens spell, and the settings of its search."""

    model: Any
    features: WhisperFeatureExtractor
    tokens: WhisperTokenizer
    options: dict[str, Any]


def recognise(examples: pd.DataFrame, root: Path, settings: params.Transcription, machine: Machine) -> Iterator[Recognition]:
    """Text of each example, and the mean natural-log probability of its tokens and the end of text; digital silence has no text.

    Parts of ``batch_size`` are heard at once, in the order of the examples. Raises InputError where the model is absent, is no Whisper, has
    no safetensors or does not know the language, and where the GPU that is asked for is absent or too small.
    """
    if examples.empty:
        return
    own = settings.whisper
    device = _device(machine)
    with _threads(machine.jobs):
        network = _load(own, device)
        sounds = iter(clips.of(examples, root))
        while waiting := list(_until_full(sounds, own)):
            heard = iter(_hear_all(network, [part for clip in waiting for part in clip], own.batch_size))
            for clip in waiting:
                yield parts.joined(list(islice(heard, len(clip))))


def identity(settings: params.Transcription) -> tuple[str, str]:
    """Name of the model, and the version of transformers with what pins the weights; hashes a folder's weights, loads nothing."""
    own = settings.whisper
    return weights.title(own.model), f"transformers {version('transformers')}, {weights.pinned_by(own.model, own.revision, _WEIGHTS)}"


def _until_full(sounds: Iterator[clips.Clip], own: params.Whisper) -> Iterator[list[Part]]:
    """The parts of the next clips, until there are enough for a batch."""
    count = 0
    for clip in sounds:
        found = parts.of(clips.samples(clip), own.chunk_s, audio.SAMPLE_RATE_HZ)
        yield found
        count += len(found)
        if count >= own.batch_size:
            return


@torch.inference_mode()
def _hear_all(network: _Network, sounds: Sequence[Part], batch_size: int) -> list[parts.Heard]:
    heard: list[parts.Heard] = []
    for first in range(0, len(sounds), batch_size):
        try:
            heard += _hear(network, sounds[first : first + batch_size])
        except torch.OutOfMemoryError as error:
            raise InputError(f"{_KEY}.batch_size: expected room for {batch_size} clips on the GPU, found too little; lower it") from error
    return heard


def _hear(network: _Network, sounds: Sequence[Part]) -> list[parts.Heard]:
    """What is heard in each part; all are filled up with silence to the network's 30 s."""
    model = network.model
    features = network.features(list(sounds), sampling_rate=audio.SAMPLE_RATE_HZ, return_tensors="pt").input_features
    out = model.generate(features.to(model.device, model.dtype), **network.options)
    steps = out.sequences[:, -len(out.scores) :].cpu()  # batch, token; those of the prompt come before
    ends = steps == model.generation_config.eos_token_id
    lengths = torch.where(ends.any(dim=1), ends.int().argmax(dim=1) + 1, steps.shape[1])  # the first end of text counts
    if "sequences_scores" in out:  # of beams: means over the tokens
        sums = out.sequences_scores.float().cpu() * lengths
    else:
        each = torch.stack([s.float().log_softmax(dim=1).amax(dim=1) for s in out.scores], dim=1).cpu()
        sums = torch.where(torch.arange(each.shape[1]) < lengths[:, None], each, 0.0).sum(dim=1)
    texts = network.tokens.batch_decode(steps, skip_special_tokens=True)
    return [parts.Heard(t.strip(), float(s), int(n)) for t, s, n in zip(texts, sums, lengths, strict=True)]


def _load(own: params.Whisper, device: torch.device) -> _Network:
    def download() -> str:
        return snapshot_download(own.model, revision=own.revision, allow_patterns=["*.json", "merges.txt", *_WEIGHTS])

    folder = weights.locate(f"{_KEY}.model", own.model, download)
    weights.require_files(f"{_KEY}.model", folder, "config.json")
    if not any(path for pattern in _WEIGHTS for path in folder.glob(pattern)):
        raise InputError(
            f"{_KEY}.model: expected weights in model.safetensors in {folder}, found none (pickles are not read); "
            "save the model again with save_pretrained"
        )
    try:
        network = _open(folder, own)
    except InputError:
        raise
    except Exception as error:  # damaged files end in almost any exception
        raise InputError(
            f"{_KEY}.model: expected a Whisper in {folder}, could not load it ({weights.one_line(error)}); give another folder"
        ) from error
    network.model.to(device)
    return network


def _open(folder: Path, own: params.Whisper) -> _Network:
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    kind = WhisperConfig.get_config_dict(folder, local_files_only=True)[0].get("model_type")
    if kind != "whisper":
        raise InputError(f"{_KEY}.model: expected a Whisper in {folder}, found model_type {kind!r} in config.json; give another folder")
    loaded: Any = WhisperForConditionalGeneration.from_pretrained(
        folder, dtype=getattr(torch, own.dtype), use_safetensors=True, output_loading_info=True, **local
    )
    model, report = loaded
    absent = sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])})
    if absent:  # else they would be random numbers
        raise InputError(
            f"{_KEY}.model: expected all weights that config.json of {folder} asks for, found no {absent[0]} (+ {len(absent) - 1}); "
            "save the model again with save_pretrained"
        )
    features = WhisperFeatureExtractor.from_pretrained(folder, dither=0.0, **local)  # dither is random
    tokens = WhisperTokenizer.from_pretrained(folder, **local)
    if features.chunk_length < own.chunk_s:
        raise InputError(f"{_KEY}.chunk_s: expected at most {features.chunk_length} s, which {folder} hears, found {own.chunk_s}; lower it")
    options = {"num_beams": own.beams, "do_sample": False, "return_timestamps": False}
    options |= {"return_dict_in_generate": True, "output_scores": True, "renormalize_logits": True}  # over the tokens that are allowed
    return _Network(model.eval(), features, tokens, options | _language(model.generation_config, own))


def _language(config: Any, own: params.Whisper) -> dict[str, str]:
    """Language and task for a multilingual model; one of English alone has no tokens for them."""
    known = getattr(config, "lang_to_id", None) or {}
    if not getattr(config, "is_multilingual", bool(known)):
        if own.language != "en":
            raise InputError(f"{_KEY}.language: expected en, all that {own.model} knows, found '{own.language}'; give a multilingual model")
        return {}
    if f"<|{own.language}|>" not in known:
        raise InputError(f"{_KEY}.language: expected a code of a language that {own.model} knows, such as en, found '{own.language}'")
    return {"language": own.language, "task": "transcribe"}


def _device(machine: Machine) -> torch.device:
    if machine.device == "cuda" and not torch.cuda.is_available():
        raise InputError("execution.device: 'cuda' was asked for, found no GPU that PyTorch can use; use auto or cpu")
    return torch.device("cuda" if machine.device != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def _threads(jobs: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(jobs)
    try:
        yield
    finally:
        torch.set_num_threads(before)
