"""IEMOCAP's reader against a small tree in the genuine layout with its traps."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emofuse.corpora import iemocap as reader
from emofuse.errors import InputError
from emofuse.remarks import LeftOut

LABELS = Path("Session1", "dialog", "EmoEvaluation", "Ses01F_impro05a.txt")
TEXTS = Path("Session1", "dialog", "transcriptions", "Ses01F_impro05a.txt")
AUDIO = Path("Session1", "sentences", "wav", "Ses01F_impro05a")
FIRST = "Ses01F_impro05a_F000"


def read(root: Path) -> pd.DataFrame:
    return reader.read(root, "full").examples.set_index("example_id")


def left_out(root: Path) -> pd.DataFrame:
    """Reason and detail by item."""
    return reader.read(root, "full").left_out.set_index("item")


def edit(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def problem(root: Path) -> str:
    with pytest.raises(InputError) as error:
        reader.read(root, "full")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_files_order_of_dimensions_is_valence_arousal_dominance(iemocap: Path) -> None:
    examples = read(iemocap)
    assert (examples["valence"] == 2.5).all()
    assert (examples["arousal"] == 3.5).all()
    assert (examples["dominance"] == 4.5).all()
    assert examples[["scale_min", "scale_max"]].drop_duplicates().to_numpy().tolist() == [[1, 5]]


def test_the_speaker_is_the_last_letter_not_the_actor_with_the_markers(iemocap: Path) -> None:
    row = read(iemocap).loc["iemocap:Ses01F_impro05a_M001"]
    assert list(row[["speaker", "partner", "gender", "session", "fold"]]) == ["Ses01M", "Ses01F", "male", "Ses01F_impro05a", 2]


def test_folds_number_the_speakers_in_the_order_of_the_sessions(iemocap: Path) -> None:
    examples = read(iemocap)
    assert examples.groupby("speaker")["fold"].unique().explode().to_dict() == {"Ses01F": 1, "Ses01M": 2, "Ses02F": 3, "Ses02M": 4}


def test_only_labelled_utterances_are_examples(iemocap: Path) -> None:
    examples = read(iemocap)
    assert len(examples) == 16
    assert "iemocap:Ses01F_impro05a_F009" not in examples.index
    assert not examples.index.str.contains("XX").any()


def test_all_that_has_no_label_is_told(iemocap: Path) -> None:
    told = left_out(iemocap)["reason"]
    assert told[told == "extra_file"].index.tolist() == [
        f"Session{k}/sentences/wav/Ses0{k}F_impro05a/Ses0{k}F_impro05a_F009.wav" for k in (1, 2)
    ]
    dialogues = [f"Ses0{k}{rest}" for k in (1, 2) for rest in ("F_impro05a", "M_script01_1b")]
    expected = {f"{name}_FXX0" for name in dialogues} | {f"Session{name[4]}/dialog/transcriptions/{name}.txt" for name in dialogues}
    assert set(told[told == "unlabelled"].index) == expected
    assert len(told) == len(expected) + 2


def test_lines_without_a_name_are_told_once_for_each_file(iemocap: Path) -> None:
    edit(iemocap / TEXTS, "M: sorry\n", "M: sorry\nF: oh: well\n\n")
    assert "found 2 without, first line 1: 'M: sorry'" in left_out(iemocap).loc[TEXTS.as_posix(), "detail"]


def test_a_transcribed_utterance_without_a_label_is_told_by_its_audio_where_it_has_some(iemocap: Path) -> None:
    with (iemocap / TEXTS).open("a") as file:
        file.write("Ses01F_impro05a_F009 [011.0000-012.0000]: Hm.\nSes01F_impro05a_M009 [012.0000-013.0000]: Hm.\n")
    told = left_out(iemocap)["reason"]
    assert told[(AUDIO / "Ses01F_impro05a_F009.wav").as_posix()] == "unlabelled"
    assert told["Ses01F_impro05a_M009"] == "unlabelled"
    assert len(read(iemocap)) == 16


def test_the_transcription_of_a_dialogue_without_labels_is_told(iemocap: Path) -> None:
    (iemocap / TEXTS).with_name("Ses01F_impro06.txt").write_text("Ses01F_impro06_F000 [001.0000-002.0000]: Yes.\n")
    assert left_out(iemocap).loc["Ses01F_impro06_F000", "reason"] == "unlabelled"


def test_a_back_channel_that_is_said_twice_is_told_once(iemocap: Path) -> None:
    with (iemocap / TEXTS).open("a") as file:
        file.write("Ses01F_impro05a_FXX0 [013.0000-014.0000]: Uh-huh.\n")
    assert left_out(iemocap).index.tolist().count("Ses01F_impro05a_FXX0") == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [(LABELS, "6.2500 - 7.0000] Ses01F"), (TEXTS, "Ses01F_impro05a_F007 011.0000-012.0000: Hm."), (LABELS, "C\u2013E2:\tNeutral;")],
)
def test_a_line_that_cannot_be_understood_is_told(iemocap: Path, path: Path, line: str) -> None:
    number = len((iemocap / path).read_text().splitlines()) + 1
    with (iemocap / path).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    told = left_out(iemocap).loc[f"{path.as_posix()}: line {number}"]
    assert told["reason"] == "malformed"
    assert repr(line) in told["detail"]
    assert "\n" not in told["detail"]


def test_absent_and_silent_audio_is_left_out_and_said(iemocap: Path) -> None:
    (iemocap / AUDIO / f"{FIRST}.wav").unlink()
    silent = iemocap / AUDIO / "Ses01F_impro05a_M001.wav"
    silent.write_bytes(silent.read_bytes()[:44] + bytes(silent.stat().st_size - 44))
    told = left_out(iemocap)["reason"]
    assert (told[FIRST], told["Ses01F_impro05a_M001"]) == ("missing_audio", "silent_audio")
    assert len(read(iemocap)) == 14
    assert found_counts(iemocap)["examples"] == 16


def test_a_session_without_labels_is_named(iemocap: Path) -> None:
    shutil.rmtree(iemocap / "Session2" / "dialog" / "EmoEvaluation")
    message = problem(iemocap)
    assert str(iemocap / "Session2") in message
    assert "dialog/EmoEvaluation" in message


def found_counts(root: Path) -> dict[str, int]:
    return reader.read(root, "full").counts.set_index("what")["found"].to_dict()


def test_a_transcript_keeps_its_colons_and_brackets(iemocap: Path) -> None:
    transcripts = read(iemocap)["transcript"]
    assert transcripts[f"iemocap:{FIRST}"] == f"Note: this is {FIRST} [LAUGHTER]: yes."
    assert transcripts.notna().all()


def test_an_utterance_without_a_transcription_line_has_a_null_transcript(iemocap: Path) -> None:
    path = iemocap / "Session1/dialog/transcriptions/Ses01F_impro05a.txt"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith(FIRST)))
    transcripts = read(iemocap)["transcript"]
    assert list(transcripts.index[transcripts.isna()]) == [f"iemocap:{FIRST}"]


def test_every_class_code_has_its_harmonised_name(iemocap: Path) -> None:
    examples = read(iemocap)
    named = examples.dropna(subset="emotion").drop_duplicates("emotion_raw").set_index("emotion_raw")["emotion"].to_dict()
    assert named == {
        "neu": "neutral", "hap": "happy", "exc": "excited", "sad": "sad", "ang": "angry", "fru": "frustrated", "sur": "surprise",
        "fea": "fear", "dis": "disgust",
    }  # fmt: skip
    assert set(examples.loc[examples["emotion"].isna(), "emotion_raw"]) == {"oth", "xxx"}


def test_windows_line_ends_change_nothing(iemocap: Path) -> None:
    before = read(iemocap)
    for path in iemocap.glob("Session*/dialog/*/Ses*.txt"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read(iemocap).equals(before)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[2.5000, 3.5000, 4.5000]", "[2.5000, nan, 4.5000]", [FIRST, "arousal", "'nan'", "1 to 5"]),
        ("[2.5000, 3.5000, 4.5000]", "[5.5000, 3.5000, 4.5000]", [FIRST, "valence", "'5.5000'"]),
        ("[2.5000, 3.5000, 4.5000]", "[2.5000, 3.5000, 0.0000]", [FIRST, "dominance", "'0.0000'"]),
        ("[2.5000, 3.5000, 4.5000]", "[2.5000, 3.5000]", ["line 3", "[V, A, D]"]),
        ("\tneu\t", "\tbad\t", [FIRST, "'bad'", "'neu'"]),
        (FIRST, "Ses02F_impro05a_F000", ["line 3", "Ses02F_impro05a_F000"]),
        (FIRST, "Ses01F_impro05a_X000", ["line 3", "Ses01F_impro05a_X000"]),
        ("Ses01F_impro05a_M000", FIRST, [f"{FIRST}: expected one label, found two"]),
        (FIRST, "Ses01F_impro05a_F\u0660\u0661\u0662", ["line 3"]),
    ],
)
def test_a_bad_label_is_named_with_its_record(iemocap: Path, old: str, new: str, expected: list[str]) -> None:
    edit(iemocap / LABELS, old, new)
    message = problem(iemocap)
    assert [part for part in expected if part not in message] == []


def test_a_dialogue_in_the_wrong_session_is_named(iemocap: Path) -> None:
    (iemocap / LABELS).rename(iemocap / "Session2" / "dialog" / "EmoEvaluation" / LABELS.name)
    assert str(Path("Session2", *LABELS.parts[1:])) in problem(iemocap)


@pytest.mark.parametrize("text", ["", "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"])
def test_a_label_file_without_labels_is_named(iemocap: Path, text: str) -> None:
    (iemocap / LABELS).write_text(text)
    assert str(LABELS) in problem(iemocap)


def test_a_dialogue_without_transcriptions_is_named(iemocap: Path) -> None:
    (iemocap / "Session2/dialog/transcriptions/Ses02F_impro05a.txt").unlink()
    assert "transcriptions/Ses02F_impro05a.txt" in problem(iemocap)


def test_contradicting_transcriptions_are_named(iemocap: Path) -> None:
    path = iemocap / "Session1/dialog/transcriptions/Ses01F_impro05a.txt"
    path.write_text(path.read_text() + f"{FIRST} [001.0000-002.0000]: Other words.\n")
    assert FIRST in problem(iemocap)


def test_what_is_published_stands_beside_what_was_found(iemocap: Path) -> None:
    found = reader.read(iemocap, "full").counts.set_index("what")
    for what, numbers in {
        "examples": [16, 10039], "dialogues": [4, 151], "dialogues in Session1": [2, 28], "dialogues in Session3": [0, 32],
        "improvised examples": [8, 4784], "hap+exc of Ses01F": [1, 132], "examples of Ses02M": [4, 952], "four classes": [10, 5531],
    }.items():  # fmt: skip
        assert found.loc[what, ["found", "least"]].tolist() == numbers, what
    assert (found["least"] == found["most"])[found["least"].notna()].all()
    assert found.index[found["least"].isna()].tolist() == ["utterances without a transcription"]
    (iemocap / "SYNTHETIC_README.txt").write_text("invented")
    assert reader.read(iemocap, "full").counts[["least", "most"]].isna().all(axis=None)


def test_published_counts_agree_with_each_other() -> None:
    table = pd.DataFrame(reader.SPEAKER_COUNTS, index=reader.SPEAKERS, columns=reader.SPEAKER_COLUMNS)
    total = table.sum()
    assert sum(reader.SESSION_DIALOGUES) == reader.COUNTS["dialogues"] == 151
    assert sum(reader.COUNTS[code] for code in reader.CLASSES) == reader.COUNTS["examples"] == total["examples"] == 10039
    assert reader.COUNTS["improvised examples"] + reader.COUNTS["scripted examples"] == 10039
    assert total["hap+exc"] == reader.COUNTS["hap"] + reader.COUNTS["exc"] == 1636
    assert all(total[code] == reader.COUNTS[code] for code in ("ang", "neu", "sad"))
    assert table[["ang", "hap+exc", "neu", "sad"]].sum(axis=None) == reader.COUNTS["four classes"] == 5531
    assert table["examples"].groupby(table.index.str[:5]).sum().tolist() == [1819, 1811, 2136, 2103, 2170]


def test_counts_of_a_corpus_of_the_published_size_pass() -> None:
    """``_counts`` measures what ``_published`` lists: rows made from the published numbers have no difference but the dialogues'."""
    rest = {code: reader.COUNTS[code] for code in ("fru", "sur", "fea", "oth", "dis", "xxx")}
    filler = [code for code, n in rest.items() for _ in range(n)]
    happy = ["hap"] * reader.COUNTS["hap"] + ["exc"] * reader.COUNTS["exc"]
    rows = []
    for speaker, (total, ang, hap, neu, sad) in zip(reader.SPEAKERS, reader.SPEAKER_COUNTS, strict=True):
        codes = ["ang"] * ang + ["neu"] * neu + ["sad"] * sad + [happy.pop() for _ in range(hap)]
        codes += [filler.pop() for _ in range(total - len(codes))]
        number = reader.SESSION_DIALOGUES[int(speaker[4]) - 1]
        rows += [
            {"speaker": speaker, "emotion_raw": code, "session": f"{speaker[:5]}F_impro{i % number:02}"} for i, code in enumerate(codes)
        ]
    found, published = reader._counts(pd.DataFrame(rows)), reader._published()
    assert {what for what in published if found.get(what) != published[what]} == {"improvised examples", "scripted examples"}


