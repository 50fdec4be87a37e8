import audmetric
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import balanced_accuracy_score

from emofuse.metrics import METRICS, ccc, mean_sd, mse, pcc, uar

RATINGS = hnp.arrays(np.float64, st.integers(2, 40), elements=st.integers(-40, 40).map(lambda k: k / 8))


@st.composite
def pairs(draw):
    truth = draw(RATINGS)
    return truth, draw(hnp.arrays(np.float64, len(truth), elements=st.integers(-40, 40).map(lambda k: k / 8)))


def varying(truth, prediction):
    return np.ptp(truth) > 0 and np.ptp(prediction) > 0


@given(pairs())
def test_ccc_pcc_and_mse_agree_with_audmetric(pair):
    if varying(*pair):
        assert ccc(*pair) == pytest.approx(audmetric.concordance_cc(*pair), abs=1e-9)
        assert pcc(*pair) == pytest.approx(audmetric.pearson_cc(*pair), abs=1e-9)
    assert mse(*pair) == pytest.approx(audmetric.mean_squared_error(*pair))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50))
@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label")
def test_uar_agrees_with_balanced_accuracy_of_scikit_learn(labels):
    truth, prediction = zip(*labels, strict=True)
    assert uar(truth, prediction) == pytest.approx(balanced_accuracy_score(truth, prediction))


@given(pairs())
def test_ccc_is_symmetric_and_at_most_the_size_of_pcc(pair):
    if varying(*pair):
        assert ccc(*pair) == pytest.approx(ccc(*pair[::-1]))
        assert abs(ccc(*pair)) <= abs(pcc(*pair)) + 1e-9


@given(pairs(), st.integers(1, 5), st.integers(-5, 5))
def test_ccc_ignores_a_common_affine_map_and_pcc_any(pair, scale, shift):
    if varying(*pair):
        truth, prediction = pair
        assert ccc(scale * truth + shift, scale * prediction + shift) == pytest.approx(ccc(truth, prediction), abs=1e-9)
        assert pcc(truth, scale * prediction + shift) == pytest.approx(pcc(truth, prediction), abs=1e-9)


def test_ccc_of_a_shifted_truth_has_its_closed_form():
    truth = np.array([1.0, 2.0, 4.0, 7.0])
    shift = 1.5
    variance = truth.var()
    assert ccc(truth, truth + shift) == pytest.approx(2 * variance / (2 * variance + shift**2))


def test_constant_predictions_have_ccc_zero_exactly_and_no_pcc():
    truth = np.linspace(1, 7, 13)
    assert ccc(truth, np.full(13, 0.1)) == 0.0
    assert np.isnan(pcc(truth, np.full(13, 0.1)))
    assert np.isnan(ccc(np.full(7, 0.1), np.full(7, 0.1)))


def test_a_class_that_is_only_predicted_does_not_count_in_uar():
    assert uar([0, 0, 1], [0, 2, 1]) == pytest.approx(0.75)


@pytest.mark.parametrize("name", METRICS)
def test_a_nan_or_infinite_prediction_and_no_examples_are_undefined(name):
    for broken in (np.nan, np.inf):
        assert np.isnan(METRICS[name].function([0.0, 1.0, 2.0], [0.0, broken, 1.0]))
    assert np.isnan(METRICS[name].function([], []))


@pytest.mark.parametrize("name", METRICS)
def test_column_vectors_and_unequal_lengths_are_refused(name):
    for wrong in (np.zeros((4, 1)), np.zeros(3)):
        with pytest.raises(ValueError, match=r"equal length, found shapes \(4,\)"):
            METRICS[name].function(np.arange(4.0), wrong)


@pytest.mark.parametrize("name", METRICS)
def test_the_registry_knows_which_way_is_better(name):
    truth = np.array([0.0, 1.0, 2.0, 3.0])
    perfect, worse = METRICS[name].function(truth, truth), METRICS[name].function(truth, np.array([1.0, 0.0, 2.0, 1.0]))
    assert (perfect > worse) == METRICS[name].higher_is_better


def test_equal_values_have_a_deviation_of_exactly_zero():
    assert mean_sd([0.1] * 7)[1] == 0.0
    assert np.isnan(mean_sd([0.1])[1])
    assert np.isnan(mean_sd([0.1, np.nan, 0.3])).all()
