import numpy as np
import pandas as pd
import pytest

from emofuse.reporting.paper_tables import TITLES, markdown, paper_table
from emofuse.tables import COMPARISONS, SCORES

EMPTY = (SCORES.empty(), COMPARISONS.empty())


def table(number, frames, setting):
    return paper_table(number, frames["paper_values"], frames["scores"], frames["comparisons"], setting)


def cell(frame, **where):
    row = frame[(frame[list(where)] == pd.Series(where)).all(axis=1)]
    assert len(row) == 1
    return row.iloc[0]


def grid_of(text):
    return [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_rows_and_columns_are_in_the_papers_order(paper_values, setting):
    rows = grid_of(markdown(paper_table(1, paper_values, *EMPTY, setting), setting))
    assert [r[0] for r in rows[2::2]] == ["BERT", "CNN14", "SFCNN14", "MFCNN14"]
    assert rows[0][2:] == [
        "MSP-Podcast → MSP-Podcast UAR %",
        "MSP-Podcast → IEMOCAP UAR %",
        "IEMOCAP → IEMOCAP UAR %",
        "IEMOCAP → MSP-Podcast UAR %",
    ]
    fourth = paper_table(4, paper_values, *EMPTY, setting)
    assert list(fourth["model"].unique()) == ["bert", "cnn14", "late_fusion", "sfcnn14", "mfcnn14"]


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (1, "54.2 (0.8)∗† 46.4 (2.0)∗ 72.6 (0.7)∗† 35.6 (2.1)∗†"),
        (2, ".627 (.010) .407 (.009)∗ .539 (.011)∗ .558 (.015)∗ .381 (.017)∗ .470 (.017)"),
        (3, ".678 (.005)∗† .521 (.004)∗† .604 (.001)∗†"),
        (4, ".670 0.514 .515 0.832 .603 0.381"),
    ],
)
def test_the_papers_row_of_mfcnn14_reads_as_printed(number, printed, paper_values, setting):
    rows = grid_of(markdown(paper_table(number, paper_values, *EMPTY, setting), setting))
    at = next(i for i, row in enumerate(rows) if row[0] == "MFCNN14")
    assert rows[at + 1][1] == "paper" and " ".join(rows[at + 1][2:]) == printed


@pytest.mark.parametrize("number", TITLES)
def test_what_was_not_run_says_so_and_nothing_fails(number, paper_values, setting):
    text = markdown(paper_table(number, paper_values, *EMPTY, setting), setting)
    ours = [row for row in grid_of(text) if row[1] == "ours"]
    assert ours and all(c == "not run" for row in ours for c in row[2:])


@pytest.mark.parametrize("number", TITLES)
def test_every_caption_says_that_sizes_are_not_the_papers(number, frames, setting):
    assert "Sizes are not the paper's" in markdown(table(number, frames, setting), setting)


def test_ours_is_the_mean_and_deviation_of_the_pooled_scores_of_the_seeds(frames, setting):
    scores = frames["scores"]
    where = "model == 'cnn14' and corpus == test_corpus == 'iemocap' and partition == 'test' and pooling == 'pooled' and metric == 'uar'"
    seeds = scores.query(where)["value"]
    ours = cell(table(1, frames, setting), model="cnn14", train="iemocap", test="iemocap")
    assert (ours["mean"], ours["sd"], ours["n"]) == pytest.approx((seeds.mean(), seeds.std(ddof=1), 3))


def test_table_4_shows_the_run_that_is_best_on_dev(frames, setting):
    scores = frames["scores"].query(
        "task == 'avd' and corpus == test_corpus == 'msp_podcast' and model == 'sfcnn14' and pooling == 'pooled'"
    )
    best = scores.query("partition == 'dev' and metric == 'ccc'").groupby("seed")["value"].mean().idxmax()
    expected = scores.query(f"partition == 'test' and metric == 'mse' and target == 'valence' and seed == {best}")["value"].iloc[0]
    ours = cell(table(4, frames, setting), model="sfcnn14", target="valence", metric="mse")
    assert ours["mean"] == expected and ours["n"] == 1
    assert cell(table(4, frames, setting), model="late_fusion", target="valence", metric="mse")["ran"]


def comparison(reference, p, mean=0.5, reference_mean=0.4):
    column = {
        "task": "emotion4",
        "corpus": "iemocap",
        "protocol": "leave_one_speaker_out",
        "test_corpus": "iemocap",
        "target": "emotion",
        "metric": "uar",
    }
    sides = {"mean": mean, "sd": 0.1, "n": 3, "reference_mean": reference_mean, "reference_sd": 0.1, "reference_n": 3}
    return {
        **column,
        "model": "mfcnn14",
        "reference": reference,
        **sides,
        "t": 1.0,
        "df": 4.0,
        "p": p,
        "p_welch": p,
        "hedges_g": 1.0,
        "unit": "seed",
    }


@pytest.mark.parametrize(
    ("tests", "marks"),
    [
        ([comparison("cnn14", 0.049), comparison("bert", 0.01, reference_mean=0.6)], "∗↑†↓"),
        ([comparison("cnn14", 0.05), comparison("bert", 0.01)], "†↑"),
        ([comparison("cnn14", np.nan), comparison("sfcnn14", 0.001)], ""),
    ],
)
def test_marks_name_the_baseline_and_the_direction(tests, marks, frames, setting):
    frame = paper_table(1, frames["paper_values"], frames["scores"], pd.DataFrame(tests, columns=list(COMPARISONS.columns)), setting)
    assert cell(frame, model="mfcnn14", train="iemocap", test="iemocap")["marks"] == marks


def test_an_undefined_score_reads_undefined(frames, setting):
    scores = frames["scores"].copy()
    scores.loc[(scores["model"] == "cnn14") & (scores["seed"] == 1), "value"] = np.nan
    rows = grid_of(markdown(paper_table(3, frames["paper_values"], scores, frames["comparisons"], setting), setting))
    assert [row[2:] for row in rows if row[0] == "CNN14"] == [["undefined"] * 3]


def test_a_model_that_the_paper_does_not_print_comes_last_without_printed_numbers(frames, setting):
    scores = frames["scores"].query("task == 'avd' and target == 'valence'").assign(task="valence")
    frame = paper_table(2, frames["paper_values"], scores, frames["comparisons"], setting)
    assert list(frame["model"].unique()) == ["cnn14", "sfcnn14", "mfcnn14", "bert"]
    assert frame[frame["model"] == "bert"]["paper_mean"].isna().all()
