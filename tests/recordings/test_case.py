"""CASE's reader against small trees written here, without the toy generator."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emofuse.errors import InputError
from emofuse.recordings import case as reader
from emofuse.remarks import LeftOut, exactly
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
    return [one for one in reader.read(root, release) if isinstance(one, Recording)]


def left_out(root: Path, release: str = "interpolated") -> list[tuple[str, str]]:
    return [(one.item, one.reason) for one in reader.read(root, release) if isinstance(one, LeftOut)]


def problem(root: Path, release: str = "interpolated") -> str:
    with pytest.raises(InputError) as error:
        read(root, release)
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
    path = "data/non-interpolated/physiological/sub_1.csv"
    assert sorted(left_out(tmp_path, "non_interpolated")) == [(path, "copy"), (path, "lost_rows")]
    assert any("found 1 rows that are equal" in one.detail for one in reader.read(tmp_path, "non_interpolated") if isinstance(one, LeftOut))


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


def test_subjects_and_their_lengths_are_counted_beside_what_is_published(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one for one in reader.read(root, "interpolated") if not isinstance(one, Recording)] == [
        exactly("subjects", 30, 2), exactly("subjects of 2451.583 s", 30, 0),
    ]  # fmt: skip
    monkeypatch.setattr(reader, "DURATION_S", 1.2)  # of 0.25 s: within a second
    assert exactly("subjects of 1.2 s", 30, 2) in list(reader.read(root, "interpolated"))


def test_a_file_of_another_name_is_left_out_and_said(root: Path) -> None:
    expected = read(root)[0].tracks["eda"].samples
    for name in ("sub_2 (1).csv", "sub_02.csv", "sub_2.txt"):
        physiological(root).with_name(name).write_text("7")
    assert left_out(root) == [
        ("CASE_full/data/interpolated/physiological/sub_02.csv", "extra_file"),
        ("CASE_full/data/interpolated/physiological/sub_2 (1).csv", "extra_file"),
        ("CASE_full/data/interpolated/physiological/sub_2.txt", "extra_file"),
    ]
    np.testing.assert_array_equal(read(root)[0].tracks["eda"].samples, expected)


SENSORS = ("ecg", "bvp", "gsr", "rsp", "skt", "zygo", "coru", "trap")


def write_raw(root: Path, volts: dict[str, float], pushed: Sequence[tuple[float, float]] = ((0, 0),) * 5) -> Path:
    """A quarter of a second of the recorder's own text; sensors that are not named give 2 V."""
    folder = root / "case_dataset-master" / "data" / "raw"
    row = "\t".join(f"{volts.get(name, 2.0):.6f}" for name in SENSORS)
    files = {
        "physiological/sub7_DAQ.txt": [f"{k / 1000:.4f}\t{row}" for k in range(250)],
        "annotations/sub7_joystick.txt": [f"{k / 20:.3f}\t{x}\t{y}" for k, (x, y) in enumerate(pushed)],
    }
    for name, lines in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder / "physiological" / "sub7_DAQ.txt"


def test_the_recorders_volts_and_steps_become_units_and_ratings(tmp_path: Path) -> None:
    write_raw(tmp_path, {"bvp": 2.8, "gsr": 2.3, "skt": 3.0}, [(0, 0), (26225, -26225), (-26225, 26225), (0, 2914), (0, 0)])
    (recording,) = read(tmp_path, "raw")
    assert (recording.native_id, recording.subject) == ("sub_7", "sub_7")
    for signal, expected in (("bvp", 50.0036), ("eda", 6.0), ("temp", 31.938)):  # worked out by hand: 58.962 * 2.8 - 115.09 = 50.0036
        track = recording.tracks[signal]
        assert (track.rate_hz, track.start_s, len(track.samples)) == (1000, 0, 250)
        np.testing.assert_allclose(track.samples, expected, atol=1e-4)
    assert [a.value for a in recording.annotations if a.name == "valence"] == [5, 9.5, 0.5, 5, 5]
    assert [a.value for a in recording.annotations if a.name == "arousal"] == pytest.approx([5, 0.5, 9.5, 5.5, 5], abs=1e-4)
    assert {a.name for a in recording.annotations} == {"valence", "arousal"}


