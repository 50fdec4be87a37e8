"""Exports of the Empatica E4: small ones written here, and genuine ones where they are at hand."""

import csv
import os
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emofuse import recordings as corpora
from emofuse.errors import InputError
from emofuse.recordings import empatica_e4
from emofuse.remarks import Count, LeftOut
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
    return [one for one in corpora.read("empatica_e4", root, "any") if isinstance(one, Recording)]


def left_out(root: Path) -> list[tuple[str, str]]:
    return [(one.item, one.reason) for one in corpora.read("empatica_e4", root, "any") if isinstance(one, LeftOut)]


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
    start_s, track, cut = empatica_e4.track((end.join(lines) + end + tail).encode(), "acc", "ACC.csv")
    assert start_s == START and np.array_equal(track.samples, np.array(rows)) and cut is None


@FAST
@given(data=st.binary(max_size=40) | st.text("0123456789.,-e \r\nnaif", max_size=40).map(lambda t: f"1560279825\n4\n{t}".encode()))
@example(b"1560279825\n4\n1\n\n2\n")
@example(b"1560279825\n4\n1e39\n")
@example(b'1560279825\n4\n"1"\n')
@example(b"1560279825\n4\n1_0\n")
def test_any_content_gives_finite_samples_or_one_line_that_names_the_file(data):
    try:
        _, track, _ = empatica_e4.track(data, "eda", "S01/EDA.csv")
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


def test_a_last_line_that_is_cut_is_left_out_and_said(tmp_path):
    write(tmp_path / "S01", acc=content("acc", 320)[:-5])
    (recording,) = read(tmp_path)
    assert len(recording.tracks["acc"].samples) == 319
    (said,) = (one for one in corpora.read("empatica_e4", tmp_path, "any") if isinstance(one, LeftOut))
    assert (said.item, said.reason) == ("S01/ACC.csv", "lost_rows")
    assert said.detail == f"{tmp_path}/S01/ACC.csv: expected a line end after each row, found the last one cut: '0,'"


def test_an_absent_file_is_an_absent_track(tmp_path):
    (write(tmp_path / "S01") / "TEMP.csv").unlink()
    (recording,) = read(tmp_path)
    assert set(recording.tracks) == {"acc", "bvp", "eda"}
    assert left_out(tmp_path) == [("S01/temp", "missing_signal")]


def test_a_folder_of_nothing_but_what_the_vendor_derives_is_said(tmp_path):
    write(tmp_path / "S01")
    (tmp_path / "S02").mkdir()
    (tmp_path / "S02" / "HR.csv").write_text("1560279835\n1\n93.0\n")
    (tmp_path / "S02" / "notes.csv").write_text("x")
    assert left_out(tmp_path) == [("S02", "missing_signal")]


def test_what_the_vendor_derives_does_not_move_the_clock(tmp_path):
    """HR.csv starts 10 s late, IBI.csv has no rate."""
    folder = write(tmp_path / "S01")
    (before,) = read(tmp_path)
    (folder / "HR.csv").write_text(f"{START + 10}\n1.000000\n93.00\n")
    (folder / "IBI.csv").write_text(f"{START}, IBI\n1.5,0.6\n")
    (after,) = read(tmp_path)
    assert after.t0_unix_s == before.t0_unix_s == START
    assert set(after.tracks) == set(SIGNALS)


def test_sessions_and_presses_are_counted(tmp_path):
    for name in ("S01", "S02"):
        (write(tmp_path / name) / "tags.csv").write_text(f"{START + 1}\n{START + 2}\n")
    counts = [one for one in corpora.read("empatica_e4", tmp_path, "any") if isinstance(one, Count)]
    assert counts == [Count("sessions", 2, None, None), Count("presses of the button", 4, None, None)]


@pytest.mark.parametrize("name", ["S01\nInputError", "S\x1b[31m", os.fsdecode(b"S\xff")])
def test_a_name_that_cannot_be_shown_is_refused_in_one_line(tmp_path, name):
    write(tmp_path / name)
    assert refusal(tmp_path).startswith(f"{tmp_path}: expected names of printable characters, found 'S")


