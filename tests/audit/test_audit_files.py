import pandas as pd
import pytest

from emofuse.audit import files
from emofuse.protocols import Fold
from emofuse.remarks import REASONS, Count, LeftOut, counts_table, left_out_table


def checks(findings):
    return sorted({f.check for f in findings})


@pytest.mark.parametrize(
    ("found", "least", "most", "off"),
    [(9, 10, 10, 1), (12, 10, 10, 2), (9, 10, None, 1), (12, None, 10, 2), (4, 5, 8, 1), (9, 5, 8, 1)],
)
def test_a_count_outside_of_what_was_published_is_an_error_by_how_many(only, found, least, most, off):
    finding = only(files.counts(counts_table("c", [Count("clips", found, least, most)], published=True)), "count")
    assert (finding.severity, finding.item, finding.number) == ("error", "clips", off)
    assert str(found) in finding.detail and str(least if least is not None else most) in finding.detail


@pytest.mark.parametrize("count", [Count("a", 5, 5, 5), Count("a", 5, 1, 9), Count("a", 5, None, None), Count("a", 5, 5, None)])
def test_a_count_as_published_or_of_which_none_is_published_is_no_finding(count):
    assert files.counts(counts_table("c", [count], published=True)) == []
    assert files.counts(counts_table("c", [Count("a", 5, 77, 77)], published=False)) == []


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_what_was_left_out_has_the_weight_of_its_reason_and_the_number_of_records(only, reason):
    items = [LeftOut(f"r{i}", reason, f"r{i}.wav: expected sound, found none") for i in range(5)]
    finding = only(files.left_out(left_out_table("c", items)), reason)
    assert (finding.severity, finding.number, finding.item) == (REASONS[reason][0], 5, "r0")
    assert "r0.wav: expected sound" in finding.detail and "r0, r1, r2 and 2 more" in finding.detail


def test_equal_audio_of_one_speaker_and_label_is_a_warning(utterances, only):
    utterances.loc[[0, 4], "emotion"] = "sad"
    utterances.loc[[0, 1], "audio_sha256"] = "f" * 64
    utterances.loc[[0, 1], ["emotion", "arousal", "valence", "dominance"]] = ["sad", 3.0, 3.0, 3.0]
    finding = only(files.duplicates(utterances, {}), "duplicate_audio")
    assert (finding.severity, finding.number, finding.item) == ("warning", 2, "u00") and "u00 = u01" in finding.detail


def test_equal_audio_with_two_labels_speakers_or_sides_is_an_error_for_each(utterances):
    utterances.loc[[0, 47], "audio_sha256"] = "f" * 64  # train and test1, angry and sad
    fold = Fold("official", *(tuple(utterances.loc[utterances["split"] == side, "example_id"]) for side in ("train", "dev", "test1")))
    found = files.duplicates(utterances, {"official": [fold]})
    assert checks(found) == ["duplicate_audio_label", "duplicate_audio_side", "duplicate_audio_speaker"]
    assert {f.severity for f in found} == {"error"} and all(f.members == ("u00",) and f.number == 2 for f in found)
    detail = {f.check: f.detail for f in found}
    assert "angry/1/6/4, sad/5.7" in detail["duplicate_audio_label"] and "(s0, s11)" in detail["duplicate_audio_speaker"]


def test_equal_audio_that_differs_in_a_rating_alone_is_an_error(utterances):
    utterances.loc[[0, 1], "audio_sha256"] = "f" * 64
    utterances.loc[[0, 1], ["emotion", "valence", "dominance"]] = ["sad", 3.0, 3.0]
    assert checks(files.duplicates(utterances, {})) == ["duplicate_audio_label"]


def test_audio_of_another_corpus_is_an_error_that_names_it(utterances, only):
    other = utterances.assign(example_id="ravdess:" + utterances["example_id"], corpus="ravdess", audio_sha256="e" * 64)
    other.loc[5, "audio_sha256"] = utterances.loc[7, "audio_sha256"]
    finding = only(
        files.shared_with(utterances, {"ravdess": other, "esd": utterances.assign(audio_sha256=None)}), "duplicate_audio_corpora"
    )
    assert (finding.severity, finding.item, finding.number) == ("error", "ravdess", 1)
    assert "u07 = ravdess:msp_podcast:u05" in finding.detail


def test_a_corpus_without_faults_has_no_finding(utterances):
    empty = pd.DataFrame({"reason": [], "item": [], "detail": []})
    assert [*files.duplicates(utterances, {}), *files.left_out(empty), *files.shared_with(utterances, {})] == []
