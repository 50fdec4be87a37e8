import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from emofuse.errors import InputError
from emofuse.scores import best_on_dev, best_seeds, outcomes_of_run, reported, score
from emofuse.tables import PREDICTIONS, SCORES, check
from emofuse.tasks import TASKS

RUN = {"task": "avd", "corpus": "iemocap", "protocol": "leave_one_speaker_out", "model": "cnn14", "fold": "Ses01F", "seed": 0}
RUN |= {"partition": "test", "test_corpus": "iemocap"}
CLASSES = ["emotion/angry", "emotion/happy", "emotion/neutral", "emotion/sad"]


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
    with pytest.raises(InputError, match=r"expected 4 classes of emotion for every example, found 3 for iemocap:Ses01F1; delete"):
        score(classes([0, 1, 2], [0, 1, 2]).drop(index=5))


def test_an_example_with_two_true_classes_is_named():
    frame = classes([0, 1, 2], [0, 1, 2])
    frame.loc[4, "truth"] = 1.0
    with pytest.raises(InputError, match=r"exactly one class of emotion of iemocap:Ses01F1"):
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


REPORTS = TASKS["self_report"].classes
SUBJECTS = {f"kemocon:{subject}/{i}": subject for subject in ("P1", "P2", "P4") for i in range(12)}


def self_reports(rng, protocol="leave_one_subject_out", folds=None, seed=0, partition="test"):
    """Random posteriors of three targets for every example of three subjects; ``folds`` names the fold of each subject."""
    run = {"task": "self_report", "corpus": "kemocon", "protocol": protocol, "model": "speech_only", "seed": seed, "partition": partition}
    frames = []
    for target, names in REPORTS.items():
        for example, subject in SUBJECTS.items():
            n = len(names)
            outputs = {"truth": np.eye(n)[rng.integers(n)], "prediction": rng.dirichlet(np.ones(n))}
            fold = (folds or {}).get(subject, subject)
            columns = {"fold": fold, "test_corpus": "kemocon", "example_id": example, "target": [f"{target}/{c}" for c in names]}
            frames.append(pd.DataFrame({**run, **columns, **outputs}))
    return check(pd.concat(frames), PREDICTIONS, "fixture")


def decided(frame, target, subject):
    """Truth and prediction of one subject, decided row by row."""
    truth, prediction = [], []
    own = frame[frame["target"].str.startswith(f"{target}/") & (frame["example_id"].map(SUBJECTS) == subject)]
    for _, rows in own.groupby("example_id"):
        truth.append(rows.loc[rows["truth"].idxmax(), "target"])
        prediction.append(rows.loc[rows["prediction"].idxmax(), "target"])
    return truth, prediction


def test_each_target_of_a_task_has_its_own_scores_in_the_tasks_metrics():
    scores = check(score(self_reports(np.random.default_rng(0))), SCORES, "scores")
    assert set(scores["target"]) == set(REPORTS)
    assert set(scores["metric"]) == {"accuracy", "macro_f1", "macro_f1_all", "uar"}
    assert set(scores["subject"]) == {"all"}
    assert len(scores) == 3 * 4 * 2  # targets, metrics, poolings


def test_a_subjects_scores_are_those_of_its_test_examples_alone():
    frame = self_reports(np.random.default_rng(0))
    scores = check(score(frame, SUBJECTS), SCORES, "scores").query("pooling == 'subject'")
    assert len(scores) == 3 * 3 * 4 and set(scores["n_examples"]) == {12} and set(scores["n_folds"]) == {1}
    for target, names in REPORTS.items():
        for subject in ("P1", "P2", "P4"):
            truth, prediction = decided(frame, target, subject)
            where = {"target": target, "subject": subject}
            assert value(scores, metric="accuracy", **where) == pytest.approx(accuracy_score(truth, prediction))
            assert value(scores, metric="macro_f1", **where) == pytest.approx(f1_score(truth, prediction, average="macro"))
            every = f1_score(truth, prediction, average="macro", labels=[f"{target}/{c}" for c in names], zero_division=0)
            assert value(scores, metric="macro_f1_all", **where) == pytest.approx(every)


def test_subjects_scores_do_not_depend_on_how_subjects_are_put_into_folds():
    alone = score(self_reports(np.random.default_rng(1)), SUBJECTS)
    paired = score(self_reports(np.random.default_rng(1), folds={"P1": "p1.p2", "P2": "p1.p2", "P4": "p3.p4"}), SUBJECTS)
    columns = ["target", "metric", "subject", "value", "n_examples"]
    one, other = (frame.query("pooling == 'subject'")[columns].reset_index(drop=True) for frame in (alone, paired))
    pd.testing.assert_frame_equal(one, other)


