"""Log-Mel spectrograms at PANNs' 16 kHz settings, the input of CNN14 (not stated in paper A; the authors' later code uses the same).

Slaney mel scale *and* Slaney area normalisation, periodic Hann window, centred frames with reflected edges, power in dB without
reference or dynamic-range limit: digital silence is exactly -100 dB. torchaudio's and librosa's own defaults differ by 20 dB on average.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Float32
from tqdm import tqdm

from emofuse import audio
from emofuse.features import mel
from emofuse.params import LogMel, Params


@torch.inference_mode()
def compute(waveform: Float32[np.ndarray, "sample"], params: LogMel, min_duration_s: float) -> Float32[np.ndarray, "time mel"]:
    """Power in dB, one frame per hop: ``1 + samples // hop`` frames.

    A waveform shorter than ``min_duration_s`` is first padded with zeros at its end: zeros in the *spectrogram* would be 0 dB, louder
    than speech.
    """
    missing = round(min_duration_s * params.sample_rate_hz) - len(waveform)
    if missing > 0:
        waveform = np.pad(waveform, (0, missing))
    return mel.decibels(waveform, params).T.numpy()


def extract(examples: pd.DataFrame, root: Path, params: Params) -> Iterator[tuple[str, Float[np.ndarray, "time mel"]]]:
    """(example id, log-Mel in the cache's dtype) of every row of Examples, read from the corpus at ``root``, one at a time."""
    settings, min_duration_s = params.features.logmel, params.at_scale(params.features.min_duration_s)
    torch.set_num_threads(1)  # one utterance is too small to share: a second thread slows it down
    rows = zip(examples["example_id"], examples["path"], examples["start_s"], examples["end_s"], strict=True)
    for example_id, path, start_s, end_s in tqdm(rows, total=len(examples), desc="log-Mel", unit="utterance", disable=None):
        rate = settings.sample_rate_hz
        waveform = audio.cut(audio.read(root / path, rate), start_s, end_s, rate, example_id)
        yield example_id, compute(waveform, settings, min_duration_s).astype(settings.dtype)
