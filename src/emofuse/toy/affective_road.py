"""An invented AffectiveROAD in the layout of the release, with its oddities planted.

Database/E4/1-E4-Drv1/{Left,Right}/*.csv as the wristband exports them, Annot_E4_{Left,Right}.csv, Subj_metric/, Bioharness/. Planted: the
left wristband of drive 2 stopped once and gave Left1 and Left2; the names of roads occur twice in a header, for the way there and back;
``Drive-id`` in some files, ``Drive_id`` in others; ratings of stress that start later than the wristbands; a last line that is cut;
another separator for the chest device. Feelings follow the road: high arousal in the city, low at rest (Z).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emofuse.params.wearable import ToySubjects
from emofuse.toy import empatica_export, physiology, tree

ROADS = ("Z", "City1", "Hwy", "City2") * 2  # there and back
RATING_DELAY_S = 5  # by which the rating starts after the wristbands
RATED_HZ = 4  # as EDA
_AROUSAL = {"Z": -1.2, "City1": 1.0, "Hwy": 0.0, "City2": 1.0}
_SHORT_S = 2  # between two roads
_STOPPED_S = 4  # for which the left wristband of drive 2 did not record


def write(root: Path, seed: int, sizes: ToySubjects) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds and sizes give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    drives = range(1, sizes.subjects + 1)
    with tree.whole(root, "AffectiveROAD") as folder:
        base = folder / "Database"
        for drive in drives:
            _write_drive(base, drive, seed, sizes.duration_s)
        for side in ("Left", "Right"):
            tree.write_text(base / "E4" / f"Annot_E4_{side}.csv", _annotations("Drive-id", drives, sizes.duration_s, 0, RATED_HZ))
        rated = _annotations("Drive_id", drives, sizes.duration_s, RATING_DELAY_S, RATED_HZ)
        tree.write_text(base / "Subj_metric" / "Annot_Subjective_metric.csv", rated)
        tree.write_text(base / "Bioharness" / "Annot_Bioharness.csv", _annotations("Drive_id", drives, sizes.duration_s, 0, 1))


def roads(duration_s: int) -> list[tuple[str, int, int]]:
    """Name, start and end of each stretch of road in s from the beginning of the wristbands; the first starts when the rating does."""
    length_s = (duration_s - RATING_DELAY_S) // len(ROADS)
    starts_s = [RATING_DELAY_S + k * length_s for k in range(len(ROADS))]
    return [(road, start_s, start_s + length_s - _SHORT_S) for road, start_s in zip(ROADS, starts_s, strict=True)]


def _annotations(key: str, drives: range, duration_s: int, later_s: int, rate_hz: int) -> str:
    header = ",".join([key, *(f"{road}_{end}" for road in ROADS for end in ("Start", "End"))])
    samples = [str((time_s - later_s) * rate_hz) for _, *ends_s in roads(duration_s) for time_s in ends_s]
    return header + "\n" + "".join(",".join([f"Drv{drive}", *samples]) + "\n" for drive in drives)


def _write_drive(base: Path, drive: int, seed: int, duration_s: int) -> None:
    rng = np.random.default_rng([seed, 71, drive])  # 71: this corpus' own stream
    felt, who = _felt(duration_s, rng), physiology.person(rng)
    left = physiology.record(felt, who, empatica_export.RATES_HZ, rng)
    sides = {"Left": (left, 0), "Right": (_other_arm(left, rng), 0)}
    if drive == 2:
        half_s = duration_s // 2
        again_s = half_s + _STOPPED_S
        sides["Left1"] = ({name: values[: round(half_s * empatica_export.RATES_HZ[name])] for name, values in left.items()}, 0)
        sides["Left2"] = ({name: values[round(again_s * empatica_export.RATES_HZ[name]) :] for name, values in left.items()}, again_s)
        del sides["Left"]
    start_unix_s = empatica_export.FIRST_UNIX_S + 86400 * drive
    for side, (signals, later_s) in sides.items():
        files = empatica_export.files(signals, start_unix_s + later_s, 60 / who.heart_rate_bpm)
        if (drive, side) == (1, "Right"):
            files["TEMP.csv"] += "3"  # the battery was empty
        empatica_export.write_folder(base / "E4" / f"{drive}-E4-Drv{drive}" / side, files)
    times_s = np.arange(RATING_DELAY_S, duration_s, 1 / RATED_HZ)
    stress = (0.5 + 0.2 * felt.at(times_s)[0] + 0.03 * rng.standard_normal(len(times_s))).clip(0, 1)
    tree.write_text(base / "Subj_metric" / f"SM_Drv{drive}.csv", "x\n" + "".join(f"{value:.4f}\n" for value in stress))
    chest = "".join(f"{second};{who.heart_rate_bpm:.0f};15.0;-5;0.1\n" for second in range(duration_s))
    tree.write_text(base / "Bioharness" / f"Bio_Drv{drive}.csv", "Time;HR;BR;Posture;Activity\n" + chest)


def _other_arm(signals: dict[str, NDArray[np.float64]], rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """The same heart and skin on the right wrist: mirrored, weaker in conductance, with noise of its own."""
    noise = {"acc": 0.01, "bvp": 3.0, "eda": 0.002, "temp": 0.02}  # g, a.u., uS, degC
    arm = {name: values + noise[name] * rng.standard_normal(values.shape) for name, values in signals.items()}
    return {**arm, "acc": arm["acc"] * [-1.0, 1.0, 1.0], "eda": (0.8 * arm["eda"]).clip(0, None)}


def _felt(duration_s: int, rng: np.random.Generator) -> physiology.Feelings:
    """Feelings that wander about the road's own."""
    own = physiology.feelings(duration_s, rng)
    times_s = np.arange(len(own.arousal)) / physiology.RATE_HZ
    level = sum(_AROUSAL[road] * ((times_s >= start_s) & (times_s < end_s)) for road, start_s, end_s in roads(duration_s))
    return physiology.Feelings(0.7 * own.arousal + 0.7 * level, own.valence)
