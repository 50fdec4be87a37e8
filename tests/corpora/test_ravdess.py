"""RAVDESS's reader against the invented tree, and against the genuine four-class subset where that is at hand."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import soundfile

from emofuse import protocols
from emofuse.corpora import ravdess as reader
from emofuse.errors import InputError

RELEASE = "Audio_Speech_Actors_01-24"


def read(root: Path) -> pd.DataFrame:
    return reader.read(root, "1.0.0").examples.set_index("example_id")


def problem(root: Path) -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, "1.0.0")
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


def test_copies_count_once_and_the_outer_one_is_read(ravdess: Path) -> None:
    found = reader.read(ravdess, "1.0.0")
    assert len(found.examples) == 24
    assert not found.examples["path"].str.contains("audio_speech").any()
    assert found.left_out.loc[found.left_out["reason"] == "copy", "item"].tolist() == [
        f"{RELEASE}/audio_speech_actors_01-24/Actor_01/03-01-01-01-02-01-01.wav"
    ]


def test_planted_faults_are_left_out_by_name(ravdess: Path) -> None:
    left_out = reader.read(ravdess, "1.0.0").left_out
    found = {reason: sorted(Path(item).name for item in items) for reason, items in left_out.groupby("reason")["item"]}
    assert found == {
        "copy": ["03-01-01-01-02-01-01.wav"],
        "damaged_audio": ["03-01-03-01-02-01-24"],  # a Git LFS pointer
        "extra_file": ["03-01-02-01-01-01-02.wav"],  # in a folder 'Actor_02 - Copy'
        "silent_audio": ["03-01-02-01-02-01-24"],
        "unlabelled": ["03-02-01-01-01-01-01.wav"] * 2,  # song, and its copy
    }


def test_wav_and_flac_are_both_read(ravdess: Path) -> None:
    assert read(ravdess)["path"].str.rpartition(".")[2].value_counts().to_dict() == {"wav": 23, "flac": 1}


def test_clips_in_another_format_are_read(ravdess: Path) -> None:
    clip = ravdess / RELEASE / "Actor_02" / "03-01-02-01-01-01-02.wav"
    samples, rate = soundfile.read(clip, dtype="int16")
    clip.unlink()
    soundfile.write(clip.with_suffix(".ogg"), samples, rate)
    assert read(ravdess).loc["ravdess:03-01-02-01-01-01-02", "path"] == f"{RELEASE}/Actor_02/03-01-02-01-01-01-02.ogg"


def test_stereo_is_as_long_as_mono(ravdess: Path) -> None:
    assert soundfile.info(ravdess / RELEASE / "Actor_02" / "03-01-02-01-01-01-02.wav").channels == 2
    assert read(ravdess)["end_s"].unique().tolist() == [0.35]


def test_the_song_archive_beside_the_speech_changes_no_example(ravdess: Path) -> None:
    before = read(ravdess)
    song = ravdess / "Audio_Song_Actors_01-24" / "Actor_01"
    song.mkdir(parents=True)
    shutil.copy(ravdess / RELEASE / "Actor_01" / "03-02-01-01-01-01-01.wav", song)
    assert read(ravdess).equals(before)


def test_two_clips_of_one_name_and_other_content_are_refused(ravdess: Path) -> None:
    copy = ravdess / RELEASE / "audio_speech_actors_01-24" / "Actor_01" / "03-01-01-01-02-01-01.wav"
    copy.write_bytes(copy.read_bytes()[:-2] + b"\x01\x02")
    assert str(copy) in problem(ravdess)


def test_a_copy_that_cannot_be_read_is_named(ravdess: Path) -> None:
    copy = ravdess / RELEASE / "audio_speech_actors_01-24" / "Actor_01" / "03-01-01-01-02-01-01.wav"
    copy.unlink()
    copy.symlink_to("nowhere")
    message = problem(ravdess)
    assert message.startswith(f"{copy}: expected a copy of ")
    assert "No such file" in message


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
    actor = ravdess / RELEASE / "Actor_01"
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


def test_the_genuine_subset_has_672_clips_of_24_speakers_in_six_folds(recordings: Path) -> None:
    found = reader.read(recordings / "ravdess_4class", "1.0.0")
    examples = found.examples
    assert examples["emotion"].value_counts().to_dict() == {"happy": 192, "sad": 192, "angry": 192, "neutral": 96}
    assert len(examples) == 672
    assert examples["speaker"].nunique() == 24
    assert examples["transcript"].nunique() == 2
    assert examples["end_s"].between(2.9, 5.3).all()
    folds = protocols.folds("speaker_folds", examples)
    assert [(fold.name, len(fold.train), len(fold.dev), len(fold.test)) for fold in folds] == [
        (f"fold{k}", 448, 112, 112) for k in range(1, 7)
    ]
    assert found.left_out.empty
    counts = found.counts.set_index("what")[["found", "least", "most"]]
    assert counts.loc["examples"].tolist() == [672, 1440, 1440]
    assert counts.loc["happy"].tolist() == [192, 192, 192]
    assert counts.loc["fear"].tolist() == [0, 192, 192]
