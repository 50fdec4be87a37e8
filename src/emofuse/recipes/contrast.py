"""Contrastive pretraining of one wearable encoder (paper B §3.1, after SigRep): two views of a window agree, other windows do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from emofuse import optimisers, unlabelled, wearable_networks
from emofuse.execution import Site
from emofuse.pretraining import Pretraining
from emofuse.self_supervision.contrast import Projected, nt_xent
from emofuse.self_supervision.views import view
from emofuse.window_batches import WindowArrays, epoch_rows

_AXES = {"acc": 3}


@dataclass
class Contrast:
    """A Learner on pairs of views; the loss depends on the batch size, so incomplete batches are left out, in validation too."""

    model: nn.Module
    optimiser: Optimizer
    scheduler: LRScheduler
    job: Pretraining
    train: WindowArrays
    dev: WindowArrays
    device: torch.device

    def losses(self, generator: np.random.Generator) -> Iterator[Tensor]:
        """Yield NT-Xent of each mini-batch of windows."""
        for rows in epoch_rows(len(self.train), self.job.schedule.batch_size, generator):
            yield self._loss(self.train.take(rows), generator)

    @torch.inference_mode()
    def dev_score(self) -> float:
        """Return minus the mean NT-Xent over held-out subjects' windows, with the same views in every epoch."""
        generator = np.random.default_rng(unlabelled.VALIDATION_SEED)
        batches = epoch_rows(len(self.dev), self.job.schedule.batch_size, generator)
        return -float(np.mean([self._loss(self.dev.take(rows), generator).item() for rows in batches]))

    def _loss(self, windows: np.ndarray, generator: np.random.Generator) -> Tensor:
        settings, axes = self.job.params.contrast, _AXES.get(self.job.network, 1)
        views = [torch.from_numpy(view(windows, settings.views, axes, generator)).to(self.device) for _ in range(2)]
        a, b = self.model(torch.cat(views)).chunk(2)
        return nt_xent(a, b, settings.temperature)


def execute(job: Pretraining, site: Site) -> None:
    """Make sure the store holds the weights."""
    unlabelled.execute(job, site, partial(prepare, job, torch.device(site.device)))


def prepare(job: Pretraining, device: torch.device) -> Contrast:
    """The objects of one contrastive pretraining."""
    model = Projected(wearable_networks.signal_encoder(job.params), job.params.signal_encoder.embedding, job.params.contrast.projection).to(
        device
    )
    optimiser, scheduler = optimisers.adam(model, job.params.learning_rate)
    train, dev = (unlabelled.open_windows(side, job.network) for side in (job.train, job.dev))
    return Contrast(model, optimiser, scheduler, job, train, dev, device)
