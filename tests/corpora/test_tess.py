"""TESS's reader against the invented tree and the layouts of other copies."""

import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from emofuse import protocols
from emofuse.corpora import tess as reader
from emofuse.errors import InputError

OUTER = "TESS Toronto emotional speech set data"


def by_id(root: Path) -> pd.DataFrame:
    return reader.read(root, "1").examples.set_index("example_id")


def problem(root: Path) -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, "1")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_name_tells_speaker_word_and_emotion(tess: Path) -> None:
    row = by_id(tess).loc["tess:YAF_back_ps"]
    assert list(row[["speaker", "gender", "transcript", "emotion", "emotion_raw"]]) == [
        "YAF", "female", "Say the word back", "surprise", "ps",
    ]  # fmt: skip


def test_the_misnamed_file_is_of_the_older_woman(tess: Path) -> None:
    row = by_id(tess).loc["tess:OA_bite_neutral"]
    assert (row["speaker"], row["emotion"]) == ("OAF", "neutral")


def test_folders_are_read_however_their_case(tess: Path) -> None:
    (tess / OUTER / "OAF_Fear").rename(tess / OUTER / "oaf_FEAR")
    assert Counter(by_id(tess)["emotion"]) == {
        "fear": 8, "angry": 7, "sad": 7, "happy": 8, "disgust": 8, "neutral": 8, "surprise": 8,
    }  # fmt: skip


def test_clips_at_24_and_96_khz_are_as_long_as_they_sound(tess: Path) -> None:
    assert soundfile.info(tess / OUTER / "OAF_happy" / "OAF_germ_happy.wav").samplerate == 96000
    assert by_id(tess)["end_s"].round(3).unique().tolist() == [0.35]


def test_planted_faults_are_left_out_by_name(tess: Path) -> None:
    left_out = reader.read(tess, "1").left_out
    found = {reason: sorted(Path(item).name for item in items) for reason, items in left_out.groupby("reason")["item"]}
    assert found == {
        "copy": ["OAF_back_neutral.wav", "OAF_germ_neutral.wav", "OAF_neat_neutral.wav", "OA_bite_neutral.wav"],
        "damaged_audio": ["YAF_germ_angry"],
        "extra_file": ["YAF_back_sad.wav", "YAF_bite_sad.wav", "YAF_germ_sad.wav", "YAF_neat_sad.wav"],
        "silent_audio": ["YAF_neat_sad"],
    }
    assert left_out.loc[left_out["reason"] == "extra_file", "item"].str.contains("YAF_sad - Copy").all()


def test_the_outer_copy_of_a_clip_is_the_one_that_counts(tess: Path) -> None:
    assert not by_id(tess)["path"].str.contains(f"{OUTER}/{OUTER}").any()


def test_a_copy_that_corrects_the_name_is_a_copy(tess: Path) -> None:
    inner = tess / OUTER / OUTER / "OAF_neutral"
    (inner / "OA_bite_neutral.wav").rename(inner / "OAF_bite_neutral.wav")
    found = reader.read(tess, "1")
    assert len(found.examples) == 54
    assert f"{OUTER}/{OUTER}/OAF_neutral/OAF_bite_neutral.wav" in set(found.left_out["item"])


def test_a_flat_copy_has_the_same_labels(tess: Path, tmp_path: Path) -> None:
    before = by_id(tess)
    (tmp_path / "flat").mkdir()
    for path in before["path"]:
        shutil.copy(tess / path, tmp_path / "flat")
    pd.testing.assert_frame_equal(by_id(tmp_path / "flat").drop(columns="path"), before.drop(columns="path"))


def test_clips_in_another_format_are_read(tess: Path) -> None:
    clip = tess / OUTER / "OAF_angry" / "OAF_back_angry.wav"
    samples, rate = soundfile.read(clip, dtype="int16")
    clip.unlink()
    soundfile.write(clip.with_suffix(".ogg"), samples, rate)
    assert by_id(tess).loc["tess:OAF_back_angry", "path"] == f"{OUTER}/OAF_angry/OAF_back_angry.ogg"


def test_two_clips_of_one_name_and_other_content_are_refused(tess: Path) -> None:
    copy = tess / OUTER / OUTER / "OAF_neutral" / "OAF_back_neutral.wav"
    copy.write_bytes(copy.read_bytes()[:-2] + b"\x01\x02")
    assert str(copy) in problem(tess)


@pytest.mark.parametrize("name", ["OAF_back_joy", "OAF_back_sad", "YAF_back_angry", "EAF_back_angry", "OAF_angry", "hello"])
def test_a_name_outside_the_grammar_or_of_another_folder_is_named(tess: Path, name: str) -> None:
    folder = tess / OUTER / "OAF_angry"
    shutil.copy(folder / "OAF_back_angry.wav", folder / f"{name}.wav")
    message = problem(tess)
    assert str(folder / f"{name}.wav") in message
    assert f"found '{name}'" in message


def test_two_folds_test_each_woman_once_and_share_no_sentence_between_train_and_dev(tess: Path) -> None:
    examples = by_id(tess)
    folds = protocols.folds(reader.PROTOCOL, examples.reset_index())
    assert [fold.name for fold in folds] == ["OAF", "YAF"]
    for fold in folds:
        assert set(examples.loc[list(fold.test), "speaker"]) == {fold.name}
        train, dev = (set(examples.loc[list(side), "transcript"]) for side in (fold.train, fold.dev))
        assert not train & dev


def test_published_counts_add_up() -> None:
    assert sum(n for what, n in reader.COUNTS.items() if what not in ("examples", "speakers")) == reader.COUNTS["examples"] == 2 * 7 * 200


@given(
    st.sampled_from(["OAF_angry", "yaf_Pleasant_surprise", "data"]),
    st.text(st.characters(codec="ascii", exclude_characters="/\0"), max_size=16),
)
def test_any_name_is_read_or_refused_in_one_line(folder: str, stem: str) -> None:
    try:
        speaker, word, emotion = reader._fields(Path("corpus") / folder / f"{stem}.wav")
    except InputError as error:
        assert "corpus" in str(error)
    else:
        assert speaker in ("OAF", "YAF") and word.isalpha() and emotion in reader.CLASSES
