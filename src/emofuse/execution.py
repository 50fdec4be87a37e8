"""Executing one run in a worker process: build, train, predict, publish; what the run store already has is not done again."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from emofuse import optimisers, tasks
from emofuse.arrays import ArrayCache
from emofuse.batches import AudioBatches, Batches, TextBatches
from emofuse.errors import InputError
from emofuse.jobs import FUSION, Job, Subset, transcripts
from emofuse.objectives import Objective, fit_objective
from emofuse.params import BERT, CNN, BERTSize, CNNSize, FusionCNN
from emofuse.runs import Store
from emofuse.tasks import Task
from emofuse.training import Epoch, Learner, Schedule, fit, predict

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Report = Callable[[Epoch, int], None]


def execute(job: Job, store: Store, device: str, report: Report) -> None:
    """Make sure the store holds the run's weights and all its predictions; ``report`` is called with each epoch and their number.

    Raises InputError at a non-finite loss, or where the crop is longer than the shortest example.
    """
    with store.lock(job.fit_key):
        missing = [s for _, s in job.predicted if store.find("predictions", job.prediction_key(s)) is None]
        folder = store.find("fits", job.fit_key)
        if folder is not None and not missing:
            return
        run = _Run(job, device)
        if folder is None:
            folder = store.publish("fits", job.fit_key, job.fit_inputs, partial(run.train, report))
        run.model.load_state_dict(load_file(folder / "weights.safetensors"))
        for subset in missing:
            store.publish("predictions", job.prediction_key(subset), job.prediction_inputs(subset), partial(run.predict, subset))


class _Run:
    """The objects of one run: task, objective, model and batches, all seeded alike."""

    def __init__(self, job: Job, device: str) -> None:
        self.job = job
        self.device = torch.device(device)
        torch.manual_seed(job.seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        self.task: Task = tasks.TASKS[job.task]
        scale = job.settings.structure.label_scale
        self.objective: Objective = fit_objective(self.task, job.train.truth, scale, job.rating_scale, job.name)
        self.tokenizer, model = build(job, len(self.task.targets))
        self.model = model.to(self.device)
        self.seen: dict[str, Batches] = {}

    def train(self, report: Report, folder: Path) -> None:
        """Fit and write weights.safetensors and history.parquet."""
        job, structure, size = self.job, self.job.settings.structure, self.job.settings.size
        clip = getattr(structure.grad_clip, self.task.loss)
        schedule = Schedule(size.epochs, size.batch_size, clip, early_stop=isinstance(size, BERTSize))
        optimiser, scheduler = build_optimiser(self.model, structure, size)
        learner = Learner(self.model, optimiser, scheduler, self.objective, self.batches(job.corpus), self.device)
        result = fit(job.name, learner, job.train.truth, job.dev.truth, schedule, job.seed, lambda epoch: report(epoch, size.epochs))
        save_file({k: v.contiguous() for k, v in result.weights.items()}, folder / "weights.safetensors")
        history = pd.DataFrame([vars(e) | {"selected": int(e.epoch == result.selected)} for e in result.history])
        pq.write_table(pa.Table.from_pandas(history, preserve_index=False), folder / "history.parquet")

    def predict(self, subset: Subset, folder: Path) -> None:
        """Write predictions.parquet for a subset: example_id and one column per target."""
        ids = list(subset.truth.index)
        frame = predict(self.model, self.objective, self.batches(subset.corpus), ids, self.device).reset_index()
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / "predictions.parquet")

    def batches(self, corpus: str) -> Batches:
        """The mini-batches of a corpus, opened once."""
        if corpus not in self.seen:
            self.seen[corpus] = self._open(corpus)
        return self.seen[corpus]

    def _open(self, corpus: str) -> Batches:
        settings, sources = self.job.settings, self.job.sources[corpus]
        if self.tokenizer is not None:
            return TextBatches(transcripts(sources.transcripts), self.tokenizer, settings.max_tokens)
        assert isinstance(settings.size, CNNSize)
        logmel = ArrayCache(sources.logmel)
        text = ArrayCache(sources.text_embeddings) if settings.model in FUSION else None
        crop_frames = round(settings.size.crop_s * settings.frames_per_s)
        shortest = int(logmel.index["length"].min())
        if crop_frames > shortest:
            raise InputError(
                f"{self.job.name}: sizes.*.{settings.model}.crop_s is {crop_frames} frames, the shortest example of {corpus} has "
                f"{shortest}; "
                "lower crop_s or raise features.min_duration_s"
            )
        return AudioBatches(logmel, text, crop_frames)


NETWORKS = {"cnn14": "CNN14", "sfcnn14": "SFCNN14", "mfcnn14": "MFCNN14", "bert": "FineTunedBERT"}


def build(job: Job, outputs: int) -> tuple["PreTrainedTokenizerBase | None", nn.Module]:
    """The untrained network of a run, seeded, and the tokeniser of its inputs where those are texts."""
    settings, structure, size = job.settings, job.settings.structure, job.settings.size
    module = import_module(f"emofuse.models.{settings.model}")
    network = getattr(module, NETWORKS[settings.model])
    if settings.encoder is not None:
        e = settings.encoder
        tokenizer, encoder = module.load(e.name, e.revision, e.sha256)
        torch.manual_seed(job.seed)  # loading may draw random numbers
        return tokenizer, network(encoder, outputs)
    assert isinstance(structure, CNN) and isinstance(size, CNNSize)
    fusion: tuple[object, ...] = ()
    if isinstance(structure, FusionCNN):
        fusion = (ArrayCache(job.sources[job.corpus].text_embeddings).frames.shape[1], structure.projection_init)
    shared = structure.model_dump(include={"pool", "fc_dropout", "head_init"})
    return None, network(*fusion, widths=size.widths, block_dropout=size.block_dropout, outputs=outputs, **shared)


def build_optimiser(model: nn.Module, structure: CNN | BERT, size: CNNSize | BERTSize) -> tuple[Optimizer, LRScheduler]:
    """The optimiser and schedule that params.yaml gives the model."""
    if isinstance(structure, BERT):
        assert isinstance(size, BERTSize)
        betas = (structure.beta1, structure.beta2)
        return optimisers.uncorrected_adam(
            model, size.learning_rate, betas, structure.epsilon, structure.weight_decay, size.warmup_steps, size.total_steps
        )
    return optimisers.nesterov_sgd(model, structure.learning_rate, structure.momentum)
