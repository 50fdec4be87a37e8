"""Pretraining of the fusion network: predict the statistics of what was masked in each of the five signals (paper B §3.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from emofuse import optimisers, unlabelled, wearable_networks
from emofuse.execution import Site
from emofuse.models.fusion import FusionPretraining
from emofuse.models.speech_autoencoder import SpeechAutoencoder
from emofuse.pretraining import INPUTS, SPEECH, Pretraining
from emofuse.self_supervision.masking import mask
from emofuse.window_batches import WindowArrays, epoch_rows

Side = dict[str, WindowArrays]


@dataclass
class MaskedStatistics:
    """A Learner on the mean absolute error of the 40 statistics, standardised by ``centre`` and ``spread`` (statistic,)."""

    model: FusionPretraining
    optimiser: Optimizer
    scheduler: LRScheduler
    job: Pretraining
    speech: SpeechAutoencoder
    train: Side
    dev: Side
    centre: np.ndarray
    spread: np.ndarray
    device: torch.device

    def losses(self, generator: np.random.Generator) -> Iterator[Tensor]:
        """Yield the loss of each mini-batch of windows, masked anew."""
        for rows in epoch_rows(len(self.train[SPEECH]), self.job.schedule.batch_size, generator):
            yield self._loss(self.train, rows, generator)

    @torch.inference_mode()
    def dev_score(self) -> float:
        """Return minus the mean loss over held-out subjects' windows, with the same masks in every epoch."""
        generator = np.random.default_rng(unlabelled.VALIDATION_SEED)
        batches = _parts(len(self.dev[SPEECH]), self.job.schedule.batch_size)
        return -float(np.average([self._loss(self.dev, rows, generator).item() for rows in batches], weights=[len(r) for r in batches]))

    def _loss(self, side: Side, rows: np.ndarray, generator: np.random.Generator) -> Tensor:
        masked, targets = mask(_standardised(side, rows, self.speech), self.job.params.masking, generator)
        inputs = {name: torch.from_numpy(array).to(self.device) for name, array in masked.items()}
        wanted = torch.from_numpy(((targets - self.centre) / self.spread).astype(np.float32)).to(self.device)
        return F.l1_loss(self.model(**inputs), wanted)


def execute(job: Pretraining, site: Site) -> None:
    """Make sure the store holds the weights."""
    unlabelled.execute(job, site, partial(prepare, job, torch.device(site.device)))


def prepare(job: Pretraining, device: torch.device) -> MaskedStatistics:
    """The objects of one fusion pretraining, its encoders as they were pretrained."""
    params = job.params
    model = wearable_networks.fusion_pretraining(params, job.network, job.scale)
    speech = wearable_networks.scale_of_speech(params, job.encoders[SPEECH])
    wearable_networks.load_encoders(model, speech, job.encoders)
    model.encoders.requires_grad_(params.network.encoders == "trainable")
    model = model.to(device)
    optimiser, scheduler = optimisers.adam(model, params.learning_rate)
    train, dev = ({name: unlabelled.open_windows(side, name) for name in INPUTS} for side in (job.train, job.dev))
    centre, spread = _target_scale(job, train, speech)
    return MaskedStatistics(model, optimiser, scheduler, job, speech, train, dev, centre, spread, device)


def _target_scale(job: Pretraining, train: Side, speech: SpeechAutoencoder) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each statistic over one masking of all training windows; 0 and 1 where targets stay raw."""
    if job.params.masking.targets == "raw":
        return np.zeros(1), np.ones(1)
    generator = np.random.default_rng(job.params.pretraining.seed)
    parts = _parts(len(train[SPEECH]), job.schedule.batch_size)
    targets = np.concatenate([mask(_standardised(train, rows, speech), job.params.masking, generator)[1] for rows in parts])
    spread = targets.std(axis=0, dtype=np.float64)
    return targets.mean(axis=0, dtype=np.float64), np.where(spread > 0, spread, 1.0)  # a statistic that never varies says nothing


def _parts(count: int, size: int) -> list[np.ndarray]:
    return np.array_split(np.arange(count), -(-count // size))


@torch.inference_mode()
def _standardised(side: Side, rows: np.ndarray, speech: SpeechAutoencoder) -> dict[str, np.ndarray]:
    """Windows of all five signals with mean 0, the speech by the scale of its pretraining: zero is then what a mask puts in."""
    signals = {name: arrays.take(rows) for name, arrays in side.items()}
    signals[SPEECH] = speech.scaled(torch.from_numpy(signals[SPEECH])).numpy()
    return signals
