"""PPG-DaLiA's reader against small pickles written here, and against the invented corpus."""

from pathlib import Path

import numpy as np
import pytest

from emofuse import recordings as corpora
from emofuse.errors import InputError
from emofuse.params.wearable import ToySubjects
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


def read(root: Path, check_counts: bool = False) -> list[Recording]:
    return list(corpora.read("ppg_dalia", root, "2019", check_counts))


def refusal(root: Path, check_counts: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        read(root, check_counts)
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
    whole, early = read(tmp_path / "dalia", check_counts=True)
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


def test_heart_rates_must_fill_the_recording_where_counts_are_checked(tmp_path):
    path = write(tmp_path, lambda c: c.update(label=c["label"][:4]))
    assert len([a for a in read(tmp_path)[0].annotations if a.name == "heart_rate"]) == 4
    (tmp_path / "SYNTHETIC_README.txt").write_text("")
    assert f"{path}: label: expected a heart rate for each of 7 windows of 20.0 s, found 4" in refusal(tmp_path, check_counts=True)


def test_counts_of_the_genuine_release_are_checked(tmp_path):
    write(tmp_path)
    assert "15 subjects, found 1" in refusal(tmp_path, check_counts=True)


def test_the_sum_of_heart_rates_of_the_genuine_release_is_checked(tmp_path):
    for number in range(1, 16):
        value = content() | {"subject": f"S{number}"}
        python2_pickle.write(tmp_path / f"S{number}" / f"S{number}.pkl", value)
    assert "64697 heart rates, found 105" in refusal(tmp_path, check_counts=True)
