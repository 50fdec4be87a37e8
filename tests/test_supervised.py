import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from emofuse import objectives, optimisers, tasks
from emofuse.batches import Batch
from emofuse.supervised import Supervised, predict
from emofuse.training import Schedule, fit

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


def line(slope):
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, slope)
    return model


def supervised(model, train=None, dev=None, batch_size=4):
    objective = objectives.fit_objective(TASK, truth(8), "raw", None, "run")
    optimiser, scheduler = optimisers.nesterov_sgd(model, 0.1, 0.9)
    train, dev = (truth(8) if train is None else train), (truth(4, 8) if dev is None else dev)
    return Supervised(model, optimiser, scheduler, objective, Scalars(), batch_size, train, dev, CPU)


def test_predictions_come_back_in_the_order_asked_for():
    objective = objectives.fit_objective(TASK, truth(8), "raw", None, "run")
    frame = predict(line(1.0), objective, Scalars(), ["e3", "e1", "e2"], CPU)
    assert list(frame.index) == ["e3", "e1", "e2"]
    np.testing.assert_allclose(frame["valence"], [0.3, 0.1, 0.2], rtol=1e-6)


def test_posteriors_have_one_column_for_each_class_of_each_target():
    task = tasks.TASKS["self_report"]
    model = nn.Linear(1, len(task.outputs))
    frame = predict(model, objectives.Objective(task, None), Scalars(), ["e1", "e2"], CPU)
    assert list(frame.columns) == list(task.outputs) and frame.index.name == "example_id"
    for target, classes in task.classes.items():
        np.testing.assert_allclose(frame[[f"{target}/{c}" for c in classes]].sum(axis=1), 1, rtol=1e-6)


def test_each_example_meets_its_own_label_whatever_the_row_order():
    shuffled = truth(8).iloc[[5, 2, 7, 0, 1, 6, 3, 4]]
    losses = list(supervised(line(0.2), shuffled).losses(np.random.default_rng(3)))
    assert len(losses) == 2 and sum(loss.item() for loss in losses) < 1e-12  # the model is right about every one


def test_the_dev_score_is_that_of_the_dev_examples_in_evaluation_mode():
    class Dropped(nn.Module):
        """Right about every example but for a dropout that silences all while training."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(0.2))
            self.drop = nn.Dropout(1.0)

        def forward(self, input):
            return self.drop(input * self.weight)

    model = Dropped().train()
    assert supervised(model).dev_score() == pytest.approx(1.0)  # CCC of equal values
    assert not model.training


def test_the_labels_are_learnt_and_a_learner_is_what_the_loop_takes():
    model = line(-1.0)
    result = fit("run", supervised(model), Schedule(40), 0)
    assert result.weights["weight"].item() == pytest.approx(0.2, abs=0.02)
