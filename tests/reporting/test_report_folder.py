import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from emofuse.reporting import figures, metrics_file, numbers, summary
from emofuse.tables import COMPARISONS, HISTORY, PREDICTIONS, SCORES


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def report(tmp_path_factory, write_report, frames):
    folder = tmp_path_factory.mktemp("reports")
    write_report(folder, frames)
    return folder


def test_every_link_of_the_index_leads_to_a_file(report):
    text = (report / "index.md").read_text(encoding="utf-8")
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    assert len(links) >= 12
    assert all((report / link).is_file() for link in links if not link.startswith("#"))
    titles = {line.lstrip("# ").lower().replace(",", "").replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    assert {link[1:] for link in links if link.startswith("#")} <= titles


def test_the_index_shows_the_tables_the_caption_and_the_deviations(report):
    text = (report / "index.md").read_text(encoding="utf-8")
    for number in (1, 2, 3, 4):
        assert (report / f"tables/table{number}.md").read_text(encoding="utf-8").strip() in text
    assert "* Gradients are clipped.\n* Labels are centred." in text
    assert "Sizes are not the paper's: a test." in text and "Paper B is a test too." in text and "* Seeds are few." in text
    assert "`emotion4` on MSP-Podcast: BERT, CNN14, LF, MFCNN14, SFCNN14; 1 fold, 3 seeds, 40 test examples" in text


def test_a_second_report_has_the_same_bytes_and_leaves_other_files_alone(tmp_path, report, write_report, frames):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "stale.md").write_text("from another study")
    (tmp_path / "README.md").write_text("mine")
    write_report(tmp_path, frames)
    assert contents(tmp_path) == contents(report) | {"README.md": b"mine"}


def test_an_error_on_the_way_leaves_the_old_report_as_it_was(tmp_path, write_report, frames, monkeypatch):
    (tmp_path / "index.md").write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(figures, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_report(tmp_path, frames)
    assert contents(tmp_path) == {"index.md": b"old"}


def test_a_study_of_nothing_still_makes_a_report(tmp_path, write_report, frames):
    empty = {"scores": SCORES.empty(), "comparisons": COMPARISONS.empty(), "predictions": PREDICTIONS.empty(), "history": HISTORY.empty()}
    write_report(tmp_path, frames | empty)
    assert json.loads((tmp_path / "metrics.json").read_text()) == {}
    assert pd.read_csv(tmp_path / "plots/confusion.csv").columns.tolist() == ["actual", "predicted"]
    assert "None: no run that a figure of the paper shows" in (tmp_path / "index.md").read_text(encoding="utf-8")


def test_one_other_corpus_without_the_model_under_study_is_reported(tmp_path, write_report, make_frames):
    frames = make_frames(["ravdess"], tasks=("emotion4",), models=("bert", "cnn14"), seeds=(0,))
    write_report(tmp_path, frames)
    text = (tmp_path / "index.md").read_text(encoding="utf-8")
    assert "| emotion4 | RAVDESS" in text and "figures/confusion_ravdess.svg" in text
    assert "not run" in text


def test_the_plots_of_dvc_are_of_the_model_under_study(report, frames, setting):
    confusion = pd.read_csv(report / "plots/confusion.csv")
    assert len(confusion) == 40 and set(confusion["actual"]) <= {"angry", "happy", "neutral", "sad"}
    training = pd.read_csv(report / "plots/training.csv")
    assert training.columns.tolist() == ["epoch", "loss", "dev_score"]
    assert training["dev_score"].tolist() == pytest.approx([0.11, 0.21, 0.31])  # 0.1 an epoch, plus the mean of 0, 0.01 and 0.02


def test_metrics_are_nested_by_names_and_rounded(frames, setting):
    tree = metrics_file.metrics(frames["scores"], frames["comparisons"], setting)
    leaf = tree["emotion4"]["iemocap"]["msp_podcast"]["emotion"]["mfcnn14"]
    rows = frames["scores"].query(
        "task == 'emotion4' and corpus == 'iemocap' and test_corpus == 'msp_podcast' and model == 'mfcnn14' and pooling == 'folds'"
    )
    tests = frames["comparisons"].query(
        "task == 'emotion4' and corpus == 'iemocap' and test_corpus == 'msp_podcast' and model == 'mfcnn14'"
    )
    p = tests.query("reference == 'cnn14'")["p"].iloc[0]
    assert leaf == {"uar": round(rows["value"].mean(), 5), "sd": round(rows["value"].std(), 5), "n": 3, "p_vs_audio": round(p, 5)}
    assert set(tree["avd"]["iemocap"]["iemocap"]["valence"]["bert"]) == {"ccc", "sd", "n"}
    assert set(tree["avd"]["iemocap"]["msp_podcast"]["valence"]["late_fusion"]) == {"pcc", "n"}


def test_metrics_keep_their_keys_when_a_score_is_undefined_or_another_model_is_studied(frames, setting):
    scores = frames["scores"].assign(value=lambda s: s["value"].where(s["model"] != "cnn14"))
    tree = metrics_file.metrics(scores, frames["comparisons"], replace(setting, model="sfcnn14", single_stage="mfcnn14"))
    leaf = tree["avd"]["msp_podcast"]["msp_podcast"]["arousal"]["cnn14"]
    assert leaf == {"ccc": None, "sd": None, "n": 3}
    assert "NaN" not in json.dumps(tree)
    assert "p_vs_audio" in tree["avd"]["msp_podcast"]["msp_podcast"]["arousal"]["sfcnn14"]


def test_all_t_tests_are_listed_with_t_df_p_g_and_n(frames, setting):
    text = summary.comparisons_markdown(frames["comparisons"], setting)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) - 2 == len(frames["comparisons"])
    assert rows[0].replace(" ", "").endswith("|t|df|p|pWelch|g|n|")