@pytest.mark.parametrize(
    ("volts", "expected"),
    [
        ({"gsr": 2.0}, "column 4 as gsr: expected a median of 0 to 100, found -1.2"),
        ({"gsr": 2.3, "skt": 2.0}, "column 6 as skt: expected a median of 15 to 45, found 10.6"),
        ({"gsr": 2.3, "skt": 4.0}, "column 6 as skt: expected a median of 15 to 45, found 53.3"),
        ({"gsr": 9.0, "skt": 3.0}, "column 4 as gsr: expected a median of 0 to 100, found 167"),
    ],
)
def test_raw_columns_in_another_order_are_refused_by_an_impossible_skin(tmp_path: Path, volts: dict[str, float], expected: str) -> None:
    path = write_raw(tmp_path, volts)
    message = problem(tmp_path, "raw")
    assert message.startswith(str(path))
    assert expected in message and "use the release interpolated" in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace("\t", ","), "expected numbers in columns"),
        (lambda text: text.replace(".", ","), "expected numbers in columns"),
        (lambda text: "Time\tECG\tBVP\tGSR\tRSP\tSKT\tA\tB\tC\n" + text, "expected numbers in columns"),
        (lambda text: text.replace("\t2.000000\n", "\n"), "expected numbers in columns"),
        (lambda text: "".join(f"{k}.0{line[6:]}\n" for k, line in enumerate(text.splitlines())), "rates do not match"),
        (lambda text: text.replace("0.0100\t", "0.0080\t"), "expects a later stamp"),
        (lambda text: "", "expected numbers in columns"),
    ],
)
def test_a_raw_file_of_another_form_is_named(tmp_path: Path, change: Callable[[str], str], expected: str) -> None:
    path = write_raw(tmp_path, {"gsr": 2.3, "skt": 3.0})
    path.write_text(change(path.read_text()))
    message = problem(tmp_path, "raw")
    assert message.startswith(str(path)) and expected in message


def test_a_joystick_beyond_its_end_is_refused(tmp_path: Path) -> None:
    path = write_raw(tmp_path, {"gsr": 2.3, "skt": 3.0}, [(0, 0), (0, 27000), (0, 0)])
    message = problem(tmp_path, "raw")
    assert "sub7_joystick.txt: row 3: arousal expects 0.5 to 9.5, found 9.63" in message
    path.with_name("sub8_DAQ.txt").write_text("")
    assert "sub8_joystick.txt: expected beside the subject's other file" in problem(tmp_path, "raw")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["interpolated", "non_interpolated", "raw"]))
def test_damage_anywhere_is_read_or_refused_in_one_line_that_names_the_file(tmp_path: Path, data: st.DataObject, release: str) -> None:
    write_raw(tmp_path, {"gsr": 2.3, "skt": 3.0})
    folder = tmp_path / "case_dataset-master" / "data"
    if release != "raw":
        write(folder.parent, "sub_1", range(50), ["0,5,5,10", "50,5,5,10"], release.replace("_", "-"))
    kind = data.draw(st.sampled_from(["physiological", "annotations"]))
    path = next((folder / release.replace("_", "-") / kind).iterdir())
    sound = path.read_bytes()
    at, junk = data.draw(st.integers(0, len(sound))), data.draw(st.binary(max_size=6))
    path.write_bytes(sound[:at] + junk + data.draw(st.sampled_from([b"", sound[at:], sound[at + len(junk) :]])))
    try:
        (recording,) = read(tmp_path, release)
        assert all(np.isfinite(track.samples).all() or junk for track in recording.tracks.values())
    except InputError as error:
        assert "\n" not in str(error) and str(path) in str(error)


def test_an_absent_folder_or_release_is_answered(root: Path) -> None:
    assert "data/non-interpolated/physiological" in problem(root, "non_interpolated")
    assert "data/raw/physiological" in problem(root, "raw")
    assert "'final'" in problem(root, "final")
    assert "no such folder" in problem(root / "nowhere")


def test_a_tree_without_subjects_is_refused(tmp_path: Path) -> None:
    for kind in ("physiological", "annotations"):
        (tmp_path / "data" / "interpolated" / kind).mkdir(parents=True)
    assert "found no subject" in problem(tmp_path)
