"""What holds for every corpus in emofuse.corpora; a new module is under test as soon as emofuse.toy can write a small one."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from pandas.testing import assert_frame_equal

from emofuse import audio, corpora, protocols, release, remarks, tables
from emofuse.errors import InputError

Corpora = Callable[[str], tuple[Path, str]]
HARMONISED = {
    "neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise", "contempt", "boredom", "frustrated", "excited",
}  # fmt: skip
NAMES_ARE_THE_LIST = ("emodb", "ravdess", "savee", "tess")  # no file of theirs lists the clips: an absent one shows in the counts
COUNTED_BY_FILE = ("esd",)  # a clip that is listed and absent is missing in the counts, too
MAY_HOLD_COPIES = ("ravdess", "savee", "tess")  # of a whole release below another
NOT_SPEECH_FILES = ("AudioMP3",)  # folders of CREMA-D that hold every clip in another form
every_corpus = pytest.mark.parametrize("name", corpora.known())


DAMAGES = {
    "empty": "damaged_audio", "cut short": "damaged_audio", "text": "damaged_audio", "pointer": "damaged_audio", "silent": "silent_audio",
    "absent": "missing_audio",
}  # fmt: skip


@pytest.fixture
def corpus(name: str, copied: Corpora) -> tuple[Path, str]:
    """Root and release of a small corpus of that name, to be changed."""
    return copied(name)


@pytest.fixture(scope="module")
def unchanged(originals: Corpora) -> Callable[[str], corpora.Ingested]:
    """For the name of a corpus, what is read of a small one; nobody may change it."""

    @cache
    def ingested(name: str) -> corpora.Ingested:
        return corpora.read(name, *originals(name))

    return ingested


def problem(*arguments: Any) -> str:
    with pytest.raises(InputError) as error:
        corpora.read(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message


def audio_files(root: Path) -> list[Path]:
    files = (path for path in root.rglob("*") if path.suffix in audio.SUFFIXES and not path.name.startswith("._"))
    return [path for path in files if path.is_file() and path.parent.name not in NOT_SPEECH_FILES]


def innermost(root: Path) -> Path:
    """The release below folders that hold nothing but it."""
    inner = [path for path in root.iterdir() if path.name != release.INVENTED]
    return innermost(inner[0]) if len(inner) == 1 and inner[0].is_dir() else root


def spoil(path: Path, damage: str) -> None:
    data = path.read_bytes()
    path.unlink()
    if damage == "silent" and path.suffix == ".mp4":
        silence = ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-t", "0.5", "-c:a", "aac", str(path)]
        subprocess.run([audio.ffmpeg.program(str(path)), "-v", "error", *silence], check=True)
    elif damage == "silent":
        soundfile.write(path, np.zeros(8000), 16000, format="WAV", subtype="PCM_16")
    elif damage != "absent":
        changed = {
            "empty": b"",
            "cut short": data[: len(data) // 2],
            "text": b"not found\n",
            "pointer": b"version https://git-lfs.github.com",
        }
        path.write_bytes(changed[damage])


def test_the_known_corpora_are_the_modules_of_the_folder() -> None:
    assert corpora.known() == ["crema_d", "emodb", "esd", "iemocap", "meld", "msp_podcast", "ravdess", "savee", "tess"]


def test_an_unknown_corpus_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    message = problem("iemocpa", tmp_path, "full")
    assert "'iemocpa'" in message
    assert "'iemocap'" in message


@every_corpus
def test_a_module_names_its_releases_its_protocol_and_its_licence(name: str) -> None:
    module = import_module(f"emofuse.corpora.{name}")
    assert name == module.NAME
    assert len(set(module.RELEASES)) == len(module.RELEASES) > 0
    assert module.LICENCE == module.LICENCE.strip() != ""
    assert module.PROTOCOL


@every_corpus
def test_reads_into_tables_that_survive_the_disk(name: str, unchanged: Callable[[str], corpora.Ingested], tmp_path: Path) -> None:
    found = unchanged(name)
    for frame, table in ((found.examples, tables.EXAMPLES), (found.left_out, tables.LEFT_OUT), (found.counts, tables.COUNTS)):
        tables.write(frame, tmp_path / "table.parquet", table)
        assert_frame_equal(tables.read(tmp_path / "table.parquet", table), frame)
        assert (frame["corpus"] == name).all()
    assert len(found.examples) > 0
    assert found.examples["example_id"].str.startswith(f"{name}:").all()
    assert found.examples[["path", "audio_sha256"]].notna().all(axis=None)  # null is for windows without speech only


@every_corpus
def test_audio_columns_agree_with_the_files(name: str, unchanged: Callable[[str], corpora.Ingested], originals: Corpora) -> None:
    root, _ = originals(name)
    for example in unchanged(name).examples.itertuples():
        path = root / str(example.path)
        if path.suffix in (".wav", ".flac"):
            assert example.end_s == pytest.approx(soundfile.info(path).duration)
        assert example.audio_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert str(example.example_id).endswith(path.stem)


@every_corpus
def test_labels_are_on_the_native_scale_and_names_are_harmonised(name: str, unchanged: Callable[[str], corpora.Ingested]) -> None:
    examples = unchanged(name).examples
    assert set(examples["emotion"].dropna()) <= HARMONISED
    assert examples["emotion_raw"].notna().all()
    for dimension in ("arousal", "valence", "dominance"):
        labelled = examples[dimension].notna()
        assert (examples[dimension] >= examples["scale_min"])[labelled].all()
        assert (examples[dimension] <= examples["scale_max"])[labelled].all()
    assert set(examples["gender"].dropna()) <= {"female", "male"}
    assert "Unknown" not in set(examples["speaker"])


@every_corpus
def test_reading_twice_gives_equal_tables(name: str, unchanged: Callable[[str], corpora.Ingested], originals: Corpora) -> None:
    once, again = unchanged(name), corpora.read(name, *originals(name))
    assert_frame_equal(once.examples, again.examples)
    assert_frame_equal(once.left_out, again.left_out)
    assert_frame_equal(once.counts, again.counts)


@every_corpus
def test_its_protocol_makes_folds_of_it(name: str, unchanged: Callable[[str], corpora.Ingested]) -> None:
    protocol = import_module(f"emofuse.corpora.{name}").PROTOCOL
    folds = protocols.folds(protocol, unchanged(name).examples)  # which checks them
    tested = [example for fold in folds for example in fold.test]
    assert len(tested) == len(set(tested)) > 0


@every_corpus
def test_every_audio_file_is_an_example_or_left_out_by_name(
    name: str, unchanged: Callable[[str], corpora.Ingested], originals: Corpora
) -> None:
    root, _ = originals(name)
    found = unchanged(name)
    paths = [path.relative_to(root).as_posix() for path in audio_files(root)]
    said = {*found.examples["path"], *found.left_out["item"]}
    assert len(paths) >= len(found.examples)
    assert [path for path in paths if path not in said and not found.left_out["detail"].str.contains(path, regex=False).any()] == []


@every_corpus
def test_what_is_left_out_has_a_known_reason_and_one_line(name: str, unchanged: Callable[[str], corpora.Ingested]) -> None:
    left_out = unchanged(name).left_out
    assert set(left_out["reason"]) <= set(remarks.REASONS)
    assert not left_out["detail"].str.contains("\n").any()


@every_corpus
def test_unusable_audio_is_left_out_with_its_reason_and_nothing_else_changes(
    name: str, unchanged: Callable[[str], corpora.Ingested], corpus: tuple[Path, str]
) -> None:
    root, release = corpus
    before = unchanged(name)
    damages = {damage: reason for damage, reason in DAMAGES.items() if damage != "absent" or name not in NAMES_ARE_THE_LIST}
    copies = before.left_out.loc[before.left_out["reason"] == "copy", "detail"]
    single = before.examples[[not copies.str.endswith(path).any() for path in before.examples["path"]]]
    victims = single.tail(len(damages))
    expected = {}
    for (damage, reason), example_id, path in zip(damages.items(), victims["example_id"], victims["path"], strict=True):
        spoil(root / path, damage)
        expected[example_id.partition(":")[2]] = (reason, Path(path).stem)
    after = corpora.read(name, root, release)
    assert_frame_equal(after.examples, before.examples.drop(victims.index).reset_index(drop=True))
    new = after.left_out[~after.left_out["item"].isin(before.left_out["item"])].set_index("item")
    assert new["reason"].to_dict() == {item: reason for item, (reason, _) in expected.items()}
    assert [item for item, (_, stem) in expected.items() if stem not in new.loc[item, "detail"]] == []
    assert len(after.left_out) == len(before.left_out) + len(damages)
    assert_frame_equal(after.counts.drop(columns="found"), before.counts.drop(columns="found"))
    assert (before.counts["found"] - after.counts["found"]).max() == (name in COUNTED_BY_FILE)


@every_corpus
def test_a_corpus_without_usable_audio_is_refused(name: str, corpus: tuple[Path, str]) -> None:
    root, release = corpus
    for path in audio_files(root):
        path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    message = problem(name, root, release)
    assert str(root) in message
    assert "`git lfs pull`" in message


@every_corpus
def test_a_file_that_the_corpus_does_not_list_is_an_extra_file(
    name: str, unchanged: Callable[[str], corpora.Ingested], corpus: tuple[Path, str]
) -> None:
    root, release = corpus
    before = unchanged(name)
    listed = root / str(before.examples["path"].iloc[-1])
    stray = listed.parent / "found" / f"stray{listed.suffix}"
    stray.parent.mkdir()
    shutil.copy(listed, stray)
    after = corpora.read(name, root, release)
    assert_frame_equal(after.examples, before.examples)
    new = after.left_out[~after.left_out["item"].isin(before.left_out["item"])]
    assert new[["item", "reason"]].to_numpy().tolist() == [[stray.relative_to(root).as_posix(), "extra_file"]]


@every_corpus
def test_published_numbers_stand_beside_the_counts_of_a_genuine_corpus_only(name: str, corpus: tuple[Path, str]) -> None:
    root, version = corpus
    (root / release.INVENTED).unlink(missing_ok=True)
    genuine = corpora.read(name, root, version).counts
    (root / release.INVENTED).write_text("invented")
    invented = corpora.read(name, root, version).counts
    assert genuine["least"].notna().any()
    assert (genuine["least"].dropna() > 0).all()
    assert (genuine["least"] <= genuine["most"])[genuine["least"].notna()].all()
    assert invented[["least", "most"]].isna().all(axis=None)
    shared = genuine.merge(invented, on="what")
    assert (shared["found_x"] == shared["found_y"]).all()
    assert len(shared) == len(invented)


@every_corpus
def test_a_doubled_folder_is_the_same_corpus(
    name: str, unchanged: Callable[[str], corpora.Ingested], corpus: tuple[Path, str], tmp_path: Path
) -> None:
    root, version = corpus
    flat, inner = unchanged(name), innermost(root)
    (tmp_path / "outer" / name).mkdir(parents=True)
    inner.rename(tmp_path / "outer" / name / name)
    (tmp_path / "outer" / "__MACOSX").mkdir()
    (tmp_path / "outer" / name / name / release.INVENTED).write_text("invented")
    doubled = corpora.read(name, tmp_path / "outer", version)
    assert_frame_equal(doubled.examples.drop(columns="path"), flat.examples.drop(columns="path"))
    moved = f"{inner.relative_to(root).as_posix()}/" if inner != root else ""
    assert (doubled.examples["path"].str.removeprefix(f"{name}/{name}/") == flat.examples["path"].str.removeprefix(moved)).all()
    items = (table["item"].str.removeprefix(prefix) for table, prefix in ((doubled.left_out, f"{name}/{name}/"), (flat.left_out, moved)))
    assert len(set(map(frozenset, items))) == 1


@pytest.mark.parametrize("name", [name for name in corpora.known() if name not in MAY_HOLD_COPIES])
def test_two_releases_below_the_root_are_refused(name: str, originals: Corpora, tmp_path: Path) -> None:
    root, release = originals(name)
    for folder in ("first", "second"):
        shutil.copytree(innermost(root), tmp_path / folder)
    message = problem(name, tmp_path, release)
    assert str(tmp_path / "first") in message
    assert str(tmp_path / "second") in message


@pytest.mark.parametrize("name", MAY_HOLD_COPIES)
def test_a_second_copy_of_a_release_counts_once(
    name: str, unchanged: Callable[[str], corpora.Ingested], corpus: tuple[Path, str], tmp_path: Path
) -> None:
    root, release = corpus
    once = unchanged(name).examples
    shutil.copytree(root, tmp_path / "zzz")
    twice = corpora.read(name, tmp_path, release)
    assert twice.examples["example_id"].tolist() == once["example_id"].tolist()
    assert (twice.left_out["reason"] == "copy").sum() >= len(once)


@every_corpus
def test_an_unknown_release_is_answered_with_the_known_ones(name: str, tmp_path: Path) -> None:
    message = problem(name, tmp_path, "0.1")
    assert f"corpora.{name}.release" in message
    assert [known for known in import_module(f"emofuse.corpora.{name}").RELEASES if known not in message] == []


@every_corpus
def test_a_missing_root_is_named_with_what_to_do(name: str, tmp_path: Path) -> None:
    message = problem(name, tmp_path / "nowhere", import_module(f"emofuse.corpora.{name}").RELEASES[0])
    assert str(tmp_path / "nowhere") in message
    assert f"corpora.{name}.root" in message


@every_corpus
def test_a_root_that_is_something_else_says_what_is_there(name: str, tmp_path: Path) -> None:
    (tmp_path / "Holiday").mkdir()
    message = problem(name, tmp_path, import_module(f"emofuse.corpora.{name}").RELEASES[0])
    assert str(tmp_path) in message
    assert "['Holiday']" in message


@every_corpus
def test_another_corpus_is_not_taken_for_this_one(name: str, originals: Corpora) -> None:
    for other in corpora.known():
        if other != name:
            root, _ = originals(other)
            assert str(root) in problem(name, root, originals(name)[1])


def test_columns_are_pandas_nulls_where_a_corpus_does_not_define_them(ravdess: Path) -> None:
    examples = corpora.read("ravdess", ravdess, "1.0.0").examples
    undefined = ["recording", "partner", "session", "split", "arousal", "valence", "dominance", "scale_min", "scale_max"]
    undefined += ["arousal3", "valence3"]
    assert examples[undefined].isna().all(axis=None)
    assert pd.api.types.is_float_dtype(examples["arousal"])
