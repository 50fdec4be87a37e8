"""Exports of the Empatica E4: small ones written here, and genuine ones where they are at hand."""

import csv
import logging
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emofuse import recordings as corpora
from emofuse.errors import InputError
from emofuse.recordings import empatica_e4
from emofuse.signals import SIGNALS, Recording

FAST = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
START = 1560279825


def content(signal: str, rows: int, start: float = START, end: str = "\n") -> bytes:
    columns = 3 if signal == "acc" else 1
    head = [", ".join([f"{start:.6f}"] * columns), ", ".join([f"{empatica_e4.RATES_HZ[signal]:.6f}"] * columns)]
    values = ["0,3,64" if signal == "acc" else f"{0.25 * k}" for k in range(rows)]
    return "".join(line + end for line in head + values).encode()


def write(folder: Path, seconds: int = 10, **others: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for signal, file in empatica_e4.FILES.items():
        (folder / file).write_bytes(others.get(signal, content(signal, round(seconds * empatica_e4.RATES_HZ[signal]))))
    return folder


def read(root: Path) -> list[Recording]:
    return list(corpora.read("empatica_e4", root, "any", True))


def refusal(root: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_acceleration_is_in_g_and_time_starts_at_the_header(tmp_path):
    write(tmp_path / "S01")
    (recording,) = read(tmp_path)
    assert (recording.native_id, recording.subject, recording.t0_unix_s, recording.device) == ("S01", "S01", START, None)
    assert np.array_equal(recording.tracks["acc"].samples[0], [0, 3 / 64, 1])
    assert np.array_equal(recording.tracks["eda"].samples, 0.25 * np.arange(40))  # the first, 0, is kept
    assert {s: (t.rate_hz, t.start_s, len(t.samples)) for s, t in recording.tracks.items()} == {
        "acc": (32, 0, 320),
        "bvp": (64, 0, 640),
        "eda": (4, 0, 40),
        "temp": (4, 0, 40),
    }


def test_tracks_start_at_their_own_time(tmp_path):
    write(tmp_path / "S01", eda=content("eda", 40, START - 2.5), bvp=content("bvp", 640, START + 1))
    (recording,) = read(tmp_path)
    assert recording.t0_unix_s == START - 2.5
    assert {s: t.start_s for s, t in recording.tracks.items()} == {"acc": 2.5, "bvp": 3.5, "eda": 0, "temp": 2.5}


def test_subjects_are_where_paths_first_differ(tmp_path):
    for path in ("Raw/S01/morning", "Raw/S01/after noon", "Raw/S02"):
        write(tmp_path / path)
    assert [(r.native_id, r.subject) for r in read(tmp_path)] == [
        ("Raw/S01/after_noon", "S01"),
        ("Raw/S01/morning", "S01"),
        ("Raw/S02", "S02"),
    ]
    assert [r.native_id for r in read(tmp_path / "Raw" / "S02")] == ["S02"]


def test_what_lies_too_deep_or_is_left_by_programs_is_not_seen(tmp_path):
    write(tmp_path / "a/b/c/d")
    write(tmp_path / "a/b/c/e/f")
    write(tmp_path / "__MACOSX/g")
    (tmp_path / "a/b/c/d/._ACC.csv").write_bytes(b"\0\5\26\7")
    assert [r.native_id for r in read(tmp_path)] == ["a/b/c/d"]


@FAST
@given(
    rows=st.lists(st.tuples(*[st.integers(-128, 127)] * 3), min_size=1, max_size=20),
    end=st.sampled_from(["\n", "\r\n"]),
    number=st.sampled_from(["{:d}", "{:.2f}", "{:.6f}"]),
    comma=st.sampled_from([",", ", "]),
    tail=st.sampled_from(["", "\n", "\r\n\r\n"]),
)
def test_every_form_of_header_and_row_is_read(rows, end, number, comma, tail):
    head = [comma.join([number.format(value)] * 3) for value in (START, 32)]
    lines = head + [comma.join(map(str, row)) for row in rows]
    start_s, track = empatica_e4.track((end.join(lines) + end + tail).encode(), "acc", "ACC.csv")
    assert start_s == START and np.array_equal(track.samples, np.array(rows))


@FAST
@given(data=st.binary(max_size=40) | st.text("0123456789.,-e \r\nnaif", max_size=40).map(lambda t: f"1560279825\n4\n{t}".encode()))
@example(b"1560279825\n4\n1\n\n2\n")
@example(b"1560279825\n4\n1e39\n")
@example(b'1560279825\n4\n"1"\n')
@example(b"1560279825\n4\n1_0\n")
def test_any_content_gives_finite_samples_or_one_line_that_names_the_file(data):
    try:
        _, track = empatica_e4.track(data, "eda", "S01/EDA.csv")
    except InputError as error:
        assert "\n" not in str(error) and "S01/EDA.csv" in str(error)
        return
    body = data.decode().split("\n")[2:-1]
    while body and not body[-1].strip():
        body.pop()
    assert np.array_equal(track.samples, np.array([float(line) for line in body], np.float32))


@pytest.mark.parametrize(
    ("signal", "data", "message"),
    [
        ("eda", b"", "without samples"),
        ("eda", b"1560279825\n4\n", "without samples"),
        ("eda", b"1560279825\n4\n0.1", "one line that is cut"),
        ("eda", b"1560279825\n8\n0.1\n", "line 2: expected the rate of this signal, 4 Hz"),
        ("bvp", b"1560279825\n4\n0.1\n", "line 2: expected the rate of this signal, 64 Hz"),
        ("temp", b"1560279825000\n4\n0.1\n", "line 1: expected the start"),
        ("temp", b"start\n4\n0.1\n", "line 1: expected the start"),
        ("acc", b"1560279825\n32\n1,2,3\n", "line 1: expected the start"),
        ("acc", b"1,1,2\n32,32,32\n1,2,3\n", "line 1: expected the start"),
        ("eda", b"1560279825\n4\n0.1\n0.2\noops\n0.3\n", "line 5: expected 1 number(s), found 'oops'"),
        ("eda", b"1560279825\n4\n0.1\n\n0.3\n", "line 4: expected 1 number(s), found ''"),
        ("eda", b"1560279825\n4\n0.1\nnan\n", "line 4"),
        ("eda", b"1560279825\n4\n0,1\n", "line 3: expected 1 number(s), found '0,1'"),
        ("acc", b"1,1,1\n32,32,32\n1,2,3\n1,2\n", "line 4: expected 3 number(s), found '1,2'"),
        ("acc", b"1,1,1\n32,32,32\n1,2,3\n1,2,3,4\n", "line 4: expected 3 number(s), found '1,2,3,4'"),
        ("acc", b"1,1,1\n32,32,32\n12,12,12\n", "median magnitude"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path, signal, data, message):
    write(tmp_path / "S01", **{signal: data})
    found = refusal(tmp_path)
    assert message in found and f"S01/{signal.upper()}.csv" in found


def test_a_last_line_that_is_cut_is_left_out_and_logged(tmp_path, caplog):
    write(tmp_path / "S01", acc=content("acc", 320)[:-5])
    with caplog.at_level(logging.WARNING):
        (recording,) = read(tmp_path)
    assert len(recording.tracks["acc"].samples) == 319
    assert [r.getMessage() for r in caplog.records] == [f"{tmp_path}/S01/ACC.csv: its last line, '0,', has no end: left out"]


def test_an_absent_file_is_an_absent_track(tmp_path, caplog):
    (write(tmp_path / "S01") / "TEMP.csv").unlink()
    (recording,) = read(tmp_path)
    assert set(recording.tracks) == {"acc", "bvp", "eda"} and "TEMP.csv: no such file" in caplog.text


def test_files_of_two_sessions_are_refused(tmp_path):
    write(tmp_path / "S01", eda=content("eda", 40, START + 11))
    assert "ACC.csv ends before EDA.csv starts" in refusal(tmp_path)


@pytest.mark.parametrize(("root", "message"), [("absent", "no such folder"), ("", "found none")])
def test_a_root_without_exports_is_named(tmp_path, root, message):
    found = refusal(tmp_path / root)
    assert message in found and str(tmp_path / root) in found


def test_presses_of_the_button_are_on_the_clock_once_each(tmp_path, caplog):
    folder = write(tmp_path / "S01")
    (folder / "tags_S01.csv").write_bytes(f"{START + 4.5}\r\n{START + 1}\r\n{START + 1}\r\n{START + 99}\r\n".encode())
    (recording,) = read(tmp_path)
    assert [(a.start_s, a.end_s, a.name, a.value, a.text) for a in recording.annotations] == [(t, t, "tag", None, None) for t in (1, 4.5)]
    assert "line 4" in caplog.text
    (folder / "tags_S01.csv").write_text("press\n")
    assert "tags_S01.csv: line 1: expected a Unix time" in refusal(tmp_path)
    (folder / "tags_S01.csv").write_text("")
    assert read(tmp_path)[0].annotations == ()


def zipped(path: Path, folder: Path, below: str = "") -> Path:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, below + file.name)
    return path


@pytest.mark.parametrize("below", ["", "S01/", "../../"])
def test_a_zip_file_is_read_as_its_folder_and_nothing_is_unpacked(tmp_path, below):
    folder = write(tmp_path / "elsewhere" / "S01")
    zipped(tmp_path / "zips" / "1560279825_A00204.zip", folder, below)
    before = sorted(tmp_path.rglob("*"))
    (recording,) = read(tmp_path / "zips")
    (expected,) = read(tmp_path / "elsewhere")
    assert recording.native_id == "1560279825_A00204"
    assert all(np.array_equal(recording.tracks[s].samples, expected.tracks[s].samples) for s in SIGNALS)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_unpacked_zip_file_counts_once_and_other_zip_files_do_not_count(tmp_path):
    folder = write(tmp_path / "S2" / "S2_E4_Data")
    zipped(tmp_path / "S2" / "S2_E4_Data.zip", folder)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "note.txt").write_text("x")
    zipped(tmp_path / "other.zip", tmp_path / "x")
    assert [r.native_id for r in read(tmp_path)] == ["S2/S2_E4_Data"]


def test_a_zip_file_that_is_damaged_is_named(tmp_path):
    path = zipped(tmp_path / "S01.zip", write(tmp_path / "x" / "S01"))
    damaged = bytearray(path.read_bytes())
    damaged[60:90] = bytes(30)
    path.write_bytes(damaged)
    assert f"{path}: expected a zip file that can be read" in refusal(tmp_path)
    path.write_bytes(b"PK not")
    assert f"{path}: expected a zip file that can be read" in refusal(tmp_path)


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(empatica_e4, "_LARGEST_BYTES", 1000)
    path = zipped(tmp_path / "zips" / "S01.zip", write(tmp_path / "x" / "S01"))
    assert f"{path}/ACC.csv: expected at most 1000 bytes" in refusal(tmp_path / "zips")


def test_two_sessions_in_a_zip_file_are_refused(tmp_path):
    folder = write(tmp_path / "x" / "S01")
    with zipfile.ZipFile(tmp_path / "S.zip", "w") as archive:
        for below in ("a", "b"):
            archive.write(folder / "EDA.csv", f"{below}/EDA.csv")
    assert "expected one session in a zip file, found 2" in refusal(tmp_path)


def test_genuine_exports_agree_with_the_csv_module(recordings):
    began = time.process_time()
    found = read(recordings / "stress_predict")
    assert time.process_time() - began < 6
    assert [r.subject for r in found] == [f"S{k:02}" for k in range(1, 13)]
    assert all(50 * 60 < len(t.samples) / t.rate_hz < 62 * 60 for r in found for t in r.tracks.values())
    assert all(0.95 < np.median(np.linalg.norm(r.tracks["acc"].samples, axis=1)) < 1.05 for r in found)
    with (recordings / "stress_predict" / "Raw_data" / "S01" / "BVP.csv").open(newline="") as file:
        rows = [row[0] for row in csv.reader(file)]
    assert found[0].t0_unix_s == float(rows[0])
    assert np.array_equal(found[0].tracks["bvp"].samples, np.array(rows[2:], dtype=np.float32))
    assert [a.start_s for a in found[0].annotations[:2]] == [1644226140 - 1644226061, 1644226435 - 1644226061]
