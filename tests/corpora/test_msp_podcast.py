"""MSP-Podcast's reader against a small release 1.7 and what later releases do differently; every release by the toy writer."""

import csv
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from emofuse import params
from emofuse.corpora import msp_podcast as reader
from emofuse.errors import InputError
from emofuse.toy import msp_labels, speech
from emofuse.toy import msp_podcast as toy

LABELS = Path("Labels", "labels_concensus.csv")
TWIN = LABELS.with_suffix(".json")
REMOVED = Path("Previous_releases_information", "files_removed_from_prev_versions")
SIZES = params.ToyMSPPodcast(train=6, dev=2, test1=2, test2=2)
EARLIER = ("1.6", "1.7", "1.8", "1.9", "1.10", "1.11")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Roots of the same invented corpus in every spelling, spoken as noise; not to be changed."""
    folder = tmp_path_factory.mktemp("msp_podcast_releases")
    found = {release: folder / release for release in ("1.6", "1.7", "1.9", "1.11", "1.12", "2.0")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, "speak", noise)
        for release, root in found.items():
            toy.write(root, 5, SIZES, release)
    return found


def noise(utterances: Sequence[speech.Utterance], title: str) -> Iterator[np.ndarray]:
    for utterance in utterances:
        yield np.random.default_rng(utterance.seed).integers(-9000, 9000, 4000).astype(np.int16)


@pytest.fixture
def newest(releases: dict[str, Path], tmp_path: Path) -> Path:
    """A 1.12 of its own, with what it tells of earlier releases."""
    return Path(shutil.copytree(releases["1.12"], tmp_path / "1.12"))


def read(root: Path, release: str = "1.7") -> pd.DataFrame:
    return reader.read(root, release).examples.set_index("example_id")


def left_out(root: Path, release: str = "1.7") -> dict[str, str]:
    """Reason by item."""
    return reader.read(root, release).left_out.set_index("item")["reason"].to_dict()


def counts(root: Path, release: str = "1.7") -> pd.DataFrame:
    return reader.read(root, release).counts.set_index("what")


def edit(root: Path, old: str, new: str) -> None:
    path = root / LABELS
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def problem(root: Path, release: str = "1.7") -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, release)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_dimensions_are_read_by_name(msp_podcast: Path) -> None:
    before = read(msp_podcast)
    row = before.loc["msp_podcast:MSP-PODCAST_0001_0008"]
    assert (row["arousal"], row["valence"], row["dominance"]) == (2.2, 4.0, 2.6)
    path = msp_podcast / LABELS
    rows = pd.read_csv(path, dtype=str)
    rows[rows.columns[::-1]].to_csv(path, index=False)
    assert read(msp_podcast).equals(before)


def test_speaker_session_split_and_class_of_a_three_part_name(msp_podcast: Path) -> None:
    row = read(msp_podcast).loc["msp_podcast:MSP-PODCAST_0153_0186_0001"]
    assert list(row[["speaker", "session", "split", "gender", "emotion", "emotion_raw", "path"]]) == [
        "12", "0153", "train", "female", "angry", "A", "Audios/MSP-PODCAST_0153_0186_0001.wav",
    ]  # fmt: skip
    assert list(row[["scale_min", "scale_max"]]) == [1.0, 7.0]


def test_every_class_code_has_its_harmonised_name(msp_podcast: Path) -> None:
    examples = read(msp_podcast)
    named = examples.dropna(subset="emotion").set_index("emotion_raw")["emotion"].to_dict()
    assert named == {
        "A": "angry", "S": "sad", "H": "happy", "U": "surprise", "F": "fear", "D": "disgust", "C": "contempt", "N": "neutral",
    }  # fmt: skip
    assert set(examples.loc[examples["emotion"].isna(), "emotion_raw"]) == {"O", "X"}


def test_an_unknown_speaker_is_null(msp_podcast: Path) -> None:
    row = read(msp_podcast).loc["msp_podcast:MSP-PODCAST_0153_0187"]
    assert row[["speaker", "gender"]].isna().all()


def test_validation_is_dev_and_tests_stay_apart(msp_podcast: Path) -> None:
    assert read(msp_podcast)["split"].value_counts().to_dict() == {"train": 4, "dev": 2, "test1": 2, "test2": 2}


def test_a_release_without_transcripts_has_null_transcripts(msp_podcast: Path) -> None:
    assert read(msp_podcast)["transcript"].isna().all()


def later_release(root: Path) -> None:
    """Turn the small 1.7 into the layout of 1.11: another spelling, Development, a hidden test, transcripts."""
    text = (root / LABELS).read_text().replace("Validation", "Development") + "MSP-PODCAST_test3_0001.wav,,,,,,,Test3\n"
    (root / LABELS).unlink()
    (root / "Labels" / "labels_consensus.csv").write_text(text)
    (root / "Audios" / "MSP-PODCAST_test3_0001.wav").write_bytes((root / "Audios" / "MSP-PODCAST_0001_0008.wav").read_bytes())
    (root / "Transcripts").mkdir()
    (root / "Transcripts" / "MSP-PODCAST_0001_0008.txt").write_text("Well, caf\u00e9: yes.\n", encoding="utf-8")
    (root / "Transcripts" / "MSP-PODCAST_0001_0009.txt").write_text("")


def test_a_later_release_is_read_with_its_transcripts_and_hidden_labels(msp_podcast: Path) -> None:
    later_release(msp_podcast)
    examples = read(msp_podcast, "1.11")
    assert examples["transcript"].dropna().to_dict() == {
        "msp_podcast:MSP-PODCAST_0001_0008": "Well, caf\u00e9: yes.",
        "msp_podcast:MSP-PODCAST_0001_0009": "",
    }
    hidden = examples.loc["msp_podcast:MSP-PODCAST_test3_0001"]
    assert hidden["split"] == "test3"
    assert hidden[["arousal", "valence", "dominance", "emotion", "speaker", "session"]].isna().all()
    assert (examples["split"] == "dev").sum() == 2


def test_a_later_release_is_not_taken_for_1_7(msp_podcast: Path) -> None:
    later_release(msp_podcast)
    message = problem(msp_podcast)
    for found in ("1.7", "split 'Development'", "split 'Test3'", "folder Transcripts/", "corpora.msp_podcast.release", str(msp_podcast)):
        assert found in message


@pytest.mark.parametrize("name", ["Transcripts", "transcript", "ForceAligned"])
def test_transcripts_alone_tell_a_later_release(msp_podcast: Path, name: str) -> None:
    (msp_podcast / name).mkdir()
    assert f"folder {name}/" in problem(msp_podcast)


def test_1_7_is_not_taken_for_a_later_release(msp_podcast: Path) -> None:
    assert "split 'Validation'" in problem(msp_podcast, "1.11")


@pytest.mark.parametrize("spelling", ["label/labels_concensus.csv", "labels/labels_concensus.csv", "LABELS/Labels_Consensus.csv"])
def test_the_label_file_is_found_in_every_spelling(msp_podcast: Path, spelling: str) -> None:
    expected = read(msp_podcast)
    text = (msp_podcast / LABELS).read_text()
    (msp_podcast / LABELS).unlink()
    (msp_podcast / "Labels").rmdir()
    (msp_podcast / spelling).parent.mkdir()
    (msp_podcast / spelling).write_text(text)
    assert read(msp_podcast).equals(expected)


def test_two_label_files_are_refused(msp_podcast: Path) -> None:
    (msp_podcast / "Labels" / "labels_consensus.csv").write_text("x")
    assert "labels_consensus.csv" in problem(msp_podcast)


def test_an_unpacked_folder_without_audio_is_refused(msp_podcast: Path) -> None:
    (msp_podcast / "Audios").rename(msp_podcast / "Sounds")
    message = problem(msp_podcast)
    assert "Audios" in message
    assert "Sounds" in message


def test_audio_that_is_still_packed_is_said(msp_podcast: Path) -> None:
    shutil.rmtree(msp_podcast / "Audios")
    (msp_podcast / "Audios.tar.gz").write_bytes(b"")
    assert "packed in Audios.tar.gz; unpack it" in problem(msp_podcast)


def test_transcripts_that_are_still_packed_are_said(msp_podcast: Path) -> None:
    later_release(msp_podcast)
    shutil.rmtree(msp_podcast / "Transcripts")
    (msp_podcast / "Transcripts.zip").write_bytes(b"")
    assert "packed in Transcripts.zip; unpack it" in problem(msp_podcast, "1.11")


def test_the_archive_beside_its_unpacked_folder_changes_nothing(msp_podcast: Path) -> None:
    expected = read(msp_podcast)
    (msp_podcast / "Audios.tar.gz").write_bytes(b"")
    assert read(msp_podcast).equals(expected)


def test_a_repackaged_folder_called_audio_is_found(msp_podcast: Path) -> None:
    (msp_podcast / "Audios").rename(msp_podcast / "Audio")
    assert read(msp_podcast)["path"].str.startswith("Audio/MSP-PODCAST_").all()


def test_a_stereo_file_at_44_khz_has_its_true_duration(msp_podcast: Path) -> None:
    assert read(msp_podcast)["end_s"]["msp_podcast:MSP-PODCAST_0153_0187"] == pytest.approx(0.23)


def test_absent_and_silent_audio_is_left_out_and_said_but_counted(msp_podcast: Path) -> None:
    (msp_podcast / "Audios" / "MSP-PODCAST_0001_0008.wav").unlink()
    silent = msp_podcast / "Audios" / "MSP-PODCAST_0156_0001.wav"
    silent.write_bytes(silent.read_bytes()[:44] + bytes(silent.stat().st_size - 44))
    found = reader.read(msp_podcast, "1.7")
    assert left_out(msp_podcast) == {"MSP-PODCAST_0001_0008": "missing_audio", "MSP-PODCAST_0156_0001": "silent_audio"}
    assert len(found.examples) == 8
    assert found.counts.set_index("what")["found"]["examples"] == 10


def test_audio_that_the_labels_do_not_list_is_said(msp_podcast: Path) -> None:
    shutil.copy(msp_podcast / "Audios" / "MSP-PODCAST_0001_0008.wav", msp_podcast / "Audios" / "MSP-PODCAST_0009_0009.wav")
    assert left_out(msp_podcast) == {"Audios/MSP-PODCAST_0009_0009.wav": "extra_file"}


def test_the_file_that_release_2_0_lists_but_lacks_is_a_known_fault(msp_podcast: Path) -> None:
    edit(msp_podcast, "Validation", "Development")
    edit(msp_podcast, "MSP-PODCAST_0156_0002.wav", "MSP-PODCAST_1909_1017.wav")
    path = msp_podcast / "Audios" / "MSP-PODCAST_0156_0002.wav"
    path.rename(msp_podcast / "Audios" / "kept.bin")
    assert left_out(msp_podcast, "2.0") == {"MSP-PODCAST_1909_1017": "known_fault"}
    assert len(read(msp_podcast, "2.0")) == 9
    assert left_out(msp_podcast, "1.12") == {"MSP-PODCAST_1909_1017": "missing_audio"}
    (msp_podcast / "Audios" / "kept.bin").rename(msp_podcast / "Audios" / "MSP-PODCAST_1909_1017.wav")
    assert len(read(msp_podcast, "2.0")) == 10


def test_the_json_twin_stands_in_for_an_absent_csv(releases: dict[str, Path], tmp_path: Path) -> None:
    expected = read(releases["1.7"])
    root = Path(shutil.copytree(releases["1.7"], tmp_path / "1.7"))
    assert json.loads((root / TWIN).read_text())[f"{expected.index[0].partition(':')[2]}.wav"]["SpkrID"].startswith(" ")
    (root / LABELS).unlink()
    assert_frame_equal(read(root), expected)


def test_numbers_in_the_json_twin_may_be_numbers(msp_podcast: Path) -> None:
    expected = read(msp_podcast)
    with (msp_podcast / LABELS).open(newline="") as file:
        rows = [dict(row) for row in csv.DictReader(file)]
    numbers = {"EmoAct": float, "EmoVal": float, "EmoDom": float}
    twin = {row.pop("FileName"): {name: numbers.get(name, str)(value) for name, value in row.items()} for row in rows}
    twin["MSP-PODCAST_0001_0008.wav"]["SpkrID"] = 30
    (msp_podcast / TWIN).write_text(json.dumps(twin))
    (msp_podcast / LABELS).unlink()
    assert_frame_equal(read(msp_podcast), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "Expecting value"),
        ("[]", "no object of objects"),
        ('{"a": 1}', "no object of objects"),
        ("{}", "0 rows"),
        ('{"MSP-PODCAST_0001_0008.wav": {"EmoClass": "N"}}', "'SpkrID'"),
        ('{"MSP-PODCAST_0001_0008.wav": {}, "MSP-PODCAST_0001_0008.wav": {}}', "'MSP-PODCAST_0001_0008.wav' twice"),
        ("[" * 100000, "recursion"),
        ('{"MSP-PODCAST_0001_0008.wav": {"EmoClass": "\\ud800"}}', "surrogates"),
        ("9" * 5000, "digits"),
    ],
)
def test_a_twin_that_is_no_table_is_named(msp_podcast: Path, text: str, expected: str) -> None:
    (msp_podcast / LABELS).unlink()
    (msp_podcast / TWIN).write_text(text)
    message = problem(msp_podcast)
    assert str(TWIN) in message
    assert expected in message


def test_a_value_missing_in_the_twin_is_named_with_its_record(msp_podcast: Path) -> None:
    entry = {"EmoClass": "N", "EmoAct": "2", "EmoVal": None, "EmoDom": "2", "SpkrID": " 3", "Gender": "Male", "Split_Set": "Train"}
    (msp_podcast / LABELS).unlink()
    (msp_podcast / TWIN).write_text(json.dumps({"MSP-PODCAST_0001_0008.wav": entry}))
    assert "MSP-PODCAST_0001_0008.wav: EmoVal expects a number from 1 to 7, found ''" in problem(msp_podcast)


def test_every_release_in_its_own_spelling_holds_the_same_labels(releases: dict[str, Path]) -> None:
    expected = read(releases["1.7"])
    assert expected["split"].value_counts().to_dict() == {"train": 6, "dev": 2, "test1": 2, "test2": 2}
    for release in ("1.6", "1.9"):
        assert_frame_equal(read(releases[release], release), expected)
    for release in ("1.11", "2.0"):
        found = read(releases[release], release)
        assert (found["split"] == "test3").sum() == toy.HIDDEN
        told = found[found["split"] != "test3"].assign(transcript=expected["transcript"])
        assert_frame_equal(told, expected)


def test_transcripts_of_a_release_are_what_was_said_but_one_missing_and_one_empty(releases: dict[str, Path]) -> None:
    said = pd.read_csv(releases["1.11"] / toy.TEXTS, index_col="example_id")["text"]
    found = read(releases["1.11"], "1.11")["transcript"]
    assert (found.isna().sum(), (found == "").sum()) == (1, 1)
    heard = found[found.fillna("") != ""]
    assert (heard.str.lower().str.rstrip(".") == said[heard.index].str.lower()).all()


def test_turns_of_the_hidden_test_are_there_whether_or_not_the_labels_list_them(releases: dict[str, Path], tmp_path: Path) -> None:
    root = Path(shutil.copytree(releases["1.11"], tmp_path / "1.11"))
    expected = read(root, "1.11")
    labels = root / "Labels" / "labels_consensus.csv"
    lines = labels.read_text().splitlines(keepends=True)
    labels.write_text("".join(line for line in lines if "_test3_" not in line))
    assert_frame_equal(read(root, "1.11").sort_index(), expected.sort_index())


def test_an_unlisted_hidden_turn_in_a_release_without_a_hidden_test_is_an_extra_file(msp_podcast: Path) -> None:
    shutil.copy(msp_podcast / "Audios" / "MSP-PODCAST_0001_0008.wav", msp_podcast / "Audios" / "MSP-PODCAST_test3_0001.wav")
    assert left_out(msp_podcast) == {"Audios/MSP-PODCAST_test3_0001.wav": "extra_file"}


def test_the_known_fault_of_the_toy_2_0_is_told(releases: dict[str, Path]) -> None:
    assert left_out(releases["2.0"], "2.0") == {"MSP-PODCAST_1909_1017": "known_fault"}


@pytest.mark.parametrize("release", EARLIER)
def test_an_earlier_release_is_rebuilt_out_of_1_12(releases: dict[str, Path], release: str) -> None:
    found = read(releases["1.12"], release)
    expected = read(releases["1.7"])
    assert_frame_equal(found[found["split"] != "test3"].assign(path=expected["path"], transcript=expected["transcript"]), expected)
    assert (found["split"] == "test3").any() == (release == "1.11")
    removed = found.index[found["path"].str.startswith(f"{REMOVED.as_posix()}/v{release}_removed_files/")]
    assert len(removed) == 2
    assert not set(removed) & set(read(releases["1.12"], "1.12").index)
    assert left_out(releases["1.12"], release) == {}
    assert counts(releases["1.12"], release)["found"]["turns among the removed files"] == 2


@pytest.mark.parametrize("release", EARLIER)
def test_a_rebuilt_release_has_transcripts_only_where_it_had_some(releases: dict[str, Path], release: str) -> None:
    found = read(releases["1.12"], release)
    heard = found["transcript"].notna()
    assert heard.any() == (release not in ("1.6", "1.7", "1.8"))
    assert not heard[found["path"].str.contains("removed")].any()


def test_1_12_itself_has_its_own_labels_not_those_that_it_tells_of_others(releases: dict[str, Path]) -> None:
    found, before = read(releases["1.12"], "1.12"), read(releases["1.7"])
    both = found.index.intersection(before.index)
    assert len(both) == 10  # of 12; two were dropped
    assert (found["split"][both] != before["split"][both]).sum() == 1
    assert not set(found["speaker"].dropna()) & set(before["speaker"].dropna())
    assert left_out(releases["1.12"], "1.12") == {}


def test_a_removed_file_that_is_nowhere_is_missing_audio(newest: Path) -> None:
    path = sorted((newest / REMOVED / "v1.7_removed_files").iterdir())[0]
    path.unlink()
    assert left_out(newest, "1.7") == {path.stem: "missing_audio"}


def test_a_removed_file_of_no_turn_is_extra(newest: Path) -> None:
    folder = newest / REMOVED / "v1.7_removed_files"
    shutil.copy(sorted(folder.iterdir())[0], folder / "MSP-PODCAST_0999_0001.wav")
    assert left_out(newest, "1.7") == {f"{REMOVED.as_posix()}/v1.7_removed_files/MSP-PODCAST_0999_0001.wav": "extra_file"}


def test_removed_files_that_are_still_packed_are_said(newest: Path) -> None:
    shutil.rmtree(newest / REMOVED / "v1.7_removed_files")
    (newest / REMOVED / "v1.7_removed_files.tar.gz").write_bytes(b"")
    assert "packed in v1.7_removed_files.tar.gz; unpack it" in problem(newest)


def test_1_12_without_what_it_tells_of_1_7_is_not_taken_for_1_7(newest: Path) -> None:
    shutil.rmtree(newest / "Previous_releases_information")
    message = problem(newest)
    for found in ("split 'Development'", "folder ForceAligned/", "Previous_releases_information/ unpacked"):
        assert found in message


def test_a_transcript_of_no_turn_is_said(msp_podcast: Path) -> None:
    later_release(msp_podcast)
    (msp_podcast / "Transcripts" / "MSP-PODCAST_0999_0001.txt").write_text("Nobody.")
    assert left_out(msp_podcast, "1.11") == {"Transcripts/MSP-PODCAST_0999_0001.txt": "unlabelled"}


def test_a_transcript_that_is_not_utf_8_is_read_as_windows_1252_and_counted(msp_podcast: Path) -> None:
    later_release(msp_podcast)
    (msp_podcast / "Transcripts" / "MSP-PODCAST_0001_0009.txt").write_bytes(b"It\x92s caf\xe9.")
    (msp_podcast / "Transcripts" / "MSP-PODCAST_0001_0008.txt").write_bytes(b"\xef\xbb\xbfWell.")
    transcripts = read(msp_podcast, "1.11")["transcript"]
    assert transcripts["msp_podcast:MSP-PODCAST_0001_0009"] == "It\u2019s caf\u00e9."
    assert transcripts["msp_podcast:MSP-PODCAST_0001_0008"] == "Well."
    found = counts(msp_podcast, "1.11")["found"]
    assert (found["transcripts"], found["transcripts that are not UTF-8"]) == (2, 1)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("SpkrID", "Speaker", ["'SpkrID'"]),
        (",N,2.2,4.0,2.6", ",N,2.2,nan,2.6", ["MSP-PODCAST_0001_0008.wav", "EmoVal", "'nan'", "1 to 7"]),
        (",N,2.2,4.0,2.6", ",N,2.2,4.0,", ["MSP-PODCAST_0001_0008.wav", "EmoDom", "''"]),
        (",N,2.2,4.0,2.6", ",N,7.01,4.0,2.6", ["MSP-PODCAST_0001_0008.wav", "EmoAct", "'7.01'"]),
        (",N,2.2,4.0,2.6", ",N,0.99,4.0,2.6", ["MSP-PODCAST_0001_0008.wav", "EmoAct", "'0.99'"]),
        (",N,2.2,4.0,2.6", ",N,inf,4.0,2.6", ["MSP-PODCAST_0001_0008.wav", "EmoAct", "'inf'"]),
        (",N,2.2", ",Z,2.2", ["MSP-PODCAST_0001_0008.wav", "EmoClass", "'Z'"]),
        (",30,Male", ",thirty,Male", ["MSP-PODCAST_0001_0008.wav", "SpkrID", "'thirty'"]),
        (",30,Male", ",30,male?", ["MSP-PODCAST_0001_0008.wav", "Gender", "'male?'"]),
        ("Test2", "Test9", ["MSP-PODCAST_0156_0001.wav", "Split_Set", "'Test9'", "1 more"]),
        ("MSP-PODCAST_0001_0009.wav", "MSP-PODCAST_0001_0008.wav", ["row 3", "MSP-PODCAST_0001_0008.wav", "once"]),
        ("MSP-PODCAST_0001_0009.wav", "../0001_0009.wav", ["row 3", "'../0001_0009.wav'"]),
        (",30,Male", ",\u0663\u0660,Male", ["MSP-PODCAST_0001_0008.wav", "SpkrID"]),
        ("Male,Test1", "Male", ["line 2", "7 fields instead of 8"]),
        ("Male,Test1", "Male,Test1,surplus", ["line 2", "9 fields instead of 8"]),
        ("EmoVal", "EmoAct", ["'EmoAct' twice"]),
        ("30,Male", '"30,Male', ["labels_concensus.csv", "unexpected end of data"]),
    ],
)
def test_a_bad_value_is_named_with_its_record(msp_podcast: Path, old: str, new: str, expected: list[str]) -> None:
    edit(msp_podcast, old, new)
    message = problem(msp_podcast)
    assert "\n" not in message
    assert [part for part in expected if part not in message] == []


@pytest.mark.parametrize("text", ["", "FileName\n", "\xff\xfe", 'FileName,"x\n'])
def test_a_label_file_that_is_no_table_is_named(msp_podcast: Path, text: str) -> None:
    (msp_podcast / LABELS).write_bytes(text.encode("latin-1"))
    assert str(LABELS) in problem(msp_podcast)


def test_a_comma_at_the_end_of_each_row_changes_nothing(msp_podcast: Path) -> None:
    expected = read(msp_podcast)
    (msp_podcast / LABELS).write_text("\n\n".join(f"{line}," for line in (msp_podcast / LABELS).read_text().splitlines()))
    assert read(msp_podcast).equals(expected)


def test_what_is_published_stands_beside_what_was_found(msp_podcast: Path) -> None:
    found = counts(msp_podcast)
    assert found.loc["examples in train", ["found", "least", "most"]].tolist() == [4, 38179, 38179]
    assert found.loc["speakers in dev", ["found", "least"]].tolist() == [1, 44]
    assert found.loc["female speakers in test1", ["found", "least"]].tolist() == [1, 30]
    assert found["found"][[f"examples in {split}" for split in ("train", "dev", "test1", "test2")]].sum() == 10
    assert found["found"][found.index.str.startswith("class ")].sum() == 10
    assert found["found"]["four classes in train"] == 3
    assert found["least"][["examples", "examples in test2", "four classes in train"]].isna().all()
    (msp_podcast / "SYNTHETIC_README.txt").write_text("invented")
    assert counts(msp_podcast)[["least", "most"]].isna().all(axis=None)


def test_published_counts_agree_with_each_other() -> None:
    classes = {letter: reader.COUNTS["1.8"][f"class {letter}"] for letter in reader.CLASSES}
    assert sum(classes.values()) == reader.COUNTS["1.8"]["examples"] == 73042
    four = [reader.FOUR_CLASSES["1.8"][f"four classes in {split}"] for split in ("train", "dev", "test1", "test2")]
    assert sum(least for least, _ in four) <= sum(classes[letter] for letter in "AHNS") == 46161 <= sum(most for _, most in four)
    splits = [reader.COUNTS["1.11"][f"examples in {split}"] for split in ("train", "dev", "test1", "test2", "test3")]
    assert sum(splits) == reader.COUNTS["1.11"]["examples"] == 151654
    assert sum(reader.COUNTS["1.7"][f"examples in {split}"] for split in ("train", "dev", "test1")) == 58619


def test_four_class_counts_of_1_8_have_their_range(msp_podcast: Path) -> None:
    found = counts(msp_podcast, "1.8")
    assert found.loc["four classes in train"].tolist()[1:] == [3, 28599, 28603]
    assert found.loc["four classes in test2"].tolist()[1:] == [0, 3482, 3486]


def test_the_readers_releases_are_those_that_can_be_invented() -> None:
    assert tuple(msp_labels.SPELLINGS) == reader.RELEASES


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(codec="ascii", exclude_characters=',"\r\n'), max_size=6))
def test_any_text_as_label_is_a_number_on_the_scale_or_an_error(msp_podcast: Path, value: str) -> None:
    rows = (msp_podcast / LABELS).read_text()
    path = msp_podcast / "Labels" / "any.csv"
    path.write_text(rows.replace(",N,2.2,", f",N,{value},"))
    try:
        arousal = reader._labelled(reader._rows(path), path)["arousal"].iloc[0]
    except InputError as error:
        assert "MSP-PODCAST_0001_0008.wav: EmoAct" in str(error)
    else:
        assert 1 <= arousal <= 7
        assert re.search(r"\d", value)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(data=b"", suffix="csv")
@given(data=st.binary(max_size=40), suffix=st.sampled_from(["csv", "json"]))
def test_any_bytes_as_label_file_are_an_error_of_one_line(msp_podcast: Path, data: bytes, suffix: str) -> None:
    path = msp_podcast / "Labels" / f"any.{suffix}"
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        reader._rows(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_label_file_is_an_error_or_loses_no_row_silently(msp_podcast: Path, data: st.DataObject) -> None:
    content = bytearray((msp_podcast / LABELS).read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    path = msp_podcast / "Labels" / "any.csv"
    path.write_bytes(content)
    try:
        rows = reader._rows(path)
        found = reader._labelled(rows, path)
    except InputError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
    else:
        assert len(found) == 10
        assert found["native_id"].is_unique


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(8)))
def test_the_order_of_the_columns_does_not_matter(msp_podcast: Path, order: list[int]) -> None:
    text = (msp_podcast / LABELS).read_text()
    path = msp_podcast / "Labels" / "any.csv"
    path.write_text("".join(",".join(line.split(",")[k] for k in order) + "\r\n" for line in text.splitlines()))
    assert_frame_equal(reader._rows(path), reader._rows(msp_podcast / LABELS))
