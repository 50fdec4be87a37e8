"""MELD's reader against the invented release, and its speakers' folds against the published names."""

import hashlib
import shutil
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse import protocols
from emofuse.audio import ffmpeg
from emofuse.corpora import Ingested
from emofuse.corpora import meld as reader
from emofuse.errors import InputError
from emofuse.toy import meld as toy


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of the invented release, not to be changed."""
    root = tmp_path_factory.mktemp("meld") / "meld"
    toy.write(root, 3)
    return root


@pytest.fixture(scope="module")
def ingested(invented: Path) -> Ingested:
    return reader.read(invented, "raw")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Root of a release that may be changed: the same tables, WAV instead of MP4, for speed."""
    release = tmp_path / "meld" / "MELD.Raw"
    for episode, (split, (table, folder)) in enumerate(reader.SPLITS.items(), 1):
        release.mkdir(parents=True, exist_ok=True)
        lines = [line for line in toy.plan() if line.number[0] == split.rstrip("1") and line.number not in (toy.ABSENT, toy.SCENE)]
        text = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
        for number, line in enumerate(lines, 1):
            _, dialogue, utterance = line.number
            text += (
                f'{number},"Well, yes.",{line.speaker},{line.emotion},neutral,{dialogue},{utterance},1,{episode},'
                f'"00:{number:02}:00,100","00:{number:02}:00,300"\n'
            )
            path = release / folder / f"dia{dialogue}_utt{utterance}.wav"
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, [0.1, -0.1] * (800 + number), 8000)
        (release / table).write_text(text)
    return tmp_path / "meld"


def problem(root: Path, release: str = "raw") -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, release)
    assert "\n" not in str(error.value)
    return str(error.value)


def said(found: Ingested) -> dict[str, str]:
    return dict(zip(found.left_out["item"], found.left_out["reason"], strict=True))


def test_every_listed_utterance_is_an_example_or_left_out(ingested: Ingested) -> None:
    listed = {f"{'test1' if split == 'test' else split}:dia{d}_utt{u}" for split, d, u in (line.number for line in toy.plan())}
    examples = set(ingested.examples["example_id"].str.removeprefix("meld:"))
    left_out = {item for item in ingested.left_out["item"] if not item.endswith(".mp4")}
    assert examples | left_out == listed
    assert not examples & left_out


def test_each_fault_of_the_release_is_left_out_with_its_reason(ingested: Ingested) -> None:
    stray = "MELD.Raw/test/output_repeated_splits_test/"
    assert said(ingested) == {
        "dev:dia110_utt7": "known_fault",
        "train:dia125_utt3": "known_fault",
        "test1:dia38_utt4": "known_fault",
        "test1:dia85_utt0": "known_fault",
        "train:dia312_utt4": "known_fault",
        "train:dia698_utt2": "known_fault",
        "test1:dia72_utt0": "wrong_duration",
        "test1:dia72_utt1": "wrong_duration",
        f"{stray}dia49_utt5.mp4": "extra_file",
        f"{stray}final_videos_testdia101_utt0.mp4": "extra_file",
    }


def test_of_two_rows_of_one_clip_and_one_label_the_second_is_left_out_else_both(ingested: Ingested) -> None:
    details = ingested.left_out.set_index("item")["detail"]
    assert "meld:train:dia12_utt7" in set(ingested.examples["example_id"])
    assert details["test1:dia85_utt0"].endswith("start and end of train:dia12_utt7, with the same emotion and speaker")
    assert details["train:dia312_utt4"].endswith("of train:dia698_utt2, with different emotions or speakers")
    assert details["train:dia698_utt2"].endswith("of train:dia312_utt4, with different emotions or speakers")
    assert ingested.counts.set_index("what").loc["examples", "found"] == len(toy.plan())


@pytest.mark.parametrize(
    ("old", "new", "left_out"),
    [
        ("", "", {"dev:dia0_utt0"}),  # Chandler and anger in both
        ("Chandler", "chandler ", {"dev:dia0_utt0"}),
        ("Chandler", "Ross", {"train:dia0_utt0", "dev:dia0_utt0"}),
        ("anger", "joy", {"train:dia0_utt0", "dev:dia0_utt0"}),
        ("00:01:00,100", "0:01:0,1", {"dev:dia0_utt0"}),
        ("00:01:00,300", "00:01:00,301", set()),
        ("0,0,1,1,", "0,0,2,1,", set()),  # season
    ],
)
@pytest.mark.parametrize("release", reader.RELEASES)
def test_rows_of_one_season_episode_start_and_end_are_one_clip(small: Path, release: str, old: str, new: str, left_out: set[str]) -> None:
    table = small / "MELD.Raw" / "dev_sent_emo.csv"
    table.write_text(table.read_text().replace("0,0,1,2,", "0,0,1,1,", 1).replace(old, new, 1))  # the episode of train
    found = {item: reason for item, reason in said(reader.read(small, release)).items() if reason != "unlabelled"}
    assert found == dict.fromkeys(left_out, "known_fault")


