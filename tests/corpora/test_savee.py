"""SAVEE's reader against the invented tree and the layouts of other copies."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from emofuse import protocols
from emofuse.corpora import savee as reader
from emofuse.errors import InputError


def by_id(root: Path) -> pd.DataFrame:
    return reader.read(root, "1").examples.set_index("example_id")


def problem(root: Path) -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, "1")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "emotion", "code"),
    [("JE_sa01", "sad", "sa"), ("JE_su01", "surprise", "su"), ("JE_a01", "angry", "a"), ("JE_n30", "neutral", "n")],
)
def test_prefixes_of_two_letters_are_not_taken_for_one(savee: Path, name: str, emotion: str, code: str) -> None:
    row = by_id(savee).loc[f"savee:{name}"]
    assert (row["emotion"], row["emotion_raw"]) == (emotion, code)


def test_all_speakers_are_men_and_nothing_says_what_they_say(savee: Path) -> None:
    examples = by_id(savee)
    assert examples.groupby("speaker")["gender"].unique().explode().to_dict() == dict.fromkeys(("DC", "JE", "JK", "KL"), "male")
    assert examples["transcript"].isna().all()


def test_planted_faults_are_left_out_by_name(savee: Path) -> None:
    left_out = reader.read(savee, "1").left_out
    assert dict(zip(left_out["item"], left_out["reason"], strict=True)) == {
        "AudioData/DC/a01.wav": "copy",
        "AudioData/DC/su01.wav": "copy",
        "AudioData/KL/a01 - Copy.wav": "extra_file",
        "KL_sa02": "damaged_audio",
        "KL_su02": "silent_audio",
    }


def test_the_flat_layout_has_the_same_labels(savee: Path, tmp_path: Path) -> None:
    before = by_id(savee)
    (tmp_path / "copy" / "ALL").mkdir(parents=True)
    for name, path in before["path"].items():
        shutil.copy(savee / path, tmp_path / "copy" / "ALL" / f"{str(name).partition(':')[2]}.wav")
    pd.testing.assert_frame_equal(by_id(tmp_path / "copy").drop(columns="path"), before.drop(columns="path"))


def test_the_layout_by_speaker_alone_has_the_same_labels(savee: Path) -> None:
    before = by_id(savee)
    shutil.rmtree(savee / "ALL")
    pd.testing.assert_frame_equal(by_id(savee).drop(columns="path"), before.drop(columns="path"))
    pd.testing.assert_frame_equal(by_id(savee / "AudioData").drop(columns="path"), before.drop(columns="path"))


def test_clips_in_another_format_are_read(savee: Path) -> None:
    clip = savee / "AudioData" / "JK" / "a01.wav"
    samples, rate = soundfile.read(clip, dtype="int16")
    clip.unlink()
    soundfile.write(clip.with_suffix(".ogg"), samples, rate)
    assert by_id(savee).loc["savee:JK_a01", "path"] == "AudioData/JK/a01.ogg"


def test_two_clips_of_one_name_and_other_content_are_refused(savee: Path) -> None:
    shutil.copy(savee / "ALL" / "DC_a01.wav", savee / "ALL" / "DC_su01.wav")
    assert str(savee / "AudioData" / "DC" / "su01.wav") in problem(savee)


@pytest.mark.parametrize("name", ["x01", "a1", "sad01", "a001", "A01", "hello"])
def test_a_name_outside_the_grammar_is_named(savee: Path, name: str) -> None:
    folder = savee / "AudioData" / "JK"
    shutil.copy(folder / "a01.wav", folder / f"{name}.wav")
    message = problem(savee)
    assert str(folder / f"{name}.wav") in message
    assert f"found '{name}'" in message


def test_four_folds_test_the_speakers_in_the_published_order(savee: Path) -> None:
    examples = by_id(savee)
    folds = protocols.folds(reader.PROTOCOL, examples.reset_index())
    assert [set(examples.loc[list(fold.test), "speaker"]) for fold in folds] == [{"JE"}, {"KL"}, {"DC"}, {"JK"}]


def test_published_counts_add_up() -> None:
    assert sum(n for what, n in reader.COUNTS.items() if what not in ("examples", "speakers")) == reader.COUNTS["examples"] == 4 * 120


@given(st.sampled_from(["DC", "ALL"]), st.text(st.characters(codec="ascii", exclude_characters="/\0"), max_size=8))
def test_any_name_is_read_or_refused_in_one_line(folder: str, stem: str) -> None:
    try:
        name = reader._native_id(Path("corpus") / folder / f"{stem}.wav")
    except InputError as error:
        assert "corpus" in str(error)
    else:
        assert name[:2] in reader.FOLDS and name.endswith(stem)
