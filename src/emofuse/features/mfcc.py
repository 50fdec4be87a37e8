"""Mel-frequency cepstral coefficients, the input of the speech autoencoder: 40 of them (B §4.1.1), 400 frames of a window of 4 s.

The rest is from the first author's app: 16 kHz, frames of 25 ms, 40 mel bands, and its library's (librosa's) Slaney mel scale and area
normalisation and orthonormal DCT-II. Deviations: (1) frames every 10 ms, not 100, see params.yaml; (2) reflected edges, as in log-Mel;
(3) no limit of the dynamic range, unless ``top_db`` sets one. No mel band is empty: the narrowest holds 3 bins of the transform.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float32
from torchaudio.functional import create_dct
from tqdm import tqdm

from emofuse import audio
from emofuse.errors import InputError
from emofuse.features import mel
from emofuse.params import Params
from emofuse.params.wearable import MFCC


@lru_cache(maxsize=4)
def _dct(n_coefficients: int, n_mels: int) -> Float32[torch.Tensor, "mel coefficient"]:
    return create_dct(n_coefficients, n_mels, norm="ortho")


@torch.inference_mode()
def compute(waveform: Float32[np.ndarray, "sample"], settings: MFCC) -> Float32[np.ndarray, "frame coefficient"]:
    """Coefficients of the power in dB, one frame per hop: ``1 + samples // hop`` frames; coefficient 0 is the loudness."""
    decibel = mel.decibels(waveform, settings)
    if settings.top_db is not None:
        decibel.clamp_min_(float(decibel.max()) - settings.top_db)
    return (decibel.T @ _dct(settings.n_coefficients, settings.n_mels)).numpy()


def extract(examples: pd.DataFrame, root: Path, params: Params) -> Iterator[tuple[str, Float32[np.ndarray, "frame coefficient"]]]:
    """(example id, the first ``frames`` frames) of every row of Examples with audio, file by file, read from the corpus at ``root``.

    A file is decoded once for all of its windows, and a window that two recordings share (the partners of a debate) is computed once.
    Raises InputError for a corpus without audio, a file shorter than its windows, and a window of fewer than ``frames`` frames.
    """
    settings = params.wearable.mfcc
    examples = examples[examples["path"].notna()]  # VerBIO's rest has no speech
    if examples.empty:
        raise InputError(
            f"{root}: expected a corpus with speech, found no window with audio; MFCC are for the corpora that wearable.spoken of "
            "params.yaml names"
        )
    torch.set_num_threads(1)  # one window is too small to share: a second thread slows it down
    ids, starts, ends = (examples[name].to_numpy() for name in ("example_id", "start_s", "end_s"))
    with tqdm(total=len(examples), desc="MFCC", unit="window", disable=None) as progress:
        for path, places in examples.groupby("path", sort=False).indices.items():
            whole = audio.read(root / str(path), settings.sample_rate_hz)
            known: dict[tuple[float, float], Float32[np.ndarray, "frame coefficient"]] = {}
            for place in places:
                span = float(starts[place]), float(ends[place])
                if span not in known:
                    known[span] = _window(whole, span, settings, str(ids[place]))
                yield str(ids[place]), known[span]
            progress.update(len(places))


def _window(
    whole: Float32[np.ndarray, "sample"], span: tuple[float, float], settings: MFCC, example_id: str
) -> Float32[np.ndarray, "frame coefficient"]:
    waveform = audio.cut(whole, *span, settings.sample_rate_hz, example_id)
    found = 1 + len(waveform) // settings.hop
    if found < settings.frames or len(waveform) <= settings.n_fft // 2:
        raise InputError(
            f"{example_id}: expected at least wearable.mfcc.frames = {settings.frames} frames in {span[1] - span[0]:g} s, found {found}; "
            "lower frames in params.yaml"
        )
    return compute(waveform, settings)[: settings.frames]
