import itertools
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from emofuse import self_reports, tables
from emofuse.params.wearable import Labels
from emofuse.self_reports import EMOTIONS

SETTINGS = Labels(low_at_most=2, neutral_at_most=3, absent_at_most=1, ties="neutral", interval="centre", surplus="beginning")
NAN = float("nan")


def changed(**choices):
    return SETTINGS.model_copy(update=choices)


def annotations(rows, recording="kemocon:P1", start=0.0):
    """Ratings of 5-s intervals: each row is arousal, valence, then the five emotions."""
    names = ("arousal", "valence", *EMOTIONS)
    found = [
        {"recording": recording, "start_s": start + 5.0 * i, "end_s": start + 5.0 * (i + 1), "name": name, "value": value, "text": None}
        for i, row in enumerate(rows)
        for name, value in zip(names, row, strict=True)
    ]
    return pd.DataFrame(found, columns=list(tables.ANNOTATIONS.columns))


def recordings(end=10.0, names=("kemocon:P1",)):
    rows = [{"recording": n, "signal": s, "span_start_s": 0.0, "span_end_s": end} for n in names for s in ("bvp", "speech")]
    return pd.DataFrame(rows)


def examples(starts, recording="kemocon:P1", length=4.0):
    rows = [{"example_id": f"{recording}:{s:08.2f}", "corpus": "kemocon", "recording": recording, "start_s": s} for s in starts]
    return pd.DataFrame(rows, columns=list(tables.EXAMPLES.columns)).assign(end_s=[s + length for s in starts])


CALM, MERRY, EMPTY = (1, 3, 1, 1, 1, 1, 1), (5, 4, 4, 2, 1, 1, 1), (NAN, 2, 1, NAN, 1, 1, 3)


def test_a_window_has_the_ratings_of_the_interval_that_holds_its_centre(tmp_path):
    found = self_reports.label(examples([0.0, 2.9, 3.0, 6.0]), annotations([CALM, MERRY]), recordings(), SETTINGS)
    assert found["arousal"].tolist() == [1, 1, 5, 5] and found["valence"].tolist() == [3, 3, 4, 4]
    assert found["arousal3"].tolist() == ["low", "low", "high", "high"]
    assert found["valence3"].tolist() == ["neutral", "neutral", "high", "high"]
    assert found["emotion"].tolist() == ["neutral", "neutral", "cheerful", "cheerful"]
    assert found["emotion_raw"].tolist() == ["1/1/1/1/1"] * 2 + ["4/2/1/1/1"] * 2
    assert set(found["scale_min"]) == {1.0} and set(found["scale_max"]) == {5.0}
    tables.write(found, tmp_path / "examples.parquet", tables.EXAMPLES)


def test_a_rating_that_was_left_empty_is_a_null_label(tmp_path):
    labelled = self_reports.label(examples([0.0]), annotations([EMPTY]), recordings(5.0), SETTINGS)
    tables.write(labelled, tmp_path / "examples.parquet", tables.EXAMPLES)
    found = tables.read(tmp_path / "examples.parquet", tables.EXAMPLES).iloc[0]
    assert found[["arousal", "arousal3", "emotion"]].isna().all()
    assert found["valence3"] == "low" and found["emotion_raw"] == "1//1/1/3"


def test_a_window_that_no_interval_holds_has_no_label():
    rated = annotations([CALM, MERRY, CALM])
    rated = rated[rated["start_s"] != 5.0]
    found = self_reports.label(examples([0.0, 6.0, 11.0, 14.0]), rated, recordings(30.0), SETTINGS)
    assert found["arousal3"].isna().tolist() == [False, True, False, True] == found["emotion_raw"].isna().tolist()


def test_recordings_keep_to_themselves_and_the_order_of_rows_does_not_matter():
    windows = pd.concat([examples([0.0, 6.0]), examples([0.0, 6.0], "kemocon:P2"), examples([0.0], "kemocon:P3")], ignore_index=True)
    rated = pd.concat([annotations([CALM, MERRY]), annotations([MERRY, CALM], "kemocon:P2")])
    spans = recordings(names=("kemocon:P1", "kemocon:P2", "kemocon:P3"))
    found = self_reports.label(windows, rated, spans, SETTINGS)
    assert found["arousal"].fillna(0).tolist() == [1, 5, 5, 1, 0] and found["emotion"].isna().tolist() == [False] * 4 + [True]
    shuffled = self_reports.label(windows.sample(frac=1, random_state=3), rated.sample(frac=1, random_state=4), spans, SETTINGS)
    pd.testing.assert_frame_equal(shuffled.sort_index(), found, check_dtype=False)


@pytest.mark.parametrize("names", [(), ("arousal", "valence"), ("stress",)])
def test_a_corpus_without_the_questionnaire_is_returned_unchanged(names):
    windows, rated = examples([0.0, 3.0]), annotations([CALM, MERRY])
    assert self_reports.label(windows, rated[rated["name"].isin(names)], recordings(), SETTINGS) is windows


@pytest.mark.parametrize(("surplus", "expected"), [("beginning", [3, 5]), ("end", [1, 3])])
def test_rows_that_outlast_the_debate_are_dropped_at_one_end(surplus, expected):
    rows = [(arousal, 3, 1, 1, 1, 1, 1) for arousal in (1, 3, 5)]
    found = self_reports.label(examples([0.0, 6.0, 9.0]), annotations(rows), recordings(13.0), changed(surplus=surplus))
    assert found["arousal"].fillna(0).tolist() == [*expected, 0]  # the last 3 s are no whole interval