def test_what_the_table_says_reaches_the_example(ingested: Ingested) -> None:
    examples = ingested.examples.set_index("example_id")
    columns = ["speaker", "session", "split", "fold", "transcript", "emotion", "emotion_raw"]
    assert list(examples.loc["meld:dev:dia0_utt1", columns]) == [
        "Joey", "dev:dia0", "dev", 2, "There’s moss in the soup.", "disgust", "disgust",
    ]  # fmt: skip
    assert list(examples.loc["meld:train:dia0_utt3", columns[-2:]]) == ["happy", "joy"]
    assert examples[["arousal", "valence", "dominance", "scale_min", "gender", "partner"]].isna().all(axis=None)


def test_equal_numbers_in_other_splits_are_other_examples(ingested: Ingested) -> None:
    ids = set(ingested.examples["example_id"])
    assert {f"meld:{split}:dia0_utt0" for split in ("train", "dev", "test1")} <= ids


def test_broken_quotation_marks_stay_as_they_are(ingested: Ingested) -> None:
    texts = ingested.examples.set_index("example_id")["transcript"]
    assert texts["meld:train:dia1_utt0"] == "Thereâ€™s moss in the soup."


def test_the_shortest_clip_is_kept(ingested: Ingested) -> None:
    assert ingested.examples.set_index("example_id")["end_s"]["meld:train:dia71_utt0"] == pytest.approx(0.064)


def test_no_speaker_is_in_two_folds_and_the_protocol_runs(ingested: Ingested) -> None:
    assert (ingested.examples.dropna(subset="speaker").groupby("speaker")["fold"].nunique() == 1).all()
    folds = protocols.folds(reader.PROTOCOL, ingested.examples)
    assert [fold.name for fold in folds] == [f"fold{k}" for k in range(1, 7)]
    (official,) = protocols.folds("official_shared_speakers", ingested.examples)
    assert (len(official.train), len(official.dev), len(official.test)) == (21, 7, 7)


def test_one_speaker_leaves_out_the_clips_of_several(invented: Path) -> None:
    found = reader.read(invented, "one_speaker")
    assert found.examples["speaker"].notna().all()
    unlabelled = {item for item, reason in said(found).items() if reason == "unlabelled"}
    assert unlabelled == {"train:dia2_utt2", "train:dia2_utt3"}
    assert len(said(found)) == 10 + 2  # their clips are no extra files


def test_published_numbers_are_those_of_the_papers_table() -> None:
    numbers = reader._published()
    assert numbers["examples"] == 13708
    assert [numbers[f"examples in {split}"] for split in reader.SPLITS] == [9989, 1109, 2610]
    assert sum(numbers[f"neutral in {split}"] for split in reader.SPLITS) == 6436


def test_counts_of_a_genuine_tree_are_beside_the_published_ones(small: Path) -> None:
    counts = reader.read(small, "raw").counts.set_index("what")
    assert counts.loc["examples", ["least", "most"]].tolist() == [13708, 13708]
    assert counts.loc["examples", "found"] == sum(line.number not in (toy.ABSENT, toy.SCENE) for line in toy.plan())
    assert counts.loc["speaker labels", "least"] == 304


def test_an_invented_tree_has_no_published_counts(ingested: Ingested) -> None:
    assert ingested.counts["least"].isna().all()


@pytest.mark.parametrize(
    ("label", "name", "fold"),
    [
        ("Rachel", "Rachel", 5), ("rachel ", "Rachel", 5), ("RACHEL", "Rachel", 5), ("Joey/Drake", "Joey", 2), ("Ursula", "Ursula", 4),
        ("Dr. Drake Remoray", "Dr. Drake Remoray", 2), ("Phoebe Sr.", "Phoebe Sr", None), ("All", None, None), ("all", None, None),
        ("Ross and Rachel", None, None), ("Her-Friends", None, None), ("Joey, Ross", None, None), ("Alexander", "Alexander", None),
    ],
)  # fmt: skip
def test_a_label_gives_one_speaker_or_several(label: str, name: str | None, fold: int | None) -> None:
    assert reader.speaker(label) == name
    if fold is not None:
        assert reader.fold(label) == fold


