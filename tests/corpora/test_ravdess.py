"""RAVDESS's reader against a small tree, and against the genuine four-class subset where that is at hand."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from emofuse import protocols
from emofuse.corpora import ravdess as reader
from emofuse.errors import InputError

GENUINE = Path(__file__).parents[2] / ".." / "shared" / "data" / "ravdess_4class"


def read(root: Path) -> pd.DataFrame:
    return reader.read(root, "1.0.0", False).set_index("example_id")


def problem(root: Path) -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, "1.0.0", False)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_name_tells_emotion_sentence_speaker_and_gender(ravdess: Path) -> None:
    examples = read(ravdess)
    columns = ["speaker", "gender", "emotion", "emotion_raw", "transcript", "fold"]
    assert list(examples.loc["ravdess:03-01-06-01-01-01-06", columns]) == [
        "Actor_06", "female", "fear", "06", "Kids are talking by the door", 6,
    ]  # fmt: skip
    assert list(examples.loc["ravdess:03-01-01-01-02-01-01", columns]) == [
        "Actor_01", "male", "neutral", "01", "Dogs are sitting by the door", 1,
    ]  # fmt: skip


def test_copies_count_once_and_song_is_left_out(ravdess: Path) -> None:
    examples = read(ravdess)
    assert len(examples) == 24
    assert not examples["path"].str.contains("audio_speech").any()
    assert not examples.index.str.contains("03-02").any()


def test_wav_and_flac_are_both_read(ravdess: Path) -> None:
    assert read(ravdess)["path"].str.rpartition(".")[2].value_counts().to_dict() == {"wav": 16, "flac": 8}


def test_the_song_archive_beside_the_speech_changes_nothing(ravdess: Path) -> None:
    before = read(ravdess)
    song = ravdess / "Audio_Song_Actors_01-24" / "Actor_01"
    song.mkdir(parents=True)
    shutil.copy(ravdess / "Audio_Speech_Actors_01-24/Actor_01/03-02-01-01-01-01-01.wav", song)
    assert read(ravdess).equals(before)


def test_two_clips_of_one_name_and_other_content_are_refused(ravdess: Path) -> None:
    copy = ravdess / "Audio_Speech_Actors_01-24/audio_speech_actors_01-24/Actor_01/03-01-01-01-02-01-01.wav"
    copy.write_bytes(copy.read_bytes()[:-2] + b"\x01\x02")
    assert str(copy) in problem(ravdess)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("03-01-09-01-01-01-01", "emotion '09'"),
        ("03-01-01-01-03-01-01", "statement '03'"),
        ("03-01-01-01-01-01-02", "actor '02'"),
        ("03-01-01-01-01-01-25", "actor '25'"),
        ("hello", "'hello'"),
    ],
)
def test_a_name_outside_the_grammar_is_named(ravdess: Path, name: str, expected: str) -> None:
    actor = ravdess / "Audio_Speech_Actors_01-24" / "Actor_01"
    shutil.copy(actor / "03-01-01-01-02-01-01.wav", actor / f"{name}.wav")
    message = problem(ravdess)
    assert f"{name}.wav" in message
    assert expected in message


def test_actors_without_clips_are_refused(tmp_path: Path) -> None:
    (tmp_path / "Actor_01").mkdir()
    assert "found none" in problem(tmp_path)


def test_folds_hold_each_actor_once() -> None:
    actors = [actor for fold in reader.FOLDS for actor in fold]
    assert sorted(actors) == list(range(1, 25))
    assert {len(fold) for fold in reader.FOLDS} == {4}


@pytest.mark.skipif(not GENUINE.is_dir(), reason="the genuine four-class subset of RAVDESS is not at ../shared/data/ravdess_4class")
def test_the_genuine_subset_has_672_clips_of_24_speakers_in_six_folds() -> None:
    examples = reader.read(GENUINE, "1.0.0", False)
    assert examples["emotion"].value_counts().to_dict() == {"happy": 192, "sad": 192, "angry": 192, "neutral": 96}
    assert len(examples) == 672
    assert examples["speaker"].nunique() == 24
    assert examples["transcript"].nunique() == 2
    assert examples["end_s"].between(2.9, 5.3).all()
    folds = protocols.folds("speaker_folds", examples)
    assert [(fold.name, len(fold.train), len(fold.dev), len(fold.test)) for fold in folds] == [
        (f"fold{k}", 448, 112, 112) for k in range(1, 7)
    ]
    with pytest.raises(InputError, match="1440 examples, found 672"):
        reader.read(GENUINE, "1.0.0", True)
