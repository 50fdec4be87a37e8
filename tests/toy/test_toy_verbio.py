"""The invented VerBIO: its layout by other libraries than the reader's, its oddities, and the feelings that its voices and bodies share."""

import hashlib
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofuse.errors import InputError
from emofuse.params import wearable
from emofuse.toy import verbio

SIZES = wearable.ToyTalks(participants=3, talk_s=20)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("verbio") / "verbio"
    verbio.write(root, 3, SIZES)
    return root


def digests(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*")) if p.is_file()}


def test_the_folders_are_those_of_the_session_first_release(root: Path) -> None:
    files = set(digests(root))
    assert {f.split("/")[0] for f in files} == {"PRE", "TEST01", "SYNTHETIC_README.txt"}
    for session in ("PRE", "TEST01"):
        assert {f"{session}/E4/P001/{name}_PPT.xlsx" for name in ("ACC", "BVP", "EDA", "TEMP")} <= files
        assert {f"{session}/Audio/{session}_P001_AUDIO_PPT.wav", f"{session}/Annotation/{session}_P001_annotation.xlsx"} <= files
        assert f"{session}/Self_Reports/{session}_afterPPT.xlsx" in files


def test_signals_are_workbooks_for_two_participants_and_csv_for_the_others(root: Path) -> None:
    for participant, kinds in (("P001", {".xlsx", ".csv"}), ("P002", {".xlsx"}), ("P003", {".csv"})):
        assert {p.suffix for p in (root / "PRE/E4" / participant).iterdir()} == kinds


def test_one_session_and_one_temperature_are_absent(root: Path) -> None:
    assert not list(root.glob("TEST01/*/*P003*")) and not (root / "TEST01/E4/P003").exists()
    assert [p.name for p in sorted(root.glob("PRE/E4/*")) if not list(p.glob("TEMP_PPT.*"))] == ["P003"]


def test_every_talk_has_audio_as_long_as_its_signals_and_one_is_stereo(root: Path) -> None:
    found = {p.name: soundfile.info(p) for p in sorted(root.glob("*/Audio/*.wav"))}
    assert [f.samplerate for f in found.values()] == [16000] * 5
    assert [f.frames for f in found.values()] == [20 * 16000] * 5
    assert [name for name, f in found.items() if f.channels == 2] == ["PRE_P002_AUDIO_PPT.wav"]


@pytest.mark.parametrize(("signal", "rate_hz", "columns"), [("ACC", 32, 3), ("BVP", 64, 1), ("EDA", 4, 1), ("TEMP", 4, 1)])
def test_a_workbook_has_times_at_the_nominal_rate(root: Path, signal: str, rate_hz: int, columns: int) -> None:
    table = pd.read_excel(root / f"TEST01/E4/P001/{signal}_PPT.xlsx")
    assert table.columns[0] == "Time (s)"
    assert table.shape == (20 * rate_hz, 1 + columns)
    np.testing.assert_array_equal(table["Time (s)"], np.arange(20 * rate_hz) / rate_hz)


def test_acceleration_is_in_whole_64ths_of_g(root: Path) -> None:
    for path in root.glob("PRE/E4/*/ACC_PPT.*"):
        table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_excel(path)
        axes = table[["X", "Y", "Z"]].to_numpy(float)
        np.testing.assert_array_equal(axes, np.round(axes))
        assert 55 < np.median(np.linalg.norm(axes, axis=1)) < 75


def test_the_rest_of_one_participant_has_a_column_without_a_name(root: Path) -> None:
    assert [p.parent.name for p in root.rglob("EDA_RELAX.*")] == ["P001"]
    lines = (root / "PRE/E4/P001/EDA_RELAX.csv").read_text().splitlines()
    assert len(lines) == 20 * 4
    assert all(float(line) >= 0 for line in lines)


def test_raters_are_those_of_the_release_and_one_rating_is_empty(root: Path) -> None:
    empty = 0
    for path in root.glob("*/Annotation/*.xlsx"):
        table = pd.read_excel(path)
        assert list(table) == ["Time (s)", "R1", "R2", "R4", "R5"]
        assert np.isin(table.drop(columns="Time (s)").stack().dropna(), [1, 2, 3, 4, 5]).all()
        empty += int(table.isna().to_numpy().sum())
    assert empty == 1


def test_self_reports_name_the_participants(root: Path) -> None:
    before = pd.read_excel(root / "PRE/Self_Reports/PRE_afterPPT.xlsx")
    assert before["PID"].tolist() == ["P001", "P002", "P003"]
    assert before["STAI State Score"].between(20, 80).all()


def test_raters_hear_the_feelings_of_the_talk() -> None:
    sizes = wearable.ToyTalks(participants=2, talk_s=600)
    talk = verbio.plan(5, sizes)[0]
    arousal, valence = talk.felt.at(np.arange(600) + 0.5)
    stress = verbio._stress(talk, np.random.default_rng(0))["R1"]
    assert np.corrcoef(arousal, stress)[0, 1] > 0.5
    assert np.corrcoef(valence, stress)[0, 1] < -0.3


def test_voice_and_body_of_a_talk_have_the_same_feelings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spoken, recorded = [], []

    def speak(scenes, seed, title):
        spoken.extend(scene.felt[0] for scene in scenes)
        yield from (np.zeros(16000, np.int16) for _ in scenes)

    def record(felt, who, rates_hz, rng):
        recorded.append(felt)
        return {name: np.ones((8, 3)) if name == "acc" else np.ones(8) for name in rates_hz}

    monkeypatch.setattr(verbio.voices, "speak", speak)
    monkeypatch.setattr(verbio.physiology, "record", record)
    verbio.write(tmp_path / "corpus", 3, SIZES)
    assert len(spoken) == 5
    assert all(a is b for a, b in zip(spoken, recorded[:5], strict=True))


def test_equal_seeds_give_equal_bytes(root: Path, tmp_path: Path) -> None:
    verbio.write(tmp_path / "again", 3, SIZES)
    assert digests(tmp_path / "again") == digests(root)


def test_a_workbook_says_nothing_of_when_it_was_written(root: Path) -> None:
    with zipfile.ZipFile(root / "PRE/E4/P001/EDA_PPT.xlsx") as archive:
        assert {member.date_time for member in archive.infolist()} == {(2019, 6, 8, 12, 0, 0)}
        properties = archive.read("docProps/core.xml").decode()
    assert re.findall(r"\d{4}-\d\d-\d\dT[\d:]+", properties) == ["2019-06-08T12:00:00"] * 2


def test_another_seed_gives_other_people() -> None:
    assert verbio.plan(1, SIZES)[0].who != verbio.plan(2, SIZES)[0].who


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(verbio.voices, "speak", lambda scenes, *_: (np.zeros(16, np.int16) for _ in scenes))
    monkeypatch.setattr(verbio, "_write_rest", fail)
    with pytest.raises(OSError, match="disk full"):
        verbio.write(tmp_path / "corpus", 3, wearable.ToyTalks(participants=2, talk_s=4))
    assert list(tmp_path.iterdir()) == []


def test_a_genuine_corpus_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "PRE").mkdir()
    with pytest.raises(InputError, match="found other files"):
        verbio.write(tmp_path, 3, SIZES)