def test_an_undefined_t_test_is_a_dash(frames, setting):
    undefined = frames["comparisons"].head(1).assign(t=np.nan, df=np.nan, p=np.nan, p_welch=np.nan, hedges_g=np.nan)
    row = summary.comparisons_markdown(undefined, setting).splitlines()[4]
    assert [c.strip() for c in row.strip("| ").split("|")][-6:-1] == ["–"] * 5


def test_scores_of_several_folds_are_shown_pooled_and_averaged(frames, setting):
    text = summary.scores_markdown(frames["scores"], setting)
    kinds = [line.split("|")[5].strip() for line in text.splitlines() if line.startswith("| emotion4 | IEMOCAP  ")]
    assert kinds == ["folds", "pooled"]


def test_the_papers_marks_that_do_not_follow_are_told(frames):
    text = summary.paper_marks_markdown(frames["paper_marks"], 0.05)
    assert "49 of 52 marks follow" in text and "50 are possible" in text
    verdicts = [line.split("|")[-2].strip() for line in text.splitlines() if line.startswith("| ")][2:]
    assert verdicts.count("no") == 2 and verdicts.count("within rounding") == 1


def paper_b(frames):
    """Scores of another paper's task, pooled and of one subject, and their comparison."""
    rows = frames["scores"].query("task == 'emotion4' and corpus == test_corpus == 'iemocap' and partition == 'test' and seed >= 0")
    other = rows.assign(task="self_report", corpus="kemocon", test_corpus="kemocon", target="arousal3")
    subject = other[other["pooling"] == "pooled"].assign(pooling="subject", subject="P1")
    tests = frames["comparisons"].query("task == 'emotion4' and corpus == test_corpus == 'iemocap'")
    return pd.concat([other, subject]), tests.assign(task="self_report", corpus="kemocon", test_corpus="kemocon", unit="subject")


def test_another_papers_scores_are_not_in_paper_as_tables_and_no_subject_is_in_any(frames, setting):
    more_scores, more_tests = paper_b(frames)
    scores, tests = pd.concat([frames["scores"], more_scores]), pd.concat([frames["comparisons"], more_tests])
    assert summary.scores_markdown(scores, setting) == summary.scores_markdown(frames["scores"], setting)
    assert summary.comparisons_markdown(tests, setting) == summary.comparisons_markdown(frames["comparisons"], setting)
    assert metrics_file.metrics(scores, tests, setting) == metrics_file.metrics(frames["scores"], frames["comparisons"], setting)
    every = summary.all_scores(scores)
    assert "self_report" in set(every["task"]) and set(every["pooling"]) == {"pooled", "folds"}


def test_the_protocol_is_told_where_a_corpus_has_several(frames, setting):
    scores = frames["scores"].query("corpus == 'iemocap'")
    other = scores.assign(protocol="speaker_folds", value=0.5)
    both = pd.concat([frames["scores"], other])
    routes = {line.split("|")[2].strip() for line in summary.scores_markdown(both, setting).splitlines() if line.startswith("| emotion4 |")}
    assert "MSP-Podcast" in routes and "IEMOCAP" not in routes
    assert {"IEMOCAP (leave one speaker out)", "IEMOCAP (speaker folds)", "IEMOCAP → MSP-Podcast (speaker folds)"} <= routes
    apart = summary.all_scores(both, "test").query("protocol == 'speaker_folds' and model == 'bert'")
    assert set(apart["mean"]) == {0.5} and set(apart["n"]) == {3}


@pytest.mark.parametrize(("metric", "text"), [("accuracy", "0.8152 (0.0236)"), ("macro_f1", "0.8152 (0.0236)"), ("uar", "81.5 (2.4)")])
def test_shares_are_written_as_each_paper_prints_them(metric, text):
    assert numbers.score(metric, 0.8152, 0.0236) == text
