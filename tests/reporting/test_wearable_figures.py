import numpy as np
import pandas as pd
import pytest

from emofuse.reporting import wearable_figures
from emofuse.reporting.wearable_setting import MODELS, TARGETS, TWINS

PROTOCOL = "leave_one_subject_out"
SIGNALS = ["speech", "acc", "bvp", "eda", "temp"]


def table(**changes):
    """Table 1 with mean 0.01 times the row's number; ``changes`` to the cell of arousal of the first twin."""
    rows = []
    for model in (*MODELS, "majority_class", "shuffled_labels"):
        for target in TARGETS:
            row = {
                "protocol": PROTOCOL,
                "model": model,
                "target": target,
                "metric": "macro_f1",
                "ran": True,
                "mean": 0.3 + 0.01 * len(rows),
            }
            printed = np.nan if "_" not in model or model.endswith(("class", "labels")) else 0.9
            rows.append({**row, "se": 0.02, "n": 2, "mark": "", "paper_mean": printed, "paper_se": 0.01, "paper_mark": ""})
    frame = pd.DataFrame(rows)
    for column, value in changes.items():
        frame.loc[(frame["model"] == TWINS[0][0]) & (frame["target"] == "arousal3"), column] = value
    return frame


def subjects(values=(0.2, 0.6)):
    rows = [
        {"protocol": PROTOCOL, "model": m, "target": t, "metric": "macro_f1", "subject": f"P{i}", "value": v}
        for m in MODELS
        for t in TARGETS
        for i, v in enumerate(values)
    ]
    return pd.DataFrame(rows)


def performance(frame, people=None):
    return wearable_figures.performance(subjects() if people is None else people, frame, PROTOCOL, "kemocon")


def heights(axis):
    return [patch.get_height() for container in axis.containers for patch in getattr(container, "patches", [])]


def of_label(axis, label):
    return [line for line in axis.lines if line.get_label() == label]


def test_the_bars_are_the_means_in_the_papers_panels():
    frame = table()
    figure = performance(frame)
    mean = frame.set_index(["model", "target"])["mean"]
    for axis, (model, twin) in zip(figure.axes, TWINS, strict=True):
        assert heights(axis) == pytest.approx([mean[m, t] for t in TARGETS for m in (twin, model)])
    assert [axis.get_title() for axis in figure.axes] == ["(a) unweighted fusion", "(b) weighted fusion", "(c) attention fusion"]


def test_error_bars_reach_one_standard_error():
    axis = performance(table(mean=0.5, se=0.07)).axes[0]
    bars = [c for c in axis.containers if hasattr(c, "patches")]
    ends = [segment for bar in bars for segment in bar.errorbar.lines[2][0].get_segments()]
    assert any(np.allclose(segment[:, 1], [0.43, 0.57]) for segment in ends)


def test_every_subject_is_a_dot_at_its_score_beside_others():
    axis = performance(table()).axes[0]
    dots = of_label(axis, "a subject")
    assert len(dots) == 6 and all(list(d.get_ydata()) == [0.2, 0.6] for d in dots)
    assert all(len(set(d.get_xdata())) == 2 for d in dots)


def test_the_printed_values_are_hollow_markers():
    axis = performance(table()).axes[2]
    markers = of_label(axis, "paper")
    assert len(markers) == 6
    assert all(m.get_markerfacecolor() == "none" and list(m.get_ydata()) == [0.9] for m in markers)


def test_the_controls_are_lines_and_are_in_the_legend():
    figure = performance(table())
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["without fusion training", "with fusion training", "a subject", "paper", "majority class", "shuffled labels"]


@pytest.mark.parametrize(("ran", "word"), [(False, "not run"), (True, "undefined")])
def test_a_bar_that_is_missing_says_why(ran, word):
    axis = performance(table(mean=np.nan, se=np.nan, ran=ran)).axes[0]
    assert [text.get_text() for text in axis.texts] == [word]
    assert len(heights(axis)) == 5


def test_a_single_subject_has_no_error_bar():
    axis = performance(table(se=np.nan), subjects([0.4])).axes[0]
    assert sum(c.errorbar is None for c in axis.containers if hasattr(c, "patches")) == 1


def test_with_and_without_differ_in_grey_too():
    axis = performance(table()).axes[0]
    without, trained = (c.patches[0] for c in [c for c in axis.containers if hasattr(c, "patches")][:2])
    grey = [float(np.dot(p.get_facecolor()[:3], [0.299, 0.587, 0.114])) for p in (without, trained)]
    assert abs(grey[0] - grey[1]) > 0.3 and without.get_hatch() and not trained.get_hatch()


