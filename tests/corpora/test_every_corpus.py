"""What holds for every corpus in emofuse.corpora; a new module is under test as soon as conftest.py can write a small one."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import soundfile
from pandas.testing import assert_frame_equal

from emofuse import corpora, tables
from emofuse.errors import InputError

Writers = dict[str, tuple[Callable[[Path], None], str]]
HARMONISED = {
    "neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise", "contempt", "boredom", "frustrated", "excited",
}  # fmt: skip
every_corpus = pytest.mark.parametrize("name", corpora.known())


@pytest.fixture
def corpus(name: str, writers: Writers, tmp_path: Path) -> tuple[Path, str]:
    """Root and release of a small corpus of that name."""
    write, release = writers[name]
    write(tmp_path / name)
    return tmp_path / name, release


def problem(*arguments: Any) -> str:
    with pytest.raises(InputError) as error:
        corpora.read(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_the_known_corpora_are_the_modules_of_the_folder() -> None:
    assert corpora.known() == ["iemocap", "msp_podcast", "ravdess"]


def test_an_unknown_corpus_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    message = problem("iemocpa", tmp_path, "full", True)
    assert "'iemocpa'" in message
    assert "'iemocap'" in message


@every_corpus
def test_reads_into_a_table_that_survives_the_disk(name: str, corpus: tuple[Path, str], tmp_path: Path) -> None:
    examples = corpora.read(name, *corpus, False)
    tables.write(examples, tmp_path / "examples.parquet", tables.EXAMPLES)
    assert_frame_equal(tables.read(tmp_path / "examples.parquet", tables.EXAMPLES), examples)
    assert len(examples) > 0
    assert examples["example_id"].str.startswith(f"{name}:").all()
    assert (examples["corpus"] == name).all()
    assert examples[["path", "audio_sha256"]].notna().all(axis=None)  # null is for windows without speech only


@every_corpus
def test_audio_columns_agree_with_the_files(name: str, corpus: tuple[Path, str]) -> None:
    root, release = corpus
    for example in corpora.read(name, root, release, False).itertuples():
        path = root / str(example.path)
        assert example.end_s == pytest.approx(soundfile.info(path).duration)
        assert example.audio_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert Path(str(example.path)).stem == str(example.example_id).partition(":")[2]


@every_corpus
def test_labels_are_on_the_native_scale_and_names_are_harmonised(name: str, corpus: tuple[Path, str]) -> None:
    examples = corpora.read(name, *corpus, False)
    assert set(examples["emotion"].dropna()) <= HARMONISED
    assert examples["emotion_raw"].notna().all()
    for dimension in ("arousal", "valence", "dominance"):
        labelled = examples[dimension].notna()
        assert (examples[dimension] >= examples["scale_min"])[labelled].all()
        assert (examples[dimension] <= examples["scale_max"])[labelled].all()
    assert set(examples["gender"].dropna()) <= {"female", "male"}
    assert "Unknown" not in set(examples["speaker"])


@every_corpus
def test_reading_twice_gives_equal_tables(name: str, corpus: tuple[Path, str]) -> None:
    assert_frame_equal(corpora.read(name, *corpus, False), corpora.read(name, *corpus, False))


@every_corpus
def test_a_doubled_folder_is_the_same_corpus(name: str, corpus: tuple[Path, str], tmp_path: Path) -> None:
    root, release = corpus
    flat = corpora.read(name, root, release, False)
    (tmp_path / "outer" / name).mkdir(parents=True)
    root.rename(tmp_path / "outer" / name / name)
    shutil.copytree(tmp_path / "outer" / name, tmp_path / "outer" / "__MACOSX")
    doubled = corpora.read(name, tmp_path / "outer", release, False)
    assert_frame_equal(doubled.drop(columns="path"), flat.drop(columns="path"))
    assert (doubled["path"] == f"{name}/{name}/" + flat["path"]).all()


@pytest.mark.parametrize("name", [name for name in corpora.known() if name != "ravdess"])  # its mirrors hold copies
def test_two_releases_below_the_root_are_refused(name: str, corpus: tuple[Path, str], tmp_path: Path) -> None:
    root, release = corpus
    shutil.copytree(root, tmp_path / "second")
    message = problem(name, tmp_path, release, False)
    assert str(tmp_path / "second") in message
    assert str(root) in message


@every_corpus
def test_a_genuine_release_must_have_its_published_counts_but_an_invented_one_need_not(name: str, corpus: tuple[Path, str]) -> None:
    root, release = corpus
    message = problem(name, root, release, True)
    assert "check_counts: false" in message
    assert str(root) in message
    (root / "SYNTHETIC_README.txt").write_text("invented")
    assert len(corpora.read(name, root, release, True)) > 0


@every_corpus
def test_an_unknown_release_is_answered_with_the_known_ones(name: str, corpus: tuple[Path, str]) -> None:
    message = problem(name, corpus[0], "0.1", False)
    assert f"corpora.{name}.release" in message
    assert corpus[1] in message


@every_corpus
def test_a_missing_root_is_named_with_what_to_do(name: str, writers: Writers, tmp_path: Path) -> None:
    message = problem(name, tmp_path / "nowhere", writers[name][1], True)
    assert str(tmp_path / "nowhere") in message
    assert f"corpora.{name}.root" in message


@every_corpus
def test_a_root_that_is_something_else_says_what_is_there(name: str, writers: Writers, tmp_path: Path) -> None:
    (tmp_path / "Holiday").mkdir()
    message = problem(name, tmp_path, writers[name][1], True)
    assert str(tmp_path) in message
    assert "['Holiday']" in message


@every_corpus
def test_another_corpus_is_not_taken_for_this_one(name: str, writers: Writers, tmp_path: Path) -> None:
    for other, (write, _) in writers.items():
        if other != name:
            write(tmp_path / other)
            assert str(tmp_path / other) in problem(name, tmp_path / other, writers[name][1], False)


@every_corpus
@pytest.mark.parametrize("damage", ["empty", "cut short", "text"])
def test_damaged_audio_is_named(name: str, damage: str, corpus: tuple[Path, str]) -> None:
    root, release = corpus
    path = root / str(corpora.read(name, root, release, False)["path"].iloc[-1])
    data = path.read_bytes()
    path.write_bytes({"empty": b"", "cut short": data[: len(data) // 2], "text": b"not found\n"}[damage])
    assert path.name in problem(name, root, release, False)


@pytest.mark.parametrize("name", [name for name in corpora.known() if name != "ravdess"])  # its files are their only list
def test_listed_but_absent_audio_is_named(name: str, corpus: tuple[Path, str]) -> None:
    root, release = corpus
    path = root / str(corpora.read(name, root, release, False)["path"].iloc[-1])
    path.unlink()
    assert f"{path}: listed by the corpus, found no such file (1 of " in problem(name, root, release, False)


def test_columns_are_pandas_nulls_where_a_corpus_does_not_define_them(ravdess: Path) -> None:
    examples = corpora.read("ravdess", ravdess, "1.0.0", False)
    undefined = ["recording", "partner", "session", "split", "arousal", "valence", "dominance", "scale_min", "scale_max"]
    undefined += ["arousal3", "valence3"]
    assert examples[undefined].isna().all(axis=None)
    assert pd.api.types.is_float_dtype(examples["arousal"])
