from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emofuse.significance import compare, compare_subjects, recompute_paper_fusion_tests, recompute_paper_marks, t_test
from emofuse.tables import COMPARISONS, SCORES, check

PAPER_VALUES = Path(__file__).parents[1] / "data" / "paper_values.csv"


def scores_of(values, corpus="msp_podcast", test_corpus="msp_podcast", pooling="pooled", partition="test", first_seed=0):
    rows = [
        {"task": "avd", "corpus": corpus, "protocol": "official", "model": m, "seed": s, "partition": partition, "test_corpus": test_corpus}
        | {"target": "valence", "metric": "ccc", "pooling": pooling, "subject": "all", "value": v, "n_examples": 9, "n_folds": 1}
        for m, sample in values.items()
        for s, v in enumerate(sample, first_seed)
    ]
    return check(pd.DataFrame(rows), SCORES, "fixture")


def only(frame, model, reference):
    row = frame[(frame["model"] == model) & (frame["reference"] == reference)]
    assert len(row) == 1
    return row.iloc[0]


def test_a_test_computed_by_hand():
    # 2 4 6 against 1 2 3: pooled variance (4 + 1) / 2 = 2.5, t = 2 / sqrt(2.5 x 2 / 3), df 4; with df 4, p has a closed form
    result = t_test(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]))
    t = 2 / np.sqrt(2.5 * 2 / 3)
    assert result["t"] == pytest.approx(t) and result["df"] == 4
    x = t / np.sqrt(t**2 + 4)
    assert result["p"] == pytest.approx(1 - x * (1 + (1 - x**2) / 2))
    assert result["hedges_g"] == pytest.approx(
        np.sqrt(2 / np.pi) * 2 / np.sqrt(2.5)
    )  # the correction for df 4 is gamma(2) / (sqrt(2) gamma(1.5))


def test_p_and_welch_agree_with_the_tests_of_the_raw_values():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.5, 0.1, 5), rng.normal(0.4, 0.02, 4)
    result = t_test(a, b)
    assert (result["t"], result["p"]) == pytest.approx(tuple(stats.ttest_ind(a, b)))
    assert result["p_welch"] == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)


def test_hedges_g_is_unbiased_over_many_experiments():
    rng = np.random.default_rng(0)
    g = [t_test(rng.normal(1, 1, 4), rng.normal(0, 1, 4))["hedges_g"] for _ in range(3000)]
    assert np.mean(g) == pytest.approx(1, abs=0.06)  # Cohen's d would average 1.15


def test_under_no_effect_five_percent_of_tests_are_below_five_percent():
    rng = np.random.default_rng(2)
    p = np.array([t_test(rng.normal(size=5), rng.normal(size=5))["p"] for _ in range(2000)])
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.015)


def test_every_model_is_compared_with_each_reference_but_itself():
    tests = compare(scores_of({"bert": [0.1, 0.2], "cnn14": [0.3, 0.4], "mfcnn14": [0.5, 0.7]}), ["cnn14", "bert", "sfcnn14", "cnn14"])
    check(tests, COMPARISONS, "comparisons")
    assert set(tests["unit"]) == {"seed"} and tests[["t_paired", "p_paired"]].isna().all(axis=None)
    assert set(zip(tests["model"], tests["reference"], strict=True)) == {
        ("bert", "cnn14"),
        ("cnn14", "bert"),
        ("mfcnn14", "bert"),
        ("mfcnn14", "cnn14"),
    }
    assert only(tests, "bert", "cnn14")["t"] == pytest.approx(-only(tests, "cnn14", "bert")["t"])
    assert only(tests, "mfcnn14", "cnn14")["mean"] == pytest.approx(0.6) and only(tests, "mfcnn14", "cnn14")[
        "reference_mean"
    ] == pytest.approx(0.35)


def test_pooled_scores_are_tested_within_and_averaged_ones_across_corpora_and_dev_never():
    wrong = {"cnn14": [9.0, 8.0], "mfcnn14": [7.0, 9.0]}
    right = {"cnn14": [0.1, 0.2], "mfcnn14": [0.3, 0.5]}
    frame = pd.concat(
        [
            scores_of(right),
            scores_of(wrong, pooling="folds"),
            scores_of(wrong, partition="dev"),
            scores_of(right, test_corpus="iemocap", pooling="folds"),
            scores_of(wrong, test_corpus="iemocap", pooling="pooled"),
        ]
    )
    tests = compare(frame, ["cnn14"])
    assert sorted(tests["test_corpus"]) == ["iemocap", "msp_podcast"]
    assert tests["mean"].tolist() == pytest.approx([0.4, 0.4])


