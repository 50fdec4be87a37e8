"""EmoDB's reader against the invented tree."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from emofuse import protocols
from emofuse.corpora import emodb as reader
from emofuse.errors import InputError


def by_id(root: Path) -> pd.DataFrame:
    return reader.read(root, "1").examples.set_index("example_id")


def problem(root: Path) -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, "1")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_name_tells_speaker_text_and_emotion(emodb: Path) -> None:
    shutil.copy(emodb / "wav" / "03a01Wa.wav", emodb / "wav" / "14b01Fb.wav")
    row = by_id(emodb).loc["emodb:14b01Fb"]
    assert list(row[["speaker", "gender", "fold", "emotion", "emotion_raw", "transcript"]]) == [
        "14", "female", 8, "happy", "F", "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    ]  # fmt: skip


def test_letters_are_those_of_the_german_words(emodb: Path) -> None:
    named = by_id(emodb).drop_duplicates("emotion_raw").set_index("emotion_raw")["emotion"].to_dict()
    assert named == {
        "W": "angry", "L": "boredom", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral",
    }  # fmt: skip


def test_planted_faults_are_left_out_by_name(emodb: Path) -> None:
    left_out = reader.read(emodb, "1").left_out
    assert dict(zip(left_out["item"], left_out["reason"], strict=True)) == {
        "16b02La": "damaged_audio", "16b01Nb": "silent_audio", "wav/03a01Wa - Copy.wav": "extra_file",
    }  # fmt: skip


def test_label_files_in_other_encodings_are_not_read(emodb: Path) -> None:
    before = by_id(emodb)
    assert b"nat\xfcrlich" in (emodb / "erkennung.txt").read_bytes()
    for name in ("erkennung.txt", "erklaerung.txt"):
        (emodb / name).write_bytes(b"\xff\xfe\x00;\n")
    shutil.rmtree(emodb / "lablaut")
    assert by_id(emodb).equals(before)


def test_every_speaker_is_a_fold_of_its_own(emodb: Path) -> None:
    examples = reader.read(emodb, "1").examples
    speaker = examples.set_index("example_id")["speaker"]
    tested = [set(speaker[list(fold.test)]) for fold in protocols.folds(reader.PROTOCOL, examples)]
    assert tested == [{s} for s in ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")]


@pytest.mark.parametrize("name", ["04a01Fa", "03a03Fa", "03a01Xa", "03a01F", "03a01Fa2", "hello"])
def test_a_name_outside_the_grammar_is_named(emodb: Path, name: str) -> None:
    shutil.copy(emodb / "wav" / "03a01Wa.wav", emodb / "wav" / f"{name}.wav")
    message = problem(emodb)
    assert str(emodb / "wav" / f"{name}.wav") in message
    assert f"found '{name}'" in message


@pytest.mark.parametrize("table", ["db.speaker.csv", "db.emotion.categories.ambiguous.csv"])
def test_version_2_is_refused_with_what_to_use(emodb: Path, table: str) -> None:
    (emodb / table).write_text("file,emotion\n")
    message = problem(emodb)
    assert "found EmoDB 2.0" in message
    assert "download.zip" in message


def test_an_audformat_tree_of_version_1_is_the_same_corpus(emodb: Path) -> None:
    before = by_id(emodb)
    for name in ("db.yaml", "db.emotion.csv", "db.files.csv"):
        (emodb / name).write_text("name: emodb\n")
    assert by_id(emodb).equals(before)


@pytest.mark.parametrize("suffix", ["flac", "mp3", "ogg"])
def test_other_formats_are_read_as_wav_is(emodb: Path, suffix: str) -> None:
    samples, rate = soundfile.read(emodb / "wav" / "03a01Wa.wav", dtype="int16")
    (emodb / "wav" / "03a01Wa.wav").unlink()
    soundfile.write(emodb / "wav" / f"03a01Wa.{suffix}", samples, rate)
    assert by_id(emodb).loc["emodb:03a01Wa", "path"] == f"wav/03a01Wa.{suffix}"


def test_one_clip_in_two_formats_is_refused(emodb: Path) -> None:
    clip = emodb / "wav" / "03a01Wa.wav"
    samples, rate = soundfile.read(clip, dtype="int16")
    soundfile.write(clip.with_suffix(".flac"), samples, rate)
    assert problem(emodb) == f"{clip}: expected a copy of {clip.with_suffix('.flac')}, found other content; remove one of the two"


def test_published_counts_add_up() -> None:
    classes = [n for what, n in reader.COUNTS.items() if what not in ("examples", "speakers")]
    assert (len(classes), sum(classes), len(reader.TEXTS), len(reader.GENDERS)) == (7, 535, 10, 10)


@given(st.text(st.characters(codec="ascii", exclude_characters="/\0"), max_size=9))
def test_any_name_is_read_or_refused_in_one_line(stem: str) -> None:
    try:
        row = reader._row(Path("corpus/wav") / f"{stem}.wav", Path("corpus"))
    except InputError as error:
        assert "corpus" in str(error)
    else:
        assert row["native_id"] == stem and len(stem) == 7