def test_jitter_is_the_same_every_time_and_within_its_width():
    shifts = wearable_figures.jitter(50, 0.2)
    assert np.array_equal(shifts, wearable_figures.jitter(50, 0.2))
    assert np.abs(shifts).max() <= 0.1 and len(np.unique(shifts)) == 50


def weights():
    pretrained = [
        {"model": "weighted_with_fusion_training", "protocol": "pretraining", "fold": "all", "signal": s, "weight": 2.0} for s in SIGNALS
    ]
    folds = [
        {"model": "weighted_without_fusion_training", "protocol": PROTOCOL, "fold": f, "signal": s, "weight": w}
        for s in SIGNALS
        for f, w in (("P1", 0.5), ("P2", 0.9))
    ]
    return pd.DataFrame([*pretrained, *folds])


def test_every_fold_is_a_dot_and_their_mean_a_bar():
    axis = wearable_figures.fusion_weights(weights(), 1.5).axes[0]
    points = [list(line.get_ydata()) for line in axis.lines]
    assert points[0] == [1.5, 1.5]  # where training starts
    assert points.count([2.0]) == 5 and points.count([0.5, 0.9]) == 5
    assert [float(c.get_segments()[0][0, 1]) for c in axis.collections] == pytest.approx([0.7] * 5)


def test_weights_of_some_signals_and_no_pretraining_are_drawn():
    frame = weights()
    frame = frame[(frame["protocol"] == PROTOCOL) & frame["signal"].isin(["speech", "eda"]) & (frame["fold"] == "P1")]
    axis = wearable_figures.fusion_weights(frame, 1.0).axes[0]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["speech", "EDA"]


def maps(size, signals=SIGNALS, models=("attention_with_fusion_training",)):
    grid = [(q, k) for q in range(size) for k in range(size)]
    return pd.DataFrame(
        [{"model": m, "signal": s, "query": q, "key": k, "weight": (2 * k + q) / size} for m in models for s in signals for q, k in grid]
    ).sample(frac=1, random_state=0)


def test_a_map_shows_query_down_key_across_relative_to_even_attention():
    figure = wearable_figures.attention_maps(maps(3))
    images = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(images) == 5
    assert np.allclose(images[0], [[0, 2, 4], [1, 3, 5], [2, 4, 6]])


def test_maps_share_one_scale_and_a_missing_one_is_told():
    frame = pd.concat([maps(3), maps(2, ["speech"], ["attention_without_fusion_training"])])
    figure = wearable_figures.attention_maps(frame)
    limits = {axis.images[0].get_clim() for axis in figure.axes if axis.images}
    assert limits == {(0.0, 6.0)}
    assert sum(text.get_text() == "not run" for axis in figure.axes for text in axis.texts) == 4


def test_one_token_is_one_cell():
    figure = wearable_figures.attention_maps(pd.DataFrame([{"model": "attention", "signal": "eda", "query": 0, "key": 0, "weight": 1.0}]))
    assert figure.axes[0].images[0].get_array().tolist() == [[1.0]]


def test_curves_have_a_column_per_network_and_ring_the_kept_epoch():
    one = {"epoch": [2, 1, 3], "loss": [2.0, 3.0, 1.0], "dev_score": [0.5, 0.1, 0.4], "selected": [1, 0, 0]}
    frame = pd.concat([pd.DataFrame({"network": n, **one}) for n in ("temp", "speech", "other", "acc", "bvp")])
    figure = wearable_figures.curves(frame, "network", wearable_figures.NETWORKS, "Pretraining")
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title() for axis in shown if axis.get_title()] == ["speech", "ACC", "BVP", "TEMP", "other"]
    assert list(shown[0].lines[0].get_ydata()) == [3.0, 2.0, 1.0]
    assert list(shown[0].lines[1].get_xdata()) == [2.0]


def test_every_fold_and_seed_is_a_curve():
    run = {"model": "speech_only", "epoch": [1, 2], "loss": [2.0, 1.0], "dev_score": [-2.0, np.nan], "selected": [0, 1]}
    frame = pd.concat([pd.DataFrame({**run, "fold": f, "seed": s}) for f in ("P1", "P2") for s in (0, 1)])
    figure = wearable_figures.curves(frame, "model", {"speech_only": "speech only"}, "Heads")
    assert [len(axis.lines) for axis in figure.axes] == [8, 8]  # a line and a ring each