def test_files_of_two_sessions_are_refused(tmp_path):
    write(tmp_path / "S01", eda=content("eda", 40, START + 11))
    assert "ACC.csv ends before EDA.csv starts" in refusal(tmp_path)


@pytest.mark.parametrize(("root", "message"), [("absent", "no such folder"), ("", "found none")])
def test_a_root_without_exports_is_named(tmp_path, root, message):
    found = refusal(tmp_path / root)
    assert message in found and str(tmp_path / root) in found


def test_presses_of_the_button_are_on_the_clock_once_each(tmp_path):
    folder = write(tmp_path / "S01")
    (folder / "tags_S01.csv").write_bytes(f"{START + 4.5}\r\n{START + 1}\r\n{START + 1}\r\n{START + 99}\r\n".encode())
    (recording,) = read(tmp_path)
    assert [(a.start_s, a.end_s, a.name, a.value, a.text) for a in recording.annotations] == [(t, t, "tag", None, None) for t in (1, 4.5)]
    assert left_out(tmp_path) == [("S01/tags_S01.csv:4", "surplus")]
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
    assert sorted(left_out(tmp_path)) == [("S2/S2_E4_Data.zip", "copy"), ("other.zip", "missing_signal")]


@pytest.mark.parametrize("change", ["another content", "other files", "no zip file", "nothing of a session"])
def test_a_zip_file_beside_a_folder_of_other_content_is_said(tmp_path, change):
    folder = write(tmp_path / "S2")
    path = zipped(tmp_path / "S2.zip", folder)
    if change == "another content":
        (folder / "EDA.csv").write_bytes(content("eda", 39))
    elif change == "other files":
        (folder / "EDA.csv").unlink()
    else:
        path.write_bytes(b"PK") if change == "no zip file" else zipfile.ZipFile(path, "w").close()
    assert ("S2.zip", "extra_file") in left_out(tmp_path)
    assert len(read(tmp_path)) == 1


def test_a_zip_file_that_is_damaged_is_named(tmp_path):
    path = zipped(tmp_path / "S01.zip", write(tmp_path / "x" / "S01"))
    damaged = bytearray(path.read_bytes())
    damaged[60:90] = bytes(30)
    path.write_bytes(damaged)
    assert f"{path}: expected a zip file that can be read" in refusal(tmp_path)
    path.write_bytes(b"PK not")
    assert f"{path}: expected a zip file that can be read" in refusal(tmp_path)


def packed(path: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data, method)
    return path


EDA = content("eda", 40)


