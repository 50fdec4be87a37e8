"""CREMA-D's reader against the invented tree, and what its constants must satisfy."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emofuse import protocols
from emofuse.corpora import Ingested
from emofuse.corpora import crema_d as reader
from emofuse.errors import InputError

VOTES = Path("processedResults", "summaryTable.csv")


def read(root: Path, release: str = "intended") -> Ingested:
    return reader.read(root, release)


def by_id(root: Path, release: str = "intended") -> pd.DataFrame:
    return read(root, release).examples.set_index("example_id")


def reasons(found: Ingested) -> dict[str, str]:
    return dict(zip(found.left_out["item"], found.left_out["reason"], strict=True))


def problem(root: Path, release: str = "intended") -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, release)
    assert "\n" not in str(error.value)
    return str(error.value)


def edit(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def vote(root: Path, name: str) -> str:
    return next(line.split(",")[2].strip('"') for line in (root / VOTES).read_text().splitlines() if name in line)


def test_a_file_name_tells_actor_sentence_and_intended_emotion(crema_d: Path) -> None:
    row = by_id(crema_d).loc["crema_d:1001_DFA_ANG_XX"]
    assert list(row[["speaker", "gender", "transcript", "emotion", "emotion_raw"]]) == [
        "1001", "male", "Don't forget a jacket", "angry", "ANG",
    ]  # fmt: skip


def test_the_perceived_emotion_is_the_vote_on_the_voice_and_a_tie_is_null(crema_d: Path) -> None:
    examples = by_id(crema_d, "perceived")
    votes = {name: vote(crema_d, name.partition(":")[2]) for name in examples.index}
    assert examples["emotion_raw"].to_dict() == votes
    meant = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
    assert {name: e for name, e in examples["emotion"].items() if pd.notna(e)} == {n: meant[v] for n, v in votes.items() if v in meant}
    assert examples["emotion"].isna().sum() == sum(":" in v for v in votes.values()) > 0


def test_perceived_and_intended_differ_in_nothing_but_the_label(crema_d: Path) -> None:
    intended, perceived = by_id(crema_d), by_id(crema_d, "perceived")
    same = intended.loc[perceived.index].drop(columns=["emotion", "emotion_raw"])
    pd.testing.assert_frame_equal(same, perceived.drop(columns=["emotion", "emotion_raw"]))
    assert (intended.loc[perceived.index, "emotion"] != perceived["emotion"]).any()


def test_the_clip_without_sound_is_a_known_fault_of_both_releases(crema_d: Path) -> None:
    for release in reader.RELEASES:
        assert reasons(read(crema_d, release))["AudioWAV/1076_MTI_SAD_XX.wav"] == "known_fault"


def test_a_clip_whose_raters_heard_another_is_a_known_fault_of_the_votes_only(crema_d: Path) -> None:
    assert "crema_d:1076_MTI_NEU_XX" in by_id(crema_d).index
    assert reasons(read(crema_d, "perceived"))["AudioWAV/1076_MTI_NEU_XX.wav"] == "known_fault"


def test_one_clip_under_two_labels_is_a_known_fault_under_both(crema_d: Path) -> None:
    clips = [crema_d / "AudioWAV" / f"1006_TIE_{code}_XX.wav" for code in ("HAP", "NEU")]
    assert clips[0].read_bytes() == clips[1].read_bytes()
    for release in reader.RELEASES:
        left_out = read(crema_d, release).left_out.set_index("item")
        for clip, other in (clips, reversed(clips)):
            row = left_out.loc[f"AudioWAV/{clip.name}"]
            assert row["reason"] == "known_fault"
            assert f"the audio of {other.stem} " in row["detail"]


def test_a_clip_that_shares_its_mp3_with_others_is_a_known_fault_of_the_votes_only(crema_d: Path) -> None:
    (crema_d / "AudioWAV" / "1001_DFA_ANG_XX.wav").rename(crema_d / "AudioWAV" / "1037_DFA_ANG_XX.wav")
    edit(crema_d / VOTES, "1001_DFA_ANG_XX", "1037_DFA_ANG_XX")
    assert "crema_d:1037_DFA_ANG_XX" in by_id(crema_d).index
    assert reasons(read(crema_d, "perceived"))["AudioWAV/1037_DFA_ANG_XX.wav"] == "known_fault"


def test_known_faults_are_clips_that_can_be_and_each_is_named_once() -> None:
    assert [len(reader._faults(release)) for release in reader.RELEASES] == [1 + 6, 1 + 6 + 3 + 20]
    for name in reader._faults("perceived"):
        assert reader._row(name, Path(f"{name}.wav"), Path())["native_id"] == name


@pytest.mark.parametrize("lists", [True, False])
def test_a_name_with_one_x_is_that_with_two(crema_d: Path, lists: bool) -> None:
    before = by_id(crema_d)
    if not lists:
        (crema_d / VOTES).unlink()
        (crema_d / "SentenceFilenames.csv").unlink()
    clip = crema_d / "AudioWAV" / "1001_DFA_ANG_XX.wav"
    old = clip.rename(clip.with_name("1001_DFA_ANG_X.wav"))
    found = by_id(crema_d)
    assert found.loc["crema_d:1001_DFA_ANG_XX", "path"] == "AudioWAV/1001_DFA_ANG_X.wav"
    pd.testing.assert_frame_equal(found.drop(columns="path"), before.drop(columns="path"))
    clip.write_bytes(old.read_bytes())
    assert reasons(read(crema_d))["AudioWAV/1001_DFA_ANG_XX.wav"] == "copy"
    clip.write_bytes(old.read_bytes()[:-2] + b"\1\2")
    assert problem(crema_d) == f"{clip}: expected a copy of {old}, found other content; remove one of the two"


def test_planted_faults_are_left_out_by_name(crema_d: Path) -> None:
    found = reasons(read(crema_d))
    assert found["1015_TSI_SAD_XX"] == "damaged_audio"  # a Git LFS pointer
    assert found["1015_WSI_ANG_XX"] == "missing_audio"
    assert found["AudioWAV/1001_DFA_ANG_XX - Copy.wav"] == "extra_file"
    assert len(found) == 6


def test_clips_in_another_format_are_read(crema_d: Path) -> None:
    clip = crema_d / "AudioWAV" / "1001_DFA_ANG_XX.wav"
    samples, rate = soundfile.read(clip, dtype="int16")
    clip.unlink()
    soundfile.write(clip.with_suffix(".ogg"), samples, rate)
    assert by_id(crema_d).loc["crema_d:1001_DFA_ANG_XX", "path"] == "AudioWAV/1001_DFA_ANG_XX.ogg"


def test_a_partial_pull_says_how_to_get_the_rest(crema_d: Path) -> None:
    left_out = read(crema_d).left_out.set_index("item")
    assert "`git lfs pull`" in left_out.loc["1015_TSI_SAD_XX", "detail"]


def test_a_copy_with_nothing_but_the_audio_has_intended_labels_only(crema_d: Path) -> None:
    before = by_id(crema_d)
    (crema_d / VOTES).unlink()
    (crema_d / "SentenceFilenames.csv").unlink()
    assert by_id(crema_d).equals(before)
    message = problem(crema_d, "perceived")
    assert "summaryTable.csv" in message
    assert "'intended'" in message


def test_without_votes_the_list_of_clips_names_the_absent_one(crema_d: Path) -> None:
    (crema_d / VOTES).unlink()
    assert reasons(read(crema_d))["1015_WSI_ANG_XX"] == "missing_audio"


def test_a_clip_that_the_list_lacks_is_an_extra_file(crema_d: Path) -> None:
    lines = (crema_d / VOTES).read_text().splitlines(keepends=True)
    (crema_d / VOTES).write_text("".join(line for line in lines if "1001_DFA_ANG_XX" not in line))
    assert reasons(read(crema_d))["AudioWAV/1001_DFA_ANG_XX.wav"] == "extra_file"


@pytest.mark.parametrize(
    "name", ["1092_IEO_ANG_HI", "1001_XXX_ANG_XX", "1001_IEO_JOY_HI", "1001_IEO_ANG_ZZ", "hello", "../1001_IEO_ANG_HI"]
)
def test_a_name_outside_the_grammar_is_named(crema_d: Path, name: str) -> None:
    edit(crema_d / VOTES, "1001_DFA_ANG_XX", name)
    assert f"found '{name}'" in problem(crema_d)


@pytest.mark.parametrize("bad", ["", "Z", "A:A", "A:", "a", "A;N"])
def test_a_bad_vote_is_named_with_its_clip(crema_d: Path, bad: str) -> None:
    edit(crema_d / VOTES, f'"1001_DFA_ANG_XX","{vote(crema_d, "1001_DFA_ANG_XX")}"', f'"1001_DFA_ANG_XX","{bad}"')
    message = problem(crema_d, "perceived")
    assert "1001_DFA_ANG_XX: VoiceVote" in message
    assert f"found {bad!r}" in message


def test_a_clip_with_two_votes_is_named(crema_d: Path) -> None:
    edit(crema_d / VOTES, "1001_IEO_DIS_MD", "1001_DFA_ANG_XX")
    assert "1001_DFA_ANG_XX: FileName expects each clip once" in problem(crema_d)


@pytest.mark.parametrize("text", ["", "FileName\n", '"FileName","VoiceVote"\n', '"FileName,x\n', "\xff\xfe\x00"])
def test_a_table_of_votes_that_is_none_is_named(crema_d: Path, text: str) -> None:
    (crema_d / VOTES).write_bytes(text.encode("latin-1"))
    assert str(crema_d / VOTES) in problem(crema_d, "perceived")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60), shared=st.booleans())
def test_any_table_of_votes_is_read_or_refused_in_one_line(crema_d: Path, text: str, shared: bool) -> None:
    head = "FileName,VoiceVote\n1001_DFA_ANG_XX,A\n" if shared else ""
    (crema_d / VOTES).write_text(head + text, encoding="utf-8", errors="replace")
    try:
        table = reader._listed(crema_d, votes=True)
    except InputError as error:
        assert "\n" not in str(error) and "summaryTable.csv" in str(error)
    else:
        assert table is not None and table["VoiceVote"].str.fullmatch("[ADFHNS](:[ADFHNS])*").all()


def test_folds_hold_each_actor_once_and_nearly_as_many_women_as_men() -> None:
    assert sorted(reader.FOLDS) == list(range(1001, 1092))
    women, men = (Counter(reader.FOLDS[actor] for actor in actors) for actors in (reader.WOMEN, reader.MEN))
    assert (sum(women.values()), sum(men.values())) == (43, 48)
    assert set(women.values()) == {8, 9}
    assert set(men.values()) == {9, 10}
    assert sorted((women + men).values()) == [18, 18, 18, 18, 19]


def test_no_actor_is_on_two_sides_of_a_fold(crema_d: Path) -> None:
    examples = read(crema_d).examples
    speaker = examples.set_index("example_id")["speaker"]
    for fold in protocols.folds(reader.PROTOCOL, examples):
        train, dev, test = (set(speaker[list(side)]) for side in (fold.train, fold.dev, fold.test))
        assert not train & dev and not train & test and not dev & test


def test_published_counts_add_up() -> None:
    for release in reader.RELEASES:
        counts = reader.COUNTS[release]
        assert sum(n for what, n in counts.items() if what not in ("examples", "speakers")) == counts["examples"] == 7442


def test_a_missing_clip_is_counted_as_listed(crema_d: Path) -> None:
    counts = read(crema_d).counts.set_index("what")["found"]
    assert counts["examples"] == len((crema_d / VOTES).read_text().splitlines()) - 1 == 65
