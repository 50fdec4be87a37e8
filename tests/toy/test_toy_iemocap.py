import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emofuse import params
from emofuse.toy import iemocap

SUMMARY = re.compile(r"^\[(\d+\.\d+) - (\d+\.\d+)\]\t(\S+)\t(\w{3})\t\[(\d\.\d+), (\d\.\d+), (\d\.\d+)\]", re.MULTILINE)
NAME = re.compile(r"Ses0[1-5][FM]_(impro0[1-8][ab]?|script0[1-3]_[1-3][ab]?)_[FM]\d{3}")
FULL = params.ToyIEMOCAP(utterances_per_speaker=34)


def digests(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*")) if p.is_file()}


def genuine(root: Path, pattern: str) -> list[Path]:
    return [p for p in sorted(root.glob(pattern)) if not p.name.startswith("._")]


def summaries(root: Path) -> list[tuple[str, ...]]:
    return [m.groups() for p in genuine(root, "Session?/dialog/EmoEvaluation/*.txt") for m in SUMMARY.finditer(p.read_text())]


def test_five_sessions_of_two_speakers(iemocap_root: Path) -> None:
    speakers = [name[:5] + name.split("_")[-1][0] for _, _, name, *_ in summaries(iemocap_root)]
    assert {s: speakers.count(s) for s in speakers} == {f"Ses0{k}{letter}": 5 for k in range(1, 6) for letter in "FM"}


def test_every_name_has_the_genuine_form(iemocap_root: Path) -> None:
    assert all(NAME.fullmatch(name) for _, _, name, *_ in summaries(iemocap_root))


def test_dialogue_letter_is_not_the_speaker(iemocap_root: Path) -> None:
    pairs = {(name[5], name.split("_")[-1][0]) for _, _, name, *_ in summaries(iemocap_root)}
    assert pairs == {("F", "F"), ("F", "M"), ("M", "F"), ("M", "M")}


def test_every_code_occurs(iemocap_root: Path) -> None:
    codes = {code for _, _, _, code, *_ in summaries(iemocap_root)}
    assert codes == {"neu", "hap", "exc", "sad", "ang", "fru", "sur", "fea", "dis", "oth", "xxx"}


def test_bracket_times_are_the_lengths_of_the_audio(iemocap_root: Path) -> None:
    for start, end, name, *_ in summaries(iemocap_root):
        (path,) = iemocap_root.glob(f"Session{name[4]}/sentences/wav/{name.rsplit('_', 1)[0]}/{name}.wav")
        found = soundfile.info(path)
        assert found.duration == pytest.approx(float(end) - float(start), abs=2e-4)
        assert (found.samplerate, found.channels, found.subtype) == (16000, 1, "PCM_16")


def test_triples_are_valence_activation_dominance_means_of_the_raters(iemocap_root: Path) -> None:
    for path in genuine(iemocap_root, "Session?/dialog/EmoEvaluation/*.txt"):
        for block in path.read_text().split("\n\n")[1:]:
            raters = re.findall(r"A-E\d:\tval (\d); act (\d); dom  (\d);", block)
            summary = SUMMARY.search(block)
            assert summary is not None
            assert len(raters) >= 2
            assert [float(x) for x in summary.groups()[4:]] == pytest.approx(np.array(raters, float).mean(axis=0), abs=1e-4)


def test_transcriptions_have_the_traps(iemocap_root: Path) -> None:
    text = "\n".join(p.read_text() for p in genuine(iemocap_root, "Session?/dialog/transcriptions/*.txt"))
    assert re.search(r"^Ses\S+_FXX0 \[\d{3}\.\d{4}-\d{3}\.\d{4}\]: ", text, re.MULTILINE)
    assert re.search(r"^M: ", text, re.MULTILINE)
    assert re.search(r"\]: \[LAUGHTER\] \w+: ", text)
    assert len(re.findall(r"^Ses\S+_[FM]\d{3} \[\d{3}\.\d{4}-\d{3}\.\d{4}\]: .+", text, re.MULTILINE)) == 50


def test_evaluations_have_the_traps(iemocap_root: Path) -> None:
    text = "\n".join(p.read_text() for p in genuine(iemocap_root, "Session?/dialog/EmoEvaluation/*.txt"))
    assert text.startswith("% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n[")
    assert re.search(r"C-[FM]1:\t;\t\(\)", text)
    assert re.search(r"A-[FM]1:\tval ; act ; dom  ;", text)
    assert "(curious)" in text
    for folder in ("Attribute", "Categorical", "Self-evaluation"):
        assert any(iemocap_root.glob(f"Session1/dialog/EmoEvaluation/{folder}/*.txt"))


def test_odd_dialogues_and_apple_doubles_are_there(iemocap_root: Path) -> None:
    assert (iemocap_root / "Session3/dialog/EmoEvaluation/Ses03M_impro05a.txt").is_file()
    assert (iemocap_root / "Session5/dialog/EmoEvaluation/Ses05M_script01_1b.txt").is_file()
    double = iemocap_root / "Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt"
    assert double.read_bytes().startswith(b"\x00\x05\x16\x07")  # AppleDouble's magic number
    assert any(iemocap_root.glob("Session1/sentences/wav/._*"))
    assert any(iemocap_root.glob("Session1/sentences/wav/*/._*.wav"))


def test_a_second_writing_has_the_same_bytes(iemocap_root: Path, tmp_path: Path) -> None:
    iemocap.write(tmp_path / "again", 3, params.ToyIEMOCAP(utterances_per_speaker=5))
    assert digests(tmp_path / "again") == digests(iemocap_root)


@pytest.mark.parametrize("speaker", [f"Ses0{k}{letter}" for k in (1, 3) for letter in "FM"])
def test_each_speaker_has_all_four_classes(speaker: str) -> None:
    heard = [t.act.emotion for t in iemocap.plan(1, FULL) if t.name[:5] + t.gender == speaker]
    counts = np.array([heard.count("angry"), heard.count("happy") + heard.count("excited"), heard.count("neutral"), heard.count("sad")])
    assert len(heard) == 34
    assert (counts / counts.sum()).min() >= 0.15
    assert {"happy", "excited"} <= set(heard)
