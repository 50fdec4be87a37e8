"""CASE's reader against small trees written here, without the toy generator."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse.errors import InputError
from emofuse.recordings import case as reader
from emofuse.signals import Annotation, Recording

SIGNALS = "daqtime,ecg,bvp,gsr,rsp,skt,emg_zygo,emg_coru,emg_trap,video"
RATINGS = "jstime,valence,arousal,video"


def write(root: Path, subject: str, stamps: Sequence[float], ratings: Sequence[str], folder: str = "interpolated") -> None:
    """Signals count: at stamp t the pulse is 100 + t, the skin 200 + t, the temperature 300 + t."""
    rows = [SIGNALS, *(f"{t},0,{100 + t},{200 + t},0,{300 + t},0,0,0,10" for t in stamps)]
    for kind, lines in (("physiological", rows), ("annotations", [RATINGS, *ratings])):
        path = root / "data" / folder / kind / f"{subject}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Subjects 2 and 10 in a folder of the archive's name."""
    release = tmp_path / "CASE_full"
    ratings = ["0,5,5.5,10", "50,5.25,6,10", "100,5.5,,1", "150,5,5,11", "200,5,5,10"]
    for subject in ("sub_10", "sub_2"):
        write(release, subject, range(250), ratings)
    (release / "data" / "interpolated" / "physiological" / "._sub_2.csv").write_bytes(b"\0\5\26\7")
    return tmp_path


def read(root: Path, release: str = "interpolated") -> list[Recording]:
    return list(reader.read(root, release, False))


def problem(root: Path, release: str = "interpolated", check_counts: bool = False) -> str:
    with pytest.raises(InputError) as error:
        list(reader.read(root, release, check_counts))
    assert "\n" not in str(error.value)
    return str(error.value)


def physiological(root: Path, folder: str = "interpolated") -> Path:
    return root / "CASE_full" / "data" / folder / "physiological" / "sub_2.csv"


def test_each_subject_has_three_signals_of_the_named_columns(root: Path) -> None:
    recordings = read(root)
    assert [(r.native_id, r.subject, r.audio, r.t0_unix_s) for r in recordings] == [(s, s, None, None) for s in ("sub_2", "sub_10")]
    for name, level in (("bvp", 100), ("eda", 200), ("temp", 300)):
        track = recordings[0].tracks.pop(name)
        assert (track.rate_hz, track.start_s, track.samples.dtype) == (1000, 0, np.float32)
        np.testing.assert_array_equal(track.samples, level + np.arange(250))
    assert recordings[0].tracks == {}


def test_annotations_are_spans_and_runs_of_films(root: Path) -> None:
    annotations = read(root)[0].annotations
    assert [a for a in annotations if a.name == "arousal"] == [
        Annotation(0.0, 0.05, "arousal", 5.5),
        Annotation(0.05, 0.1, "arousal", 6.0),
        Annotation(0.1, 0.15, "arousal", None),
        Annotation(0.15, 0.2, "arousal", 5.0),
        Annotation(0.2, 0.25, "arousal", 5.0),
    ]
    assert [a.value for a in annotations if a.name == "valence"] == [5.0, 5.25, 5.5, 5.0, 5.0]
    assert [(a.start_s, a.end_s, a.text, a.value) for a in annotations if a.name == "video"] == [
        (0.0, 0.1, "start screen", None), (0.1, 0.15, "amusing 1", None), (0.15, 0.2, "pause", None), (0.2, 0.25, "start screen", None),
    ]  # fmt: skip


def test_uneven_stamps_are_put_on_whole_milliseconds(tmp_path: Path) -> None:
    stamps = [0.4, 1.2, 2.1, 2.1, 3.0, 3.9, 5.3, *(30.5 + 0.9 * np.arange(30)).round(3)]  # one row twice, one gap
    write(tmp_path, "sub_1", stamps, ["0.2,5,5,10", "50.1,5,5,10"], "non-interpolated")
    track = read(tmp_path, "non_interpolated")[0].tracks["bvp"]
    grid = np.arange(1, 57)
    expected = np.where((grid > 5.3) & (grid < 30.5), np.nan, 100.0 + grid)
    assert (track.rate_hz, track.start_s) == (1000, 0.001)
    np.testing.assert_allclose(track.samples, expected, rtol=1e-6)


