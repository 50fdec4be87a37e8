import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from emofuse.errors import InputError
from emofuse.scores import best_on_dev, best_seeds, reported, score
from emofuse.tables import PREDICTIONS, SCORES, check

RUN = {"task": "avd", "corpus": "iemocap", "model": "cnn14", "fold": "Ses01F", "seed": 0, "partition": "test", "test_corpus": "iemocap"}
CLASSES = ["angry", "happy", "neutral", "sad"]


def dimension(truth, prediction, target="valence", **run):
    run = RUN | run
    ids = [f"{run['test_corpus']}:{run['fold'] if run['corpus'] == run['test_corpus'] else ''}{i}" for i in range(len(truth))]
    return pd.DataFrame(
        {**run, "example_id": ids, "target": target, "truth": np.asarray(truth, float), "prediction": np.asarray(prediction, float)}
    )


def classes(truth, predicted, **run):
    """Posterior 0.7 for the predicted class of each example, 0.1 for the others."""
    run = RUN | {"task": "emotion4"} | run
    n = len(truth)
    ids = np.repeat([f"{run['test_corpus']}:{run['fold']}{i}" for i in range(n)], 4)
    posterior = np.where(np.eye(4)[predicted] == 1, 0.7, 0.1).ravel()
    return pd.DataFrame({**run, "example_id": ids, "target": CLASSES * n, "truth": np.eye(4)[truth].ravel(), "prediction": posterior})


def value(scores, **where):
    row = scores[(scores[list(where)] == pd.Series(where)).all(axis=1)]
    assert len(row) == 1
    return row["value"].iloc[0]


def test_scores_are_a_whole_table_and_predictions_the_fixtures_claim():
    frame = pd.concat([dimension([1, 2, 4], [1, 3, 3]), classes([0, 1, 2, 3], [0, 1, 1, 3])])
    check(frame, PREDICTIONS, "fixture")
    assert list(check(score(frame), SCORES, "scores").columns) == list(SCORES.columns)


def test_pooled_ccc_sees_the_offset_between_folds_and_the_mean_of_folds_does_not():
    # each fold alone is perfect up to an offset of +1 or -1; pooled, the offsets are part of the error
    frame = pd.concat([dimension([1, 3], [2, 4], fold="Ses01F"), dimension([5, 7], [4, 6], fold="Ses03M")])
    scores = score(frame)
    # fold: variances 1 and 1, cov 1, offset 1: 2 / (1 + 1 + 1)
    assert value(scores, metric="ccc", pooling="folds") == pytest.approx(2 / 3)
    # pooled: truth 1 3 5 7 (variance 5), prediction 2 4 4 6 (variance 2), cov 3, no offset: 6 / 7
    assert value(scores, metric="ccc", pooling="pooled") == pytest.approx(6 / 7)
    assert value(scores, metric="mse", pooling="pooled") == value(scores, metric="mse", pooling="folds") == pytest.approx(1)
    assert set(scores["n_examples"]) == {4} and set(scores["n_folds"]) == {2}


def test_across_corpora_folds_are_averaged_and_never_pooled():
    frame = pd.concat([dimension([1, 2, 3], p, fold=f, test_corpus="msp_podcast") for f, p in (("a", [1, 2, 3]), ("b", [3, 2, 1]))])
    scores = score(frame)
    assert set(scores["pooling"]) == {"folds"}
    assert value(scores, metric="pcc") == pytest.approx(0)
    assert set(scores["n_examples"]) == {6}


def test_one_fold_across_corpora_is_pooled_and_averaged_alike():
    scores = score(dimension([1, 2, 3], [1, 3, 2], test_corpus="msp_podcast"))
    assert value(scores, metric="ccc", pooling="pooled") == value(scores, metric="ccc", pooling="folds") == pytest.approx(0.5)


def test_uar_is_balanced_accuracy_of_the_highest_posterior_whatever_the_row_order():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    frame = classes(truth, predicted).sample(frac=1, random_state=1)
    assert value(score(frame), pooling="pooled", target="emotion") == pytest.approx(balanced_accuracy_score(truth, predicted))


def test_uar_is_pooled_over_folds_that_lack_classes():
    frame = pd.concat([classes([0, 0, 1], [0, 1, 1], fold="Ses01F"), classes([1, 2], [2, 2], fold="Ses03M")])
    scores = score(frame)
    assert value(scores, pooling="folds") == pytest.approx((0.75 + 0.5) / 2)
    assert value(scores, pooling="pooled") == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)


