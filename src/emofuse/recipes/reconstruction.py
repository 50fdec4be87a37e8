"""Pretraining of the speech encoder as a sparse autoencoder of MFCC (paper B §3.1)."""

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
from emofuse.models.speech_autoencoder import SpeechAutoencoder
from emofuse.pretraining import SPEECH, Pretraining
from emofuse.window_batches import WindowArrays, epoch_rows

_CHUNK = 256  # windows read at once where all are read


@dataclass
class Reconstruction:
    """A Learner on the squared error of the standardised MFCC and the L1 norm of the code."""

    model: SpeechAutoencoder
    optimiser: Optimizer
    scheduler: LRScheduler
    job: Pretraining
    train: WindowArrays
    dev: WindowArrays
    device: torch.device

    def losses(self, generator: np.random.Generator) -> Iterator[Tensor]:
        """Yield the loss of each mini-batch of windows."""
        for rows in epoch_rows(len(self.train), self.job.schedule.batch_size, generator):
            yield self._loss(self.train.take(rows))

    @torch.inference_mode()
    def dev_score(self) -> float:
        """Return minus the mean loss over all windows of held-out speakers."""
        parts = np.array_split(np.arange(len(self.dev)), -(-len(self.dev) // _CHUNK))
        return -float(np.average([self._loss(self.dev.take(rows)).item() for rows in parts], weights=[len(rows) for rows in parts]))

    def _loss(self, mfcc: np.ndarray) -> Tensor:
        windows = torch.from_numpy(mfcc).to(self.device)
        reconstruction, code = self.model(windows)
        return F.mse_loss(reconstruction, self.model.scaled(windows)) + self.job.params.speech_autoencoder.sparsity * code.abs().mean()


def execute(job: Pretraining, site: Site) -> None:
    """Make sure the store holds the weights."""
    unlabelled.execute(job, site, partial(prepare, job, torch.device(site.device)))


def prepare(job: Pretraining, device: torch.device) -> Reconstruction:
    """The objects of the speech pretraining; the scale of the MFCC comes from the training speakers alone."""
    train, dev = (unlabelled.open_windows(side, SPEECH) for side in (job.train, job.dev))
    model = wearable_networks.speech_autoencoder(job.params).to(device)
    model.standardise_by(*scale(train))
    optimiser, scheduler = optimisers.adam(model, job.params.learning_rate)
    return Reconstruction(model, optimiser, scheduler, job, train, dev, device)


def scale(windows: WindowArrays) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each coefficient over all frames, (coefficient,); windows are read in parts."""
    count, total, squares = 0, 0.0, 0.0
    for start in range(0, len(windows), _CHUNK):
        frames = windows.take(np.arange(start, min(start + _CHUNK, len(windows)))).astype(np.float64).reshape(-1, windows.shape[-1])
        count, total, squares = count + len(frames), total + frames.sum(axis=0), squares + np.square(frames).sum(axis=0)
    mean = total / count
    return torch.from_numpy(mean), torch.from_numpy(np.sqrt(squares / count - np.square(mean)))