@settings(deadline=None)
@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=40), st.integers(0, 3000), st.integers(0, 2**31))
def test_the_grid_agrees_with_a_naive_loop(steps_us: list[int], start_us: int, seed: int) -> None:
    times_ms = np.cumsum([start_us, *steps_us]) / 1000
    values = np.random.default_rng(seed).standard_normal((len(times_ms), 1)).astype(np.float32)
    start_ms, placed = reader.on_grid(times_ms, values)
    expected = []
    for t in range(int(np.ceil(times_ms[0])), int(np.floor(times_ms[-1])) + 1):
        before, after = max(i for i, x in enumerate(times_ms) if x <= t), min(i for i, x in enumerate(times_ms) if x >= t)
        gap = times_ms[after] - times_ms[before]
        share = (t - times_ms[before]) / gap if gap else 0.0
        expected.append(np.nan if gap >= 20 else (1 - share) * values[before, 0] + share * values[after, 0])
    assert start_ms == np.ceil(times_ms[0]) or not expected
    np.testing.assert_allclose(placed[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("line", "replacement", "expected"),
    [
        (5, "5,0,105,205,0,305,0,0,0,10", "row 6: daqtime"),  # a stamp left out
        (5, "4.5,0,104,204,0,304,0,0,0,10", "row 6: daqtime"),
        (5, ",0,104,204,0,304,0,0,0,10", "row 6: daqtime"),
        (5, "4,0,inf,204,0,304,0,0,0,10", "row 6: bvp"),
        (5, "4,0,abc,204,0,304,0,0,0,10", "Row #6"),
        (250, "249,0,349", "Row #251"),  # cut short
        (0, SIGNALS.replace("gsr", "eda"), "'gsr'"),
    ],
)
def test_a_damaged_file_is_named_with_its_row(root: Path, line: int, replacement: str, expected: str) -> None:
    path = physiological(root)
    lines = path.read_text().splitlines()
    lines[line] = replacement
    path.write_text("\n".join(lines) + "\n")
    message = problem(root)
    assert str(path) in message
    assert expected in message


def test_an_empty_field_is_a_lost_sample(root: Path) -> None:
    path = physiological(root)
    path.write_text(path.read_text().replace("\n4,0,104,", "\n4,0,,"))
    tracks = read(root)[0].tracks
    assert np.flatnonzero(np.isnan(tracks["bvp"].samples)).tolist() == [4]
    assert not np.isnan(tracks["eda"].samples).any()


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        (["0,5,5,10", "50,10,5,10"], "row 3: valence"),
        (["0,5,0.2,10", "50,5,5,10"], "row 2: arousal"),
        (["0,5,5,9", "50,5,5,10"], "row 2: video"),
        (["0,5,5,", "50,5,5,10"], "row 2: video"),
        (["0,5,5,10", "60,5,5,10"], "row 3: jstime"),
        (["0,5,5,10"], "at least two rows"),
    ],
)
def test_ratings_outside_scale_list_or_grid_are_refused(root: Path, ratings: list[str], expected: str) -> None:
    write(root / "CASE_full", "sub_2", range(250), ratings)
    message = problem(root)
    assert str(Path("annotations") / "sub_2.csv") in message
    assert expected in message


@pytest.mark.parametrize("stamps", [[0.1, 1.2, 2.1, 1.9, 3.0], [0.1, 0.1, 1.0, 2.0]])
def test_stamps_that_go_back_or_come_twice_with_other_values_are_refused(tmp_path: Path, stamps: list[float]) -> None:
    write(tmp_path, "sub_1", stamps, ["0.2,5,5,10", "50.1,5,5,10"], "non-interpolated")
    path = tmp_path / "data" / "non-interpolated" / "physiological" / "sub_1.csv"
    path.write_text(path.read_text().replace("0,100.1,", "0,7,", 1))
    assert "daqtime expects a later stamp" in problem(tmp_path, "non_interpolated")


def test_stamps_in_seconds_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "sub_1", [0.001 * k for k in range(50)], ["0.2,5,5,10", "50.1,5,5,10"], "non-interpolated")
    assert "rates do not match" in problem(tmp_path, "non_interpolated")


@pytest.mark.parametrize("kind", ["physiological", "annotations"])
def test_a_subject_without_its_other_file_is_named(root: Path, kind: str) -> None:
    path = root / "CASE_full" / "data" / "interpolated" / kind / "sub_10.csv"
    path.unlink()
    assert str(path) in problem(root)


def test_the_published_number_of_subjects_is_asked_for(root: Path) -> None:
    assert "30 subjects, found 2" in problem(root, check_counts=True)
    (root / "SYNTHETIC_README.txt").touch()
    assert len(list(reader.read(root, "interpolated", True))) == 2


def test_an_absent_folder_or_release_is_answered(root: Path) -> None:
    assert "data/non-interpolated/physiological" in problem(root, "non_interpolated")
    assert "'raw'" in problem(root, "raw")
    assert "no such folder" in problem(root / "nowhere")


def test_a_tree_without_subjects_is_refused(tmp_path: Path) -> None:
    for kind in ("physiological", "annotations"):
        (tmp_path / "data" / "interpolated" / kind).mkdir(parents=True)
    assert "found no subject" in problem(tmp_path)
