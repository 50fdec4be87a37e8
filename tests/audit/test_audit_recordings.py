import zlib

import numpy as np
import pytest

from emofuse import arrays
from emofuse.arrays import ArrayCache
from emofuse.audit import clocks, devices, files, statistics
from emofuse.params import wearable


def cache(table, folder, change=None):
    rng = np.random.default_rng(0)
    tracks = {}
    for row in table[table["signal"] != "speech"].to_dict("records"):
        tracks[f"{row['recording']}/{row['signal']}"] = rng.normal(size=row["samples"] * (3 if row["signal"] == "acc" else 1)).astype(
            np.float32
        )
    (change or (lambda t: None))(tracks)
    arrays.write(folder, tracks.items(), gaps=True)
    return ArrayCache(folder)


def timed(table):
    return clocks.find(table, 4.0, 0.5)


def test_good_clocks_and_devices_have_no_finding(recordings_table, tmp_path):
    assert [*timed(recordings_table), *devices.find(recordings_table, cache(recordings_table, tmp_path / "c"))] == []


@pytest.mark.parametrize(("factor", "unit"), [(1e3, "milliseconds"), (1e6, "microseconds")])
def test_milliseconds_taken_for_seconds_are_an_error_that_guesses_so(recordings_table, only, factor, unit):
    recordings_table.loc[recordings_table["subject"] == "P2", "t0_unix_s"] *= factor
    finding = only(timed(recordings_table), "clock")
    assert (finding.severity, finding.members) == ("error", ("P2",)) and unit in finding.detail


def test_a_clock_that_only_runs_from_the_start_is_no_finding(recordings_table):
    assert timed(recordings_table.assign(t0_unix_s=None)) == []


def test_signals_that_end_apart_are_a_warning_with_the_seconds(recordings_table, only):
    recordings_table.loc[recordings_table.index[2], "samples"] = 4 * 48  # P1's eda: 48 s of 60
    found = timed(recordings_table)
    assert only(found, "ends_apart").members == ("P1",) and "ends 12.0 s apart" in only(found, "ends_apart").detail
    assert only(found, "uncovered_span").members == ("P1/eda",) and "12.0 s (20%)" in only(found, "uncovered_span").detail


def test_a_recording_without_common_time_is_a_warning_and_a_corpus_of_them_an_error(recordings_table, only):
    recordings_table.loc[recordings_table["subject"] == "P3", "span_end_s"] = 2.0
    assert (only(timed(recordings_table), "no_span").severity, only(timed(recordings_table), "no_span").members) == ("warning", ("P3",))
    assert only(timed(recordings_table.assign(span_end_s=0.0)), "no_span").severity == "error"


def test_speech_at_another_time_than_the_signals_is_an_error(recordings_table, only):
    moved = (recordings_table["subject"] == "P4") & (recordings_table["signal"] != "speech")
    recordings_table.loc[moved, "start_s"] += 100.0
    assert only(timed(recordings_table), "speech_apart").members == ("P4",)


@pytest.mark.parametrize(("lost", "severity"), [(30, "note"), (200, "warning")])
def test_lost_samples_are_counted_by_signal(recordings_table, only, lost, severity):
    recordings_table.loc[recordings_table.index[2], "lost"] = lost
    finding = only(timed(recordings_table), "lost_samples")
    assert (finding.severity, finding.item, finding.number) == (severity, "eda", 1) and f"{lost} of 960" in finding.detail


def test_a_signal_of_two_rates_is_a_warning(recordings_table, only):
    recordings_table.loc[recordings_table.index[4], ["rate_hz", "samples"]] = [44100.0, 44100 * 60]
    finding = only(timed(recordings_table), "rates")
    assert (finding.severity, finding.item, finding.number) == ("warning", "speech", 1) and "44100 Hz in 1" in finding.detail


def test_one_device_on_two_subjects_at_once_is_an_error(recordings_table, tmp_path, only):
    tracks = cache(recordings_table, tmp_path / "c")
    recordings_table.loc[recordings_table["subject"] == "P2", "device"] = "A00"
    assert devices.find(recordings_table, tracks) == []  # at another hour
    recordings_table.loc[recordings_table["subject"] == "P2", "t0_unix_s"] = 1.56e9 + 20
    finding = only(devices.find(recordings_table, tracks), "device_shared")
    assert (finding.severity, finding.item) == ("error", "A00") and "P1 and P2 at once for 40 s" in finding.detail
    sides = recordings_table.assign(device="left", t0_unix_s=1.56e9)
    assert devices.find(sides, tracks) == []  # a side of the body is no serial number


@pytest.mark.parametrize(("subject", "severity"), [("P2", "error"), ("P1", "warning")])
def test_equal_samples_of_two_recordings_are_found(recordings_table, tmp_path, only, subject, severity):
    tracks = cache(recordings_table, tmp_path / "c", lambda t: t.update({"kemocon:P2/eda": t["kemocon:P1/eda"]}))
    recordings_table.loc[recordings_table["recording"] == "kemocon:P2", "subject"] = subject
    finding = only(devices.find(recordings_table, tracks), "identical_samples")
    assert finding.severity == severity and finding.number == 2 and "P1/eda = P2/eda" in finding.detail


