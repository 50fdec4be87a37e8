"""VerBIO's reader against a small hand-made tree in each layout and against the invented corpus; each bad file is answered in one line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emofuse.errors import InputError
from emofuse.params import wearable
from emofuse.recordings import verbio as reader
from emofuse.remarks import Count, LeftOut
from emofuse.signals import Recording
from emofuse.toy import verbio as toy

SECONDS = 3
RATES = {"ACC": 32, "BVP": 64, "EDA": 4, "TEMP": 4}
Change = Callable[[list[str]], list[str]]


def table(signal: str) -> pd.DataFrame:
    """What a device would say: a constant 1 g along z, otherwise a running number."""
    count = SECONDS * RATES[signal]
    time = np.arange(count) / RATES[signal]
    if signal == "ACC":
        return pd.DataFrame({"Time (s)": time, "x-axis": 0, "y-axis": 0, "z-axis": 64})
    return pd.DataFrame({"Time (s)": time, signal: np.arange(count) / 8})


def write(path: Path, content: pd.DataFrame) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        content.to_csv(path, index=False)
    else:
        content.to_excel(path, index=False)
    return path


def audio(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(SECONDS * 16000), 16000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for signal in RATES:
        write(tmp_path / f"PRE/E4/P001/{signal}_PPT.csv", table(signal))
    audio(tmp_path / "PRE/Audio/PRE_P001_AUDIO_PPT.wav")
    stress = pd.DataFrame({"Time (s)": [0.0, 0.5, 1.5], "R1": [1, 2, 3], "R2": [5.0, np.nan, 4.5], "R4": 3, "R5": 3})
    write(tmp_path / "PRE/Annotation/PRE_P001_annotation.xlsx", stress)
    return tmp_path


def read(root: Path, release: str = "session_first") -> dict[str, Recording]:
    return {one.native_id: one for one in reader.read(root, release) if isinstance(one, Recording)}


def left_out(root: Path, release: str = "session_first") -> dict[tuple[str, str], str]:
    """The detail of each item and reason."""
    return {(one.item, one.reason): one.detail for one in reader.read(root, release) if isinstance(one, LeftOut)}


def problem(root: Path, named: Path | str, release: str = "session_first") -> str:
    with pytest.raises(InputError) as error:
        list(reader.read(root, release))
    assert "\n" not in str(error.value)
    assert str(named) in str(error.value)
    return str(error.value)


def edit(path: Path, change: Change) -> Path:
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    return path


def test_a_talk_has_its_four_signals_in_their_units_its_audio_and_its_stress(root: Path) -> None:
    recording = read(root)["P001/PRE/PPT"]
    assert (recording.subject, recording.session, recording.t0_unix_s, recording.span_s) == ("P001", "PRE", None, None)
    assert recording.audio == "PRE/Audio/PRE_P001_AUDIO_PPT.wav"
    assert {n: (t.rate_hz, t.start_s, t.samples.shape) for n, t in recording.tracks.items()} == {
        "acc": (32, 0, (96, 3)),
        "bvp": (64, 0, (192,)),
        "eda": (4, 0, (12,)),
        "temp": (4, 0, (12,)),
    }
    np.testing.assert_array_equal(recording.tracks["acc"].samples, np.tile(np.float32([0, 0, 1]), (96, 1)))
    np.testing.assert_array_equal(recording.tracks["bvp"].samples, np.arange(192, dtype=np.float32) / 8)


def test_each_rating_lasts_until_the_next_and_an_empty_one_is_null(root: Path) -> None:
    found = [(a.name, a.start_s, a.end_s, a.value) for a in read(root)["P001/PRE/PPT"].annotations]
    assert found[:6] == [
        ("stress_R1", 0, 0.5, 1),
        ("stress_R1", 0.5, 1.5, 2),
        ("stress_R1", 1.5, 2.5, 3),
        ("stress_R2", 0, 0.5, 5),
        ("stress_R2", 0.5, 1.5, None),
        ("stress_R2", 1.5, 2.5, 4.5),
    ]
    assert {name for name, *_ in found} == {"stress_R1", "stress_R2", "stress_R4", "stress_R5"}


def test_workbooks_and_both_layouts_say_the_same_as_csv(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("participant_first")
    for signal in RATES:
        write(other / f"P001/PRE/E4_{signal}_PPT.xlsx", table(signal))
    write(other / "P001/PRE/ACTIWAVE_ACC_PPT.xlsx", table("EDA"))  # the chest's: not used
    write(other / "P001/PRE/E4_HR_PPT.xlsx", table("EDA"))
    shutil.copy(root / "PRE/Audio/PRE_P001_AUDIO_PPT.wav", other / "P001/PRE/MIC_SPEECH_PPT.wav")
    shutil.copy(root / "PRE/Annotation/PRE_P001_annotation.xlsx", other / "P001/PRE/MANUAL_ANNOTATION_PPT.xlsx")
    (expected,), (found,) = read(root).values(), read(other, "participant_first").values()
    assert found.audio == "P001/PRE/MIC_SPEECH_PPT.wav"
    assert found.native_id == expected.native_id
    assert found.annotations == expected.annotations
    for signal, track in expected.tracks.items():
        np.testing.assert_array_equal(found.tracks[signal].samples, track.samples)


@pytest.mark.parametrize(
    "lines", [["EDA", "0.5", "0.25"], ["0.5", "0.25"], ["0", "0.5", "0.25"], ['"eda"', "0.5", "0.25"], ["", "0.5", "0.25"]]
)
def test_a_single_column_may_have_a_name_or_none(root: Path, lines: list[str]) -> None:
    (root / "PRE/E4/P001/EDA_RELAX.csv").write_text("\r\n".join(lines) + "\r\n")
    rest = read(root)["P001/PRE/RELAX"]
    np.testing.assert_array_equal(rest.tracks["eda"].samples, [0.5, 0.25])
    assert rest.audio is None
    assert not rest.annotations


def test_a_column_of_row_numbers_is_not_an_axis(root: Path) -> None:
    table("ACC").to_csv(root / "PRE/E4/P001/ACC_PPT.csv")
    assert read(root)["P001/PRE/PPT"].tracks["acc"].samples.shape == (96, 3)


def test_missing_signals_and_missing_audio_are_recordings_all_the_same_and_said(root: Path) -> None:
    assert left_out(root) == {}
    (root / "PRE/E4/P001/TEMP_PPT.csv").unlink()
    (root / "PRE/Audio/PRE_P001_AUDIO_PPT.wav").unlink()
    audio(root / "TEST02/Audio/TEST02_P067_AUDIO_PPT.wav")
    recordings = read(root)
    assert set(recordings["P001/PRE/PPT"].tracks) == {"acc", "bvp", "eda"}
    assert recordings["P001/PRE/PPT"].audio is None
    assert recordings["P067/TEST02/PPT"].tracks == {}
    assert set(left_out(root)) == {
        *(("P001/PRE/PPT/temp", "missing_signal"), ("P001/PRE/PPT/speech", "missing_signal"), ("P067/TEST02/PPT", "unlabelled")),
        *((f"P067/TEST02/PPT/{signal}", "missing_signal") for signal in ("acc", "bvp", "eda", "temp")),
    }


def test_a_talk_of_which_only_the_annotation_is_there_is_said(root: Path) -> None:
    shutil.copy(root / "PRE/Annotation/PRE_P001_annotation.xlsx", root / "PRE/Annotation/PRE_P002_annotation.xlsx")
    assert list(read(root)) == ["P001/PRE/PPT"]
    assert list(left_out(root)) == [("P002/PRE/PPT", "missing_signal")]


def test_audio_that_is_nobodys_talk_is_left_out(root: Path) -> None:
    audio(root / "PRE/Audio/POST_P001_AUDIO_PPT.wav")  # of another session than its folder
    audio(root / "PRE/Audio/__MACOSX/PRE_P001_AUDIO_PPT.wav")
    audio(root / "PRE/Audio/._PRE_P001_AUDIO_PPT.wav")
    audio(root / "PRE/Audio/PRE_P001_AUDIO_RELAX.flac")
    assert set(left_out(root)) == {
        ("PRE/Audio/POST_P001_AUDIO_PPT.wav", "extra_file"),
        ("PRE/Audio/PRE_P001_AUDIO_RELAX.flac", "extra_file"),
    }


def test_the_release_with_csv_has_a_talk_with_names_and_a_rest_of_one_column_without(tmp_path: Path) -> None:
    """As in VerBIO_v2: taking the first line for a header would lose the first sample."""
    for signal in ("BVP", "EDA"):
        rows = [str(value) for value in table(signal)[signal]]
        for stage, lines in (("PPT", [signal, *rows]), ("RELAX", rows)):
            path = tmp_path / f"PRE/E4/P001/{signal}_{stage}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n")
    found = read(tmp_path)
    assert list(found) == ["P001/PRE/PPT", "P001/PRE/RELAX"]
    for recording in found.values():
        np.testing.assert_array_equal(recording.tracks["bvp"].samples, np.arange(192) / 8)
        np.testing.assert_array_equal(recording.tracks["eda"].samples, np.arange(12) / 8)
    missing = {item for item, reason in left_out(tmp_path) if reason == "missing_signal"}
    assert missing == {"P001/PRE/PPT/speech", *(f"P001/PRE/{stage}/{signal}" for stage in ("PPT", "RELAX") for signal in ("acc", "temp"))}


def test_what_archives_and_programs_leave_behind_is_skipped(root: Path) -> None:
    for name in ("._EDA_PPT.csv", "~$BVP_PPT.xlsx", "EDA_PPT.csv.part", "notes.txt"):
        (root / "PRE/E4/P001" / name).write_bytes(b"\x00")
    (root / "PRE/E4/P001 - Copy").mkdir()
    assert list(read(root)) == ["P001/PRE/PPT"]


def test_the_release_may_lie_two_folders_down_and_audio_stays_relative_to_the_root(root: Path) -> None:
    inner = root / "VerBIO" / "VerBIO"
    inner.mkdir(parents=True)
    (root / "PRE").rename(inner / "PRE")
    assert read(root)["P001/PRE/PPT"].audio == "VerBIO/VerBIO/PRE/Audio/PRE_P001_AUDIO_PPT.wav"


def test_samples_that_are_missing_by_their_times_are_lost_and_the_rest_stays_in_place(root: Path) -> None:
    edit(root / "PRE/E4/P001/EDA_PPT.csv", lambda lines: lines[:4] + lines[6:])
    samples = read(root)["P001/PRE/PPT"].tracks["eda"].samples
    np.testing.assert_array_equal(samples, np.float32([0, 0.125, 0.25, np.nan, np.nan, *np.arange(5, 12) / 8]))
    assert "found 2 of 12 without" in left_out(root)["PRE/E4/P001/EDA_PPT.csv", "lost_rows"]


def test_an_empty_cell_is_a_lost_sample(root: Path) -> None:
    edit(root / "PRE/E4/P001/EDA_PPT.csv", lambda lines: [*lines[:2], "0.25,", *lines[3:]])
    assert np.flatnonzero(np.isnan(read(root)["P001/PRE/PPT"].tracks["eda"].samples)).tolist() == [1]


def test_the_unit_of_acceleration_is_found(root: Path) -> None:
    write(root / "PRE/E4/P001/ACC_PPT.csv", table("ACC").replace({"z-axis": {64: 1}}))
    np.testing.assert_array_equal(read(root)["P001/PRE/PPT"].tracks["acc"].samples[0], [0, 0, 1])


@pytest.mark.parametrize(
    ("signal", "change", "expected"),
    [
        ("BVP", lambda lines: [*lines[:-1], lines[-1].split(",")[0]], "row 193: expected 2 values as in the first row, found 1"),
        ("BVP", lambda lines: [*lines[:9], lines[9] + ",7", *lines[10:]], "row 10: expected 2 values as in the first row, found 3"),
        ("EDA", lambda lines: [*lines[:3], "0.5,n/k", *lines[4:]], "row 4: EDA expects a number, found 'n/k'"),
        ("EDA", lambda lines: [*lines[:3], "0.5,inf", *lines[4:]], "row 4: EDA expects a number, found 'inf'"),
        ("EDA", lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "row 3: expected times that rise, found 0 after 0.25"),
        ("EDA", lambda lines: [*lines[:5], lines[4], *lines[5:]], "row 6: expected times that rise, found 0.75 after 0.75"),
        ("EDA", lambda lines: [*lines[:3], ",0.5", *lines[4:]], "row 4: expected times that rise, found nan"),
        ("EDA", lambda lines: lines[:1], "expected rows of numbers, found none"),
        ("EDA", lambda lines: [], "expected rows of numbers, found none"),
        ("EDA", lambda lines: lines[1:], "expected column names in the first row, found '0.0,0.0'"),
        ("EDA", lambda lines: ["Time (s),Time (s)", *lines[1:]], "expected each column name once"),
        ("EDA", lambda lines: ["a,b", *lines[1:]], "expected 1 column(s) of eda"),
        ("ACC", lambda lines: ["Time (s),x", *("0.0,1" for _ in lines)], "expected 3 column(s) of acc"),
        ("ACC", lambda lines: [lines[0], *(line.replace("64", "300") for line in lines[1:])], "found 300"),
        (
            "TEMP",
            lambda lines: [lines[0], *(f"{float(k) / 8},32" for k in range(12))],
            "rates do not match: expected a step of 0.25 s (4 Hz)",
        ),
        ("TEMP", lambda lines: [lines[0], *(f"{float(k) * 0.2657},32" for k in range(12))], "found a median of 0.2657 s"),
        ("TEMP", lambda lines: [*lines[:-1], "400,32"], "expected at least half of the samples"),
        ("TEMP", lambda lines: [lines[0], *(f"{1.56e9 + k / 4},32" for k in range(12))], "expected times from the start of the stage"),
    ],
)
def test_a_bad_file_is_named_with_its_row(root: Path, signal: str, change: Change, expected: str) -> None:
    assert expected in problem(root, edit(root / f"PRE/E4/P001/{signal}_PPT.csv", change))


def test_rates_within_a_twentieth_are_taken_as_nominal(root: Path) -> None:
    edit(root / "PRE/E4/P001/TEMP_PPT.csv", lambda lines: [lines[0], *(f"{k * 0.26},{k}" for k in range(1000))])
    np.testing.assert_array_equal(read(root)["P001/PRE/PPT"].tracks["temp"].samples, np.arange(1000))


def test_a_word_in_a_workbook_is_named_with_its_row(root: Path) -> None:
    (root / "PRE/E4/P001/EDA_PPT.csv").unlink()
    path = write(root / "PRE/E4/P001/EDA_PPT.xlsx", table("EDA"))
    book = openpyxl.load_workbook(path)
    book.active["B5"] = "off"
    book.save(path)
    assert "row 5: EDA expects a number, found 'off'" in problem(root, path)


def test_an_archive_that_is_no_workbook_is_named(root: Path) -> None:
    path = root / "PRE/E4/P001/EDA_PREP.xlsx"
    path.write_bytes(b"PK\x03\x04 not quite")
    assert "expected an Excel workbook" in problem(root, path)


def test_a_text_in_another_encoding_is_named(root: Path) -> None:
    path = root / "PRE/E4/P001/EDA_PPT.csv"
    path.write_bytes(path.read_text().encode("utf-16"))
    assert "expected a text file" in problem(root, path)


def test_two_files_of_one_signal_are_refused(root: Path) -> None:
    path = write(root / "PRE/E4/P001/EDA_PPT.xlsx", table("EDA"))
    assert "found EDA_PPT.csv too" in problem(root, path)


@pytest.mark.parametrize(
    ("stress", "expected"),
    [
        (pd.DataFrame({"Time (s)": [0, 1, 2], "R1": [1, 6, 2]}), "row 3: R1 expects 1 to 5, found 6"),
        (pd.DataFrame({"Time (s)": [0, 1, 1], "R1": [1, 2, 2]}), "row 4: expected times that rise"),
        (pd.DataFrame({"Time (s)": [0, 1, 2], "rating": [1, 2, 2]}), "expected times and raters"),
        (pd.DataFrame({"R1": [1, 2, 2]}), "expected times and raters"),
        (pd.DataFrame({"Time (s)": [0], "R1": [1]}), "of two rows or more"),
    ],
)
def test_bad_ratings_are_named(root: Path, stress: pd.DataFrame, expected: str) -> None:
    assert expected in problem(root, write(root / "PRE/Annotation/PRE_P001_annotation.xlsx", stress))


def test_another_layout_than_the_release_says_is_refused(root: Path) -> None:
    assert "VerBIO in the layout participant_first" in problem(root, root, "participant_first")
    assert "['session_first', 'participant_first']" in problem(root, "corpora.verbio.release", "2021")
    assert "no such folder" in problem(root / "absent", root / "absent")


def test_folders_without_files_are_refused(root: Path) -> None:
    shutil.rmtree(root / "PRE/Audio")
    shutil.rmtree(root / "PRE/E4/P001")
    assert "expected files such as EDA_PPT.xlsx, found none" in problem(root, root)


def test_participants_with_physiology_are_counted_beside_the_55_that_are_published(root: Path) -> None:
    audio(root / "PRE/Audio/PRE_P067_AUDIO_PPT.wav")  # without physiology
    shutil.copytree(root / "PRE/E4/P001", root / "PRE/E4/P002")
    counts = [one for one in reader.read(root, "session_first") if isinstance(one, Count)]
    assert counts == [Count("participants with physiology", 2, 55, 55), Count("talks with audio", 2, None, None)]


def test_the_invented_corpus_is_read_back(tmp_path: Path) -> None:
    toy.write(tmp_path / "verbio", 3, sizes := wearable.ToyTalks(participants=3, talk_s=12))
    recordings = read(tmp_path / "verbio")
    talks = {f"{talk.code}/{talk.session}/PPT": talk for talk in toy.plan(3, sizes)}
    assert set(recordings) == set(talks) | {"P001/PRE/RELAX"}
    assert [name for name, r in recordings.items() if "temp" not in r.tracks] == ["P003/PRE/PPT"]
    for name, recording in recordings.items():
        seconds = 20 if name.endswith("RELAX") else 12
        assert {len(track.samples) / track.rate_hz for track in recording.tracks.values()} == {seconds}
        assert np.median(np.linalg.norm(recording.tracks["acc"].samples, axis=1)) == pytest.approx(1, abs=0.15)
        assert not any(np.isnan(track.samples).any() for track in recording.tracks.values())
        assert (recording.audio is None) == name.endswith("RELAX")
        assert len(recording.annotations) == (0 if name.endswith("RELAX") else 4 * 12)
    assert sum(a.value is None for r in recordings.values() for a in r.annotations) == 1


@given(st.lists(st.tuples(st.integers(1, 4), st.floats(-0.2, 0.2)), max_size=40), st.sampled_from([4.0, 32.0, 64.0]))
def test_positions_follow_a_naive_walk(steps: list[tuple[int, float]], rate_hz: float) -> None:
    steps = [(1, 0.0)] * (3 * len(steps)) + steps  # most samples are there
    times, at = [0.5], [0]
    for step, jitter in steps:
        at.append(at[-1] + step)
        times.append(times[-1] + (step + jitter) / rate_hz)
    assert reader._positions(np.array(times), rate_hz, Path("x")).tolist() == at


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.sampled_from(["0.5", "-1", "", "NaN", "1e400", "x", '"', "Time (s)", "EDA", "\x00", "é"]), max_size=3), max_size=6)
)
def test_any_csv_gives_numbers_or_one_line(tmp_path: Path, rows: list[list[str]]) -> None:
    path = tmp_path / "EDA_PPT.csv"
    path.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    try:
        numbers = reader._table(path, 1)
    except InputError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
    else:
        assert len(numbers) > 0
        assert not np.isinf(numbers.to_numpy()).any()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=20), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_a_csv_is_read_as_it_was_written(tmp_path: Path, values: list[float], named: bool, end: str) -> None:
    path = tmp_path / "EDA_PPT.csv"
    path.write_bytes(end.join([*(["EDA"] if named else []), *map(repr, values), ""]).encode())
    numbers = reader._table(path, 1)
    assert numbers.iloc[:, 0].tolist() == pytest.approx(values, rel=1e-15)
    assert numbers.index[0] == 1 + named
