import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emofuse import metrics, objectives, tasks
from emofuse.errors import InputError

TASK = tasks.TASKS["emotion4"]


SELF_REPORT = tasks.TASKS["self_report"]


def balanced(counts):
    rows = np.repeat(np.eye(4), counts, axis=0)
    return pd.DataFrame(rows, index=[f"e{i}" for i in range(len(rows))], columns=list(TASK.outputs))


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
    with pytest.raises(InputError, match=r"fold 1: .*none of \['emotion/neutral'\]"):
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


def self_reports(n, seed):
    """Truth of the three targets, one class of each right, and outputs of a network."""
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.eye(len(classes))[rng.integers(0, len(classes), n)] for classes in SELF_REPORT.classes.values()], axis=1)
    return pd.DataFrame(truth, columns=list(SELF_REPORT.outputs)), torch.tensor(rng.normal(size=(n, 12)), dtype=torch.float32)


def negative_log_likelihoods(truth, outputs):
    """Of each example and target, in float64: columns 0-2, 3-5 and 6-11 are a target each."""
    found = []
    for columns in (slice(0, 3), slice(3, 6), slice(6, 12)):
        z = outputs.double().numpy()[:, columns]
        log_posterior = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        found.append(-(truth.to_numpy()[:, columns] * log_posterior).sum(axis=1))
    return np.stack(found, axis=1)


@given(st.integers(0, 1000))
def test_the_loss_of_several_targets_is_the_sum_of_their_cross_entropies(seed):
    truth, outputs = self_reports(9, seed)
    loss = objectives.Objective(SELF_REPORT, None).loss(outputs, torch.tensor(truth.to_numpy()))
    assert loss.item() == pytest.approx(negative_log_likelihoods(truth, outputs).mean(axis=0).sum(), rel=1e-5)


def test_class_weights_weigh_each_target_by_its_own_classes():
    truth, outputs = self_reports(9, 0)
    weights = np.random.default_rng(1).uniform(0.5, 2, 12)
    expected = 0.0
    for column, target in zip(negative_log_likelihoods(truth, outputs).T, SELF_REPORT.slices.values(), strict=True):
        own = (truth.to_numpy() * weights)[:, target].sum(axis=1)
        expected += (own * column).sum() / own.sum()
    loss = objectives.Objective(SELF_REPORT, tuple(weights)).loss(outputs, torch.tensor(truth.to_numpy()))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@given(st.integers(0, 1000))
def test_selection_by_loss_is_minus_that_sum(seed):
    truth, outputs = self_reports(9, seed)
    objective = objectives.Objective(SELF_REPORT, None, selection="loss")
    score = objective.selection_score(truth.to_numpy(), objective.predictions(outputs))
    assert score == pytest.approx(-objective.loss(outputs, torch.tensor(truth.to_numpy())).item(), rel=1e-5)


def test_selection_by_score_is_the_mean_of_the_targets_recalls():
    truth, outputs = self_reports(40, 0)
    objective = objectives.Objective(SELF_REPORT, None)
    recalls = [
        metrics.uar(truth.to_numpy()[:, s].argmax(axis=1), outputs.numpy()[:, s].argmax(axis=1)) for s in SELF_REPORT.slices.values()
    ]
    assert objective.selection_score(truth.to_numpy(), objective.predictions(outputs)) == pytest.approx(np.mean(recalls))


def test_posteriors_add_up_to_one_within_each_target():
    _, outputs = self_reports(5, 0)
    posteriors = objectives.Objective(SELF_REPORT, None).predictions(outputs)
    for columns in SELF_REPORT.slices.values():
        np.testing.assert_allclose(posteriors[:, columns].sum(axis=1), 1)
        np.testing.assert_allclose(posteriors[:, columns], torch.softmax(outputs[:, columns].double(), 1).numpy())


def test_a_certain_and_wrong_prediction_keeps_the_selection_score_finite():
    truth = np.tile([1.0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0], (3, 1))
    wrong = np.tile([0.0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0], (3, 1))
    assert -100 < objectives.Objective(SELF_REPORT, None, selection="loss").selection_score(truth, wrong) < -80  # 3 log 1e-12
