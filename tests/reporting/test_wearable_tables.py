import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emofuse.errors import InputError
from emofuse.reporting import wearable_section, wearable_tables, wearable_tests
from emofuse.reporting.wearable_setting import CONTROLS, MODELS, PROTOCOLS, TWINS, WearableSetting, model_name, pairs
from emofuse.significance import compare_subjects, recompute_paper_fusion_tests
from emofuse.tables import COMPARISONS, HISTORY, SCORES, WINDOW_COUNTS, check

PAPER_VALUES = pd.read_csv(Path(__file__).parents[2] / "data" / "paper_values.csv")
SETTING = WearableSetting(
    "attention", 0.05, "kemocon", 1.0, "Sizes are not the paper's: a test.", ("Ties are neutral.", "Masks are drawn.")
)
LEVEL = {name: 0.4 + 0.04 * i for i, name in enumerate([*CONTROLS, *MODELS])}
SUBJECTS = [f"P{i}" for i in range(1, 7)]
RUN = {"task": "self_report", "corpus": "kemocon", "test_corpus": "kemocon", "partition": "test"}


def scores_of(models=(*MODELS, *CONTROLS), seeds=(0, 1), subjects=SUBJECTS, protocols=tuple(PROTOCOLS)):
    rng = np.random.default_rng(7)
    rows = []
    for protocol in protocols:
        for model in models:
            for subject in subjects:
                for seed in seeds:
                    for target in ("arousal3", "valence3", "emotion6"):
                        for metric in ("accuracy", "macro_f1", "uar"):
                            value = LEVEL[model] - 0.05 * (protocol != "leave_one_subject_out") + rng.normal(0, 0.03)
                            row = {**RUN, "protocol": protocol, "model": model, "seed": seed, "target": target, "metric": metric}
                            rows.append({**row, "pooling": "subject", "subject": subject, "value": value, "n_examples": 50, "n_folds": 1})
    return pd.DataFrame(rows)[list(SCORES.columns)]


def one_cell(values, model="speech_only", protocol="leave_one_subject_out"):
    """Accuracy of arousal: values of shape (subject, seed)."""
    frame = scores_of([model], range(np.shape(values)[1]), [f"P{i}" for i in range(len(values))], [protocol])
    frame = frame[(frame["target"] == "arousal3") & (frame["metric"] == "accuracy")]
    return frame.assign(value=[values[int(s[1:])][k] for s, k in zip(frame["subject"], frame["seed"], strict=True)])


@pytest.fixture(scope="module")
def claims():
    return recompute_paper_fusion_tests(PAPER_VALUES, 0.05, 28)


