"""The invented MELD: genuine layout, every fault planted, equal seeds give equal bytes."""

import csv
import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from emofuse.errors import InputError
from emofuse.toy import meld as toy


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("toy_meld") / "meld"
    toy.write(root, 5)
    return root


def digests(root: Path) -> dict[str, str]:
    return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()}


def streams(path: Path) -> str:
    """What ffmpeg says of a file; it fails for want of an output."""
    return subprocess.run([toy._program(), "-hide_banner", "-i", str(path)], capture_output=True, check=False).stderr.decode()


def test_equal_seeds_give_equal_bytes(root: Path, tmp_path: Path) -> None:
    toy.write(tmp_path / "again", 5)
    assert digests(tmp_path / "again") == digests(root)


def test_it_is_small_and_holds_no_two_equal_clips_but_the_shared_and_the_repeated_ones(root: Path) -> None:
    assert sum(p.stat().st_size for p in root.rglob("*") if p.is_file()) < 2e6
    clips = [digest for name, digest in digests(root).items() if name.endswith(".mp4")]
    assert len(clips) - len(set(clips)) == 3


def test_clips_have_the_genuine_streams(root: Path) -> None:
    folder = root / "MELD.Raw" / "train" / "train_splits"
    assert re.search(r"Audio: aac.* 48000 Hz, 5\.1", streams(folder / "dia0_utt0.mp4"))
    assert re.search(r"Audio: aac.* 48000 Hz, stereo", streams(folder / "dia0_utt1.mp4"))
    assert "Video: mpeg4" in streams(folder / "dia0_utt2.mp4")
    assert "moov atom not found" in streams(folder / "dia125_utt3.mp4")


def test_tables_list_every_utterance_and_the_faults_are_there(root: Path) -> None:
    release = root / "MELD.Raw"
    rows = []
    for split, (folder, clips) in toy.SPLITS.items():
        for row in csv.DictReader((release / f"{split}_sent_emo.csv").open(encoding="utf-8", newline="")):
            path = release / folder / clips / f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}.mp4"
            rows.append((split, int(row["Dialogue_ID"]), int(row["Utterance_ID"])))
            assert path.is_file() == (rows[-1] != toy.ABSENT)
    assert sorted(rows) == sorted(line.number for line in toy.plan())
    assert (release / "test/output_repeated_splits_test/._dia0_utt0.mp4").is_file()


def test_a_program_that_cannot_encode_leaves_nothing_behind(tmp_path: Path) -> None:
    program = tmp_path / "not-ffmpeg"
    program.write_text("#!/bin/sh\ncat >/dev/null\necho no encoder >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(InputError, match=r"^\S*not-ffmpeg: expected it to encode AAC in MP4, found: no encoder") as error:
        toy.write(tmp_path / "meld", 5, str(program))
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == [program]