@pytest.mark.parametrize(
    "values",
    [[0.5], [0.1, 0.1, 0.1], [0.5, np.nan, 0.6]],
    ids=["one seed", "no variance on either side", "a null score"],
)
def test_a_test_that_is_not_defined_is_null(values):
    reference = [0.3, 0.3, 0.3] if values[0] == 0.1 else [0.1, 0.2, 0.4]
    row = only(compare(scores_of({"cnn14": reference, "mfcnn14": values}), ["cnn14"]), "mfcnn14", "cnn14")
    assert row[["t", "df", "p", "p_welch", "hedges_g"]].isna().all()
    assert row["n"] == len(values)


def test_a_null_score_is_not_averaged_away():
    row = only(compare(scores_of({"cnn14": [0.1, 0.2], "mfcnn14": [0.5, np.nan, 0.6]}), ["cnn14"]), "mfcnn14", "cnn14")
    assert np.isnan(row["mean"]) and np.isnan(row["sd"])


def test_one_constant_side_is_still_tested():
    row = only(compare(scores_of({"cnn14": [0.1, 0.1, 0.1], "mfcnn14": [0.2, 0.3, 0.4]}), ["cnn14"]), "mfcnn14", "cnn14")
    assert row["t"] == pytest.approx(0.2 / np.sqrt(0.005 * 2 / 3))


def test_late_fusion_without_spread_is_not_compared():
    frame = pd.concat([scores_of({"cnn14": [0.1, 0.2]}), scores_of({"late_fusion": [0.3]}, first_seed=-1)])
    assert len(check(compare(frame, ["cnn14"]), COMPARISONS, "comparisons")) == 0


def marks():
    return recompute_paper_marks(pd.read_csv(PAPER_VALUES), alpha=0.05)


def test_49_of_the_papers_52_marks_follow_from_its_printed_numbers_and_50_are_possible():
    assert (len(marks()), marks()["follows"].sum(), marks()["possible"].sum()) == (52, 49, 50)


def test_the_marks_that_do_not_follow_are_known():
    frame = marks()
    columns = ["table", "train", "test", "target", "model", "reference", "printed", "possible"]
    assert frame.loc[~frame["follows"], columns].to_numpy().tolist() == [
        [1, "msp_podcast", "iemocap", "emotion4", "sfcnn14", "cnn14", False, True],
        [1, "iemocap", "msp_podcast", "emotion4", "sfcnn14", "cnn14", True, False],
        [3, "msp_podcast", "msp_podcast", "avd:valence", "sfcnn14", "bert", True, False],
    ]


def test_the_rounding_box_holds_every_p_of_numbers_that_round_to_the_printed_ones():
    rng = np.random.default_rng(0)
    for row in marks().sample(12, random_state=0).to_dict("records"):
        half = 0.05 if row["metric"] == "uar_percent" else 0.0005
        for _ in range(30):
            mean, sd, other, other_sd = (row[k] + rng.uniform(-half, half) for k in ("mean", "sd", "reference_mean", "reference_sd"))
            p = stats.ttest_ind_from_stats(mean, sd, row["n"], other, other_sd, row["n"]).pvalue
            assert row["p_min"] - 1e-12 <= p <= row["p_max"] + 1e-12


def subject_scores(values, protocol="leave_one_subject_out", pooling="subject", partition="test"):
    """``values``: model -> subject -> the values of its seeds."""
    rows = [
        {"task": "self_report", "corpus": "kemocon", "protocol": protocol, "model": m, "seed": s, "partition": partition}
        | {"test_corpus": "kemocon", "target": "arousal3", "metric": "accuracy", "pooling": pooling, "subject": subject}
        | {"value": v, "n_examples": 9, "n_folds": 1}
        for m, subjects in values.items()
        for subject, seeds in subjects.items()
        for s, v in enumerate(seeds)
    ]
    return check(pd.DataFrame(rows), SCORES, "fixture")


PAIR = [("with", "without")]


def random_subjects(rng, n=28, seeds=3):
    easy = rng.normal(0.6, 0.15, n)  # some subjects are easier than others, for both models
    scores = {"with": easy + 0.05 + rng.normal(0, 0.03, n), "without": easy}
    return {m: {f"P{i}": v + rng.normal(0, 0.02, seeds) for i, v in enumerate(sample)} for m, sample in scores.items()}


