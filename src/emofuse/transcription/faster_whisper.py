"""Whisper through CTranslate2 (package faster-whisper): the same networks, in 8-bit numbers several times as fast on processors.

As in ``whisper.py``: greedy or beam search only, no sampling, no second try at a higher temperature, no timestamps, nothing carried over.
No voice activity detector either. Clips longer than the networks' 30 s are cut at pauses (``parts.py``), and every part is filled up with
silence to 30 s of audio, as for OpenAI's own figures; faster-whisper by itself fills up the spectrogram with zeros, which are no silence.
"""

import math
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float32

from emofuse import audio, params
from emofuse.errors import InputError
from emofuse.transcription import clips, parts, weights
from emofuse.transcription.engine import Machine, Recognition

_KEY = "transcription.faster_whisper"
_WINDOW_S = 30.0  # Radford et al. 2022 (arXiv:2212.04356), §2.1
_SEARCH = {
    "temperature": 0.0,
    "compression_ratio_threshold": None,  # the three thresholds ask for another try by sampling, or drop what was heard
    "log_prob_threshold": None,
    "no_speech_threshold": None,
    "condition_on_previous_text": False,
    "without_timestamps": True,
    "vad_filter": False,
    "task": "transcribe",
}


def recognise(examples: pd.DataFrame, root: Path, settings: params.Transcription, machine: Machine) -> Iterator[Recognition]:
    """Text of each example, and the mean natural-log probability of its tokens and the end of text; digital silence has no text.

    One part at a time, by ``machine.jobs`` threads on a processor. Raises InputError where the package or the model is absent, the
    model is no Whisper of CTranslate2 or does not know the language, and where the GPU that is asked for is absent, lacks the
    ``compute_type`` or fails.
    """
    if examples.empty:
        return
    own = settings.faster_whisper
    model = _load(own, machine)
    for clip in clips.of(examples, root):
        found = parts.of(clips.samples(clip), _WINDOW_S, audio.SAMPLE_RATE_HZ)
        yield parts.joined([_hear(model, part, own) for part in found])


def identity(settings: params.Transcription) -> tuple[str, str]:
    """Name of the model, and versions of the packages with what pins the weights; hashes a folder's weights, loads nothing."""
    own = settings.faster_whisper
    try:
        packages = f"faster-whisper {version('faster-whisper')}, ctranslate2 {version('ctranslate2')}"
    except PackageNotFoundError:
        raise _no_package() from None
    return weights.title(own.model), f"{packages}, {weights.pinned_by(own.model, own.revision, ('model.bin',))}"


def _hear(model: Any, part: Float32[np.ndarray, "part"], own: params.FasterWhisper) -> parts.Heard:
    window = np.pad(part, (0, round(_WINDOW_S * audio.SAMPLE_RATE_HZ) - len(part)))
    try:
        segments = list(model.transcribe(window, language=own.language, beam_size=own.beams, **_SEARCH)[0])
    except RuntimeError as error:  # its libraries of the GPU are looked for only now, and memory may run out
        raise InputError(
            f"{_KEY}: expected CTranslate2 to run the model, found: {weights.one_line(error)}; try execution.device cpu, or a smaller model"
        ) from error
    tokens = [len(segment.tokens) + 1 for segment in segments]  # and the end of text, over which its mean is taken as well
    total = math.fsum(segment.avg_logprob * count for segment, count in zip(segments, tokens, strict=True))
    return parts.Heard(" ".join(segment.text.strip() for segment in segments), total, sum(tokens))


def _load(own: params.FasterWhisper, machine: Machine) -> Any:
    try:
        import ctranslate2  # type: ignore[import-untyped]
        import faster_whisper  # type: ignore[import-untyped]
    except ImportError:
        raise _no_package() from None
    gpus = ctranslate2.get_cuda_device_count()
    if machine.device == "cuda" and not gpus:
        raise InputError("execution.device: 'cuda' was asked for, found no GPU that CTranslate2 can use; use auto or cpu")
    device = "cuda" if machine.device != "cpu" and gpus else "cpu"
    known = ctranslate2.get_supported_compute_types(device)
    if own.compute_type not in known:
        raise InputError(
            f"{_KEY}.compute_type: expected one that this machine can do on {device} ({', '.join(sorted(known))}), "
            f"found '{own.compute_type}'; choose another"
        )
    folder = weights.locate(f"{_KEY}.model", own.model, lambda: faster_whisper.download_model(own.model, revision=own.revision))
    weights.require_files(f"{_KEY}.model", folder, "model.bin", "config.json", "tokenizer.json")  # it would fetch the last one elsewhere
    try:
        model = faster_whisper.WhisperModel(
            str(folder), device=device, compute_type=own.compute_type, cpu_threads=machine.jobs, local_files_only=True
        )
    except Exception as error:  # damaged files end in almost any exception
        raise InputError(
            f"{_KEY}.model: expected a Whisper of CTranslate2 in {folder}, could not load it ({weights.one_line(error)}); give another one"
        ) from error
    if own.language not in model.supported_languages:
        known_languages = "en, for it knows no other" if len(model.supported_languages) == 1 else "a code of a language that it knows"
        raise InputError(f"{_KEY}.language: expected {known_languages}, found '{own.language}'; correct it or give another model")
    return model


def _no_package() -> InputError:
    return InputError(f"{_KEY}: expected the package faster-whisper, found none; install the extra: pip install 'emofuse[faster_whisper]'")