@settings(deadline=None)
@given(
    st.floats(1, 5), st.floats(1, 5), st.floats(1, 5), st.sampled_from(sorted(reader.CLASSES)), st.floats(0, 900), st.integers(0, 999),
)  # fmt: skip
def test_a_summary_line_is_read_back(valence: float, arousal: float, dominance: float, code: str, start: float, turn: int) -> None:
    name = f"Ses03M_script03_2_F{turn:03}"
    line = f"[{start:.4f} - {start + 1.5:.4f}]\t{name}\t{code}\t[{valence:.4f}, {arousal:.4f}, {dominance:.4f}]"
    row = reader._utterance(Path("Session3/dialog/EmoEvaluation/Ses03M_script03_2.txt"), 1, line)
    assert (row["native_id"], row["emotion_raw"], row["speaker"]) == (name, code, "Ses03F")
    assert [row[d] for d in ("valence", "arousal", "dominance")] == [round(v, 4) for v in (valence, arousal, dominance)]


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=60))
def test_any_other_line_is_an_error_that_names_file_and_line(text: str) -> None:
    with pytest.raises(InputError, match=r"Ses03M_impro01\.txt: line 7 "):
        reader._utterance(Path("Session3/dialog/EmoEvaluation/Ses03M_impro01.txt"), 7, text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), path=st.sampled_from([LABELS, TEXTS]))