@pytest.mark.parametrize("head", [b"1560279825\n4\n", b""])
def test_a_zip_bomb_is_refused_in_little_memory(tmp_path, head):
    path = tmp_path / "S01.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("EDA.csv", "w", force_zip64=True) as member:
        member.write(head)
        for _ in range(100):
            member.write(b"0\n" * 500_000)
    assert path.stat().st_size < 200_000  # of 100 MB
    tracemalloc.start()
    try:
        assert f"{path}/EDA.csv: expected at most 60 h of samples, found more" in refusal(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()


def test_more_rows_than_the_device_can_record_are_refused_however_short(tmp_path):
    path = packed(tmp_path / "S01.zip", [("EDA.csv", b"1560279825\n4\n" + b"0\n" * (60 * 3600 * 4 + 1))])
    assert f"{path}/EDA.csv: expected at most 60 h of samples" in refusal(tmp_path)
    write(tmp_path / "S02", eda=b"1560279825\n4\n" + b"0\n" * (60 * 3600 * 4 + 1))
    path.unlink()
    assert "S02/EDA.csv: expected at most 60 h" in refusal(tmp_path)


def test_a_file_of_countless_bytes_is_refused_without_reading_them(tmp_path):
    folder = write(tmp_path / "S01")
    with (folder / "EDA.csv").open("ab") as file:
        file.truncate(1 << 40)  # sparse: a terabyte that takes no room
    assert "S01/EDA.csv: expected at most 60 h of samples" in refusal(tmp_path)


@pytest.mark.parametrize("members", [1001, 20_000])
def test_thousands_of_members_are_refused_before_their_names_are_read(tmp_path, members):
    path = packed(tmp_path / "S01.zip", [("EDA.csv", EDA), *((f"{k}", b"") for k in range(members))], zipfile.ZIP_STORED)
    tracemalloc.start()
    try:
        assert refusal(tmp_path).startswith(f"{path}: expected a zip file of at most 1000 members")
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


def test_a_directory_that_understates_its_members_is_refused_by_its_bytes(tmp_path):
    path = packed(tmp_path / "S01.zip", [("EDA.csv", EDA), *((f"{k:0200}", b"") for k in range(1100))], zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[-14:-10] = struct.pack("<HH", 2, 2)  # how many members there are, by the record at the end
    path.write_bytes(data)
    assert "that says 2 in 27" in refusal(tmp_path)


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def encrypted(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + at] |= 1
    path.write_bytes(data)


HOSTILE = {
    "two members of one name": ([("EDA.csv", EDA), ("EDA.csv", EDA)], "'EDA.csv': expected a plain file, found another of the same name"),
    "one name spelt twice": ([("a/EDA.csv", EDA), ("a/./EDA.csv", EDA)], "found another of the same name"),
    "a link": ([(link("EDA.csv"), b"/etc/passwd")], "'EDA.csv': expected a plain file, found a link"),
    "a name with a line end": ([("EDA.csv", EDA), ("a\nb", b""), ("a\nb", b"")], "'a\\nb': expected a plain file"),
    "two sessions": ([("a/EDA.csv", EDA), ("b/EDA.csv", EDA)], "expected one session in a zip file, found 2"),
    "no samples": ([("EDA.csv", b"\0" * 1000)], "EDA.csv: expected a start, a rate and samples"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_zip_file_is_refused_in_one_line_and_writes_nothing(tmp_path, what):
    members, expected = HOSTILE[what]
    path = packed(tmp_path / "S01.zip", members)
    before = sorted(tmp_path.rglob("*"))
    found = refusal(tmp_path)
    assert found.startswith(str(path)) and expected in found
    assert sorted(tmp_path.rglob("*")) == before


def test_an_encrypted_zip_file_is_refused(tmp_path):
    encrypted(packed(tmp_path / "S01.zip", [("EDA.csv", EDA)]))
    assert "found an encrypted one; unpack it yourself" in refusal(tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_compression_whose_output_cannot_be_limited_is_refused(tmp_path, method):
    packed(tmp_path / "S01.zip", [("EDA.csv", EDA)], method)
    assert f"found one of compression method {method}" in refusal(tmp_path)


@pytest.mark.parametrize("below", ["/etc/", "../../../", "-rf/", "C:\\", "a/../../"])
def test_where_a_member_wants_to_go_does_not_matter(tmp_path, below):
    packed(tmp_path / "-S01.zip", [(f"{below}{file}", content(signal, 640)) for signal, file in empatica_e4.FILES.items()])
    before = sorted(tmp_path.rglob("*"))
    try:
        (recording,) = read(tmp_path)
        assert recording.native_id == "-S01"
    except InputError as error:  # a backslash is part of the name on some systems
        assert below == "C:\\" and "found none" in str(error)
    assert sorted(tmp_path.rglob("*")) == before


def test_countless_presses_are_refused(tmp_path):
    (write(tmp_path / "S01") / "tags.csv").write_bytes(b"1\n" * 40_000)
    assert "S01/tags.csv: expected at most 65536 bytes, found more" in refusal(tmp_path)


@FAST
@given(data=st.data())
def test_a_zip_file_with_any_bytes_changed_is_read_or_refused_in_one_line(tmp_path, data):
    path = packed(tmp_path / "S01.zip", [(file, content(signal, 200)) for signal, file in empatica_e4.FILES.items()])
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1) | st.integers(max(0, len(whole) - 320), len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(whole[: data.draw(st.integers(len(whole) - 30, len(whole)))]))
    try:
        found = read(tmp_path)
    except InputError as error:
        assert "\n" not in str(error) and str(tmp_path) in str(error)
    else:
        assert len(found) == 1


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
