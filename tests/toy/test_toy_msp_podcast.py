import csv
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofuse import params
from emofuse.errors import InputError
from emofuse.toy import msp_labels, msp_podcast, speech, tree

FULL = params.ToyMSPPodcast(train=210, dev=72, test1=90, test2=8)
TINY = params.ToyMSPPodcast(train=6, dev=2, test1=2, test2=2)
PREVIOUS = Path("Previous_releases_information")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Roots of the same corpus as every release, spoken as noise."""
    folder = tmp_path_factory.mktemp("releases")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, "speak", noise)
        for release in msp_labels.SPELLINGS:
            msp_podcast.write(folder / release, 5, TINY, release)
    return {release: folder / release for release in msp_labels.SPELLINGS}


def noise(utterances: Sequence[speech.Utterance], title: str) -> Iterator[np.ndarray]:
    for utterance in utterances:
        yield np.random.default_rng(utterance.seed).integers(-9000, 9000, 2000).astype(np.int16)


def digests(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*")) if p.is_file()}


def consensus(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "Labels" / "labels_concensus.csv", dtype=str, keep_default_na=False)


def test_tree_is_that_of_release_1_7(msp_root: Path) -> None:
    top = {p.name for p in msp_root.iterdir()}
    labels = {p.name for p in (msp_root / "Labels").iterdir()}
    assert top == {"Labels", "Audios", "Partitions.txt", "Speaker_ids.txt", tree.README, msp_podcast.TEXTS}
    assert labels == {"labels_concensus.csv", "labels_concensus.json", "labels_detailed.csv", "labels_detailed.json", "labels.txt"}


def test_a_second_writing_has_the_same_bytes(msp_root: Path, tmp_path: Path) -> None:
    msp_podcast.write(tmp_path / "again", 3, params.ToyMSPPodcast(train=20, dev=6, test1=6, test2=2))
    assert digests(tmp_path / "again") == digests(msp_root)


def test_another_seed_gives_another_corpus() -> None:
    assert [t.act for t in msp_podcast.plan(3, FULL)] != [t.act for t in msp_podcast.plan(4, FULL)]


def test_names_have_the_two_genuine_forms(msp_root: Path) -> None:
    names = consensus(msp_root)["FileName"]
    assert names.str.fullmatch(r"MSP-PODCAST_\d{4}_\d{4}(_\d{4})?\.wav").all()
    assert 0.1 < names.str.count("_").eq(3).mean() < 0.6
    assert names.is_unique


def test_splits_have_the_asked_sizes_and_the_release_names(msp_root: Path) -> None:
    assert consensus(msp_root)["Split_Set"].value_counts().to_dict() == {"Train": 20, "Validation": 6, "Test1": 6, "Test2": 2}


def test_unknown_speakers_are_in_train_only(msp_root: Path) -> None:
    table = consensus(msp_root)
    unknown = table[table["SpkrID"] == "Unknown"]
    assert len(unknown) >= 2
    assert set(unknown["Split_Set"]) == {"Train"}
    assert "Unknown" in set(unknown["Gender"])


def test_no_speaker_is_in_two_of_train_dev_and_test() -> None:
    turns = [t for t in msp_podcast.plan(1, FULL) if t.speaker != "Unknown"]
    people = {split: {t.speaker for t in turns if t.split == split} for split in ("train", "dev", "test1", "test2")}
    assert not people["train"] & people["dev"]
    assert not (people["train"] | people["dev"]) & people["test1"]
    assert people["test2"] & people["test1"]


def test_every_letter_occurs(msp_root: Path) -> None:
    assert set(consensus(msp_root)["EmoClass"]) == set("ASHUFDCNOX")


@pytest.mark.parametrize("split", ["train", "dev", "test1"])
def test_four_classes_are_four_fifths_and_even(split: str) -> None:
    heard = [t.act.emotion for t in msp_podcast.plan(1, FULL) if t.split == split]
    counts = np.array([heard.count(name) for name in ("angry", "happy", "neutral", "sad")])
    assert 0.75 < counts.sum() / len(heard) < 0.85
    assert (counts / counts.sum()).min() >= 0.15


def test_audio_is_16_khz_mono_but_for_one_stereo_file(msp_root: Path) -> None:
    found = [soundfile.info(p) for p in sorted((msp_root / "Audios").iterdir())]
    assert sorted({(f.samplerate, f.channels, f.subtype) for f in found}) == [(16000, 1, "PCM_16"), (44100, 2, "PCM_16")]
    assert sum(f.channels == 2 for f in found) == 1
    assert all(1.0 < f.duration < 4.0 for f in found)
    assert len(found) == 34


def test_consensus_is_the_mean_of_the_detailed_ratings(msp_root: Path) -> None:
    sums: dict[str, list[list[float]]] = {}
    with (msp_root / "Labels" / "labels_detailed.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            numbers = re.search(r"A:([\d.]+); V:([\d.]+); D:([\d.]+);$", row["EmoDetail"])
            assert numbers is not None
            sums.setdefault(row["FileName"], []).append([float(x) for x in numbers.groups()])
    for row in consensus(msp_root).itertuples():
        assert [float(row.EmoAct), float(row.EmoVal), float(row.EmoDom)] == pytest.approx(np.mean(sums[row.FileName], axis=0), abs=1e-6)


def test_one_worker_names_a_class_with_separators_in_it(msp_root: Path) -> None:
    with (msp_root / "Labels" / "labels_detailed.csv").open(newline="") as file:
        own = [row["EmoDetail"] for row in csv.DictReader(file) if "Other(" in row["EmoDetail"]]
    assert len(own) == 1
    assert re.fullmatch(r"WORKER\d+; Other\(.*;.*\".*\); ; A:[\d.]+; V:[\d.]+; D:[\d.]+;", own[0])


def test_json_twin_says_the_same_in_strings(msp_root: Path) -> None:
    twin = json.loads((msp_root / "Labels" / "labels_concensus.json").read_text())
    for row in consensus(msp_root).to_dict("records"):
        said = twin[row.pop("FileName")]
        assert said["SpkrID"] == " " + row.pop("SpkrID")
        assert {name: said[name] for name in row} == row


def test_partitions_and_speaker_file_agree_with_the_labels(msp_root: Path) -> None:
    table = consensus(msp_root)
    partitions = (msp_root / "Partitions.txt").read_text().splitlines()
    people, files = re.split(r"\n\*+\n", (msp_root / "Speaker_ids.txt").read_text())
    assert partitions == [f"{r.Split_Set}; {r.FileName}" for r in table.itertuples()]
    assert files.splitlines() == [f"{r.FileName}; {r.SpkrID}" for r in table.itertuples()]
    known = table[table["SpkrID"] != "Unknown"]
    assert set(people.splitlines()) == {f"Speaker_{r.SpkrID}; {r.Gender}" for r in known.itertuples()}


def test_labels_txt_has_a_block_for_each_file(msp_root: Path) -> None:
    blocks = (msp_root / "Labels" / "labels.txt").read_text().split("\n\n")
    assert [b.split(";")[0] for b in blocks] == list(consensus(msp_root)["FileName"])
    assert all(line.startswith("WORKER") for b in blocks for line in b.strip().splitlines()[1:])


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(msp_labels, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        msp_podcast.write(tmp_path / "corpus", 3, params.ToyMSPPodcast(train=3, dev=1, test1=1, test2=1))
    assert list(tmp_path.iterdir()) == []


def test_a_genuine_corpus_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "Labels").mkdir()
    with pytest.raises(InputError, match=re.escape(str(tmp_path))):
        msp_podcast.write(tmp_path, 3, FULL)
    assert [p.name for p in tmp_path.iterdir()] == ["Labels"]


def test_the_corpus_of_params_yaml_has_the_labels_on_which_its_results_rest(tmp_path: Path) -> None:
    turns = msp_podcast.plan(1, params.ToyMSPPodcast(train=192, dev=60, test1=80, test2=8))
    msp_labels.write(tmp_path, turns, msp_labels.SPELLINGS["1.7"])
    assert {name.removeprefix("Labels/"): digest[:16] for name, digest in digests(tmp_path).items()} == {
        "labels.txt": "64fb09202e376775",
        "labels_concensus.csv": "dde97f3614393034",
        "labels_concensus.json": "8343b1a776ae5ac1",
        "labels_detailed.csv": "cec604b9d13c2c21",
        "labels_detailed.json": "1e3853529a8c30a4",
    }


def test_the_text_file_says_what_was_said(msp_root: Path) -> None:
    said = pd.read_csv(msp_root / msp_podcast.TEXTS)
    turns = msp_podcast.plan(3, params.ToyMSPPodcast(train=20, dev=6, test1=6, test2=2))
    assert list(said.columns) == ["example_id", "text"]
    assert list(said["example_id"]) == [f"msp_podcast:{Path(turn.file).stem}" for turn in turns]
    assert list(said["text"]) == [turn.act.utterance.text for turn in turns]


@pytest.mark.parametrize(
    ("release", "labels", "dev", "test"),
    [
        ("1.6", "label/labels_concensus.csv", "Validation", "Test"),
        ("1.7", "Labels/labels_concensus.csv", "Validation", "Test1"),
        ("1.8", "Labels/labels_concensus.csv", "Validation", "Test1"),
        ("1.9", "labels/labels_concensus.csv", "Development", "Test1"),
        ("1.10", "Labels/labels_consensus.csv", "Development", "Test1"),
        ("1.11", "Labels/labels_consensus.csv", "Development", "Test1"),
        ("1.12", "Labels/labels_consensus.csv", "Development", "Test1"),
        ("2.0", "Labels/labels_consensus.csv", "Development", "Test1"),
    ],
)
def test_each_release_has_its_spelling(releases: dict[str, Path], release: str, labels: str, dev: str, test: str) -> None:
    root = releases[release]
    splits = set(pd.read_csv(root / labels, dtype=str, keep_default_na=False)["Split_Set"])
    assert splits == {"Train", dev, test, "Test2"} | ({"Test3"} if release in ("1.11", "1.12", "2.0") else set())
    assert (root / labels).with_suffix(".json").is_file()
    partitions = root / ("Partition.txt" if release == "1.12" else "Partitions.txt")
    assert {line.split("; ")[0] for line in partitions.read_text().splitlines()} == splits
    assert (root / "Transcripts").is_dir() == (release in ("1.10", "1.11", "1.12", "2.0"))


def test_workers_labels_have_the_columns_of_their_release(releases: dict[str, Path]) -> None:
    for release, folder, worker in (("1.6", "label", "Workers"), ("2.0", "Labels", "WorkerID")):
        table = pd.read_csv(releases[release] / folder / "labels_detailed.csv")
        assert list(table.columns) == ["FileName", worker, "EmoClass_Major", "EmoClass_Second", "EmoAct", "EmoVal", "EmoDom"]
        assert table["EmoAct"].between(1, 7).all()
        assert table[worker].str.startswith("WORKER").all()
    for release in ("1.8", "1.12"):
        assert list(pd.read_csv(releases[release] / "Labels" / "labels_detailed.csv").columns) == ["FileName", "EmoDetail"]


@pytest.mark.parametrize("release", ["1.11", "1.12", "2.0"])
def test_the_hidden_test_has_audio_and_no_labels(releases: dict[str, Path], release: str) -> None:
    root = releases[release]
    table = pd.read_csv(root / "Labels" / "labels_consensus.csv", dtype=str, keep_default_na=False).set_index("FileName")
    hidden = table[table["Split_Set"] == "Test3"].drop(columns="Split_Set")
    assert list(hidden.index) == ["MSP-PODCAST_test3_0001.wav", "MSP-PODCAST_test3_0002.wav"]
    assert (hidden == "").all(axis=None)
    assert all((root / "Audios" / name).is_file() for name in hidden.index)
    assert "test3" not in (root / "Labels" / "labels_detailed.json").read_text()
    assert "test3" not in (root / "Speaker_ids.txt").read_text()


def test_2_0_lists_a_turn_that_it_lacks(releases: dict[str, Path]) -> None:
    listed = set(pd.read_csv(releases["2.0"] / "Labels" / "labels_consensus.csv")["FileName"])
    assert listed - {path.name for path in (releases["2.0"] / "Audios").iterdir()} == {"MSP-PODCAST_1909_1017.wav"}


def test_1_12_tells_of_the_earlier_releases_what_they_said_themselves(releases: dict[str, Path]) -> None:
    told = releases["1.12"] / PREVIOUS / "previous_releases_info"
    assert sorted(path.name for path in told.iterdir()) == ["v1.10", "v1.11", "v1.6", "v1.7", "v1.8", "v1.9"]
    for release in ("1.6", "1.7", "1.8", "1.9", "1.10", "1.11"):
        found = {name.partition("/")[2]: digest for name, digest in digests(told / f"v{release}").items()}
        (folder,) = (path for path in releases[release].iterdir() if path.name.lower().startswith("label"))
        assert found == digests(folder)


def test_1_12_keeps_dropped_audio_for_each_earlier_release(releases: dict[str, Path]) -> None:
    dropped = releases["1.12"] / PREVIOUS / "files_removed_from_prev_versions"
    before = {path.name: path.read_bytes() for path in (releases["1.7"] / "Audios").iterdir()}
    for release in ("1.6", "1.7", "1.8", "1.9", "1.10", "1.11"):
        kept = {path.name: path.read_bytes() for path in (dropped / f"v{release}_removed_files").iterdir()}
        assert len(kept) == 2
        assert not [name for name in kept if (releases["1.12"] / "Audios" / name).exists()]
        assert kept == {name: before[name] for name in kept}


def test_1_12_has_the_other_folders_of_its_release(releases: dict[str, Path]) -> None:
    assert any((releases["1.12"] / "ForceAligned").iterdir())
    assert len(json.loads((releases["1.12"] / "Time_Labels" / "segments.json").read_text())) == 12


def test_an_unknown_release_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'1\.7'.*found '1\.5'"):
        msp_podcast.write(tmp_path / "corpus", 3, TINY, "1.5")
    assert list(tmp_path.iterdir()) == []