def test_every_seed_partition_and_target_has_its_own_scores():
    frame = pd.concat(
        [dimension([1, 2], [1, 2], target=t, seed=s, partition=p) for t in ("arousal", "valence") for s in (0, 1) for p in ("dev", "test")]
    )
    assert len(score(frame)) == 2 * 2 * 2 * 3 * 2  # targets, seeds, partitions, metrics, poolings


@pytest.mark.parametrize("pooling", ["pooled", "folds"])
def test_a_null_prediction_in_one_fold_makes_the_score_null(pooling):
    good, broken = dimension([1, 2, 3], [1, 2, 3], fold="a"), dimension([1, 2, 3], [1, np.nan, 3], fold="b")
    assert np.isnan(value(score(pd.concat([good, broken])), metric="ccc", pooling=pooling))


def test_a_null_posterior_makes_uar_null_and_nothing_else():
    frame = pd.concat([classes([0, 1, 2, 3], [0, 1, 2, 3], seed=s) for s in (0, 1)])
    frame.iloc[2, frame.columns.get_loc("prediction")] = np.nan
    scores = score(frame)
    assert np.isnan(value(scores, seed=0, pooling="pooled")) and value(scores, seed=1, pooling="pooled") == 1


def test_constant_prediction_scores_zero_ccc_and_null_pcc():
    scores = score(dimension([1, 2, 3], [2, 2, 2]))
    assert value(scores, metric="ccc", pooling="pooled") == 0 and np.isnan(value(scores, metric="pcc", pooling="pooled"))


def test_an_example_without_all_classes_is_named():
    with pytest.raises(InputError, match=r"expected 4 classes for every example, found 3 for iemocap:Ses01F1"):
        score(classes([0, 1, 2], [0, 1, 2]).drop(index=5))


def test_an_example_with_two_true_classes_is_named():
    frame = classes([0, 1, 2], [0, 1, 2])
    frame.loc[4, "truth"] = 1.0
    with pytest.raises(InputError, match=r"exactly one class of iemocap:Ses01F1"):
        score(frame)


def test_no_predictions_have_no_scores():
    assert len(check(score(PREDICTIONS.empty()), SCORES, "scores")) == 0


def dev_of(seeds, fold="Ses01F", **run):
    """Dev predictions whose error grows with the number given to each seed."""
    return [dimension([1, 2, 3], np.array([1, 2, 3]) + error, seed=s, fold=fold, partition="dev", **run) for s, error in seeds.items()]


def test_the_best_seed_of_each_fold_is_that_of_the_highest_dev_score_and_the_lowest_of_equals():
    frame = pd.concat([*dev_of({0: 1.0, 1: 0.0, 2: 2.0}), *dev_of({0: 1.0, 1: 0.5, 2: 0.5}, fold="Ses03M")])
    assert best_seeds(frame).set_index("fold")["seed"].to_dict() == {"Ses01F": 1, "Ses03M": 1}


def test_the_best_seed_is_chosen_by_the_mean_over_dimensions_and_never_on_test():
    frame = pd.concat(
        [*dev_of({0: 0.0, 1: 0.6}, target="valence"), *dev_of({0: 3.0, 1: 0.6}, target="arousal"), dimension([1, 2, 3], [1, 2, 3], seed=0)]
    )
    best = best_seeds(frame)
    offset = 4 / 3  # 2 x variance of 1 2 3
    assert best["seed"].tolist() == [1]
    assert best["dev_score"].iloc[0] == pytest.approx(offset / (offset + 0.36))


def test_an_undefined_dev_score_never_wins():
    frame = pd.concat(dev_of({0: np.nan, 1: 3.0}))
    assert best_seeds(frame)["seed"].tolist() == [1]
    assert best_on_dev(score(frame))["seed"].tolist() == [1]


def test_the_best_run_of_a_cell_is_that_of_the_highest_mean_dev_score_of_its_folds():
    frame = pd.concat([*dev_of({0: 0.0, 1: 0.2}, fold="a"), *dev_of({0: 2.0, 1: 0.3}, fold="b")])
    assert best_on_dev(score(frame))["seed"].tolist() == [1]


def test_reported_are_test_scores_pooled_within_and_averaged_across_corpora():
    frame = pd.concat(
        [
            dimension([1, 2], [1, 2], test_corpus=c, partition=p, fold=f)
            for c, p in (("iemocap", "dev"), ("iemocap", "test"), ("msp_podcast", "test"))
            for f in "ab"
        ]
    )
    chosen = reported(score(frame))
    assert set(zip(chosen["partition"], chosen["test_corpus"], chosen["pooling"], strict=True)) == {
        ("test", "iemocap", "pooled"),
        ("test", "msp_podcast", "folds"),
    }
