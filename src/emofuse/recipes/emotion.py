"""How a run of paper B is put together: emotion heads, and the fusion below where it is trained, on frozen representations (B §4.2)."""

from functools import partial

import torch
from torch import nn

from emofuse import execution, optimisers, tasks, wearable_networks
from emofuse.arrays import ArrayCache
from emofuse.jobs import Job, require_keyed
from emofuse.models.emotion_heads import EmotionHeads, FusedEmotion
from emofuse.objectives import Objective
from emofuse.pretraining import INPUTS
from emofuse.speech_wearables import EmotionSettings, input_digest
from emofuse.supervised import Supervised
from emofuse.training import Schedule
from emofuse.window_batches import EmbeddingBatches


def execute(job: Job, site: execution.Site) -> None:
    """Make sure the store holds the run."""
    execution.execute(job, site, partial(prepare, job, torch.device(site.device)))


def prepare(job: Job, device: torch.device) -> execution.Run:
    """The objects of one run, all seeded alike."""
    settings = job.settings
    assert isinstance(settings, EmotionSettings)
    execution.seed_everything(job.seed)
    task = tasks.TASKS[job.task]
    cache = ArrayCache(settings.representation)
    require_keyed(job, job.corpus, partial(input_digest, cache))
    embeddings = EmbeddingBatches(cache, _columns(settings))
    model = build(settings, embeddings.width, [len(classes) for classes in task.classes.values()]).to(device)
    optimiser, scheduler = optimisers.adam(model, settings.params.learning_rate)
    objective = Objective(task, None, selection="loss")
    size = settings.schedule
    learner = Supervised(model, optimiser, scheduler, objective, embeddings, size.batch_size, job.train.truth, job.dev.truth, device)
    return execution.Run(learner, Schedule(size.epochs, patience=size.patience), lambda corpus: embeddings)


def build(settings: EmotionSettings, width: int, classes: list[int]) -> nn.Module:
    """The trained part: heads alone, a fusion and heads, or heads on the pretrained projection, trained on."""
    params, configuration = settings.params, settings.configuration
    fusion = wearable_networks.fusion(params, configuration.mechanism, settings.scale) if configuration.mechanism else None
    if settings.projection is not None:
        fusion = wearable_networks.fusion(
            params, "unweighted", settings.scale
        )  # the mechanism itself is frozen, its output is what is read
        wearable_networks.load_weights(fusion.projection, settings.projection, "fusion.projection.")
    heads = EmotionHeads(fusion.width if fusion else width, classes, params.network.emotion_head)
    return FusedEmotion(fusion, heads, width)


def _columns(settings: EmotionSettings) -> slice:
    """Where the embeddings of the configuration's signals stand; they are neighbours in the fixed order."""
    signals = settings.configuration.signals
    if signals is None:
        return slice(None)
    width = settings.params.signal_encoder.embedding
    return slice(width * INPUTS.index(signals[0]), width * (INPUTS.index(signals[-1]) + 1))
