"""MSP-Podcast's reader against a small release 1.7 and what later releases do differently."""

import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emofuse.corpora import msp_podcast as reader
from emofuse.errors import InputError

LABELS = Path("Labels", "labels_concensus.csv")


def read(root: Path, release: str = "1.7") -> pd.DataFrame:
    return reader.read(root, release, False).set_index("example_id")


def edit(root: Path, old: str, new: str) -> None:
    path = root / LABELS
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def problem(root: Path, release: str = "1.7", check_counts: bool = False) -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, release, check_counts)
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


def test_transcripts_alone_tell_a_later_release(msp_podcast: Path) -> None:
    (msp_podcast / "Transcripts").mkdir()
    assert "folder Transcripts/" in problem(msp_podcast)


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


def test_absent_audio_is_counted_before_any_is_decoded(msp_podcast: Path) -> None:
    for path in list((msp_podcast / "Audios").glob("MSP*"))[:3]:
        path.unlink()
    next(iter((msp_podcast / "Audios").glob("MSP*"))).write_bytes(b"")
    assert "3 of 10 are absent" in problem(msp_podcast)


def test_the_file_that_release_2_0_lists_but_lacks_is_left_out(msp_podcast: Path) -> None:
    edit(msp_podcast, "Validation", "Development")
    edit(msp_podcast, "MSP-PODCAST_0156_0002.wav", "MSP-PODCAST_1909_1017.wav")
    assert len(read(msp_podcast, "2.0")) == 9
    assert "MSP-PODCAST_1909_1017.wav" in problem(msp_podcast, "1.12")


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
        ("MSP-PODCAST_0001_0009.wav", "MSP-PODCAST_0001_0010.wav", ["MSP-PODCAST_0001_0010.wav", "1 of 10"]),
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


def test_published_counts_name_split_and_both_numbers(msp_podcast: Path) -> None:
    message = problem(msp_podcast, check_counts=True)
    assert "38179 examples in train, found 4" in message


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