def test_tests_over_subjects_are_those_of_scipy_on_each_subjects_mean_over_seeds():
    values = random_subjects(np.random.default_rng(0))
    row = only(check(compare_subjects(subject_scores(values), PAIR), COMPARISONS, "comparisons"), "with", "without")
    a, b = (np.array([np.mean(values[m][f"P{i}"]) for i in range(28)]) for m in ("with", "without"))
    assert (row["t_paired"], row["p_paired"]) == pytest.approx(tuple(stats.ttest_rel(a, b)))
    assert (row["t"], row["p"]) == pytest.approx(tuple(stats.ttest_ind(a, b)))
    assert row["p_welch"] == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)
    assert (row["mean"], row["sd"], row["n"], row["reference_n"]) == pytest.approx((a.mean(), a.std(ddof=1), 28, 28))
    assert row["unit"] == "subject"


def test_the_paired_test_finds_a_small_gain_of_every_subject_that_the_independent_one_does_not():
    row = only(compare_subjects(subject_scores(random_subjects(np.random.default_rng(1))), PAIR), "with", "without")
    assert row["p_paired"] < 1e-6 and row["p"] > 0.05


def test_only_subjects_that_both_models_have_count():
    values = {"with": {"P1": [0.8], "P2": [0.6], "P9": [0.0]}, "without": {"P1": [0.5], "P2": [0.5], "P3": [0.9]}}
    row = only(compare_subjects(subject_scores(values), PAIR), "with", "without")
    assert (row["n"], row["reference_n"]) == (2, 2)
    assert (row["mean"], row["reference_mean"]) == pytest.approx((0.7, 0.5))
    assert row["t_paired"] == pytest.approx(0.2 / (np.std([0.3, 0.1], ddof=1) / np.sqrt(2)))


def test_pairs_without_a_common_subject_or_a_model_that_was_not_run_have_no_row():
    values = {"with": {"P1": [0.8]}, "without": {"P2": [0.5]}}
    assert len(check(compare_subjects(subject_scores(values), [*PAIR, ("with", "absent")]), COMPARISONS, "comparisons")) == 0
    assert len(check(compare_subjects(SCORES.empty(), PAIR), COMPARISONS, "comparisons")) == 0


def test_one_subject_has_means_and_no_tests():
    row = only(compare_subjects(subject_scores({"with": {"P1": [0.8]}, "without": {"P1": [0.5]}}), PAIR), "with", "without")
    assert (row["mean"], row["reference_mean"], row["n"]) == (0.8, 0.5, 1)
    assert row[["sd", "t", "p", "t_paired", "p_paired", "hedges_g"]].isna().all()


def test_equal_gains_of_all_subjects_have_no_paired_test_but_an_independent_one():
    values = {"with": {f"P{i}": [0.1 * i + 0.2] for i in range(5)}, "without": {f"P{i}": [0.1 * i] for i in range(5)}}
    row = only(compare_subjects(subject_scores(values), PAIR), "with", "without")
    assert row[["t_paired", "p_paired"]].isna().all() and row["p"] == pytest.approx(stats.ttest_ind(np.arange(5), np.arange(5) + 2).pvalue)


def test_one_undefined_seed_of_one_subject_makes_the_comparison_null():
    values = {"with": {"P1": [0.8, np.nan], "P2": [0.6, 0.7], "P3": [0.5, 0.9]}, "without": {p: [0.5, 0.6] for p in ("P1", "P2", "P3")}}
    row = only(compare_subjects(subject_scores(values), PAIR), "with", "without")
    assert row[["mean", "sd", "t", "p", "p_welch", "t_paired", "p_paired"]].isna().all() and row["n"] == 3


def test_protocols_are_compared_apart_and_other_scores_not_at_all():
    good, bad = random_subjects(np.random.default_rng(2)), random_subjects(np.random.default_rng(3))
    frame = pd.concat(
        [
            subject_scores(good),
            subject_scores(bad, protocol="leave_one_session_out"),
            subject_scores(bad, partition="dev"),
            subject_scores({m: {"all": s["P0"]} for m, s in bad.items()}, pooling="pooled"),
        ]
    )
    tests = compare_subjects(frame, [*PAIR, *PAIR]).set_index("protocol")
    assert tests.index.tolist() == ["leave_one_session_out", "leave_one_subject_out"]
    assert tests.loc["leave_one_subject_out", "mean"] == pytest.approx(np.mean([np.mean(v) for v in good["with"].values()]))
    assert len(compare(subject_scores(good), ["without"])) == 0


def claims():
    return recompute_paper_fusion_tests(pd.read_csv(PAPER_VALUES), alpha=0.05, n=28)