def test_a_damaged_text_is_an_error_or_every_utterance_is_accounted_for(iemocap: Path, data: st.DataObject, path: Path) -> None:
    before = (iemocap / path).read_bytes()
    content = bytearray(before)
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    (iemocap / path).write_bytes(content)
    told: list[LeftOut] = []
    try:
        rows = list(reader._session(iemocap / "Session1", iemocap, told))
    except InputError as error:
        assert "Session1" in str(error)
        assert "\n" not in str(error)
    else:
        assert len(rows) == 8 or any(item.reason in ("malformed", "unlabelled") and path.stem in item.item for item in told)
        assert all(len(item.detail.splitlines()) == 1 for item in told)
    finally:
        (iemocap / path).write_bytes(before)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 400))
def test_a_label_file_cut_short_is_an_error_or_its_lost_utterances_are_told(iemocap: Path, cut: int) -> None:
    before = (iemocap / LABELS).read_bytes()
    (iemocap / LABELS).write_bytes(before[: len(before) - cut])
    told: list[LeftOut] = []
    try:
        rows = list(reader._session(iemocap / "Session1", iemocap, told))
    except InputError as error:
        assert LABELS.name in str(error)
    else:
        lost = {Path(item.item).stem for item in told if item.reason == "unlabelled" and item.item.endswith(".wav")}
        assert len(rows) + len(lost) == 8
    finally:
        (iemocap / LABELS).write_bytes(before)
