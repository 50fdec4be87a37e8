"""The invented VoxCeleb1: its layout, its traps, and that its reader finds every utterance."""

import hashlib
import re
from pathlib import Path

import pandas as pd
import pytest
import soundfile

from emofuse.params.wearable import ToyUtterances
from emofuse.recordings import voxceleb1 as reader
from emofuse.signals import Recording
from emofuse.toy import voxceleb1

SIZES = ToyUtterances(speakers=3, utterances=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("voxceleb1") / "voxceleb1"
    voxceleb1.write(root, 3, SIZES)
    return root


@pytest.fixture(scope="module")
def recordings(root: Path) -> list[Recording]:
    return [one for one in reader.read(root, "1") if isinstance(one, Recording)]


def digests(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*")) if p.is_file()}


def test_equal_seeds_give_equal_bytes_and_others_another_plan(root: Path, tmp_path: Path) -> None:
    voxceleb1.write(tmp_path / "again", 3, SIZES)
    assert digests(tmp_path / "again") == digests(root)
    assert [clip.path for clip in voxceleb1.plan(3, SIZES)] != [clip.path for clip in voxceleb1.plan(4, SIZES)]


def test_names_follow_the_grammar_and_one_video_begins_with_a_dash(root: Path) -> None:
    names = [p.relative_to(root / "VoxCeleb1").as_posix() for p in root.rglob("*.wav") if not p.name.startswith("._")]
    assert all(re.fullmatch(r"(dev|test)/wav/id\d{5}/[A-Za-z0-9_-]{11}/0000[12]\.wav", name) for name in names)
    assert len(names) == 3 * 2 * 2
    assert {name.split("/")[3][0] for name in names} >= {"-", "_"}
    assert len(list(root.rglob("._*.wav"))) == 1


def test_every_utterance_is_read_with_its_official_set(recordings: list[Recording]) -> None:
    assert [(r.subject, r.split) for r in recordings[::4]] == [("id10001", "dev"), ("id10002", "dev"), ("id10270", "test")]
    assert len(recordings) == 12
    assert {len({r.session for r in recordings if r.subject == s}) for s in ("id10001", "id10002", "id10270")} == {2}


def test_audio_is_16_khz_mono_as_long_as_planned(root: Path, recordings: list[Recording]) -> None:
    planned = {clip.path: clip.scene.duration_s for clip in voxceleb1.plan(3, SIZES)}
    for recording in recordings:
        info = soundfile.info(root / str(recording.audio))
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert info.duration == pytest.approx(planned[f"{recording.native_id}.wav"], abs=1e-3)
        assert 4.3 <= info.duration <= 7.5


def test_the_list_of_speakers_is_separated_by_tabs(root: Path) -> None:
    meta = pd.read_csv(root / "VoxCeleb1" / "vox1_meta.csv", sep="\t")
    assert list(meta) == ["VoxCeleb1 ID", "VGGFace1 ID", "Gender", "Nationality", "Set"]
    assert list(meta["VoxCeleb1 ID"]) == ["id10001", "id10002", "id10270"]
    assert list(meta["Gender"]) == ["m", "f", "m"]


def test_the_other_lists_name_existing_utterances(root: Path) -> None:
    there = {p.relative_to(home).as_posix() for home in root.rglob("wav") for p in home.rglob("0*.wav")}
    identification = [line.split() for line in (root / "VoxCeleb1" / "iden_split.txt").read_text().splitlines()]
    verification = [line.split() for line in (root / "VoxCeleb1" / "veri_test.txt").read_text().splitlines()]
    assert {path for _, path in identification} == there
    assert {purpose for purpose, _ in identification} == {"1", "2", "3"}
    assert {path for _, *pair in verification for path in pair} <= there
    assert all((first.split("/")[0] == second.split("/")[0]) == (same == "1") for same, first, second in verification)
