"""How a run of paper A is put together: network, optimiser, objective and mini-batches (A §4.2)."""

from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from emofuse import execution, optimisers, tasks
from emofuse.arrays import ArrayCache
from emofuse.batches import AudioBatches, Batches, TextBatches
from emofuse.errors import InputError
from emofuse.jobs import Job, require_keyed
from emofuse.objectives import fit_objective
from emofuse.params import BERT, CNN, BERTSize, CNNSize, FusionCNN
from emofuse.speech_text import FUSION, SpeechTextSettings, input_digests, transcripts
from emofuse.supervised import Supervised
from emofuse.training import Schedule

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NETWORKS = {"cnn14": "CNN14", "sfcnn14": "SFCNN14", "mfcnn14": "MFCNN14", "bert": "FineTunedBERT"}


def execute(job: Job, site: execution.Site) -> None:
    """Make sure the store holds the run; raises InputError where the crop is longer than the shortest example."""
    execution.execute(job, site, partial(prepare, job, torch.device(site.device)))


def prepare(job: Job, device: torch.device) -> execution.Run:
    """The objects of one run, all seeded alike."""
    settings = job.settings
    assert isinstance(settings, SpeechTextSettings)
    execution.seed_everything(job.seed)
    task = tasks.TASKS[job.task]
    structure, size = settings.structure, settings.size
    objective = fit_objective(task, job.train.truth, structure.label_scale, settings.rating_scale, job.name)
    tokenizer, model = build(settings, job.corpus, job.seed, len(task.outputs))
    model = model.to(device)
    optimiser, scheduler = build_optimiser(model, structure, size)

    @cache
    def batches(corpus: str) -> Batches:
        return _batches(job, settings, corpus, tokenizer)

    learner = Supervised(
        model, optimiser, scheduler, objective, batches(job.corpus), size.batch_size, job.train.truth, job.dev.truth, device
    )
    patience = 1 if isinstance(size, BERTSize) else None
    return execution.Run(learner, Schedule(size.epochs, getattr(structure.grad_clip, task.loss), patience), batches)


def _batches(job: Job, settings: SpeechTextSettings, corpus: str, tokenizer: "PreTrainedTokenizerBase | None") -> Batches:
    sources = settings.sources[corpus]
    require_keyed(job, corpus, input_digests(settings.model, sources))
    if tokenizer is not None:
        return TextBatches(transcripts(sources.transcripts), tokenizer, settings.max_tokens)
    assert isinstance(settings.size, CNNSize)
    logmel = ArrayCache(sources.logmel)
    text = ArrayCache(sources.text_embeddings) if settings.model in FUSION else None
    crop_frames = round(settings.size.crop_s * settings.frames_per_s)
    shortest = int(logmel.index["length"].min())
    if crop_frames > shortest:
        raise InputError(
            f"{job.name}: sizes.*.{settings.model}.crop_s is {crop_frames} frames, the shortest example of {corpus} has {shortest}; "
            "lower crop_s or raise features.min_duration_s"
        )
    return AudioBatches(logmel, text, crop_frames)


def build(settings: SpeechTextSettings, corpus: str, seed: int, outputs: int) -> tuple["PreTrainedTokenizerBase | None", nn.Module]:
    """The untrained network of a run, and the tokeniser of its inputs where those are texts."""
    structure, size = settings.structure, settings.size
    module = import_module(f"emofuse.models.{settings.model}")
    network = getattr(module, NETWORKS[settings.model])
    if settings.encoder is not None:
        e = settings.encoder
        tokenizer, encoder = module.load(e.name, e.revision, e.sha256)
        torch.manual_seed(seed)  # loading may draw random numbers
        return tokenizer, network(encoder, outputs)
    assert isinstance(structure, CNN) and isinstance(size, CNNSize)
    fusion: tuple[object, ...] = ()
    if isinstance(structure, FusionCNN):
        fusion = (ArrayCache(settings.sources[corpus].text_embeddings).frames.shape[1], structure.projection_init)
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
