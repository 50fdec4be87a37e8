"""PPG-DaLiA's reader against small pickles written here, and against the invented corpus."""

from pathlib import Path

import numpy as np
import pytest

from emofuse import recordings as corpora
from emofuse.errors import InputError
from emofuse.params.wearable import ToySubjects
from emofuse.remarks import Count, LeftOut
from emofuse.signals import Recording
from emofuse.toy import ppg_dalia, python2_pickle

SECONDS = 20


def content() -> dict:
    samples = {"ACC": np.tile([0.0, 0.0, 1.0], (32 * SECONDS, 1))}
    samples |= {name: np.linspace(0, 1, rate * SECONDS)[:, None] for name, rate in (("BVP", 64), ("EDA", 4), ("TEMP", 4))}
    activity = np.repeat([0.0, 1.0, 8.0, 0.0], SECONDS)[:, None]
    label = np.array([60.0, 61.5, 62.0, 63.0, 64.0, 65.0, 66.0])  # (20 - 8) / 2 + 1
    return {"signal": {"wrist": samples, "chest": {}}, "activity": activity, "label": label, "rpeaks": np.arange(9), "subject": "S1"}


def write(root: Path, change=lambda content: None) -> Path:
    value = content()
    change(value)
    python2_pickle.write(root / "S1" / "S1.pkl", value)
    return root / "S1" / "S1.pkl"


def read(root: Path) -> list[Recording]:
    return [one for one in corpora.read("ppg_dalia", root, "2019") if isinstance(one, Recording)]


def remarks(root: Path) -> tuple[list[LeftOut], dict[str, tuple[int, int | None, int | None]]]:
    said = [one for one in corpora.read("ppg_dalia", root, "2019") if not isinstance(one, Recording)]
    return [one for one in said if isinstance(one, LeftOut)], {c.what: (c.found, c.least, c.most) for c in said if isinstance(c, Count)}


def refusal(root: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_activities_and_heart_rates_are_on_the_clock_of_the_signals(tmp_path):
    write(tmp_path / "PPG_FieldStudy")
    (recording,) = read(tmp_path)
    assert (recording.native_id, recording.t0_unix_s, recording.span_s) == ("S1", None, (0, SECONDS))
    assert np.array_equal(recording.tracks["acc"].samples[0], [0, 0, 1])  # g as it is
    assert [(a.start_s, a.end_s, a.text) for a in recording.annotations if a.name == "activity"] == [
        (0, 5, "transient"),
        (5, 10, "sitting"),
        (10, 15, "working"),
        (15, 20, "transient"),
    ]
    rates = [(a.start_s, a.end_s, a.value) for a in recording.annotations if a.name == "heart_rate"]
    assert rates[:2] == [(0, 8, 60), (2, 10, 61.5)] and rates[-1] == (12, 20, 66)


def test_the_invented_corpus_is_read_with_the_subject_that_ends_early(tmp_path):
    ppg_dalia.write(tmp_path / "dalia", 5, ToySubjects(subjects=2, duration_s=60))
    whole, early = read(tmp_path / "dalia")
    assert (whole.native_id, early.native_id) == ("S1", "S6")
    assert whole.span_s == (0, 59.75) and early.span_s == (0, 35.75)  # EDA lacks its last sample
    assert {a.text for a in whole.annotations if a.name == "activity"} - {a.text for a in early.annotations if a.name == "activity"} == {
        *("lunch", "walking", "working")
    }
    assert len([a for a in whole.annotations if a.name == "heart_rate"]) == 27


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["activity"].__setitem__((7, 0), 9), "activity: expected codes [0, 1, 2, 3, 4, 5, 6, 7, 8], found 9 at sample 7"),
        (lambda c: c.pop("activity"), "activity: expected an array, found NoneType"),
        (lambda c: c.update(label=[60.0]), "label: expected an array, found list"),
        (lambda c: c["signal"]["wrist"].pop("TEMP"), "signal.wrist.TEMP: expected an array"),
    ],
)
def test_a_pickle_of_another_content_is_named(tmp_path, change, message):
    path = write(tmp_path, change)
    found = refusal(tmp_path)
    assert found.startswith(str(path)) and message in found


@pytest.mark.parametrize(("rates", "used", "reason"), [(4, 4, "unlabelled"), (6, 6, None), (8, 8, None), (12, 8, "surplus")])
def test_heart_rates_that_do_not_fill_the_windows_are_said_and_those_beyond_left_out(tmp_path, rates, used, reason):
    path = write(tmp_path, lambda c: c.update(label=np.arange(60.0, 60 + rates)))
    found = [a.value for a in read(tmp_path)[0].annotations if a.name == "heart_rate"]
    assert found == list(range(60, 60 + used))
    left_out, counts = remarks(tmp_path)
    assert counts["heart rates"] == (rates, 64697, 64697)
    assert counts["subjects with one heart rate for each window"] == (int(reason is None), 1, 1)
    said = f"{path}: label: expected a heart rate for each of 7 windows of 20.0 s, found {rates}"
    assert left_out == ([] if reason is None else [LeftOut("S1", reason, said)])


def test_a_heart_rate_that_is_no_number_has_no_value(tmp_path):
    write(tmp_path, lambda c: c["label"].__setitem__(2, np.nan))
    assert [a.value for a in read(tmp_path)[0].annotations if a.name == "heart_rate"][1:4] == [61.5, None, 63]


def test_all_subjects_and_their_heart_rates_are_counted(tmp_path):
    for number in range(1, 16):
        value = content() | {"subject": f"S{number}"}
        python2_pickle.write(tmp_path / f"S{number}" / f"S{number}.pkl", value)
    _, counts = remarks(tmp_path)
    assert counts["subjects"] == (15, 15, 15)
    assert counts["heart rates"] == (105, 64697, 64697)


def test_the_subject_whose_device_failed_is_said_where_activities_are_absent(tmp_path):
    for number in (5, 6):
        python2_pickle.write(tmp_path / f"S{number}" / f"S{number}.pkl", content() | {"subject": f"S{number}"})
    left_out, _ = remarks(tmp_path)
    assert [(one.item, one.reason) for one in left_out] == [("S6", "known_fault")]
    assert "found 20 s without ['stairs', 'table_soccer', 'cycling', 'driving', 'lunch', 'walking']" in left_out[0].detail


def test_acceleration_in_64ths_of_g_is_told_apart(tmp_path):
    write(tmp_path, lambda c: c["signal"]["wrist"].update(ACC=np.tile([0.0, 64.0, 0.0], (32 * SECONDS, 1))))
    assert np.array_equal(read(tmp_path)[0].tracks["acc"].samples[7], [0, 1, 0])
