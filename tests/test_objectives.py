import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emofuse import metrics, objectives, tasks
from emofuse.errors import InputError

TASK = tasks.TASKS["emotion4"]


def balanced(counts):
    rows = np.repeat(np.eye(4), counts, axis=0)
    return pd.DataFrame(rows, index=[f"e{i}" for i in range(len(rows))], columns=list(tasks.CLASSES))


def test_weighted_cross_entropy_is_its_formula():
    truth = balanced([1, 2, 3, 4])
    objective = objectives.fit_objective(TASK, truth, "centred", None, "run")
    outputs = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    y = truth.to_numpy().argmax(axis=1)
    weights = 1 / np.array([1, 2, 3, 4])
    ce = -np.log(torch.softmax(outputs.double(), 1).numpy()[range(10), y])
    expected = (weights[y] * ce).sum() / weights[y].sum()
    assert objective.loss(outputs, torch.tensor(truth.to_numpy())).item() == pytest.approx(expected, rel=1e-5)


def test_a_class_without_training_examples_is_named():
    with pytest.raises(InputError, match=r"fold 1: .*none of \['neutral'\]"):
        objectives.fit_objective(TASK, balanced([1, 1, 0, 1]), "centred", None, "fold 1")


@given(st.integers(0, 1000))
def test_the_ccc_loss_is_one_minus_the_metric_averaged_over_targets(seed):
    rng = np.random.default_rng(seed)
    truth, outputs = rng.uniform(1, 7, (16, 3)), rng.normal(size=(16, 3))
    objective = objectives.fit_objective(tasks.TASKS["avd"], pd.DataFrame(truth), "centred", (1.0, 7.0), "run")
    expected = 1 - np.mean([metrics.ccc((truth[:, i] - 4) / 3, outputs[:, i]) for i in range(3)])
    assert objective.loss(torch.tensor(outputs), torch.tensor(truth)).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("scale", "centre", "half"), [((1.0, 7.0), 4.0, 3.0), ((1.0, 5.0), 3.0, 2.0)])
def test_centred_labels_come_back_on_the_corpus_own_scale(scale, centre, half):
    task = tasks.TASKS["valence"]
    objective = objectives.fit_objective(task, pd.DataFrame({"valence": [1.0]}), "centred", scale, "run")
    outputs = torch.tensor([[-1.0], [0.0], [1.0]])
    np.testing.assert_allclose(objective.predictions(outputs)[:, 0], [centre - half, centre, centre + half])
    assert objective.loss(outputs, torch.tensor([[scale[0]], [centre], [scale[1]]])).item() == 0


def test_outputs_of_another_shape_are_refused_instead_of_broadcast():
    objective = objectives.fit_objective(tasks.TASKS["valence"], pd.DataFrame({"valence": [1.0]}), "raw", None, "run")
    with pytest.raises(ValueError, match="differ in shape"):
        objective.loss(torch.zeros(4), torch.zeros(4, 1))


def test_a_constant_predictor_scores_zero_and_not_nan():
    objective = objectives.fit_objective(tasks.TASKS["avd"], pd.DataFrame(), "raw", None, "run")
    assert objective.selection_score(np.random.default_rng(0).normal(size=(8, 3)), np.ones((8, 3))) == 0.0
