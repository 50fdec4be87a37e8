import numpy as np
import pytest

from emofuse.audit import durations, labels, texts
from emofuse.protocols import folds

ASKED = ["emotion4", "avd"]


def test_good_labels_have_no_finding(utterances):
    assert labels.find(utterances, ASKED) == []


def test_a_rating_outside_its_scale_is_an_error_naming_value_and_record(utterances, only):
    utterances.loc[3, "valence"] = 7.5
    finding = only(labels.find(utterances, ASKED), "rating_range")
    assert (finding.severity, finding.item, finding.number) == ("error", "valence", 1)
    assert "1 to 7" in finding.detail and "7.5" in finding.detail and "u03" in finding.detail


@pytest.mark.parametrize("scale", [(None, None), (1.0, None)])
def test_ratings_without_a_scale_are_an_error(utterances, only, scale):
    utterances[["scale_min", "scale_max"]] = np.array(scale, dtype=float)
    assert only(labels.find(utterances, ASKED), "rating_scale").severity == "error"


def test_two_scales_in_one_corpus_are_an_error(utterances, only):
    utterances.loc[:9, "scale_max"] = 9.0
    assert "9.0" in only(labels.find(utterances, ASKED), "rating_scale").detail


def test_a_dimension_that_does_not_vary_is_an_error(utterances, only):
    utterances["dominance"] = 4.0
    finding = only(labels.find(utterances, ASKED), "constant_dimension")
    assert (finding.severity, finding.item) == ("error", "dominance")


def test_a_class_of_no_known_name_is_an_error_with_its_number(utterances, only):
    utterances.loc[[0, 4, 8], "emotion"] = "Anger"
    finding = only(labels.find(utterances, []), "class_name")
    assert (finding.severity, finding.item, finding.number) == ("error", "Anger", 3)


def test_the_share_without_a_class_and_without_a_rating_is_a_note(utterances, only):
    utterances.loc[:11, "emotion"] = None
    utterances.loc[[1, 2], "arousal"] = np.nan
    found = labels.find(utterances, ASKED)
    assert only(found, "no_class").number == 12 and "25%" in only(found, "no_class").detail
    assert (only(found, "unrated").severity, only(found, "unrated").number) == ("note", 2)


def test_a_class_of_a_task_that_never_occurs_is_a_warning(utterances, only):
    utterances["emotion"] = utterances["emotion"].replace("sad", "calm")
    finding = only(labels.find(utterances, ASKED), "absent_class")
    assert (finding.severity, finding.item) == ("warning", "emotion/sad")


def test_a_task_without_any_label_is_an_error_that_says_what_to_omit(utterances, only):
    utterances[["arousal", "valence", "dominance"]] = np.nan
    finding = only(labels.find(utterances, ASKED), "no_labels")
    assert finding.severity == "error" and '"avd/msp_podcast/*"' in finding.detail


def test_utterances_shorter_or_longer_than_the_limits_are_named_extreme_first(utterances, only):
    utterances.loc[5, "end_s"], utterances.loc[6, "end_s"], utterances.loc[7, "end_s"] = 0.2, 0.1, 31.0
    found = durations.find(utterances, 0.3, 30.0)
    assert only(found, "too_short").members == ("u06", "u05") and "0.10 s" in only(found, "too_short").detail
    assert only(found, "too_long").members == ("u07",)
    assert durations.find(utterances, 0.1, 31.0) == []


def test_texts_of_their_own_have_no_finding(utterances):
    assert texts.find(utterances, {"official": folds("official", utterances)}, 0.9) == []


def test_two_sentences_in_every_emotion_by_everybody_carry_nothing(utterances, only):
    utterances["transcript"] = np.where(np.arange(48) // 4 % 2, "Kids are talking by the door.", "Dogs are sitting by the door")
    finding = only(texts.find(utterances, {}, 0.9), "parallel_text")
    assert finding.severity == "warning" and finding.number == 48 and "2 different" in finding.detail


def test_parallel_text_counts_examples_and_its_limit_is_a_share(utterances, only):
    utterances.loc[:35, "transcript"] = "We are all in this together"  # 36 of 48: 75 %
    assert "75%" in only(texts.find(utterances, {}, 0.7), "parallel_text").detail
    assert texts.find(utterances, {}, 0.75) == []


def test_a_text_said_in_one_emotion_only_is_not_parallel(utterances):
    utterances["transcript"] = "said while " + utterances["emotion"]
    assert texts.find(utterances, {}, 0.5) == []


def test_a_script_read_by_a_speaker_in_train_is_shared_with_its_share_of_test(utterances, only):
    utterances.loc[[0, 12], "transcript"] = ["Oh, what a lovely day!", "oh what a lovely DAY"]  # s0 in train, s3 in test1
    finding = only(texts.find(utterances, {"official": folds("official", utterances)}, 0.9), "shared_text")
    assert (finding.severity, finding.item, finding.number) == ("warning", "official", 1) and "1 of 12 test" in finding.detail


def test_short_texts_and_texts_of_the_same_speaker_are_not_shared(utterances):
    utterances.loc[[0, 12], "transcript"] = "I do not"
    utterances.loc[[1, 13], "transcript"] = "a sentence of five words"
    utterances.loc[[1, 13], "speaker"] = "s99"  # audited as texts alone: that speaker is on two sides
    own = {"official": folds("official", utterances.assign(speaker=None))}
    assert texts.find(utterances, own, 0.9) == []


def test_absent_and_empty_texts_are_told_apart(utterances, only):
    utterances.loc[:3, "transcript"] = None
    utterances.loc[4:5, "transcript"] = " ... "
    found = texts.find(utterances, {}, 0.9)
    assert only(found, "missing_text").severity == "note"
    assert only(texts.find(utterances, {}, 0.9, "corpus"), "missing_text").severity == "error"
    assert only(found, "missing_text").number == 4 and only(found, "empty_text").members == ("u04", "u05")


@pytest.mark.parametrize(("engine", "severity"), [("corpus", "error"), ("whisper", "note"), (None, "note")])
def test_a_corpus_without_text_stops_where_its_text_is_asked_for(utterances, only, engine, severity):
    assert only(texts.find(utterances.assign(transcript=None), {}, 0.9, engine), "no_text").severity == severity
