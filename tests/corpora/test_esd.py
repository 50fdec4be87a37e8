"""ESD's reader against the invented release: every encoding, both trees, odd lines."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse import protocols
from emofuse.corpora import Ingested
from emofuse.corpora import esd as reader
from emofuse.errors import InputError
from emofuse.toy import esd as toy
from emofuse.toy import tree

RELEASE = "Emotional Speech Dataset (ESD)/Emotion Speech Dataset"


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of the invented release, not to be changed."""
    root = tmp_path_factory.mktemp("esd") / "esd"
    toy.write(root, 3)
    return root


@pytest.fixture(scope="module")
def ingested(invented: Path) -> Ingested:
    return reader.read(invented, "all")


@pytest.fixture
def root(invented: Path, tmp_path: Path) -> Path:
    """Root of a release that may be changed."""
    return shutil.copytree(invented, tmp_path / "esd")


def problem(root: Path, release: str = "all") -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, release)
    assert "\n" not in str(error.value)
    return str(error.value)


def said(found: Ingested) -> dict[str, str]:
    return {item.rpartition("/")[2]: reason for item, reason in zip(found.left_out["item"], found.left_out["reason"], strict=True)}


def test_every_clip_is_an_example_or_left_out(invented: Path, ingested: Ingested) -> None:
    clips = {p.relative_to(invented).as_posix() for p in invented.rglob("*.wav") if not p.name.startswith("._")}
    assert set(ingested.examples["path"]) | {item for item in ingested.left_out["item"] if item.endswith(".wav")} == clips
    assert len(ingested.examples) == 100
    assert said(ingested) == {"0002_000051.wav": "copy", "0002_000401 - Copy.wav": "extra_file", "0013.txt:2": "known_fault"}


def test_the_texts_of_every_encoding_are_read(ingested: Ingested) -> None:
    texts = ingested.examples.set_index("example_id")["transcript"]
    for speaker, encoding in toy.ENCODINGS.items():
        heard = texts[texts.index.str.startswith(f"esd:{speaker:04}_")].dropna()
        plain = "café" if encoding != "utf-8" or speaker == 11 else "cafe"
        assert heard.str.contains("离开了小站" if speaker <= 10 else f"left the {plain} after").all(), (speaker, encoding)


def test_a_space_for_a_tab_is_understood_and_other_lines_have_no_text(ingested: Ingested) -> None:
    texts = ingested.examples.set_index("example_id")["transcript"]
    assert texts["esd:0015_000137"] == "Train number 137 left the cafe after the rain"
    assert texts.isna().sum() == 1 and pd.isna(texts["esd:0013_000431"])


def test_number_and_folder_tell_emotion_speaker_and_split(ingested: Ingested) -> None:
    examples = ingested.examples.set_index("example_id")
    columns = ["speaker", "gender", "emotion", "emotion_raw", "split", "fold"]
    assert list(examples.loc["esd:0011_001451", columns]) == ["0011", "male", "surprise", "Surprise", "train", 1]
    flat = examples.loc["esd:0014_000751", columns]
    assert list(flat[:4]) == ["0014", "male", "happy", "Happy"] and pd.isna(flat["split"])


def test_no_line_names_another_emotion_than_the_folder(ingested: Ingested) -> None:
    counts = ingested.counts.set_index("what")["found"]
    assert counts["lines of text that name another emotion than the folder"] == 0
    assert counts["transcripts"] == 99


def test_a_line_with_another_emotion_is_counted(root: Path) -> None:
    table = root / RELEASE / "0020" / "0020.txt"
    table.write_bytes(table.read_bytes().replace(b"Angry", b"Happy"))
    counts = reader.read(root, "english").counts.set_index("what")["found"]
    assert counts["lines of text that name another emotion than the folder"] == 1


@pytest.mark.parametrize(("release", "speakers", "examples"), [("all", 20, 35000), ("english", 10, 17500), ("mandarin", 10, 17500)])
def test_a_release_has_its_speakers_and_published_counts(root: Path, release: str, speakers: int, examples: int) -> None:
    (root / tree.README).unlink()  # now it passes for genuine
    found = reader.read(root, release)
    counts = found.counts.set_index("what")
    assert counts.loc["examples", ["least", "most"]].tolist() == [examples, examples]
    assert counts.loc["examples", "found"] == 5 * speakers == len(found.examples)
    assert counts.loc["sad", "least"] == 350 * speakers
    number = found.examples["speaker"].astype(int)
    assert set(number) == {"all": set(range(1, 21)), "english": set(range(11, 21)), "mandarin": set(range(1, 11))}[release]


@pytest.mark.parametrize("release", reader.RELEASES)
def test_folds_hold_each_speaker_once_and_both_sexes(release: str) -> None:
    folds = reader.FOLDS[release]
    assert sorted(speaker for fold in folds for speaker in fold) == sorted(reader.SPEAKERS[release])
    if release != "all":
        assert all([speaker in reader.MEN for speaker in fold] == [True, False] for fold in folds)


