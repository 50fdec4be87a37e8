from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emofuse.significance import compare, recompute_paper_marks, t_test
from emofuse.tables import COMPARISONS, SCORES, check

PAPER_VALUES = Path(__file__).parents[1] / "data" / "paper_values.csv"


def scores_of(values, corpus="msp_podcast", test_corpus="msp_podcast", pooling="pooled", partition="test", first_seed=0):
    rows = [
        {"task": "avd", "corpus": corpus, "model": m, "seed": s, "partition": partition, "test_corpus": test_corpus, "target": "valence"}
        | {"metric": "ccc", "pooling": pooling, "value": v, "n_examples": 9, "n_folds": 1}
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