def training_claims(metric):
    return claims().query("claim == 'fusion training' and metric == @metric").set_index(["target", "mechanism"])


@pytest.mark.parametrize(("metric", "significant", "follow"), [("accuracy", 4, 6), ("macro_f1", 5, 7)])
def test_paper_b_claims_seven_of_nine_pairs_of_which_four_or_five_follow_from_its_table(metric, significant, follow):
    frame = training_claims(metric)
    assert (len(frame), frame["claimed"].sum(), frame["recomputed"].sum(), frame["follows"].sum()) == (9, 7, significant, follow)
    assert set(frame.index[~frame["claimed"]]) == {("valence3", "unweighted"), ("emotion6", "weighted")}
    assert (frame["mean"] > frame["reference_mean"]).all()
    assert frame["possible"].equals(frame["follows"])  # rounding decides nothing


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_categories_with_unweighted_fusion_need_correlated_subjects_to_be_significant(metric):
    row = training_claims(metric).loc[("emotion6", "unweighted")]
    assert row["claimed"] and 0.18 <= row["p"] <= 0.23 and 0.58 <= row["correlation_needed"] <= 0.70


def test_p_of_a_claim_is_that_of_samples_with_the_printed_means_and_standard_errors():
    for row in claims().dropna(subset=["p"]).sample(8, random_state=0).to_dict("records"):
        shape = np.arange(28.0)
        shape = (shape - shape.mean()) / stats.sem(shape)
        p = stats.ttest_ind(row["mean"] + row["se"] * shape, row["reference_mean"] + row["reference_se"] * shape).pvalue
        assert row["p"] == pytest.approx(p)


def test_a_paired_test_of_samples_with_the_needed_correlation_is_just_significant():
    rng = np.random.default_rng(0)
    tested = 0
    for row in claims().dropna(subset=["correlation_needed"]).to_dict("records"):
        r = row["correlation_needed"]
        a, b = np.linalg.qr(np.column_stack([np.ones(28), rng.normal(size=(28, 2))]))[0][:, 1:].T  # uncorrelated, mean 0
        b = r * a + np.sqrt(1 - r**2) * b
        p = stats.ttest_rel(
            row["mean"] + row["se"] * a / stats.sem(a), row["reference_mean"] + row["reference_se"] * b / stats.sem(b)
        ).pvalue
        if r == -1:
            assert p <= 0.05
        else:
            assert p == pytest.approx(0.05)
            tested += 1
    assert tested > 15


def test_no_correlation_is_enough_where_the_deviations_differ_by_too_much():
    printed = pd.read_csv(PAPER_VALUES)
    printed.loc[printed["model"] == "speech_only", "spread"] = 2.0
    frame = recompute_paper_fusion_tests(printed, alpha=0.05, n=28)
    assert frame.loc[frame["reference"] == "speech_only", "correlation_needed"].isna().all()


def test_the_bounds_within_rounding_hold_every_p_of_numbers_that_round_to_the_printed_ones():
    rng = np.random.default_rng(0)
    for row in claims().dropna(subset=["p"]).sample(12, random_state=1).to_dict("records"):
        for _ in range(20):
            mean, se, other, other_se = (row[k] + rng.uniform(-5e-5, 5e-5) for k in ("mean", "se", "reference_mean", "reference_se"))
            p = stats.ttest_ind_from_stats(mean, se * np.sqrt(28), 28, other, other_se * np.sqrt(28), 28).pvalue
            assert row["p_min"] * (1 - 1e-9) <= p <= row["p_max"] * (1 + 1e-9)


def test_every_fused_model_is_tested_against_speech_and_cannot_be_against_wearables():
    frame = claims().query("claim == 'unimodal'")
    assert frame.groupby("reference").size().to_dict() == {"speech_only": 36, "wearable_only_sigrep": 36}
    untested = frame[frame["reference"] == "wearable_only_sigrep"]
    assert untested[["p", "follows", "possible", "correlation_needed"]].isna().all(axis=None)
    assert set(untested["note"]) == {"no standard error is printed: no test is possible"}
    doubtful = frame.query("follows == False")[["target", "metric", "model"]]
    assert doubtful.to_numpy().tolist() == [
        ["emotion6", "accuracy", "weighted_without_fusion_training"],
        ["emotion6", "accuracy", "attention_without_fusion_training"],
        ["valence3", "macro_f1", "attention_without_fusion_training"],
        ["emotion6", "macro_f1", "weighted_without_fusion_training"],
        ["emotion6", "macro_f1", "attention_without_fusion_training"],
    ]
