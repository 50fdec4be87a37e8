import hashlib

import numpy as np
import pandas as pd
import pytest

from emofuse.reporting import figure_data, figures
from emofuse.scores import best_on_dev

RUN = {"corpus": "msp_podcast", "protocol": "official", "fold": "official", "seed": 0, "partition": "test", "test_corpus": "msp_podcast"}
BEST = pd.DataFrame(
    {"task": ["emotion4", "avd"] * 2, "corpus": "msp_podcast", "protocol": "official", "model": ["cnn14"] * 2 + ["mfcnn14"] * 2, "seed": 0}
)


def posteriors(model, truth, predicted, seed=0):
    n = len(truth)
    frame = pd.DataFrame(
        {**RUN, "task": "emotion4", "model": model, "seed": seed, "example_id": np.repeat([f"msp_podcast:{i}" for i in range(n)], 4)}
    )
    return frame.assign(
        target=["emotion/angry", "emotion/happy", "emotion/neutral", "emotion/sad"] * n,
        truth=np.eye(4)[truth].ravel(),
        prediction=np.eye(4)[predicted].ravel(),
    )


def confusion_of(setting):
    frame = pd.concat(
        [posteriors("cnn14", [0, 0, 0, 1, 2, 3], [0, 1, 1, 1, 2, 3]), posteriors("mfcnn14", [0, 0, 0, 1, 2, 3], [0, 0, 1, 1, 2, 2])]
    )
    frame = pd.concat([frame, posteriors("cnn14", [0] * 6, [3] * 6, seed=1)])  # not the best on dev
    return figure_data.confusion(figure_data.decisions(frame, BEST, "msp_podcast"), setting)


def cell(table, model, actual, predicted):
    return table[(table["model"] == model) & (table["actual"] == actual) & (table["predicted"] == predicted)].iloc[0]


def test_confusion_counts_shares_and_changes_are_those_planted(setting):
    table = confusion_of(setting)
    assert cell(table, "cnn14", "angry", "happy")["count"] == 2
    assert cell(table, "cnn14", "angry", "happy")["share"] == pytest.approx(2 / 3)
    assert cell(table, "mfcnn14", "angry", "happy")["change_percent"] == -50
    assert cell(table, "mfcnn14", "angry", "angry")["change_percent"] == 100
    assert np.isnan(cell(table, "mfcnn14", "sad", "neutral")["change_percent"])  # none of the baseline's
    assert table[table["model"] == "cnn14"]["change_percent"].isna().all()
    assert table.groupby("model")["count"].sum().to_dict() == {"cnn14": 6, "mfcnn14": 6}


def test_a_null_posterior_is_counted_as_undefined(setting):
    frame = posteriors("cnn14", [0, 1, 2, 3], [0, 1, 2, 3])
    frame.loc[5, "prediction"] = np.nan
    table = figure_data.confusion(figure_data.decisions(frame, BEST, "msp_podcast"), setting)
    assert cell(table, "cnn14", "happy", "undefined")["count"] == 1
    figures.confusion(table, "msp_podcast", ["cnn14"])


def test_the_drawn_matrix_bears_the_counts_and_changes(setting):
    figure = figures.confusion(confusion_of(setting), "msp_podcast", ["cnn14", "mfcnn14"])
    first, second = ([text.get_text() for text in axis.texts] for axis in figure.axes)
    assert first[:4] == ["1", "2", "0", "0"]
    assert second[:4] == ["2\n(+100 %)", "1\n(-50 %)", "0", "0"]
    assert [axis.get_title() for axis in figure.axes] == ["CNN14 (seed 0)", "MFCNN14 (seed 0)"]


def dimensions(model, slope):
    truth = np.array([1.0, 2.0, 4.0, 7.0])
    frames = [
        pd.DataFrame(
            {**RUN, "task": "avd", "model": model, "example_id": [f"msp_podcast:{i}" for i in range(4)], "target": target, "truth": truth}
        )
        for target in ("arousal", "valence", "dominance")
    ]
    return pd.concat(frames).assign(prediction=lambda frame: 4 + (1 - slope) * (frame["truth"] - 4))


def test_a_prediction_that_shrinks_to_the_middle_has_the_planted_residual_line():
    lines = figure_data.residual_lines(dimensions("cnn14", slope=0.75), BEST, "msp_podcast")
    assert lines["slope"].tolist() == pytest.approx([0.75] * 3)
    assert lines["intercept"].tolist() == pytest.approx([-3] * 3)  # truth - prediction = 0.75 (truth - 4)
    assert set(lines["truth_min"]) == {1} and set(lines["truth_max"]) == {7}


def test_residual_lines_are_least_squares(frames):
    best = best_on_dev(frames["scores"])
    line = figure_data.residual_lines(frames["predictions"], best, "iemocap").query("model == 'bert' and target == 'valence'").iloc[0]
    rows = figure_data.best_runs(frames["predictions"], best, "avd", "iemocap").query("model == 'bert' and target == 'valence'")
    assert (line["slope"], line["intercept"]) == pytest.approx(tuple(np.polyfit(rows["truth"], rows["truth"] - rows["prediction"], 1)))
    assert line["n"] == 80  # both folds of one seed


def test_the_drawn_line_ends_at_the_ends_of_the_truth():
    lines = figure_data.residual_lines(dimensions("cnn14", slope=0.75), BEST, "msp_podcast")
    axes = figures.residuals(lines, "msp_podcast", ["cnn14"]).axes
    assert [axis.get_title() for axis in axes] == ["arousal", "valence", "dominance"]
    drawn = next(line for line in axes[1].lines if line.get_label() == "CNN14")
    assert drawn.get_xdata().tolist() == [1, 7] and drawn.get_ydata().tolist() == pytest.approx([-2.25, 2.25])


def test_a_residual_line_through_a_null_prediction_is_null_and_draws():
    broken = dimensions("cnn14", 0.5).assign(prediction=np.nan)
    lines = figure_data.residual_lines(broken, BEST, "msp_podcast")
    assert lines["slope"].isna().all()
    figures.residuals(lines, "msp_podcast", ["cnn14"])


def test_training_curves_show_every_run_and_mark_the_epoch_kept(frames):
    history = frames["history"].query("task == 'avd' and corpus == 'iemocap'")
    figure = figures.training(history, "avd", ["bert", "cnn14"])
    below = figure.axes[2]
    curves = [line for line in below.lines if len(line.get_xdata()) == 3]
    rings = [line for line in below.lines if len(line.get_xdata()) == 1]
    assert len(curves) == len(rings) == 6  # two folds of three seeds
    assert {ring.get_xdata()[0] for ring in rings} == {3}


def test_runs_of_two_protocols_are_two_curves(frames):
    history = frames["history"].query("task == 'avd' and corpus == 'msp_podcast' and model == 'bert' and seed == 0")
    both = pd.concat([history, history.assign(protocol="speaker_folds")])
    above = figures.training(both, "avd", ["bert"]).axes[0]
    assert [len(line.get_xdata()) for line in above.lines if len(line.get_xdata()) > 1] == [3, 3]


def test_equal_figures_give_equal_bytes(tmp_path, setting):
    digests = []
    for name in ("a", "b"):
        figures.save(figures.confusion(confusion_of(setting), "msp_podcast", ["cnn14", "mfcnn14"]), tmp_path / name / "figure")
        digests.append([hashlib.sha256((tmp_path / name / f"figure.{suffix}").read_bytes()).hexdigest() for suffix in ("svg", "png")])
    assert digests[0] == digests[1]
    assert "date" not in (tmp_path / "a" / "figure.svg").read_text(encoding="utf-8").lower()
