import audmetric
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from emofuse.metrics import METRICS, accuracy, ccc, macro_f1, macro_f1_all, mean_sd, mse, pcc, standard_error, uar

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


LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50)


@given(LABELS)
@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label")
def test_uar_agrees_with_balanced_accuracy_of_scikit_learn(labels):
    truth, prediction = zip(*labels, strict=True)
    assert uar(truth, prediction) == pytest.approx(balanced_accuracy_score(truth, prediction))


@given(LABELS)
def test_accuracy_and_macro_f1_agree_with_scikit_learn(labels):
    truth, prediction = zip(*labels, strict=True)
    assert accuracy(truth, prediction) == pytest.approx(accuracy_score(truth, prediction))
    assert macro_f1(truth, prediction) == pytest.approx(f1_score(truth, prediction, average="macro"))
    forced = f1_score(truth, prediction, labels=range(6), average="macro", zero_division=0)
    assert macro_f1_all(truth, prediction, n_classes=6) == pytest.approx(forced)


def test_a_class_that_is_in_neither_counts_in_one_macro_f1_and_not_in_the_other():
    # classes 0 and 1 have F1 2/3 and 4/5, class 2 never occurs
    truth, prediction = [0, 0, 1, 1], [0, 1, 1, 1]
    assert macro_f1(truth, prediction) == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert macro_f1_all(truth, prediction, n_classes=3) == pytest.approx((2 / 3 + 4 / 5) / 3)


def test_a_class_that_is_only_predicted_lowers_macro_f1():
    assert macro_f1([0, 0, 0, 1], [0, 0, 2, 1]) == pytest.approx((4 / 5 + 1 + 0) / 3)


@pytest.mark.parametrize("wrong", [3, -1, 0.5])
def test_a_code_of_no_class_is_refused(wrong):
    with pytest.raises(ValueError, match=rf"from 0 to 2, found {wrong}"):
        macro_f1_all([0, 1, 2], [0, 1, wrong], n_classes=3)


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


def value(name, truth, prediction):
    return METRICS[name].function(truth, prediction, *([4] if METRICS[name].of_all_classes else []))


@pytest.mark.parametrize("name", METRICS)
def test_a_nan_or_infinite_prediction_and_no_examples_are_undefined(name):
    for broken in (np.nan, np.inf):
        assert np.isnan(value(name, [0.0, 1.0, 2.0], [0.0, broken, 1.0]))
    assert np.isnan(value(name, [], []))


@pytest.mark.parametrize("name", METRICS)
def test_column_vectors_and_unequal_lengths_are_refused(name):
    for wrong in (np.zeros((4, 1)), np.zeros(3)):
        with pytest.raises(ValueError, match=r"equal length, found shapes \(4,\)"):
            value(name, np.arange(4.0), wrong)


@pytest.mark.parametrize("name", METRICS)
def test_the_registry_knows_which_way_is_better(name):
    truth = np.array([0.0, 1.0, 2.0, 3.0])
    perfect, worse = value(name, truth, truth), value(name, truth, np.array([1.0, 0.0, 2.0, 1.0]))
    assert (perfect > worse) == METRICS[name].higher_is_better


def test_equal_values_have_a_deviation_of_exactly_zero():
    assert mean_sd([0.1] * 7)[1] == 0.0
    assert np.isnan(mean_sd([0.1])[1])
    assert np.isnan(mean_sd([0.1, np.nan, 0.3])).all()


@given(hnp.arrays(np.float64, st.integers(2, 30), elements=st.integers(0, 40).map(lambda k: k / 40)))
def test_the_standard_error_agrees_with_scipy(values):
    assert standard_error(values) == pytest.approx(stats.sem(values), abs=1e-12)


def test_one_value_or_an_undefined_one_has_no_standard_error():
    for values in ([], [0.5], [0.5, np.nan, 0.7]):
        assert np.isnan(standard_error(values))