def test_a_signal_that_holds_one_value_is_a_warning_and_no_copy_of_another(recordings_table, tmp_path, only):
    def still(tracks):
        tracks["kemocon:P1/temp"][:] = 0.0
        tracks["kemocon:P2/temp"][:] = 0.0
        tracks["kemocon:P3/acc"][:] = np.tile([0.0, 0.0, 1.0], 60 * 32)
        tracks["kemocon:P4/bvp"][7:] = np.nan

    found = devices.find(recordings_table, cache(recordings_table, tmp_path / "c", still))
    assert only(found, "flat_signal").members == ("P1/temp", "P2/temp", "P3/acc") and len(found) == 1


def test_real_skin_conductance_without_contact_is_found(recordings, tmp_path, only):
    from emofuse import recordings as readers
    from emofuse import track_store

    root = recordings / "stress_predict"
    table = track_store.write("empatica_e4", readers.read("empatica_e4", root, "any"), root, tmp_path / "e4")
    found = [*timed(table), *devices.find(table, track_store.read(tmp_path / "e4")[2])]
    assert [f.check for f in found] == ["flat_signal"] and found[0].members == ("Raw_data/S08/eda",)


def test_one_audio_file_under_two_subjects_is_an_error_but_a_dyad_shares_its_own(recordings_table):
    recordings_table.loc[recordings_table["path"] == "1.wav", "audio_sha256"] = "0" * 64
    assert [f.check for f in files.duplicates(devices.audio_of(recordings_table), {})] == ["duplicate_audio_speaker"]
    dyads = recordings_table.assign(partner="x", session="debate")
    assert [f.check for f in files.duplicates(devices.audio_of(dyads), {})] == ["duplicate_audio"]
    assert files.duplicates(devices.audio_of(dyads.assign(path=dyads["path"].replace("1.wav", "0.wav"))), {}) == []


def test_pretraining_that_shares_audio_with_the_tested_corpus_is_an_error_on_either_side(windows, only):
    roles = wearable.Roles(speech=["voxceleb1"], signals=["wesad"], fusion=["verbio"], emotion="kemocon")
    other = windows.assign(example_id="voxceleb1:" + windows["example_id"], corpus="voxceleb1")
    finding = only(statistics.pretraining("kemocon", windows, roles, {"voxceleb1": other}), "pretraining_overlap")
    assert (finding.severity, finding.item, finding.number) == ("error", "voxceleb1", 24) and "3 files" in finding.detail
    assert only(statistics.pretraining("voxceleb1", other, roles, {"kemocon": windows}), "pretraining_overlap").item == "kemocon"
    clean = other.assign(audio_sha256="e" * 64)
    assert statistics.pretraining("kemocon", windows, roles, {"voxceleb1": clean, "wesad": other.assign(audio_sha256=None)}) == []


def test_the_tested_corpus_in_a_pretraining_role_is_an_error(windows, only):
    roles = wearable.Roles.model_construct(speech=["kemocon"], signals=["wesad"], fusion=["verbio"], emotion="kemocon")
    assert "roles.speech" in only(statistics.pretraining("kemocon", windows, roles, {}), "pretraining_overlap").detail


def feature(example_id):
    rng = np.random.default_rng(zlib.crc32(example_id.encode()))
    return rng.normal(size=(5, 3)).astype(np.float32)


def test_features_of_each_example_alone_have_no_finding(windows, tmp_path):
    arrays.write(tmp_path / "f", ((i, feature(i)) for i in windows["example_id"]))
    asked = []

    def compute(rows):
        asked.append(len(rows))
        return ((i, feature(i)) for i in rows["example_id"])

    assert statistics.alone("f", windows, ArrayCache(tmp_path / "f"), compute) == []
    assert asked == [1] * statistics.DRAWN


def test_features_standardised_over_the_corpus_are_an_error(windows, tmp_path, only):
    rows = {i: feature(i) for i in windows["example_id"]}
    mean = np.mean(list(rows.values()), axis=(0, 1))
    arrays.write(tmp_path / "f", ((i, row - mean) for i, row in rows.items()))
    found = statistics.alone("f", windows, ArrayCache(tmp_path / "f"), lambda one: ((i, rows[i]) for i in one["example_id"]))
    finding = only(found, "fitted_statistics")
    assert (finding.severity, finding.item, finding.number) == ("error", "f", 3) and "apart" in finding.detail


@pytest.mark.parametrize("wrong", [lambda a: a[:-1], lambda a: a.astype(np.float64), lambda a: a + np.float32(0.01) * np.abs(a).max()])
def test_another_length_type_or_offset_is_found(windows, tmp_path, only, wrong):
    arrays.write(tmp_path / "f", ((i, feature(i)) for i in windows["example_id"]))
    found = statistics.alone("f", windows, ArrayCache(tmp_path / "f"), lambda one: ((i, wrong(feature(i))) for i in one["example_id"]))
    assert only(found, "fitted_statistics").number == 3


def test_the_last_digits_of_another_processor_are_no_fault(windows, tmp_path):
    arrays.write(tmp_path / "f", ((i, feature(i)) for i in windows["example_id"]))

    def nearly(one):
        return ((i, np.nextafter(feature(i), np.float32(9))) for i in one["example_id"])

    assert statistics.alone("f", windows, ArrayCache(tmp_path / "f"), nearly) == []
