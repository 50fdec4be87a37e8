import numpy as np
import pandas as pd
import pytest

from emofuse.reporting import audit_page
from emofuse.tables import ANNOTATIONS, AUDIT, COUNTS, EXAMPLES, RECORDINGS

FINDING = {
    "corpus": "c",
    "check": "count",
    "item": "clips",
    "severity": "error",
    "records": 1200,
    "detail": "expected 2, found 1",
    "accepted": 0,
}


def audit_of(*changes):
    return pd.DataFrame([{**FINDING, **change} for change in changes], columns=list(AUDIT.columns))


def counts_of(*rows):
    return pd.DataFrame(rows, columns=["what", "found", "least", "most"]).assign(corpus="c")[list(COUNTS.columns)]


def page(found, counts=None, figure="c.svg"):
    return audit_page.page("c", ["48 utterances"], found, COUNTS.empty() if counts is None else counts, {"count": "as published"}, figure)


def test_the_verdict_counts_what_stops_and_what_is_accepted():
    assert audit_page.verdict(AUDIT.empty()) == "Passed: no error; 0 warnings, 0 notes."
    rest = [{"severity": "warning"}, {"severity": "note"}, {"severity": "note"}]
    assert audit_page.verdict(audit_of({}, {"accepted": 1}, *rest)) == "Stopped by 1 error, 1 finding accepted; 1 warning, 2 notes."
    assert audit_page.verdict(audit_of({"accepted": 1})) == "Passed: no error, 1 finding accepted; 0 warnings, 0 notes."


def test_the_page_has_every_finding_count_check_and_the_figure():
    text = page(
        audit_of({}, {"accepted": 1, "item": "speakers"}), counts_of(("clips", 1, 2, 2), ("hours", 5, 4, None), ("words", 7, None, None))
    )
    assert "| error | count | clips | 1,200 | expected 2, found 1 |" in text
    assert "| error (accepted) | count | speakers | 1,200 |" in text
    assert [line.split("|")[1:5] for line in text.splitlines() if line.startswith(("| clips", "| hours", "| words"))] == [
        [" clips ", "     1 ", "         2 ", " **no** "],
        [" hours ", "     5 ", "       4 … ", "    yes "],
        [" words ", "     7 ", "         – ", "        "],
    ]
    assert "- `count`: as published" in text and "](c.svg)" in text and "- 48 utterances" in text


def test_a_page_without_findings_counts_or_figure_says_so():
    text = page(AUDIT.empty(), figure=None)
    assert "Nothing." in text and "## What was counted" not in text and "![" not in text


def test_names_from_a_corpus_are_no_markdown():
    text = page(audit_of({"item": "a|b<script>\n# c", "detail": "[x](http://x) *y*"}))
    row = next(line for line in text.splitlines() if line.startswith("| error"))
    assert row.count("|") - row.count("\\|") == 6 and "a\\|b\\<script\\> # c" in row and "\\[x\\](http://x) \\*y\\*" in row