def test_audio_that_ends_before_the_debate_moves_no_label():
    rated = annotations([(arousal, 3, 1, 1, 1, 1, 1) for arousal in (1, 3, 5)])
    debate = rated.iloc[:1].assign(name="debate", start_s=0.0, end_s=15.0, value=None)
    windows, short = examples([0.0, 6.0]), recordings(14.9)
    told = self_reports.label(windows, pd.concat([rated, debate]), short, SETTINGS)
    assert told["arousal"].tolist() == [1, 3]
    assert self_reports.label(windows, rated, short, SETTINGS)["arousal"].tolist() == [3, 5]  # all that could be known without


@pytest.mark.parametrize("surplus", ["beginning", "end"])
@pytest.mark.parametrize("missing", [0, 1])
def test_rows_that_fit_the_debate_stay_where_they_are(surplus, missing):
    rows = annotations([(a, 3, 1, 1, 1, 1, 1) for a in (1, 3, 5)])
    rows = rows[rows["start_s"] != 5.0 * missing]  # a row that is absent is no surplus
    kept = self_reports.label(examples([11.0]), rows, recordings(17.0), changed(surplus=surplus))
    assert kept["arousal"].tolist() == [5]


def test_agreeing_leaves_out_labels_that_differ_within_the_window_one_by_one():
    rows = [(1, 3, 1, 1, 1, 1, 1), (2, 5, 1, 1, 1, 1, 1), (2, 4, 1, 1, 3, 1, 1)]
    found = self_reports.label(examples([0.0, 1.0, 3.0, 8.0]), annotations(rows), recordings(15.0), changed(interval="agreeing"))
    assert found["arousal3"].tolist() == ["low"] * 4
    assert found["arousal"].fillna(0).tolist() == [1, 1, 0, 2]
    assert found["valence3"].fillna("-").tolist() == ["neutral", "neutral", "-", "high"]
    assert found["emotion"].fillna("-").tolist() == ["neutral", "neutral", "neutral", "-"]


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.floats(0, 30), st.sampled_from([1.0, 4.0, 12.0]))
def test_agreeing_is_the_centres_label_or_none_if_any_touched_interval_differs(ratings, start, length):
    rated, spans = annotations([(a, 3, 1, 1, 1, 1, 1) for a in ratings]), recordings(5.0 * len(ratings))
    start = round(start, 2)
    found = self_reports.label(examples([start], length=length), rated, spans, changed(interval="agreeing"))["arousal"].iloc[0]
    touched = {a for i, a in enumerate(ratings) if 5 * i < start + length and 5 * (i + 1) > start}
    centre = int((start + length / 2) // 5)
    assert (found == ratings[centre]) if centre < len(ratings) and len(touched) == 1 else np.isnan(found)


@pytest.mark.parametrize(
    ("low", "neutral", "expected"),
    [(2, 3, "low low neutral high high"), (1, 3, "low neutral neutral high high"), (2, 2, "low low high high high")],
)
def test_levels_are_cut_where_the_parameters_say(low, neutral, expected):
    found = self_reports.level(pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, NAN]), changed(low_at_most=low, neutral_at_most=neutral))
    assert found.tolist() == [*expected.split(), None]


def prominent(rows, settings=SETTINGS):
    return self_reports.most_prominent(pd.DataFrame(rows, columns=list(EMOTIONS), dtype=float), settings).tolist()


SCORES = st.lists(st.integers(1, 4), min_size=5, max_size=5)


@hypothesis_settings(max_examples=100, deadline=None)
@given(SCORES, st.permutations(range(5)), st.sampled_from(["neutral", "first", "drop"]))
def test_a_unique_highest_score_wins_in_whatever_order_it_is_asked(scores, order, ties):
    if scores.count(max(scores)) > 1 and ties == "first":
        return
    settings = changed(ties=ties)
    emotions = [EMOTIONS[i] for i in order]
    table = pd.DataFrame([[scores[i] for i in order]], columns=emotions, dtype=float)
    assert self_reports.most_prominent(table, settings).tolist() == prominent([scores], settings)


@given(SCORES, st.sampled_from(["neutral", "first", "drop"]), st.integers(0, 4))
def test_the_rule_of_the_most_prominent_emotion(scores, ties, absent):
    """Against the rule written out for one row."""
    highest = [e for e, s in zip(EMOTIONS, scores, strict=True) if s == max(scores)]
    if max(scores) <= absent:
        expected = "neutral"
    elif len(highest) == 1:
        expected = highest[0]
    else:
        expected = {"neutral": "neutral", "first": highest[0], "drop": None}[ties]
    assert prominent([scores], changed(ties=ties, absent_at_most=absent)) == [expected]


@pytest.mark.parametrize(("ties", "expected"), [("neutral", "neutral"), ("first", "happy"), ("drop", None)])
def test_ties_are_settled_as_the_parameter_says(ties, expected):
    assert prominent([[1, 3, 3, 1, 2]], changed(ties=ties)) == [expected]


def test_every_pair_of_emotions_can_tie():
    for one, other in itertools.combinations(range(5), 2):
        scores = np.ones(5)
        scores[[one, other]] = 4
        assert prominent([scores], changed(ties="first")) == [EMOTIONS[one]]


def test_the_log_counts_what_the_rules_decided(caplog):
    rows = [CALM, MERRY, EMPTY, (3, 3, 2, 2, 1, 1, 1)]
    with caplog.at_level(logging.INFO, "self_reports"):
        self_reports.label(examples([0.0, 6.0, 11.0, 16.0]), annotations(rows), recordings(20.0), SETTINGS)
    assert caplog.messages == [
        "4 windows: 1 of no arousal, 0 of no valence, 1 of no emotion, 2 neutral; 1 intervals share the highest score (neutral); "
        "0 recordings have more annotations than time (surplus: beginning)"
    ]
