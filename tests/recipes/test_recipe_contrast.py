"""Contrastive pretraining of a wearable encoder: what is learnt, on which views, and what is kept."""

import math

import numpy as np
import pytest
import torch

from emofuse import wearable_networks
from emofuse.recipes import contrast

CPU = torch.device("cpu")


@pytest.mark.parametrize("signal", ["acc", "eda"])
def test_on_windows_that_can_be_told_apart_the_held_out_loss_falls_well_below_the_untrained(job, train, signal):
    _, history = train(job(signal, epochs=25), contrast)
    untrained = history.set_index("epoch").loc[0]
    assert math.isnan(untrained["loss"])
    assert 0.6 * -untrained["dev_score"] > -history["dev_score"].max()
    assert history["loss"].iloc[-1] < 0.7 * history["loss"].iloc[1]
    assert history.loc[history["selected"] == 1, "dev_score"].tolist() == [history["dev_score"][1:].max()]


def test_the_untrained_loss_is_that_of_guessing_among_all_others(job):
    learner = contrast.prepare(job("eda", batch_size=8, contrast__views__transforms=["jitter"], contrast__views__at_once=1), CPU)
    with torch.no_grad():
        for parameter in learner.model.projection[-1].parameters():
            parameter.zero_()
        learner.model.projection[-1].bias += 1  # every embedding alike
    assert -learner.dev_score() == pytest.approx(math.log(2 * 8 - 1), abs=1e-5)


def test_validation_has_the_same_views_in_every_epoch_and_training_has_new_ones(job):
    learner = contrast.prepare(job("eda"), CPU)
    learner.model.eval()
    assert learner.dev_score() == learner.dev_score()
    generator = np.random.default_rng(0)
    first, second = ([loss.item() for loss in learner.losses(generator)] for _ in range(2))
    again = [loss.item() for loss in learner.losses(np.random.default_rng(0))]
    assert first == again
    assert first != second


@pytest.mark.parametrize("batch_size", [16, 50, 1000])
def test_only_whole_batches_count_because_the_loss_depends_on_their_size(job, monkeypatch, batch_size):
    learner = contrast.prepare(job("eda", batch_size=batch_size), CPU)
    seen = []
    monkeypatch.setattr(contrast, "nt_xent", lambda a, b, t: seen.append((len(a), len(b))) or a.sum() * 0)
    losses = list(learner.losses(np.random.default_rng(0)))
    size = min(batch_size, len(learner.train))
    assert seen == [(size, size)] * (len(learner.train) // size)
    assert len(losses) == len(seen)


def test_both_views_are_of_the_same_windows_and_each_window_comes_once(job, monkeypatch):
    learner = contrast.prepare(job("eda", batch_size=8), CPU)
    calls = []
    monkeypatch.setattr(contrast, "view", lambda windows, *_: calls.append(windows.copy()) or windows)
    list(learner.losses(np.random.default_rng(0)))
    firsts, seconds = calls[::2], calls[1::2]
    assert all(np.array_equal(a, b) for a, b in zip(firsts, seconds, strict=True))
    rows = np.concatenate(firsts)
    assert len(np.unique(rows, axis=0)) == len(rows) == len(learner.train) // 8 * 8


def test_the_three_axes_of_acceleration_are_augmented_together(job, monkeypatch):
    axes = {}
    for signal in ("acc", "bvp"):
        learner = contrast.prepare(job(signal), CPU)
        monkeypatch.setattr(contrast, "view", lambda w, s, a, g, signal=signal: axes.update({signal: a}) or w)
        next(learner.losses(np.random.default_rng(0)))
    assert axes == {"acc": 3, "bvp": 1}


def test_the_encoder_can_be_taken_out_of_the_weights_and_equal_runs_give_equal_bytes(job, train, tmp_path):
    one = job("temp")
    weights, _ = train(one, contrast)
    (tmp_path / "runs").rename(tmp_path / "first")
    again, _ = train(one, contrast)
    assert {name: array.tobytes() for name, array in weights.items()} == {name: array.tobytes() for name, array in again.items()}
    (file,) = (tmp_path / "first").rglob("weights.safetensors")
    encoder = wearable_networks.load_weights(wearable_networks.signal_encoder(one.params), file, "encoder.")
    assert {name: tensor.numpy().tobytes() for name, tensor in encoder.state_dict().items()} == {
        name.removeprefix("encoder."): array.tobytes() for name, array in weights.items() if name.startswith("encoder.")
    }
