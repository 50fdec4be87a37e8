"""Pretraining of the fusion network: what is masked, what is to be predicted, and which weights move."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from emofuse import study, training
from emofuse.pretraining import INPUTS
from emofuse.recipes import masked_statistics
from emofuse.self_supervision.masking import mask

CPU = torch.device("cpu")
SPEECH_MEAN, SPEECH_SD = np.linspace(10, 20, 8, dtype=np.float32), np.linspace(2, 4, 8, dtype=np.float32)  # of conftest's weight file


class Listener(nn.Module):
    """Keeps what it is given, and predicts 0."""

    def __init__(self, width: int = 40) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))
        self.heard: list[dict[str, np.ndarray]] = []

    def forward(self, **signals: torch.Tensor) -> torch.Tensor:
        self.heard.append({name: values.numpy().copy() for name, values in signals.items()})
        return self.bias.expand(len(signals["speech"]), -1)


def standardised(windows: Callable, one, side: int) -> dict[str, np.ndarray]:
    """All windows of one side as the network would see them unmasked, by NumPy."""
    found = {name: windows(one, name)[side] for name in INPUTS}
    found["speech"] = (found["speech"] - SPEECH_MEAN) / SPEECH_SD
    return found


def test_targets_have_mean_0_and_sd_1_over_the_training_windows(job, windows):
    one = job("unweighted", batch_size=1000)
    learner = masked_statistics.prepare(one, CPU)
    assert learner.centre.shape == learner.spread.shape == (40,)
    signals = standardised(windows, one, 0)
    drawn = mask(signals, one.params.masking, np.random.default_rng(one.params.pretraining.seed))[1]
    z = (drawn - learner.centre) / learner.spread
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(z.std(axis=0)[drawn.std(axis=0) > 0], 1, atol=1e-4)
    other = np.concatenate([mask(signals, one.params.masking, np.random.default_rng(k))[1] for k in range(20, 30)])
    z = (other - learner.centre) / learner.spread
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.5)  # other masks of the same windows
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.5)


def test_raw_targets_stay_as_they_are(job):
    learner = masked_statistics.prepare(job("unweighted", masking__targets="raw"), CPU)
    assert (learner.centre == 0).all()
    assert (learner.spread == 1).all()


def test_a_statistic_that_never_varies_divides_by_1(job, monkeypatch):
    def constant(signals, settings, generator):
        return dict(signals), np.tile(np.arange(40, dtype=np.float32), (len(signals["speech"]), 1))

    monkeypatch.setattr(masked_statistics, "mask", constant)
    learner = masked_statistics.prepare(job("unweighted"), CPU)
    assert (learner.spread == 1).all()
    assert (learner.centre == np.arange(40)).all()


def test_one_segment_of_each_signal_is_zero_speech_by_the_scale_of_its_pretraining(job, windows):
    one = job("attention", batch_size=1000)
    learner = masked_statistics.prepare(one, CPU)
    learner.model = Listener()
    (loss,) = list(learner.losses(np.random.default_rng(3)))
    (heard,) = learner.model.heard
    original = standardised(windows, one, 0)
    order = np.random.default_rng(3).permutation(len(original["speech"]))
    low, high = one.params.masking.share
    for name in INPUTS:
        whole, masked = original[name][order], heard[name]
        by_time = (lambda a: a.reshape(len(a), 3, -1).transpose(0, 2, 1)) if name == "acc" else (lambda a: a.reshape(*a.shape[:2], -1))
        gone = (by_time(masked) == 0).all(axis=2)
        np.testing.assert_allclose(by_time(masked)[~gone], by_time(whole)[~gone], rtol=1e-4, atol=1e-5)
        shares = gone.mean(axis=1)
        assert low - 1 / gone.shape[1] <= shares.min()
        assert shares.max() <= high + 1 / gone.shape[1]
        edges = np.abs(np.diff(np.pad(gone.astype(int), [(0, 0), (1, 1)]), axis=1)).sum(axis=1)
        assert (edges == 2).all()  # one contiguous segment
    drawn = mask({name: values[order] for name, values in original.items()}, one.params.masking, generator_after_order(len(order)))[1]
    assert loss.item() == pytest.approx(np.abs((drawn - learner.centre) / learner.spread).mean(), rel=1e-3)


def generator_after_order(count: int) -> np.random.Generator:
    generator = np.random.default_rng(3)
    generator.permutation(count)
    return generator


def test_validation_has_the_same_masks_in_every_epoch_and_reads_every_window(job):
    one = job("unweighted", batch_size=7)
    learner = masked_statistics.prepare(one, CPU)
    learner.model.eval()
    assert learner.dev_score() == learner.dev_score()
    learner.model = Listener()
    learner.dev_score()
    assert sum(len(heard["eda"]) for heard in learner.model.heard) == sum(len(part.example_ids) for part in one.dev)


def test_the_encoders_start_as_they_were_pretrained(job):
    one = job("weighted")
    state = masked_statistics.prepare(one, CPU).model.state_dict()
    for name in INPUTS:
        saved = load_file(study.pretrained_folder(name) / "weights.safetensors")
        own = {key.removeprefix("encoder."): array for key, array in saved.items() if key.startswith("encoder.")}
        found = {key.removeprefix(f"encoders.{name}."): t.numpy() for key, t in state.items() if key.startswith(f"encoders.{name}.")}
        assert set(found) == set(own)
        assert all(np.array_equal(found[key], own[key]) for key in own)


@pytest.mark.parametrize("mechanism", ["unweighted", "weighted", "attention"])
@pytest.mark.parametrize("encoders", ["frozen", "trainable"])
def test_encoders_move_only_where_they_may_and_everything_else_moves(job, mechanism, encoders):
    learner = masked_statistics.prepare(job(mechanism, network__encoders=encoders), CPU)
    before = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
    training.fit("fusion", learner, training.Schedule(2), 0)
    moved = {name for name, tensor in learner.model.state_dict().items() if not torch.equal(tensor, before[name])}
    moved_encoders = {name.split(".")[1] for name in moved if name.startswith("encoders.")}
    assert moved_encoders == (set() if encoders == "frozen" else set(INPUTS))
    assert {name for name in before if name.startswith(("fusion.", "heads."))} <= moved


@pytest.mark.parametrize("mechanism", ["unweighted", "attention"])
def test_statistics_of_what_is_masked_are_predicted_better_than_by_their_mean(job, train, mechanism):
    _, history = train(job(mechanism, epochs=15), masked_statistics)
    assert -history["dev_score"].max() < 0.9 * -history["dev_score"].iloc[0]


def test_equal_runs_give_equal_bytes(job, train, tmp_path):
    first, _ = train(job("weighted"), masked_statistics)
    (tmp_path / "runs").rename(tmp_path / "first")
    again, _ = train(job("weighted"), masked_statistics)
    assert {name: array.tobytes() for name, array in first.items()} == {name: array.tobytes() for name, array in again.items()}
