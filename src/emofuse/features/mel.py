"""Mel bands in dB, what log-Mel spectrograms and MFCC both begin with.

Slaney mel scale *and* Slaney area normalisation, periodic Hann window, centred frames with reflected edges: torchaudio's and librosa's own
defaults differ by 20 dB on average.
"""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float32
from torchaudio.transforms import MelSpectrogram

from emofuse.params import LogMel
from emofuse.params.wearable import MFCC


@lru_cache(maxsize=4)
def _transform(settings: LogMel | MFCC) -> MelSpectrogram:
    return MelSpectrogram(
        sample_rate=settings.sample_rate_hz,
        n_fft=settings.n_fft,
        hop_length=settings.hop,
        f_min=settings.f_min_hz,
        f_max=settings.f_max_hz,
        n_mels=settings.n_mels,
        power=2.0,
        norm="slaney",
        mel_scale="slaney",
        center=True,
        pad_mode="reflect",
    )


def decibels(waveform: Float32[np.ndarray, "sample"], settings: LogMel | MFCC) -> Float[torch.Tensor, "mel time"]:
    """Power of each band in dB, one frame per hop: ``1 + samples // hop`` frames; power below ``settings.floor`` counts as the floor."""
    power: Float[torch.Tensor, "mel time"] = _transform(settings)(torch.from_numpy(waveform))
    return power.clamp_min_(settings.floor).log10_().mul_(10.0)
