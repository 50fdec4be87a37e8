"""Pretraining of the speech autoencoder: its scale, its loss, and what sparsity does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emofuse import arrays, unlabelled
from emofuse.recipes import reconstruction
from emofuse.window_batches import WindowArrays

CPU = torch.device("cpu")


def test_the_scale_is_numpys_over_all_frames_however_many_windows_there_are(tmp_path):
    mfcc = np.random.default_rng(0).normal([-500.0, 3.0, 0.0], [100.0, 5.0, 0.01], (600, 7, 3)).astype(np.float32)
    arrays.write(tmp_path / "mfcc", ((f"{k:03}", window) for k, window in enumerate(mfcc)))
    cache = arrays.ArrayCache(tmp_path / "mfcc")
    mean, sd = reconstruction.scale(WindowArrays([(cache, list(cache))]))
    np.testing.assert_allclose(mean.numpy(), mfcc.astype(np.float64).mean(axis=(0, 1)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sd.numpy(), mfcc.astype(np.float64).std(axis=(0, 1)), rtol=1e-7)


def test_the_scale_comes_from_the_training_speakers_alone(job, windows):
    one = job("speech")
    train, dev = windows(one, "speech")
    model = reconstruction.prepare(one, CPU).model
    np.testing.assert_allclose(model.mean.numpy(), train.mean(axis=(0, 1)), rtol=1e-4)
    np.testing.assert_allclose(model.sd.numpy(), train.std(axis=(0, 1)), rtol=1e-4)
    both = np.concatenate([train, dev])
    assert np.abs(model.mean.numpy() - both.mean(axis=(0, 1))).max() > 0.01


def test_held_out_windows_of_low_rank_are_reconstructed(job, train):
    _, history = train(job("speech", epochs=20), reconstruction)
    assert -history["dev_score"].max() < 0.15 * -history["dev_score"].iloc[0]


def test_the_loss_is_the_squared_error_in_standard_deviations_and_the_mean_size_of_the_code(job, windows):
    one = job("speech", batch_size=1000, speech_autoencoder__sparsity=0.25)
    learner = reconstruction.prepare(one, CPU)
    train, dev = windows(one, "speech")
    scaled = (train - train.mean(axis=(0, 1))) / train.std(axis=(0, 1))
    with torch.no_grad():
        found, code = (t.numpy() for t in learner.model(torch.from_numpy(train)))
        (loss,) = list(learner.losses(np.random.default_rng(0)))
    assert code.min() == 0
    assert loss.item() == pytest.approx(((found - scaled) ** 2).mean() + 0.25 * code.mean(), rel=1e-4)
    with torch.no_grad():
        found, code = (t.numpy() for t in learner.model(torch.from_numpy(dev)))
    scaled = (dev - train.mean(axis=(0, 1))) / train.std(axis=(0, 1))
    assert -learner.dev_score() == pytest.approx(((found - scaled) ** 2).mean() + 0.25 * code.mean(), rel=1e-4)


def test_validation_reads_every_window_whatever_the_size_of_the_parts(job, monkeypatch):
    one = job("speech")
    (held_out,) = one.dev
    one = replace(one, dev=(replace(held_out, example_ids=held_out.example_ids[1:]),))
    learner = reconstruction.prepare(one, CPU)
    whole = learner.dev_score()
    assert len(learner.dev) == 11
    monkeypatch.setattr(reconstruction, "_CHUNK", 5)  # parts of 4, 4 and 3
    assert learner.dev_score() == pytest.approx(whole, rel=1e-6)


def test_the_weight_of_sparsity_lowers_the_code(job, train, windows):
    sizes = {}
    for weight in (0.0, 0.3):
        one = job("speech", epochs=8, speech_autoencoder__sparsity=weight)
        weights, _ = train(one, reconstruction)
        model = reconstruction.prepare(one, CPU).model
        model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        with torch.no_grad():
            sizes[weight] = model.encode(torch.from_numpy(windows(one, "speech")[1])).mean().item()
    assert 0 < sizes[0.3] < 0.5 * sizes[0.0]


def test_equal_runs_give_equal_bytes(job, train, tmp_path):
    one = job("speech")
    first, _ = train(one, reconstruction)
    (tmp_path / "runs").rename(tmp_path / "first")
    again, _ = train(one, reconstruction)
    assert {name: array.tobytes() for name, array in first.items()} == {name: array.tobytes() for name, array in again.items()}


def test_no_speaker_is_on_both_sides(job):
    one = job("speech")
    train, dev = ({i.split(":")[1] for part in side for i in part.example_ids} for side in (one.train, one.dev))
    assert train
    assert dev
    assert not train & dev
    assert len(unlabelled.open_windows(one.train, "speech")) == sum(len(part.example_ids) for part in one.train)
