import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse.audit import folds
from emofuse.protocols import Draw

ASKED = ["emotion4", "avd"]


def found(protocol, examples, asked=ASKED, **how):
    own, refused = folds.of_protocol(protocol, examples, **how)
    return [*refused, *folds.find(protocol, own, examples, asked)]


@pytest.mark.parametrize("protocol", ["official", "speaker_folds"])
def test_folds_by_speaker_have_no_finding(utterances, protocol):
    assert found(protocol, utterances) == []


def test_a_speaker_on_two_sides_is_an_error_with_the_examples_of_test(utterances, only):
    utterances.loc[utterances["speaker"] == "s3", "speaker"] = "s0"
    finding = only(found("official", utterances), "speaker_sides")
    assert (finding.severity, finding.item, finding.number) == ("error", "official", 4)
    assert "train and test" in finding.detail and "s0 in fold official" in finding.detail


def test_a_shared_speaker_is_a_warning_where_the_protocol_allows_it(utterances, only):
    utterances.loc[utterances["speaker"] == "s3", "speaker"] = "s0"
    assert only(found("official_shared_speakers", utterances), "speaker_sides").severity == "warning"


def test_unknown_speakers_match_nobody(utterances):
    utterances["speaker"] = None
    assert not [f for f in found("official", utterances) if f.check == "speaker_sides"]


def test_a_podcast_on_two_sides_is_a_warning(utterances, only):
    utterances.loc[utterances["session"] == "podcast2", "session"] = "podcast0"  # s2 is in dev
    finding = only(found("official", utterances), "session_sides")
    assert (finding.severity, finding.number) == ("warning", 4) and "train and dev share sessions" in finding.detail


def test_what_the_protocol_needs_and_lacks_is_a_finding_and_no_crash(utterances, only):
    finding = only(found("leave_one_speaker_out", utterances), "protocol")
    assert finding.severity == "error" and "partner" in finding.detail
    assert "split" in finding.detail or "expects" in finding.detail


def test_a_fold_name_that_does_not_exist_is_a_finding(utterances, only):
    assert "nothing" in only(found("official", utterances, names=["nothing"]), "protocol").detail


def test_a_partner_in_train_and_the_audio_of_a_dyad_are_warnings_with_numbers(windows, only):
    every = found("leave_one_subject_out", windows, ["self_report"], draw=Draw(1, 0))
    partner, audio = only(every, "partner_sides"), only(every, "shared_audio")
    assert (partner.severity, partner.number) == ("warning", 24) and "6 of 6 folds" in partner.detail and "24 of 24" in partner.detail
    assert (audio.severity, audio.number) == ("warning", 24)
    assert not [f for f in every if f.severity == "error"]


def test_whole_sessions_left_out_share_neither_partner_nor_audio(windows):
    checks = {f.check for f in found("leave_one_session_out", windows, ["self_report"], draw=Draw(1, 0))}
    assert not checks & {"partner_sides", "shared_audio", "session_sides", "overlapping_windows"}


def test_overlapping_windows_of_one_speaker_on_two_sides_are_an_error(windows, only):
    windows = windows.assign(split=["train", "train", "dev", "test1"] * 6)
    finding = only(found("official_shared_speakers", windows, []), "overlapping_windows")
    assert finding.severity == "error" and finding.number == 18  # the first window of each subject overlaps train's second alone


def test_windows_that_only_touch_do_not_overlap(windows):
    apart = windows.assign(split=["train", "train", "dev", "test1"] * 6, end_s=windows["start_s"] + 3.0, path=None)
    assert not [f for f in found("official_shared_speakers", apart, []) if f.check == "overlapping_windows"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.integers(1, 6)), max_size=14))
def test_overlapping_finds_every_pair_that_comparing_all_with_all_finds(spans):
    frame = pd.DataFrame(
        {"recording": [s[0] for s in spans], "start_s": [float(s[1]) for s in spans], "end_s": [float(s[1] + s[2]) for s in spans]}
    )
    one, two = folds.overlapping(frame.assign(path=None))
    expected = {
        (i, j)
        for i, a in enumerate(spans)
        for j, b in enumerate(spans)
        if i < j and a[0] == b[0] and max(a[1], b[1]) < min(a[1] + a[2], b[1] + b[2])
    }
    assert {tuple(sorted(pair)) for pair in zip(one.tolist(), two.tolist(), strict=True)} == expected


def test_an_utterance_cut_from_the_same_file_on_two_sides_is_found(utterances, only):
    utterances.loc[[0, 12], "path"] = "podcast.wav"
    utterances.loc[12, ["start_s", "end_s"]] = [1.0, 5.0]
    assert only(found("official", utterances), "shared_audio").number == 2


def test_a_side_without_labels_and_a_dev_of_one_are_an_error_that_names_the_fold(utterances, only):
    dev = utterances["split"] == "dev"
    utterances.loc[utterances.index[dev][1:], "emotion"] = None
    finding = only(found("official", utterances), "few_labels")
    assert finding.severity == "error" and finding.members == ("emotion4/official/official/dev",)
    utterances.loc[utterances["split"] == "test1", "arousal"] = np.nan
    assert "avd/official/official/test" in only(found("official", utterances), "few_labels").members


def test_a_class_absent_from_train_is_a_warning_and_from_test_a_note(utterances, only):
    away = (utterances["emotion"] == "sad") & (utterances["split"] == "test1")
    utterances.loc[away, "emotion"] = "calm"
    assert only(found("official", utterances), "class_sides").severity == "note"
    utterances.loc[(utterances["emotion"] == "sad") & (utterances["split"] == "train"), "emotion"] = "calm"
    finding = only(found("official", utterances), "class_sides")
    assert finding.severity == "warning" and "train: 1 (emotion/sad from fold official)" in finding.detail