def test_two_protocols_of_one_corpus_are_scored_apart():
    rng = np.random.default_rng(2)
    frames = [self_reports(rng, "leave_one_subject_out"), self_reports(rng, "leave_one_session_out")]
    together = score(pd.concat(frames), SUBJECTS)
    apart = check(pd.concat([score(frame, SUBJECTS) for frame in frames]), SCORES, "scores")
    pd.testing.assert_frame_equal(check(together, SCORES, "scores"), apart)


def test_dev_and_other_corpora_have_no_scores_of_subjects():
    rng = np.random.default_rng(3)
    dev = self_reports(rng, partition="dev")
    abroad = self_reports(rng).assign(corpus="another")
    assert "subject" not in set(score(pd.concat([dev, abroad]), SUBJECTS)["pooling"])


def test_a_null_posterior_makes_the_scores_of_its_subject_null_and_of_no_other():
    frame = self_reports(np.random.default_rng(4))
    row = frame.index[(frame["example_id"] == "kemocon:P2/3") & (frame["target"] == "arousal3/low")][0]
    frame.loc[row, "prediction"] = np.nan
    scores = score(frame, SUBJECTS)
    null = scores[scores["value"].isna()]
    assert set(null["target"]) == {"arousal3"} and set(null["subject"]) == {"P2", "all"}
    assert len(null) == 4 * 3  # metrics, of the subject, pooled and mean of folds


def test_an_example_of_nobody_is_in_no_subjects_score():
    scores = score(self_reports(np.random.default_rng(5)), {e: None if s == "P4" else s for e, s in SUBJECTS.items()})
    assert set(scores.loc[scores["pooling"] == "subject", "subject"]) == {"P1", "P2"}


def test_an_example_that_the_subjects_lack_is_named_in_one_line():
    known = {e: s for e, s in SUBJECTS.items() if e != "kemocon:P4/7"}
    with pytest.raises(InputError, match=r"^kemocon:P4/7: expected its subject[^\n]*$"):
        score(self_reports(np.random.default_rng(6)), known)


@pytest.mark.parametrize(("column", "name"), [("target", "angry"), ("task", "laughter")])
def test_targets_and_tasks_that_do_not_exist_are_named_in_one_line(column, name):
    frame = classes([0, 1, 2, 3], [0, 1, 2, 3])
    frame.loc[frame[column] == frame[column].iloc[0], column] = name
    with pytest.raises(InputError, match=rf"^Predictions: [^\n]*found {name};[^\n]*$"):
        score(frame)


def test_classes_are_coded_in_the_tasks_order_and_the_first_of_equal_posteriors_wins():
    frame = self_reports(np.random.default_rng(7)).assign(prediction=0.5)
    outcome = outcomes_of_run(frame[frame["fold"] == "P1"].sample(frac=1, random_state=0))["arousal3"]
    assert outcome.classes == ("low", "neutral", "high") and set(outcome.prediction) == {0}


def test_the_best_seed_of_several_targets_is_that_of_the_highest_mean_uar():
    # seed 1 knows two targets, seed 0 one
    frames = []
    for seed, known in ((0, ["emotion6"]), (1, ["arousal3", "valence3"])):
        frame = self_reports(np.random.default_rng(8), seed=seed, partition="dev")
        right = frame["target"].str.partition("/")[0].isin(known)
        frames.append(frame.assign(prediction=frame["truth"].where(right, 1 - frame["truth"])))
    best = best_seeds(pd.concat(frames))
    assert best["seed"].tolist() == [1] * 3 and best["dev_score"].tolist() == pytest.approx([2 / 3] * 3)
    assert best_on_dev(score(pd.concat(frames)))["seed"].tolist() == [1]


def test_each_protocol_has_its_own_best_seed():
    frame = pd.concat([*dev_of({0: 1.0, 1: 0.0}), *dev_of({0: 0.0, 1: 1.0}, protocol="speaker_folds")])
    assert best_seeds(frame).set_index("protocol")["seed"].to_dict() == {"leave_one_speaker_out": 1, "speaker_folds": 0}
    assert best_on_dev(score(frame)).set_index("protocol")["seed"].to_dict() == {"leave_one_speaker_out": 1, "speaker_folds": 0}


def test_scores_of_subjects_are_not_reported_as_scores_of_seeds():
    assert set(reported(score(self_reports(np.random.default_rng(9)), SUBJECTS))["pooling"]) == {"pooled"}
