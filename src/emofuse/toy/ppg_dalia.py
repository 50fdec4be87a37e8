"""An invented PPG-DaLiA in the layout of the release, with its oddities planted.

S1/S1.pkl, a pickle of Python 2, S1_E4.zip, S1_activity.csv, S1_quest.csv; then S2 and so on, the last one S6. Planted: S6 ends early,
lacks the last activities and has R peaks that occur twice; acceleration in g, in steps of 1/64 g; EDA that is a sample shorter than
the other signals; dummy channels of the chest device, absent for S6. Heart rates are those of the invented ECG. The chest device's own
file (S1_RespiBAN.h5) is left out.
"""

from itertools import count, islice
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64
from scipy.signal import find_peaks

from emofuse.params.wearable import ToySubjects
from emofuse.toy import empatica_export, physiology, python2_pickle, tree

CHEST_HZ = 700.0
ACTIVITY_HZ = 4.0
WINDOW_S, STEP_S = 8.0, 2.0  # of heart rates
ACTIVITIES = ("NO_ACTIVITY", "SITTING", "STAIRS", "SOCCER", "CYCLING", "DRIVING", "LUNCH", "WALKING", "WORKING")
TRUNCATED = 6  # number of the subject whose device failed
_LASTING = {TRUNCATED: 0.6}  # share of the duration
_LAST_ACTIVITY = {TRUNCATED: 5}
_ZIPPED_S = 20  # length of the wristband's own files


def write(root: Path, seed: int, sizes: ToySubjects) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds and sizes give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    numbers = [*islice((n for n in count(1) if n != TRUNCATED), sizes.subjects - 1), TRUNCATED]
    with tree.whole(root, "PPG-DaLiA (PPG Field Study)") as folder:
        for number in numbers:
            _write_subject(folder / f"S{number}", number, seed, round(sizes.duration_s * _LASTING.get(number, 1.0)))


def _write_subject(folder: Path, number: int, seed: int, duration_s: int) -> None:
    rng = np.random.default_rng([seed, 67, number])  # 67: this corpus' own stream
    felt, who = physiology.feelings(duration_s, rng), physiology.person(rng)
    body = int(rng.integers(2**62))
    wrist = physiology.record(felt, who, empatica_export.RATES_HZ, np.random.default_rng(body))
    on_chest = dict.fromkeys(("acc", "ecg", "resp"), CHEST_HZ)
    chest = physiology.record(felt, who, on_chest, np.random.default_rng(body))  # the same heart
    peaks, _ = find_peaks(chest["ecg"], height=0.6, distance=round(0.35 * CHEST_HZ))
    activity = _activity(duration_s, _LAST_ACTIVITY.get(number, len(ACTIVITIES) - 1))
    dummies = {} if number == TRUNCATED else {name: np.zeros((1, 1)) for name in ("EMG", "EDA", "Temp")}
    facts = {"AGE": int(rng.integers(21, 56)), "Gender": " f" if number % 2 else " m", "SPORT": int(rng.integers(1, 7))}
    content = {
        "signal": {
            "wrist": {
                "ACC": np.round(wrist["acc"] * 64) / 64,
                "BVP": wrist["bvp"][:, None],
                "EDA": wrist["eda"][:-1, None],
                "TEMP": wrist["temp"][:, None],
            },
            "chest": {
                "ACC": chest["acc"].astype(np.float32),
                "ECG": chest["ecg"][:, None].astype(np.float32),
                "Resp": chest["resp"][:, None].astype(np.float32),
                **dummies,
            },
        },
        "label": heart_rates(peaks / CHEST_HZ, duration_s),
        "activity": activity[:, None],
        "rpeaks": np.sort(np.concatenate([peaks, peaks[3:6]])) if number == TRUNCATED else peaks,
        "questionnaire": facts,
        "subject": folder.name,
    }
    python2_pickle.write(folder / f"{folder.name}.pkl", content)
    short = {name: wrist[name][: round(_ZIPPED_S * rate)] for name, rate in empatica_export.RATES_HZ.items()}
    start_unix_s = empatica_export.FIRST_UNIX_S + 86400 * number
    empatica_export.write_zip(folder / f"{folder.name}_E4.zip", empatica_export.files(short, start_unix_s, 60 / who.heart_rate_bpm))
    changes = np.flatnonzero(np.diff(activity, prepend=-1))
    lines = "".join(f"# {ACTIVITIES[int(activity[k])]}, {k / ACTIVITY_HZ:.2f}\n" for k in changes)
    tree.write_text(folder / f"{folder.name}_activity.csv", f"# SUBJECT, {folder.name}\n{lines}")
    tree.write_text(folder / f"{folder.name}_quest.csv", "".join(f"# {k}, {v}\n" for k, v in facts.items()))


def heart_rates(peaks_s: Float64[np.ndarray, "beat"], duration_s: float) -> Float64[np.ndarray, "window"]:
    """Mean heart rate, in bpm, of each window of 8 s, one every 2 s."""
    starts_s = np.arange(0, duration_s - WINDOW_S + STEP_S / 2, STEP_S)
    within = [peaks_s[(peaks_s >= start_s) & (peaks_s < start_s + WINDOW_S)] for start_s in starts_s]
    return np.array([60 / np.mean(np.diff(beats)) for beats in within])


def _activity(duration_s: int, last: int) -> Int64[np.ndarray, "sample"]:
    """At 4 Hz, from 1 to ``last``, each twice as long as the transient stretches before and between them."""
    samples = round(duration_s * ACTIVITY_HZ)
    third = np.arange(samples) * (3 * last) // samples
    return np.where(third % 3 == 0, 0, third // 3 + 1)