@pytest.mark.parametrize("release", reader.RELEASES)
def test_the_protocol_runs_on_every_release(invented: Path, release: str) -> None:
    folds = protocols.folds(reader.PROTOCOL, reader.read(invented, release).examples)
    assert [fold.name for fold in folds] == [f"fold{k}" for k in range(1, 6)]


def test_a_line_without_audio_is_missing_audio(root: Path) -> None:
    next((root / RELEASE).rglob("0012_001051.wav")).unlink()
    assert said(reader.read(root, "english"))["0012_001051"] == "missing_audio"


def test_audio_without_a_line_has_no_text(root: Path) -> None:
    folder = root / RELEASE / "0012" / "Sad"
    soundfile.write(folder / "0012_001400.wav", [0.1, -0.2] * 900, 16000)
    assert pd.isna(reader.read(root, "english").examples.set_index("example_id")["transcript"]["esd:0012_001400"])


def test_a_clip_in_the_folder_of_another_emotion_is_malformed(root: Path) -> None:
    folder = root / RELEASE / "0012"
    (folder / "Sad" / "0012_001051.wav").rename(folder / "Happy" / "0012_001051.wav")
    assert said(reader.read(root, "english"))["0012_001051.wav"] == "malformed"


def test_damaged_and_silent_clips_are_left_out_and_said(root: Path) -> None:
    folder = root / RELEASE / "0012"
    (folder / "Sad" / "0012_001051.wav").write_bytes(b"RIFF")
    soundfile.write(folder / "Happy" / "0012_000701.wav", [0.0] * 900, 16000)
    reasons = said(reader.read(root, "english"))
    assert (reasons["0012_001051"], reasons["0012_000701"]) == ("damaged_audio", "silent_audio")


def test_lines_that_nobody_lists_as_odd_are_malformed(root: Path) -> None:
    table = root / RELEASE / "0020" / "0020.txt"
    first = table.read_text().splitlines()[0]
    table.write_text(table.read_text() + f"{first}\n0019_000001\tanother speaker\tNeutral\n0020_009999\ttoo high\tSad\nno id at all\n\n")
    reasons = said(reader.read(root, "english"))
    assert {item: reason for item, reason in reasons.items() if item.startswith("0020")} == {
        f"0020.txt:{number}": "malformed" for number in (6, 7, 8, 9)
    }


def test_two_clips_of_one_name_and_other_content_are_refused(root: Path) -> None:
    copy = root / RELEASE / "0002" / "Neutral" / "0002_000051.wav"
    soundfile.write(copy, [0.1, 0.2] * 900, 16000)
    assert str(copy) in problem(root)


@pytest.mark.parametrize("name", ["hello", "0011_000001", "0012_001751", "0012_000000", "0012_1"])
def test_a_name_outside_the_grammar_is_named(root: Path, name: str) -> None:
    folder = root / RELEASE / "0012" / "Neutral"
    soundfile.write(folder / f"{name}.wav", [0.1] * 900, 16000)
    message = problem(root)
    assert f"{name}.wav" in message


def test_a_speaker_without_texts_is_refused(root: Path) -> None:
    (root / RELEASE / "0007" / "0007.txt").unlink()
    assert "0007.txt: expected the speaker's texts" in problem(root)
    assert len(reader.read(root, "english").examples) == 50


def test_a_root_without_speakers_and_a_release_without_clips_are_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "expected ESD" in problem(tmp_path / "empty")
    for speaker in range(11, 21):
        shutil.rmtree(root / RELEASE / f"{speaker:04}")
    assert "found none" in problem(root, "english")
    assert "corpora.esd.release" in problem(root, "klingon")


@pytest.mark.parametrize(
    ("speaker", "encoding", "text"),
    [
        (1, "gb2312", "雨停了"), (1, "gb18030", "雨停了喆"), (1, "utf-8", "雨停了"), (1, "utf-8-sig", "雨停了"), (1, "utf-16", "雨停了"),
        (1, "utf-16-le", "雨停了"), (1, "utf-16-be", "雨停了"), (16, "latin-1", "Café Zoë"), (16, "cp1252", "It’s a café"),
        (16, "gb2312", "It’s late"), (16, "ascii", "It is late"), (16, "utf-16-le", "It’s late"),
    ],
)  # fmt: skip
def test_an_encoding_is_recognised(tmp_path: Path, speaker: int, encoding: str, text: str) -> None:
    path = tmp_path / f"{speaker:04}.txt"
    path.write_bytes(f"{speaker:04}_000001\t{text}\tNeutral\r\n".encode(encoding))
    assert reader._texts(path, tmp_path, []) == ({f"{speaker:04}_000001": text}, 0)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["0001", "0016"]))
def test_any_bytes_give_texts_or_remarks(data: bytes, speaker: str) -> None:
    left_out: list = []
    texts, other = reader._parsed(reader._text(data, speaker), Path(f"{speaker}.txt"), "0001.txt", left_out)
    assert all(stem.startswith(speaker) for stem in texts) and other <= len(texts)
    assert len({item.item for item in left_out}) == len(left_out)