def test_other_speakers_are_drawn_by_their_digest() -> None:
    assert reader.fold("Gunther") == int(hashlib.sha256(b"gunther").hexdigest(), 16) % 6 + 1


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1))
def test_every_label_has_a_fold_whatever_its_spaces(label: str) -> None:
    assert 1 <= reader.fold(label) <= 6
    assert reader.fold(f"  {label} ") == reader.fold(label)
    assert reader.speaker(f"\t{label}") == reader.speaker(label)


def test_clips_in_another_format_and_unpacked_without_folders_are_found(small: Path) -> None:
    found = reader.read(small / "MELD.Raw", "raw")
    assert found.examples["path"].str.endswith(".wav").all()
    assert found.examples["path"].str.startswith("train_splits/").any()


def test_wav_clips_need_no_ffmpeg(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "program", lambda wanted_for: pytest.fail("asked for ffmpeg"))
    assert len(reader.read(small, "raw").examples)


def test_mp4_clips_without_ffmpeg_are_refused_before_any_is_read(invented: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(wanted_for: str) -> str:
        raise InputError(f"{wanted_for}: install ffmpeg")

    monkeypatch.setattr(ffmpeg, "program", none)
    assert problem(invented).endswith("install ffmpeg")


@pytest.mark.parametrize(("seconds", "kept"), [(0.66, True), (0.74, False)])
def test_a_clip_may_be_half_a_second_off_its_times(small: Path, seconds: float, kept: bool) -> None:
    soundfile.write(small / "MELD.Raw/train_splits/dia0_utt0.wav", [0.1, -0.1] * round(seconds * 4000), 8000)  # 0.2 s listed
    found = reader.read(small, "raw")
    assert ("meld:train:dia0_utt0" in set(found.examples["example_id"])) == kept
    assert said(found).get("train:dia0_utt0") == (None if kept else "wrong_duration")


def test_a_missing_and_a_damaged_clip_that_are_not_known_faults_are_errors(small: Path) -> None:
    before = reader.read(small, "raw").examples
    (small / "MELD.Raw/train_splits/dia0_utt0.wav").unlink()
    (small / "MELD.Raw/train_splits/dia0_utt1.wav").write_bytes(b"RIFF")
    found = reader.read(small, "raw")
    assert said(found) == {"train:dia0_utt0": "missing_audio", "train:dia0_utt1": "damaged_audio"}
    gone = before["example_id"].isin(["meld:train:dia0_utt0", "meld:train:dia0_utt1"])
    pd.testing.assert_frame_equal(found.examples, before[~gone].reset_index(drop=True))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (",anger,", ",rage,", "dia0_utt0: Emotion expects one of"),
        ("00:01:00,100", "1:60", "dia0_utt0: StartTime expects a time"),
        ("0,0,1,2,", "0,0,,2,", "row 2: Season expects a number, found ''"),
        ("neutral,0,0,", "neutral,zero,0,", "row 2: Dialogue_ID expects a number, found 'zero'"),
        ("neutral,0,1,", "neutral,0,0,", "dia0_utt0: Utterance_ID expects each utterance of a dialogue once"),
        ("Chandler", "", "dia0_utt0: Speaker expects a name"),
        ("Emotion", "Feeling", "columns missing: ['Emotion']"),
    ],
)
def test_a_table_that_cannot_be_understood_is_named(small: Path, old: str, new: str, expected: str) -> None:
    table = small / "MELD.Raw" / "dev_sent_emo.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    message = problem(small)
    assert message.startswith(f"{table}: ")
    assert expected in message


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00garbage\n", b'"unclosed\n'])
def test_a_broken_table_is_named(small: Path, content: bytes) -> None:
    table = small / "MELD.Raw" / "test_sent_emo.csv"
    table.write_bytes(content)
    assert str(table) in problem(small)


@pytest.mark.parametrize("name", ["train_sent_emo.csv", "output_repeated_splits_test"])
def test_an_absent_part_is_named(small: Path, name: str) -> None:
    path = small / "MELD.Raw" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert f"MELD's {name}" in problem(small)


def test_clips_of_another_corpus_are_refused_as_a_whole(small: Path) -> None:
    for path in small.rglob("*.wav"):
        soundfile.write(path, [0.1, -0.1] * 8000, 8000)
    assert "none of" in problem(small)