@pytest.fixture(scope="module")
def frames(claims):
    scores = scores_of()
    epochs = {"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.5], "dev_score": [-3.0, -2.0, -2.5], "selected": [0, 1, 0]}
    run = {"task": "self_report", "corpus": "kemocon", "fold": "P1", "seed": 0, "model": "speech_only", "protocol": "leave_one_subject_out"}
    signals = ("speech", "acc", "bvp", "eda", "temp")
    weights = [
        {"model": f"weighted_{w}_fusion_training", "protocol": p, "fold": fold, "signal": s, "weight": 1 + 0.1 * i + 0.01 * len(fold)}
        for w, p, folds in (("with", "pretraining", ["all"]), ("without", "leave_one_subject_out", SUBJECTS))
        for fold in folds
        for i, s in enumerate(signals)
    ]
    maps = [
        {"model": "attention_with_fusion_training", "signal": s, "query": q, "key": k, "weight": 0.25}
        for s in signals
        for q in range(4)
        for k in range(4)
    ]
    counts = {
        "corpus": "kemocon",
        "signal": ["eda", "bvp"],
        "windows": [200, 0],
        "constant": [50, 0],
        "incomplete": [1, 0],
        "absent": [3, 203],
    }
    return {
        "scores": scores,
        "comparisons": compare_subjects(scores, pairs()),
        "claims": claims,
        "paper_values": PAPER_VALUES,
        "window_counts": pd.DataFrame(counts)[list(WINDOW_COUNTS.columns)],
        "history": pd.DataFrame({**run, **epochs})[list(HISTORY.columns)],
        "pretraining": pd.concat([pd.DataFrame({"network": n, **epochs}) for n in ("speech", "unweighted")], ignore_index=True),
        "fusion_weights": pd.DataFrame(weights),
        "attention": pd.DataFrame(maps),
    }


@pytest.fixture(scope="module")
def report(tmp_path_factory, frames):
    folder = tmp_path_factory.mktemp("wearable")
    return folder, wearable_section.write(folder, setting=SETTING, **frames)


def table(scores, claims, protocol="leave_one_subject_out", comparisons=None):
    subjects = wearable_tables.subject_scores(scores, "kemocon")
    tests = COMPARISONS.empty() if comparisons is None else comparisons
    return wearable_tables.table1(protocol, subjects, tests, PAPER_VALUES, claims, SETTING)


def cell(frame, model, target="arousal3", metric="accuracy"):
    return frame[(frame["model"] == model) & (frame["target"] == target) & (frame["metric"] == metric)].iloc[0]


def test_the_planted_frames_are_the_projects_tables(frames):
    check(frames["scores"], SCORES, "test")
    check(frames["comparisons"], COMPARISONS, "test")


def test_a_cell_is_the_mean_and_standard_error_of_the_subjects_means_over_seeds(claims):
    found = cell(table(one_cell([[0.2, 0.4], [0.5, 0.7], [0.9, 0.9]]), claims), "speech_only")
    assert found["mean"] == pytest.approx(0.6)  # of 0.3, 0.6, 0.9
    assert found["se"] == pytest.approx(stats.sem([0.3, 0.6, 0.9])) and found["n"] == 3


def test_the_printed_numbers_stand_beside_ours(claims):
    frame = table(one_cell([[0.5]]), claims)
    best = cell(frame, "attention_with_fusion_training", "valence3", "macro_f1")
    assert (best["paper_mean"], best["paper_se"]) == (0.8305, 0.0153)
    sigrep = cell(frame, "wearable_only")
    assert sigrep["paper_mean"] == 0.6493 and np.isnan(sigrep["paper_se"])
    assert frame["paper_mean"].notna().sum() == 48  # 8 rows of 6 columns, as printed
    assert table(one_cell([[0.5]]), claims, "leave_one_session_out")["paper_mean"].isna().all()


def test_rows_are_in_the_papers_order_with_the_controls_below(claims):
    frame = table(scores_of(), claims)
    assert list(dict.fromkeys(frame["model"])) == [*MODELS, *CONTROLS]
    assert list(dict.fromkeys(frame["model"]))[:3] == ["speech_only", "wearable_only", "unweighted_without_fusion_training"]


def test_seven_of_the_nine_pairs_are_claimed_by_the_paper(claims):
    frame = table(scores_of(), claims)
    claimed = frame[frame["paper_mark"] == "∗"]
    assert len(claimed[["model", "target"]].drop_duplicates()) == 7
    assert not len(claimed[(claimed["model"] == "unweighted_with_fusion_training") & (claimed["target"] == "valence3")])
    assert not len(claimed[(claimed["model"] == "weighted_with_fusion_training") & (claimed["target"] == "emotion6")])


def test_a_mark_bears_the_direction_of_the_paired_test(claims):
    model, twin = TWINS[0]
    better, worse = np.linspace(0.5, 0.7, 6)[:, None], np.linspace(0.4, 0.59, 6)[:, None]
    for first, second, mark in ((better, worse, "∗↑"), (worse, better, "∗↓"), (better, better, "")):
        scores = pd.concat([one_cell(first.tolist(), model), one_cell(second.tolist(), twin)])
        assert cell(table(scores, claims, comparisons=compare_subjects(scores, pairs())), model)["mark"] == mark


def test_a_missing_cell_is_not_run_and_an_undefined_score_is_never_averaged_away(claims):
    values = [[0.5, 0.5], [np.nan, 0.7], [0.6, 0.6]]
    text = wearable_tables.table1_markdown(table(one_cell(values), claims), "Title.", SETTING)
    rows = {line.split("|")[1].strip(): [c.strip() for c in line.split("|")[3:9]] for line in text.splitlines() if "| ours" in line}
    assert rows["speech only"] == ["undefined", *["not run"] * 5]
    assert rows["majority class (control, ours)"] == ["not run"] * 6


def test_a_single_subject_is_shown_without_a_standard_error(claims):
    frame = table(one_cell([[0.5]]), claims)
    assert "| 0.5000 |" in " ".join(wearable_tables.table1_markdown(frame, "Title.", SETTING).split())
    assert np.isnan(cell(frame, "speech_only")["se"])


def test_seeds_and_cross_corpus_and_dev_scores_do_not_enter(claims):
    good = one_cell([[0.5], [0.7]])
    others = [
        good.assign(pooling="pooled", subject="all"),
        good.assign(partition="dev"),
        good.assign(test_corpus="verbio"),
        good.assign(task="avd"),
    ]
    frame = table(pd.concat([good, *(o.assign(value=0.0) for o in others)]), claims)
    assert cell(frame, "speech_only")["mean"] == pytest.approx(0.6)


def test_the_difference_of_the_protocols_is_paired_over_the_subjects_that_both_have():
    out, session = [[0.8], [0.7], [0.9], [0.1]], [[0.6], [0.6], [0.6]]
    scores = pd.concat([one_cell(out), one_cell(session, protocol="leave_one_session_out")])
    found = wearable_tables.differences(wearable_tables.subject_scores(scores, "kemocon")).iloc[0]
    assert found["n"] == 3 and found["mean"] == pytest.approx(0.2)
    assert found["se"] == pytest.approx(stats.sem([0.2, 0.1, 0.3]))
    assert found["p_paired"] == pytest.approx(stats.ttest_rel([0.8, 0.7, 0.9], [0.6, 0.6, 0.6]).pvalue)
    assert found["subject_out"] - found["session_out"] == pytest.approx(found["mean"])


@pytest.mark.parametrize(
    ("session", "n", "mean"),
    [([[0.6], [0.5]], 2, 0.2), ([[0.6]], 1, 0.2), ([[np.nan], [0.5]], 2, np.nan)],
    ids=["equal", "single", "undefined"],
)
def test_a_difference_that_cannot_be_tested_has_no_p(session, n, mean):
    scores = pd.concat([one_cell([[0.8], [0.7]]), one_cell(session, protocol="leave_one_session_out")])
    frame = wearable_tables.differences(wearable_tables.subject_scores(scores, "kemocon"))
    assert frame["n"].item() == n and frame["mean"].item() == pytest.approx(mean, nan_ok=True) and np.isnan(frame["p_paired"].item())
    text = wearable_tables.differences_markdown(frame, SETTING)
    assert ("+0.2000" in text) != np.isnan(mean) and ("undefined" in text) == np.isnan(mean)


def test_one_protocol_alone_has_no_difference():
    frame = wearable_tables.differences(wearable_tables.subject_scores(one_cell([[0.8], [0.7]]), "kemocon"))
    assert frame.empty and "Not run" in wearable_tables.differences_markdown(frame, SETTING)


def test_the_nine_pairs_are_listed_in_order_and_counted(frames):
    text = wearable_tests.short_markdown(frames["comparisons"], TWINS, "Nine.", SETTING, counted=True)
    lines = [line.split("|") for line in text.splitlines() if line.startswith("| leave")]
    assert [line[2].strip() for line in lines] == [model_name(m) for m, _ in TWINS] * 2
    chosen = frames["comparisons"].query("protocol == 'leave_one_subject_out' and metric == 'accuracy'")
    chosen = chosen[[pair in TWINS for pair in zip(chosen["model"], chosen["reference"], strict=True)]]
    better = int(((chosen["p_paired"] < 0.05) & (chosen["mean"] > chosen["reference_mean"])).sum())
    assert len(chosen) == 9 and f"* leave-one-subject-out, accuracy: better in {better} of 9 pairs by the paired test" in text
    first = chosen[(chosen["model"] == TWINS[0][0]) & (chosen["target"] == "arousal3")].iloc[0]
    assert lines[0][4].strip().startswith(f"{first['mean'] - first['reference_mean']:+.4f} (")


def test_a_pair_that_is_worse_is_counted_as_such():
    model, twin = TWINS[0]
    better, worse = np.linspace(0.5, 0.7, 6)[:, None].tolist(), np.linspace(0.4, 0.59, 6)[:, None].tolist()
    tests = compare_subjects(pd.concat([one_cell(worse, model), one_cell(better, twin)]), TWINS)
    text = wearable_tests.short_markdown(tests, TWINS, "Nine.", SETTING, counted=True)
    assert (
        "leave-one-subject-out, accuracy: better in 0 of 9 pairs by the paired test, in 0 by the independent one; worse in 1 (paired)"
        in text
    )
    assert "leave-one-subject-out, F1: better in 0 of 9" in text


def test_a_pair_that_was_not_run_or_is_undefined_is_told(frames):
    tests = frames["comparisons"].query("model != 'weighted_with_fusion_training'")
    tests.loc[
        (tests["model"] == TWINS[0][0]) & (tests["target"] == "valence3"), ["mean", "p", "p_paired", "p_welch", "t_paired", "hedges_g"]
    ] = np.nan
    for text in (
        wearable_tests.short_markdown(tests, TWINS, "Nine.", SETTING, False),
        wearable_tests.markdown(tests, TWINS, "Nine.", SETTING),
    ):
        lines = [line for line in text.splitlines() if line.startswith("| leave")]
        assert any("| weighted w/ fusion" in line and "not run" in line for line in lines)
        assert any("unweighted w/ fusion" in line and "undefined" in line for line in lines)


def test_the_full_list_has_a_row_for_every_test(frames):
    text = wearable_tests.markdown(frames["comparisons"], pairs(), "All.", SETTING)
    assert sum(line.startswith("| leave") for line in text.splitlines()) == 2 * len(pairs()) * 3 * 2


def test_seed_comparisons_are_not_mixed_in(frames):
    assert "Not run." in wearable_tests.markdown(frames["comparisons"].assign(unit="seed"), TWINS, "Nine.", SETTING)


def test_every_pair_has_two_known_models_and_occurs_once():
    known = {*MODELS, *CONTROLS}
    assert all(model in known and reference in known and model != reference for model, reference in pairs())
    assert len(set(pairs())) == len(pairs()) == 3 + 12 + 24


def test_the_recomputation_says_what_follows_from_the_printed_numbers(claims):
    text = wearable_tests.what_follows(claims, 0.05)
    # independent witness: SciPy on the printed means and errors, for the seven pairs that the text names
    counts = []
    for metric in ("accuracy", "macro_f1"):
        printed = PAPER_VALUES[(PAPER_VALUES["paper"] == "B") & (PAPER_VALUES["metric"] == metric)].set_index(["model", "target"])
        p = {
            (m, t): stats.ttest_ind_from_stats(
                *printed.loc[(m, t), ["mean", "spread"]] * [1, 28**0.5], 28, *printed.loc[(r, t), ["mean", "spread"]] * [1, 28**0.5], 28
            ).pvalue
            for m, r in TWINS
            for t in ("arousal3", "valence3", "emotion6")
        }
        counts.append(sum(value < 0.05 for value in p.values()))
    assert counts == [4, 5]
    assert "in 7 of 9 pairs" in text
    assert "4 of 9 pairs on accuracy (4 of the 7 that the paper names)" in text and "5 of 9 pairs on F1 (5 of the 7" in text
    assert "does not follow" in text and "cannot be tested" in text


def test_a_claim_without_printed_errors_is_a_dash(claims):
    text = wearable_tests.claims_markdown(claims, "unimodal")
    line = next(x for x in text.splitlines() if "| wearable only" in x)
    assert [c.strip() for c in line.split("|")[7:12]] == ["–", "–", "yes", "–", "–"]


def test_claims_without_printed_numbers_are_told(claims):
    assert "No printed numbers" in wearable_tests.what_follows(claims.iloc[:0], 0.05)


def test_the_metrics_nest_by_names_that_do_not_change(frames):
    tree = wearable_section.metrics(frames["scores"], frames["comparisons"], SETTING)
    leaf = tree["self_report"]["kemocon"]["leave_one_subject_out"]["valence3"]["weighted_with_fusion_training"]
    own = frames["scores"].query(
        "model == 'weighted_with_fusion_training' and target == 'valence3' and protocol == 'leave_one_subject_out'"
    )
    assert leaf["macro_f1"] == pytest.approx(own[own["metric"] == "macro_f1"].groupby("subject")["value"].mean().mean(), abs=1e-5)
    twin = frames["scores"].query(
        "model == 'weighted_without_fusion_training' and target == 'valence3' and protocol == 'leave_one_subject_out'"
    )
    sides = [f[f["metric"] == "accuracy"].groupby("subject")["value"].mean() for f in (own, twin)]
    assert leaf["p_paired"]["accuracy"] == pytest.approx(stats.ttest_rel(*sides).pvalue, abs=1e-5)
    assert leaf["n"] == 6 and "p_paired" not in tree["self_report"]["kemocon"]["leave_one_subject_out"]["valence3"]["speech_only"]
    assert json.loads(json.dumps(tree)) == tree


def test_an_undefined_metric_is_null():
    tree = wearable_section.metrics(one_cell([[np.nan], [0.5]]), COMPARISONS.empty(), SETTING)
    assert tree["self_report"]["kemocon"]["leave_one_subject_out"]["arousal3"]["speech_only"] == {"accuracy": None, "n": 2}


def test_the_section_shows_the_tables_and_every_link_leads_to_a_file(report):
    folder, text = report
    for name in ("table1", "session_out", "difference", "windows"):
        assert (folder / f"tables/wearable_{name}.md").read_text(encoding="utf-8").strip() in text
        assert (folder / f"tables/wearable_{name}.csv").is_file()
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    assert len(links) >= 8 and all((folder / link).is_file() for link in links)
    assert "* Ties are neutral.\n* Masks are drawn." in text
    assert "* leave-one-subject-out: 11 models, 6 subjects, 2 seed(s), 300 test windows" in text
    assert "| kemocon | eda | 200 | 50 (25.0 %) | 1 (0.5 %) | 3 |" in " ".join(text.split())


def test_a_second_report_has_the_same_bytes(tmp_path, report, frames):
    folder, text = report
    shuffled = {n: f.sample(frac=1, random_state=0) if n in ("scores", "fusion_weights", "attention") else f for n, f in frames.items()}
    assert wearable_section.write(tmp_path, setting=SETTING, **shuffled) == text
    for path in folder.rglob("*.*"):
        if path.suffix != ".csv":  # rows of a frame keep their order
            assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def test_a_study_of_nothing_still_makes_a_section(tmp_path, frames):
    empty = {name: frame.iloc[:0] for name, frame in frames.items() if name not in ("paper_values", "claims")}
    text = wearable_section.write(tmp_path, setting=SETTING, **{**frames, **empty})
    assert "Nothing." in text and "not run" in text and "None: nothing that a figure shows" in text


def test_a_frame_that_lacks_a_column_is_one_clear_line(tmp_path, frames):
    with pytest.raises(InputError) as error:
        wearable_section.write(tmp_path, setting=SETTING, **{**frames, "fusion_weights": frames["fusion_weights"].drop(columns="signal")})
    assert str(error.value).startswith("fusion_weights: ") and "signal" in str(error.value) and "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
