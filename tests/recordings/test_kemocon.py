"""K-EmoCon's reader: what was planted comes back, each oddity is survived, each bad file is answered in one line."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emofuse.errors import InputError
from emofuse.params.wearable import ToyDyads
from emofuse.recordings import kemocon as reader
from emofuse.remarks import Count, LeftOut
from emofuse.signals import Recording
from emofuse.toy import kemocon as toy
from emofuse.toy import voices

SIZES = ToyDyads(pairs=3, debate_s=30)
PEOPLE = {f"P{who.pid}": who for who in toy.plan(2, SIZES)}
SELF = "emotion_annotations/self_annotations/P{}.self.csv"


def silent(scenes: Sequence[voices.Scene], seed: int, title: str) -> Iterator[np.ndarray]:
    for scene in scenes:
        yield np.zeros(round(scene.duration_s * 16000), np.int16)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reader") / "kemocon"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy.voices, "speak", silent)  # the reader does not listen
        toy.write(root, 2, SIZES)
    return root


@pytest.fixture(scope="module")
def recordings(written: Path) -> dict[str, Recording]:
    return read(written)


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "kemocon"))


def read(root: Path) -> dict[str, Recording]:
    return {one.native_id: one for one in reader.read(root, "1.0.0") if isinstance(one, Recording)}


def left_out(root: Path, reason: str) -> dict[str, str]:
    """The detail of each item that is left out for that reason."""
    return {one.item: one.detail for one in reader.read(root, "1.0.0") if isinstance(one, LeftOut) and one.reason == reason}


def problem(root: Path) -> str:
    with pytest.raises(InputError) as error:
        read(root)
    assert "\n" not in str(error.value)
    return str(error.value)


def edit(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


def with_line(number: int, text: str) -> Callable[[list[str]], list[str]]:
    """A change of the line of that number, counted from 1 as editors do."""
    return lambda lines: [*lines[: number - 1], text, *lines[number:]]


def ratings(recording: Recording, name: str) -> list[float | None]:
    return [note.value for note in recording.annotations if note.name == name]


def test_everyone_has_a_recording_with_session_partner_and_audio(recordings: dict[str, Recording]) -> None:
    assert list(recordings) == ["P1", "P2", "P3", "P4", "P5", "P6"]
    assert (recordings["P3"].session, recordings["P3"].partner, recordings["P4"].partner) == ("p3.p4", "P4", "P3")
    assert recordings["P4"].audio == recordings["P3"].audio == "debate_audios/debate_audios/p3.p4.wav"
    assert recordings["P4"].t0_unix_s == PEOPLE["P4"].start_ms / 1000


def test_the_span_ends_with_the_debate_or_the_audio(recordings: dict[str, Recording]) -> None:
    assert {name: r.span_s for name, r in recordings.items()} == {
        name: (0.0, 28.0 if name in ("P5", "P6") else 30.0) for name in recordings
    }  # fmt: skip


def test_signals_are_the_debate_at_their_rates(recordings: dict[str, Recording]) -> None:
    for name, recording in recordings.items():
        if name == "P2":
            continue
        assert list(recording.tracks) == ["acc", "bvp", "eda", "temp"]
        for signal, track in recording.tracks.items():
            rate = {"acc": 32, "bvp": 64, "eda": 4, "temp": 4}[signal]
            assert track.rate_hz == rate
            assert 0 <= track.start_s < 1 / rate
            assert track.samples.shape == ((30 * rate, 3) if signal == "acc" else (30 * rate,))
            assert track.samples.dtype == np.float32


def test_the_planted_signal_comes_back(recordings: dict[str, Recording], written: Path) -> None:
    """Each sample of P6, whose file has no oddity, stands within half a period of its time stamp."""
    who, track = PEOPLE["P6"], recordings["P6"].tracks["bvp"]
    rows = pd.read_csv(written / "e4_data/6/E4_BVP.csv")
    place = (rows["timestamp"] - who.start_ms) / 1000
    inside = rows[(place >= 0) & (place < 30)]
    assert np.allclose(track.samples, inside["value"])
    clock = track.start_s + np.arange(len(track.samples)) / 64
    assert np.abs(clock - place[inside.index]).max() <= 0.001 + 1e-9 + 1e-9


def test_ratings_follow_what_was_felt(recordings: dict[str, Recording]) -> None:
    felt, rated = [], []
    for name, recording in recordings.items():
        values = ratings(recording, "arousal")[:6]
        rated += values
        felt += list(PEOPLE[name].felt_in_debate.at(np.arange(2.5, 30, 5))[0])
    assert np.corrcoef(felt, rated)[0, 1] > 0.75


def test_an_annotation_ends_where_its_row_says(recordings: dict[str, Recording]) -> None:
    notes = [note for note in recordings["P3"].annotations if note.name == "sad"]
    assert [(note.start_s, note.end_s) for note in notes] == [(5.0 * k, 5.0 * k + 5) for k in range(6)]
    assert {note.name for note in recordings["P3"].annotations} == {*reader.SCALES, "debate"}
    (debate,) = (note for note in recordings["P3"].annotations if note.name == "debate")
    assert (debate.start_s, debate.end_s) == (0.0, 30.0)


def test_a_surplus_row_and_an_empty_rating_are_kept(recordings: dict[str, Recording]) -> None:
    assert len(ratings(recordings["P1"], "valence")) == 7
    assert ratings(recordings["P4"], "valence")[1] is None
    assert ratings(recordings["P4"], "arousal")[1] is not None


def test_without_wearable_there_are_no_tracks(recordings: dict[str, Recording]) -> None:
    assert recordings["P2"].tracks == {}
    assert recordings["P2"].device is None
    assert len(ratings(recordings["P2"], "valence")) == 7


def test_what_somebody_did_not_wear_is_an_absent_track_and_said(root: Path) -> None:
    (root / "e4_data/4/E4_EDA.csv").unlink()
    assert list(read(root)["P4"].tracks) == ["acc", "bvp", "temp"]
    assert list(left_out(root, "missing_signal")) == ["P2/acc", "P2/bvp", "P2/eda", "P2/temp", "P4/eda"]


def test_the_device_of_most_rows_is_kept(recordings: dict[str, Recording], written: Path) -> None:
    rows = pd.read_csv(written / "e4_data/3/E4_TEMP.csv")
    assert rows["device_serial"].nunique() == 2
    own = rows[rows["device_serial"] == "A033E1"]
    since_s = (own["timestamp"] - PEOPLE["P3"].start_ms) / 1000
    assert np.allclose(recordings["P3"].tracks["temp"].samples, own["value"][(since_s >= 0) & (since_s < 30)])
    assert recordings["P3"].device == "A033E1"


@pytest.mark.parametrize(("pid", "official"), [(29, "A013E1"), (30, "A01A3A"), (31, "A013E1"), (32, "A01A3A")])
def test_the_authors_device_is_kept_even_against_the_majority(pid: int, official: str, tmp_path: Path) -> None:
    times = np.arange(0, 4000, 250)
    own = [f"{time},{pid},33.5,{official}" for time in times[::2]]
    other = [f"{time},{pid},20.0,XXXXXX" for time in times]
    path = tmp_path / "E4_TEMP.csv"
    path.write_text("\n".join(["timestamp,pid,value,device_serial", *other, *[row for row in own]]))
    edit(path, lambda lines: [line for line in lines if "XXXXXX" not in line or int(line.split(",")[0]) % 500 == 0] + lines[-1:])
    track, serial, remarks = reader._track(path, pid, "temp", 2.0, 0, 4000)
    assert track is not None
    assert serial == official
    assert np.allclose(track.samples, 33.5)
    assert [reason for reason, _ in remarks] == ["device_mix_up"]
    others = sum("XXXXXX" in line for line in path.read_text().splitlines())
    assert f"{others} rows not of {official}" in remarks[0][1]


def test_lost_contact_is_nan_but_a_pulse_of_zero_is_not(recordings: dict[str, Recording], root: Path) -> None:
    eda = recordings["P6"].tracks["eda"]
    lost_s = eda.start_s + np.flatnonzero(np.isnan(eda.samples)) / 4
    assert set(np.round(lost_s - eda.start_s, 2)) >= {20.25, 20.5}
    edit(root / "e4_data/6/E4_BVP.csv", lambda lines: [lines[0]] + [",".join([*row.split(",")[:2], "0.00", "A063E1"]) for row in lines[1:]])
    assert (read(root)["P6"].tracks["bvp"].samples == 0).all()


def test_a_gap_is_nan_and_a_repeated_row_counts_once(recordings: dict[str, Recording]) -> None:
    pulse = recordings["P1"].tracks["bvp"]
    lost_s = pulse.start_s + np.flatnonzero(np.isnan(pulse.samples)) / 64
    assert len(lost_s) == 32
    assert 8.0 <= lost_s[0] < lost_s[-1] < lost_s[0] + 0.5 < 9.0
    assert not np.isnan(recordings["P1"].tracks["temp"].samples).any()


def test_acceleration_is_in_g_whatever_the_file_has(recordings: dict[str, Recording]) -> None:
    for name in ("P1", "P3", "P4", "P6"):
        assert np.nanmedian(np.linalg.norm(recordings[name].tracks["acc"].samples, axis=1)) == pytest.approx(1, abs=0.1)


def test_an_empty_value_is_a_lost_sample(root: Path) -> None:
    path = root / "e4_data/6/E4_TEMP.csv"
    time = path.read_text().splitlines()[59].split(",")[0]
    edit(path, with_line(60, f"{time},6,,A063E1"))
    assert np.isnan(read(root)["P6"].tracks["temp"].samples).sum() == 1
    assert "found 1 of 120 rows without" in left_out(root, "lost_rows")["e4_data/6/E4_TEMP.csv"]


def test_flat_folders_windows_line_ends_and_strays_are_read_alike(root: Path, recordings: dict[str, Recording]) -> None:
    for path in (root / "debate_audios/debate_audios").iterdir():
        path.rename(root / "debate_audios" / path.name)
    (root / "debate_audios/debate_audios").rmdir()
    (root / "e4_data").rename(root / "e4")
    (root / "e4_data").mkdir()
    (root / "e4").rename(root / "e4_data/e4_data")
    for path in (root / SELF.format(3), root / "metadata/subjects.csv", root / "e4_data/e4_data/6/E4_EDA.csv"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    (root / "e4_data/e4_data/._6").write_bytes(b"\x00\x05\x16\x07")
    found = read(root)
    assert found["P3"].annotations == recordings["P3"].annotations
    assert found["P5"].audio == "debate_audios/p5.p6.wav"
    assert np.array_equal(found["P6"].tracks["eda"].samples, recordings["P6"].tracks["eda"].samples, equal_nan=True)


def test_the_release_may_lie_below_the_root(root: Path) -> None:
    (root.parent / "downloads").mkdir()
    root.rename(root.parent / "downloads" / "K-EmoCon")
    assert read(root.parent / "downloads")["P1"].audio == "K-EmoCon/debate_audios/debate_audios/p1.p2.wav"


def test_rows_of_another_device_are_left_out_and_counted(written: Path) -> None:
    for item, detail in left_out(written, "device_mix_up").items():
        rows = pd.read_csv(written / item)
        since_s = (rows["timestamp"] - PEOPLE["P3"].start_ms) / 1000
        foreign = ((since_s >= 0) & (since_s < 30) & (rows["device_serial"] != "A033E1")).sum()
        assert f"{foreign} rows not of A033E1" in detail
        assert foreign > 50
    assert set(left_out(written, "device_mix_up")) == {f"e4_data/3/E4_{name}.csv" for name in ("ACC", "BVP", "EDA", "TEMP")}


def test_what_outlasts_audio_or_debate_is_said(written: Path) -> None:
    found = left_out(written, "surplus")
    assert set(found) == {"P1/ratings", "P2/ratings", "P5/speech", "P6/speech"}
    assert "found 1 more, up to 35 s" in found["P1/ratings"]
    assert "expected the debate's 30.00 s, found 28.00 s of audio" in found["P5/speech"]


@pytest.mark.parametrize(("seconds", "reason"), [(30, None), (34, None), (36, "wrong_duration"), (26, "surplus"), (24, "wrong_duration")])
def test_audio_of_another_length_than_the_debate_is_said(root: Path, seconds: int, reason: str | None) -> None:
    soundfile.write(root / "debate_audios/debate_audios/p3.p4.wav", np.zeros(seconds * 8000), 8000)
    said = [one.reason for one in reader.read(root, "1.0.0") if isinstance(one, LeftOut) and one.item == "P3/speech"]
    assert said == ([reason] if reason else [])
    assert read(root)["P3"].span_s == (0.0, min(30, seconds))


@pytest.mark.parametrize("data", [None, b"version https://git-lfs.github.com/spec/v1", b"RIFF"])
def test_audio_that_cannot_be_heard_leaves_the_rest_of_the_debate(root: Path, recordings: dict[str, Recording], data: bytes | None) -> None:
    path = root / "debate_audios/debate_audios/p5.p6.wav"
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    found = read(root)["P6"]
    assert found.audio == "debate_audios/debate_audios/p5.p6.wav"  # the store looks into it and says why
    assert found.span_s == (0.0, 30.0)
    assert np.array_equal(found.tracks["bvp"].samples, recordings["P6"].tracks["bvp"].samples, equal_nan=True)


def test_files_of_nobody_in_the_list_are_left_out(root: Path) -> None:
    edit(root / "metadata/subjects.csv", lambda lines: [line for line in lines if not line.startswith(("5,", "6,"))])
    (root / "debate_audios/debate_audios/rehearsal.wav").write_bytes(b"RIFF")
    assert set(read(root)) == {"P1", "P2", "P3", "P4"}
    assert set(left_out(root, "extra_file")) == {
        *("e4_data/5", "e4_data/6", "debate_audios/debate_audios/p5.p6.wav", "debate_audios/debate_audios/rehearsal.wav"),
        *(SELF.format(pid) for pid in (5, 6)),
    }


def test_counts_are_what_lies_there_beside_what_was_published(root: Path) -> None:
    (root / SELF.format(1)).with_name("P33.self.csv").write_text("")
    found = {one.what: (one.found, one.least, one.most) for one in reader.read(root, "1.0.0") if isinstance(one, Count)}
    assert found == {
        "participants": (6, 32, 32),
        "self-annotation files": (7, 32, 32),
        "audio files": (3, 16, 16),
        "wearable folders": (5, 28, 28),
        "minutes of debate": (2, 172, 174),  # 3 of half a minute, rounded to even
    }


@pytest.mark.parametrize("name", ["metadata", "e4_data", "emotion_annotations", "debate_audios"])
@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_archives_that_are_still_packed_are_answered_with_unpack_them(root: Path, name: str, suffix: str) -> None:
    shutil.rmtree(root / name)
    (root / f"{name}{suffix}").write_bytes(b"not even read")
    assert problem(root) == f"{root / name}{suffix}: expected the folder {name} beside it, found the archive only; unpack it there"


def test_archives_beside_what_was_unpacked_from_them_do_no_harm(root: Path) -> None:
    for name in ("metadata", "e4_data"):
        (root / f"{name}.tar.gz").write_bytes(b"")
    assert len(read(root)) == 6


BVP6 = "e4_data/6/E4_BVP.csv"
BAD_LINES = {
    "cut short": (BVP6, 900, "156000", f"{BVP6}: line 900: expected 4 fields, found 1"),
    "cut short within the annotations": (SELF.format(5), 3, "10,3", "P5.self.csv: line 3: expected 23 fields, found 2"),
    "too long": (BVP6, 900, "1,6,2,A,B", "line 900: expected 4 fields, found 5"),
    "word for a value": (BVP6, 900, "1560000000000,6,high,A063E1", "line 900: value expects a number, found 'high'"),
    "infinite value": (BVP6, 900, "1560000000000,6,inf,A063E1", "line 900: value expects a number, found 'inf'"),
    "no time": (BVP6, 900, ",6,1.0,A063E1", "line 900: timestamp expects a number, found ''"),
    "other columns": (BVP6, 1, "time,pid,value,device_serial", "['timestamp']"),
    "annotations of other columns": (SELF.format(5), 1, "seconds,arousal", "without ['valence', 'cheerful'"),
    "rating off its scale": (SELF.format(5), 3, "10,6,1,1,1,1,1,1" + "," * 15, "line 3: arousal expects 1 to 5 or nothing, found '6'"),
    "score off its scale": (SELF.format(5), 3, "10,5,1,1,5,1,1,1" + "," * 15, "line 3: happy expects 1 to 4 or nothing, found '5'"),
    "rating between the steps": (SELF.format(5), 3, "10,2.5,1,1,1,1,1,1" + "," * 15, "line 3: arousal expects 1 to 5"),
    "uneven seconds": (SELF.format(5), 3, "12,3,1,1,1,1,1,1" + "," * 15, "line 3: seconds expects a multiple of 5 above 5, found '12'"),
    "repeated seconds": (SELF.format(5), 3, "5,3,1,1,1,1,1,1" + "," * 15, "line 3: seconds expects a multiple of 5 above 5, found '5'"),
    "a start that is no number": ("metadata/subjects.csv", 2, "6,1,noon,3", "line 2: expected whole numbers"),
    "an end before the start": ("metadata/subjects.csv", 2, "6,1,3,2", "startTime 3 and endTime 2"),
    "a pid twice": ("metadata/subjects.csv", 2, "5,1,2,3", "pid stands there twice"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_named(case: str, root: Path) -> None:
    name, line, text, answer = BAD_LINES[case]
    edit(root / name, with_line(line, text))
    said = problem(root)
    assert answer in said
    assert Path(name).name in said


def test_time_that_runs_backwards_is_refused(root: Path) -> None:
    edit(root / BVP6, lambda lines: [*lines[:800], lines[801], lines[800], *lines[802:]])
    assert f"{BVP6}: line 802: expected a time after" in problem(root)


def test_one_time_with_two_values_is_refused(root: Path) -> None:
    def repeat(lines: list[str]) -> list[str]:
        time, pid, value, serial = lines[800].split(",")
        return [*lines[:801], f"{time},{pid},{float(value) + 1},{serial}", *lines[801:]]

    edit(root / BVP6, repeat)
    assert "line 802" in problem(root)


def test_another_rate_is_refused(root: Path) -> None:
    edit(root / BVP6, lambda lines: [lines[0], *lines[1::2]])
    said = problem(root)
    assert "expected 64 Hz" in said
    assert BVP6 in said


def test_acceleration_in_no_known_unit_is_refused(root: Path) -> None:
    edit(root / "e4_data/6/E4_ACC.csv", lambda lines: [lines[0]] + [f"{row.split(',')[0]},6,0.1,0.1,0.1,A063E1" for row in lines[1:]])
    assert "E4_ACC.csv" in problem(root)


@pytest.mark.parametrize(
    "gone", ["metadata", "metadata/subjects.csv", "debate_audios", SELF.format(4), "e4_data", "emotion_annotations/self_annotations"]
)
def test_what_is_absent_is_named(gone: str, root: Path) -> None:
    target = root / gone
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    assert Path(gone).name.split(".")[0] in problem(root)


def test_bytes_that_are_no_text_are_named(root: Path) -> None:
    (root / BVP6).write_bytes(b"timestamp,pid,value,device_serial\n" + bytes(range(128, 256)))
    assert BVP6 in problem(root)


def test_an_unknown_release_is_refused(written: Path) -> None:
    with pytest.raises(InputError, match=r"kemocon\.release"):
        list(reader.read(written, "2.0"))


def test_a_signal_from_outside_of_the_debate_only_is_absent(root: Path) -> None:
    edit(root / "e4_data/6/E4_EDA.csv", lambda lines: lines[:30])
    assert list(read(root)["P6"].tracks) == ["acc", "bvp", "temp"]
    assert "fewer than two samples" in left_out(root, "missing_signal")["P6/eda"]


@pytest.mark.parametrize("end_ms", [10**18, 1_560_000_000_000 * 1000])
def test_a_debate_of_more_than_a_day_is_refused(root: Path, end_ms: int) -> None:
    edit(root / "metadata/subjects.csv", with_line(2, f"6,1,1560000000000,{end_ms}"))
    assert "line 2: expected each pid once, endTime within a day" in problem(root)


cells = st.sampled_from(
    ["timestamp", "value", "pid", "device_serial", "0", "250", "500", "1e9", "-1", "", "nan", "inf", "x", '"', "é", "\x00", "A1"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cells, max_size=4), max_size=6), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_any_file_of_a_signal_gives_rows_or_one_line(tmp_path: Path, lines: list[list[str]], headed: bool, end: str) -> None:
    path = tmp_path / "E4_EDA.csv"
    head = ["timestamp,value,device_serial"] if headed else []
    path.write_text(end.join([*head, *(",".join(line) for line in lines)]), encoding="utf-8", newline="")
    try:
        found = reader._samples(path, ["value"])
    except InputError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
    else:
        assert np.isfinite(found["timestamp"]).all()
        assert not np.isinf(found["value"]).any()


rows = st.lists(st.tuples(st.integers(0, 40), st.integers(-7, 7), st.integers(-9, 9)), min_size=1, max_size=40)


@given(rows, st.sampled_from([(4.0, 250), (32.0, 31.25), (64.0, 15.625)]))
def test_the_grid_is_that_of_a_naive_loop(taken: list[tuple[int, int, int]], rate: tuple[float, float]) -> None:
    """Random gaps, repetitions and jitter below half a period: each sample stands at its place, the rest is NaN."""
    rate_hz, period_ms = rate
    taken = sorted(taken, key=lambda row: row[0])
    places = [row[0] - taken[0][0] for row in taken]
    at_ms = np.array(
        [round(place * period_ms) + (0 if place == 0 else min(max(row[1], -6), 6)) for place, row in zip(places, taken, strict=True)]
    )
    values = np.array([row[2] for row in taken], np.float32)
    order = np.argsort(at_ms, kind="stable")
    expected: dict[int, float] = {}
    for k in order:
        expected[places[k]] = float(values[k])
    found = reader.on_grid(at_ms[order], values[order], rate_hz)
    assert len(found) == max(places) + 1
    for place, value in enumerate(found):
        assert (np.isnan(value) and place not in expected) or value == expected[place]


def test_the_grid_keeps_axes_together() -> None:
    at_ms = np.array([0, 31, 94])
    found = reader.on_grid(at_ms, np.arange(9, dtype=np.float32).reshape(3, 3), 32.0)
    assert np.array_equal(found, [[0, 1, 2], [3, 4, 5], [np.nan] * 3, [6, 7, 8]], equal_nan=True)


def test_the_debate_of_others_is_not_mixed_in(recordings: dict[str, Recording]) -> None:
    """Skin temperatures of two people differ by their bodies' levels."""
    for name in ("P3", "P6"):
        level = float(np.nanmedian(recordings[name].tracks["temp"].samples))
        assert level == pytest.approx(PEOPLE[name].body.temperature_degc, abs=1.0)
