"""The invented K-EmoCon: the genuine layout, the planted oddities, ratings that follow what is felt."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofuse.errors import InputError
from emofuse.params.wearable import ToyDyads
from emofuse.toy import kemocon, voices

SIZES = ToyDyads(pairs=3, debate_s=30)
MANY = ToyDyads(pairs=12, debate_s=200)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("toy") / "kemocon"
    kemocon.write(root, 0, SIZES)
    return root


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    """Self annotations of many debates, with what was felt."""
    frames = []
    for who in kemocon.plan(0, MANY):
        arousal, valence = who.felt_in_debate.at(np.arange(2.5, 200, 5))
        rng = np.random.default_rng(who.pid)
        rows = [kemocon._rated(5, a, v, rng)[1:8] for a, v in zip(arousal, valence, strict=True)]
        frame = pd.DataFrame(rows, columns=["arousal", "valence", *kemocon.CATEGORIES]).astype(int)
        frames.append(frame.assign(felt_arousal=arousal, felt_valence=valence))
    return pd.concat(frames)


def wearable(corpus: Path, pid: int, name: str) -> pd.DataFrame:
    """Rows of one signal with their time in s from the beginning of the debate."""
    starts = pd.read_csv(corpus / "metadata/subjects.csv").set_index("pid")["startTime"]
    rows = pd.read_csv(corpus / f"e4_data/{pid}/E4_{name}.csv")
    return rows.assign(since_s=(rows["timestamp"] - starts[pid]) / 1000)


def silent(scenes: Sequence[voices.Scene], seed: int, title: str) -> Iterator[np.ndarray]:
    for scene in scenes:
        yield np.zeros(round(scene.duration_s * 16000), np.int16)


def test_the_layout_is_that_of_the_release(corpus: Path) -> None:
    files = {path.relative_to(corpus).as_posix() for path in corpus.rglob("*") if path.is_file()}
    assert {f"debate_audios/debate_audios/p{k}.p{k + 1}.wav" for k in (1, 3, 5)} <= files
    assert {f"emotion_annotations/self_annotations/P{pid}.self.csv" for pid in range(1, 7)} <= files
    assert {f"e4_data/{pid}/E4_{name}.csv" for pid in (1, 3, 4, 5, 6) for name in ("ACC", "BVP", "EDA", "TEMP")} <= files
    assert "emotion_annotations/partner_annotations/P1.partner.csv" in files
    assert not (corpus / "e4_data" / "2").exists()
    assert sum("/._" in name for name in files) == 3


def test_equal_seeds_give_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kemocon.voices, "speak", silent)
    trees = []
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        kemocon.write(tmp_path / name, seed, ToyDyads(pairs=3, debate_s=10))
        trees.append({p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.csv")})
    assert trees[0] == trees[1] != trees[2]


def test_audio_is_as_planned(corpus: Path) -> None:
    infos = [soundfile.info(corpus / f"debate_audios/debate_audios/p{k}.p{k + 1}.wav") for k in (1, 3, 5)]
    assert [(i.samplerate, i.channels, i.duration) for i in infos] == [(16000, 1, 30.0), (44100, 2, 30.0), (16000, 1, 28.0)]
    stereo, _ = soundfile.read(corpus / "debate_audios/debate_audios/p3.p4.wav")
    assert stereo.std() > 0.01
    assert np.array_equal(stereo[:, 0], stereo[:, 1])


def test_availability_agrees_with_the_folders(corpus: Path) -> None:
    table = pd.read_csv(corpus / "metadata/data_availability.csv").set_index("pid")
    for pid in range(1, 7):
        assert bool(table.loc[pid, "E4_BVP"]) == (corpus / f"e4_data/{pid}/E4_BVP.csv").is_file()
    assert table["self_annotations"].all()


def test_rows_begin_before_the_debate_and_end_after_it(corpus: Path) -> None:
    for pid in (1, 3, 4, 5, 6):
        since_s = wearable(corpus, pid, "BVP")["since_s"]
        assert since_s.min() < -9
        assert since_s.max() > SIZES.debate_s + 4


def test_one_participant_has_rows_of_two_devices(corpus: Path) -> None:
    serials = {pid: wearable(corpus, pid, "EDA")["device_serial"].value_counts() for pid in (1, 3, 4, 5, 6)}
    assert {pid: len(counts) for pid, counts in serials.items()} == {1: 1, 3: 2, 4: 1, 5: 1, 6: 1}
    assert serials[3]["A033E1"] > serials[3]["A01A3A"] > 0


def test_the_electrodes_lose_contact_during_the_debate(corpus: Path) -> None:
    rows = wearable(corpus, 6, "EDA")
    early, late = rows[rows["since_s"].between(20, 21)], rows[rows["since_s"].between(10, 19)]
    assert (early["value"] == 0).all()
    assert (late["value"] > 0).all()


def test_a_pulse_has_a_gap_and_a_temperature_comes_twice(corpus: Path) -> None:
    assert np.diff(wearable(corpus, 1, "BVP")["since_s"]).max() == pytest.approx(0.5, abs=0.02)
    assert wearable(corpus, 1, "TEMP").duplicated(["timestamp", "value"]).sum() == 1


def test_one_participants_files_have_line_ends_of_windows_and_another_order(corpus: Path) -> None:
    for pid in (1, 3, 4, 5, 6):
        header = (corpus / f"e4_data/{pid}/E4_EDA.csv").read_bytes().split(b"\n")[0]
        assert header == (b"device_serial,timestamp,pid,value\r" if pid == 4 else b"timestamp,pid,value,device_serial")


def test_one_session_has_a_row_more_than_intervals_and_one_rating_is_empty(corpus: Path) -> None:
    tables = {pid: pd.read_csv(corpus / f"emotion_annotations/self_annotations/P{pid}.self.csv") for pid in range(1, 7)}
    assert {pid: len(table) for pid, table in tables.items()} == {1: 7, 2: 7, 3: 6, 4: 6, 5: 6, 6: 6}
    assert np.isnan(tables[4]["valence"][1])
    assert list(tables[3]["seconds"]) == [5, 10, 15, 20, 25, 30]
    assert (
        (tables[3][["boredom", "confusion", "delight", "concentration", "frustration", "surprise", "none_1"]] == "x").sum(axis=1) == 1
    ).all()


def test_acceleration_is_in_counts_for_some_and_in_g_for_others(corpus: Path) -> None:
    sizes = [np.linalg.norm(pd.read_csv(corpus / f"e4_data/{pid}/E4_ACC.csv")[["x", "y", "z"]], axis=1) for pid in (1, 6)]
    assert [float(np.median(size)) for size in sizes] == pytest.approx([64, 1], rel=0.05)


def test_low_middle_and_high_ratings_are_about_equally_frequent(ratings: pd.DataFrame) -> None:
    for name in ("arousal", "valence"):
        shares = [(ratings[name] <= 2).mean(), (ratings[name] == 3).mean(), (ratings[name] >= 4).mean()]
        assert shares == pytest.approx([1 / 3] * 3, abs=0.08)
        assert ratings[name].between(1, 5).all()
        assert np.corrcoef(ratings[name], ratings[f"felt_{name}"])[0, 1] > 0.9


def test_categories_have_a_unique_highest_score_or_none_and_follow_what_is_felt(ratings: pd.DataFrame) -> None:
    scores = ratings[list(kemocon.CATEGORIES)]
    highest = scores.max(axis=1)
    tied = (scores.eq(highest, axis=0).sum(axis=1) > 1) & (highest > 1)
    assert 0 < tied.mean() < 0.1
    neutral = highest == 1
    assert 0.1 < neutral.mean() < 0.35
    first = scores.idxmax(axis=1)[~neutral & ~tied]
    felt = ratings[~neutral & ~tied].groupby(first)[["felt_arousal", "felt_valence"]].mean()
    signs = np.sign(felt.where(felt.abs() > 0.3, 0))
    assert signs.loc["cheerful"].tolist() == [1, 1]
    assert signs.loc["angry"].tolist() == [1, -1]
    assert signs.loc["sad"].tolist() == [-1, -1]
    assert signs.loc["nervous"].tolist() == [1, 0]
    assert first.value_counts(normalize=True).min() > 0.06


def test_partners_feel_alike_and_strangers_do_not() -> None:
    people = kemocon.plan(1, MANY)
    felt = np.array([who.felt.arousal for who in people])
    together = [np.corrcoef(felt[k], felt[k + 1])[0, 1] for k in range(0, len(felt), 2)]
    apart = [np.corrcoef(felt[k], felt[k + 3])[0, 1] for k in range(0, len(felt) - 3, 2)]
    assert np.mean(together) == pytest.approx(0.7, abs=0.15)
    assert abs(np.mean(apart)) < 0.3


def test_other_files_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        kemocon.write(tmp_path, 0, SIZES)
    assert (tmp_path / "mine.txt").read_text() == "mine"
