"""The trained part of paper B's models on frozen representations: which weights there are, where they start, what they read."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from emofuse import arrays, speech_wearables, study, tasks, training, wearable_networks
from emofuse.arrays import ArrayCache
from emofuse.execution import Site
from emofuse.jobs import Job, Subset, read_wide
from emofuse.pretraining import INPUTS, MECHANISMS
from emofuse.recipes import emotion
from emofuse.runs import Store

CPU = torch.device("cpu")
WIDTH = 8  # of an embedding


@pytest.fixture
def example_truth(study_module):
    return tasks.truth(tasks.TASKS["self_report"], study_module.examples("kemocon"))


@pytest.fixture
def run(study_module, example_truth, tmp_path, monkeypatch):
    """A run of a model on representations that hold the emotion; with ``pretrained`` it starts from that projection."""
    monkeypatch.chdir(tmp_path)
    codes = example_truth.filter(like="emotion6/").to_numpy().argmax(axis=1)
    rng = np.random.default_rng(0)
    for name, width in {"pretrained": 5 * WIDTH, "random": 5 * WIDTH, **dict.fromkeys(MECHANISMS, 16), "fused": 5 * WIDTH}.items():
        rows = rng.normal(size=(6, width))[codes] + 0.3 * rng.normal(size=(len(codes), width))
        pairs = ((i, row[None].astype(np.float32)) for i, row in zip(example_truth.index, rows, strict=True))
        arrays.write(study.features_folder("representations", "kemocon") / name, pairs)

    def made(model, projection=None, seed=0, epochs=3, **changes):
        params = study_module.load(**changes)
        configuration = speech_wearables.configurations("attention")[model]
        name = "fused" if projection else configuration.representation
        settings = speech_wearables.EmotionSettings(
            model=model,
            configuration=configuration,
            params=params.wearable,
            scale="toy",
            schedule=params.wearable.schedules.toy.emotion.model_copy(update={"epochs": epochs, "patience": epochs}),
            representation=speech_wearables.representation_folder(name, "kemocon"),
            projection=projection,
        )
        subject = example_truth.index.str.split(":").str[1]
        sides = {who: example_truth[subject.isin(chosen)] for who, chosen in PEOPLE.items()}
        cache = arrays.ArrayCache(settings.representation)
        subsets = {who: Subset("kemocon", t, speech_wearables.input_digest(cache, list(t.index))) for who, t in sides.items()}
        return Job(
            *("self_report", "kemocon", "leave_one_subject_out", "P1", seed, settings),
            subsets["train"], subsets["dev"], (subsets["test"],), "code",
        )  # fmt: skip

    return made


PEOPLE = {"train": ["P3", "P4", "P5"], "dev": ["P6"], "test": ["P1"]}
HEADS = {"heads.weights.0", "heads.weights.1", "heads.biases.0", "heads.biases.1", "heads.out_weight", "heads.out_bias"}
PROJECTION = {"fusion.projection.0.weight", "fusion.projection.0.bias", "fusion.projection.2.weight", "fusion.projection.2.bias"}
MECHANISM = {
    "unweighted": set(),
    "weighted": {"fusion.mechanism.weights"},
    "attention": {f"fusion.mechanism.{n}_{p}" for n in ("qkv", "out", "lift", "lower") for p in ("weight", "bias")}
    | {"fusion.mechanism.position"},
}
TRAINED = {
    "speech_only": HEADS,
    "wearable_only": HEADS,
    **{f"{m}_without_fusion_training": HEADS | PROJECTION | MECHANISM[m] for m in MECHANISMS},
    **{f"{m}_with_fusion_training": HEADS for m in MECHANISMS},  # "froze the weights ... upto the projection head", B §4.2
    "random_encoders": HEADS | PROJECTION | MECHANISM["attention"],
    "shuffled_labels": HEADS,
}


def trainable(prepared):
    return {p for p, t in prepared.learner.model.named_parameters() if t.requires_grad}


@pytest.mark.parametrize("model", TRAINED)
def test_these_weights_are_trained_and_all_of_them_move(run, model):
    prepared = emotion.prepare(run(model), CPU)
    assert trainable(prepared) == TRAINED[model]
    before = {name: tensor.clone() for name, tensor in prepared.learner.model.state_dict().items()}
    training.fit(model, prepared.learner, prepared.schedule, 0)
    after = prepared.learner.model.state_dict()
    assert {name for name in after if not torch.equal(after[name], before[name])} == TRAINED[model]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_where_only_the_fusion_is_frozen_the_projection_is_trained_on_from_its_pretraining(run, study_module, tmp_path, mechanism):
    torch.manual_seed(9)
    network = wearable_networks.fusion_pretraining(study_module.load().wearable, mechanism, "toy")
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    prepared = emotion.prepare(run(f"{mechanism}_with_fusion_training", projection=tmp_path / "weights.safetensors"), CPU)
    assert trainable(prepared) == HEADS | PROJECTION  # the mechanism's output is what was cached
    state = prepared.learner.model.state_dict()
    for name in PROJECTION:
        assert torch.equal(state[name], network.state_dict()[name])
    training.fit(mechanism, prepared.learner, prepared.schedule, 0)
    assert not torch.equal(prepared.learner.model.state_dict()["fusion.projection.0.weight"], network.fusion.projection[0].weight)


@pytest.mark.parametrize(
    ("model", "read"),
    [
        ("speech_only", ("speech",)),
        ("wearable_only", ("acc", "bvp", "eda", "temp")),
        ("unweighted_without_fusion_training", INPUTS),
        ("random_encoders", INPUTS),
    ],
)
def test_a_model_reads_the_embeddings_of_its_signals_and_no_others(run, example_truth, model, read):
    job = run(model)
    cache = ArrayCache(job.settings.representation)
    batches = emotion.prepare(job, CPU).batches("kemocon")
    ids = list(example_truth.index[:5])
    (batch,) = list(batches.evaluate(ids))
    expected = np.stack([cache[i][0] for i in ids]).reshape(5, 5, WIDTH)[:, [INPUTS.index(signal) for signal in read]]
    np.testing.assert_array_equal(batch.inputs["embeddings"].numpy(), expected.reshape(5, -1))


@pytest.mark.parametrize("model", ["speech_only", "weighted_without_fusion_training", "attention_with_fusion_training"])
def test_what_can_be_learnt_is_learnt_far_below_the_classes_shares(run, tmp_path, model):
    job, store = run(model, epochs=30), Store(tmp_path / "runs")
    emotion.execute(job, Site(store, "cpu", lambda epoch, epochs: None, checkpoint_every_s=0))
    guess = sum(math.log(len(classes)) for classes in tasks.TASKS["self_report"].classes.values())  # all classes are equally frequent
    for _, subset in job.predicted:
        wide = read_wide(store.place("predictions", job.prediction_key(subset)) / "predictions.parquet")
        truth = subset.truth.loc[wide.index, wide.columns].to_numpy()
        assert len(truth) == 12
        assert -np.log((truth * wide.to_numpy()).reshape(-1)[truth.reshape(-1) == 1]).sum() / len(truth) < 0.3 * guess


def test_the_seed_decides_the_weights_and_nothing_else_does(run):
    def first(seed):
        return {
            n: t.clone()
            for n, t in emotion.prepare(run("weighted_without_fusion_training", seed=seed), CPU).learner.model.named_parameters()
        }

    one, again, other = first(0), first(0), first(1)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["fusion.projection.0.weight"], other["fusion.projection.0.weight"])
    assert not torch.equal(one["heads.out_weight"], other["heads.out_weight"])


def test_training_lasts_as_long_as_the_schedule_says_and_the_loss_selects(run):
    job = run("speech_only", epochs=4)
    job = replace(job, settings=replace(job.settings, schedule=job.settings.schedule.model_copy(update={"patience": 2})))
    prepared = emotion.prepare(job, CPU)
    assert (prepared.schedule.epochs, prepared.schedule.patience, prepared.schedule.grad_clip) == (4, 2, None)
    assert prepared.learner.batch_size == 16
    assert prepared.learner.objective.selection == "loss"
    assert prepared.learner.objective.class_weights is None
    assert all(group["lr"] == 0.01 for group in prepared.learner.optimiser.param_groups)