def utterances(**columns):
    n = 40
    known = {"example_id": [f"c:{i}" for i in range(n)], "corpus": "c", "start_s": 0.0, "end_s": np.linspace(1, 3, n)}
    known |= {"speaker": [f"s{i % 4}" for i in range(n)], "emotion": [("sad", "happy", None, "calm")[i // 10] for i in range(n)]}
    return pd.DataFrame({**known, **columns}, index=range(n)).reindex(columns=list(EXAMPLES.columns))


def drawn(figure):
    """Axes that are seen, by title."""
    return {axis.get_title(): axis for axis in figure.axes if axis.get_visible()}


def test_classes_are_counted_by_split_in_the_order_of_the_splits():
    split = ["test1", "train", "dev", "train"] * 10
    axis = next(iter(drawn(audit_page.utterances(utterances(split=split), "c")).values()))
    assert [t.get_text() for t in axis.get_xticklabels()] == ["train\n20", "dev\n10", "test1\n10"]
    assert [t.get_text() for t in axis.get_yticklabels()] == ["calm", "happy", "sad", "(none)"]
    texts = np.array([t.get_text() for t in axis.texts], dtype=int).reshape(4, 3)
    table = pd.crosstab(utterances()["emotion"].fillna("(none)"), pd.Series(split))
    expected = table.loc[["calm", "happy", "sad", "(none)"], ["train", "dev", "test1"]]
    assert (texts == expected.to_numpy()).all()
    assert np.allclose(np.asarray(axis.images[0].get_array()).sum(axis=0), 1.0)  # shares of each column


@pytest.mark.parametrize(
    ("columns", "by"),
    [
        ({"split": "train", "fold": 1}, "split"),
        ({"fold": 2}, "fold"),
        ({}, "speaker"),
        ({"speaker": [f"s{i}" for i in range(40)]}, "corpus"),
    ],
)
def test_classes_are_shown_by_split_else_fold_else_speaker(columns, by):
    assert audit_page.columns_of(utterances(**columns))[0] == by
    assert any(f"by {by} " in title for title in drawn(audit_page.utterances(utterances(**columns), "c")))


def test_histograms_hold_every_rating_and_duration_within_the_scale():
    rated = utterances(arousal=np.linspace(1, 5, 40), valence=[1.0, 2.0, 3.0, 5.0] * 10, scale_min=1.0, scale_max=5.0)
    axes = drawn(audit_page.utterances(rated, "c"))
    assert {"arousal (1 to 5), n 40", "valence (1 to 5), n 40", "duration (s), n 40"} <= set(axes)
    for title, axis in axes.items():
        if "n 40" in title:
            assert sum(bar.get_height() for bar in axis.patches) == pytest.approx(1.0)
    whole = [round(bar.get_height(), 6) for bar in axes["valence (1 to 5), n 40"].patches]
    assert whole == [0.25, 0.25, 0.25, 0.0, 0.25]  # a bar for each whole number of the scale


def test_a_corpus_without_classes_or_of_one_utterance_is_drawn():
    assert "duration (s), n 40" in drawn(audit_page.utterances(utterances(emotion=None, arousal=1.0, scale_min=1.0, scale_max=5.0), "c"))
    audit_page.utterances(utterances()[:1], "c")


def recordings_of(subjects):
    rows = [
        {"recording": f"c:{s}", "corpus": "c", "subject": f"P{s}", "signal": signal, "rate_hz": rate, "samples": int(rate * 60 * (s + 1))}
        for s in range(subjects)
        for signal, rate in (("eda", 4.0), ("speech", 16000.0))
    ]
    return pd.DataFrame(rows).reindex(columns=list(RECORDINGS.columns))


def test_minutes_of_each_subject_and_signal_are_written_into_their_cells():
    axis = drawn(audit_page.recordings(recordings_of(3), ANNOTATIONS.empty(), "c"))["minutes of each subject and signal"]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["speech\n0.1 h", "eda\n0.1 h"]
    assert [t.get_text() for t in axis.texts] == ["1", "1", "2", "2", "3", "3"]


def test_many_subjects_are_drawn_as_a_distribution():
    assert "minutes of 50 subjects: least, quartiles, most" in drawn(audit_page.recordings(recordings_of(50), ANNOTATIONS.empty(), "c"))


def test_what_a_corpus_says_is_drawn_as_numbers_or_as_minutes_of_words():
    rows = [("arousal", float(v), None) for v in (1, 1, 3)] + [("activity", None, w) for w in ("walk", "walk", "sit")]
    said = pd.DataFrame(rows, columns=["name", "value", "text"]).assign(recording="c:0", start_s=np.arange(6) * 60.0)
    said = said.assign(end_s=said["start_s"] + 60.0)[list(ANNOTATIONS.columns)]
    axes = drawn(audit_page.recordings(recordings_of(2), said, "c"))
    assert sum(bar.get_height() for bar in axes["arousal, n 3"].patches) == pytest.approx(1.0)
    assert [t.get_text() for t in axes["activity (min)"].get_yticklabels()] == ["sit", "walk"]
    assert [bar.get_width() for bar in axes["activity (min)"].patches] == pytest.approx([1.0, 2.0])


def test_facts_count_utterances_speakers_hours_and_windows():
    facts = audit_page.utterance_facts(utterances(end_s=90.0))
    assert facts[0] == "40 utterances of 4 known speakers, 1.00 h" and facts[1] == "classes: calm 10, happy 10, sad 10"
    assert audit_page.recording_facts(recordings_of(3), 77) == ["3 recordings of 3 subjects, 77 windows", "hours: speech 0.10, eda 0.10"]


def test_equal_figures_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        audit_page.write(tmp_path / name, "c", page(AUDIT.empty()), audit_page.utterances(utterances(fold=1), "c"))
    assert (tmp_path / "a" / "c.svg").read_bytes() == (tmp_path / "b" / "c.svg").read_bytes()
    assert b"<dc:date>" not in (tmp_path / "a" / "c.svg").read_bytes()
