"""An invented CASE: laboratory sensors at 1000 Hz, a joystick at 20 Hz, eight films in an order of each subject's own.

case_dataset-master/data/{interpolated,non-interpolated}/{annotations,physiological}/sub_<n>.csv, data/raw/ with the recorder's own files,
and metadata/. The folder that is not interpolated holds the first 20 s only, the raw one 4 s. Planted: the folder's name from one of the
two sources, no acceleration, a pulse in percent, two time columns of different rates in ms, stamps with jitter, a row written twice, a gap
in the stamps, a file that macOS leaves behind, volts and a joystick's steps without column names.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from emofuse.params import wearable
from emofuse.toy import physiology, tree

RATE_HZ, RATED_HZ = 1000, 20
_FILMS, _START, _PAUSE, _END = (1, 2, 3, 4, 5, 6, 7, 8), 10, 11, 12  # ids of the release
_REST_SHARE = 0.03  # of the recording: start, end and each pause; the films share the rest
_UNINTERPOLATED_S = 20
_RAW_S = 4
_PER_VOLT = {  # factor and offset of the release: what a volt of each sensor is in mV, %, uS, degC or uV
    "ecg": (20.0, -56.0), "bvp": (58.962, -115.09), "gsr": (24.0, -49.2), "rsp": (58.923, -115.01), "skt": (21.341, -32.085),
    "emg_zygo": (250.0, -500.0), "emg_coru": (250.0, -500.0), "emg_trap": (250.0, -500.0),
}  # fmt: skip
_JOYSTICK = 26225  # at either end
_JITTER_MS = 0.3  # of a stamp
_GAP_MS = 60  # lost in the midst of the file that is not interpolated
_PER_POINT = 52450 / 9  # units of the joystick per point of the scale
_SENSORS = ("bvp", "ecg", "eda", "temp", "resp", "emg")


def write(root: Path, seed: int, sizes: wearable.ToySubjects) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds and sizes give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    with tree.whole(root, "CASE") as folder:
        release = folder / "case_dataset-master"
        orders = {}
        for number in range(1, sizes.subjects + 1):
            rng = np.random.default_rng([seed, 30, number])  # 30: this corpus' own stream
            orders[number] = [int(film) for film in rng.permutation(_FILMS)]
            _write_subject(release / "data", number, orders[number], sizes.duration_s, rng)
        tree.write_text(release / "data" / "interpolated" / "physiological" / "._sub_1.csv", "\0\5\26\7")
        columns = [f"sub_{number}" for number in orders]
        rows = ["\t".join(columns), *("\t".join(map(str, row)) for row in zip(*orders.values(), strict=True))]
        tree.write_text(release / "metadata" / "seqs_order.txt", "\n".join(rows) + "\n")
        shown = playlist(list(_FILMS), sizes.duration_s)
        spans = "".join(f"{film}\t{1000 * (end - start):.0f}\n" for film, start, end in shown if film in _FILMS)
        tree.write_text(release / "metadata" / "videos_duration.txt", "video\tduration_ms\n" + spans)


def playlist(order: list[int], duration_s: float) -> list[tuple[int, float, float]]:
    """What is on the screen: (id, start in s, end in s), from the start screen to the end, with a pause between films."""
    ids = [_START, order[0], *(shown for film in order[1:] for shown in (_PAUSE, film)), _END]
    rest = _REST_SHARE * duration_s
    film = (duration_s - rest * (len(order) + 1)) / len(order)
    ends = np.round(np.cumsum([film if shown in _FILMS else rest for shown in ids]), 1)  # whole steps of both rates
    starts = [0.0, *ends[:-1].tolist()]
    return list(zip(ids, starts, [*ends[:-1].tolist(), float(duration_s)], strict=True))


def _write_subject(data: Path, number: int, order: list[int], duration_s: float, rng: np.random.Generator) -> None:
    felt = physiology.feelings(duration_s, rng)
    measured = physiology.record(felt, physiology.person(rng), dict.fromkeys(_SENSORS, float(RATE_HZ)), rng)
    films = playlist(order, duration_s)
    signals = _signals(measured, films, rng)
    ratings = _ratings(felt, films, rng)
    interpolated = data / "interpolated"
    _write_csv(interpolated / "physiological" / f"sub_{number}.csv", {"daqtime": np.arange(len(signals["bvp"])), **signals})
    _write_csv(interpolated / "annotations" / f"sub_{number}.csv", {"jstime": 50 * np.arange(len(ratings["arousal"])), **ratings})
    for kind, time, columns, rate in (("physiological", "daqtime", signals, RATE_HZ), ("annotations", "jstime", ratings, RATED_HZ)):
        stamped = _stamped(time, columns, rate, min(_UNINTERPOLATED_S, duration_s), rng)
        _write_csv(data / "non-interpolated" / kind / f"sub_{number}.csv", stamped)
    volts = [(signals[name] - offset) / factor for name, (factor, offset) in _PER_VOLT.items()]
    _write_raw(data / "raw" / "physiological" / f"sub{number}_DAQ.txt", RATE_HZ, volts, "%.4f")
    pushed = [(ratings[name] - 0.5) * _PER_POINT - _JOYSTICK for name in ("valence", "arousal")]
    _write_raw(data / "raw" / "annotations" / f"sub{number}_joystick.txt", RATED_HZ, pushed, "%.0f")


def _write_raw(path: Path, rate_hz: int, columns: list[NDArray[np.float64]], form: str) -> None:
    """The recorder's own text: the time in s, then its columns, separated by tabs, without names."""
    rows = np.stack([column[: _RAW_S * rate_hz] for column in columns], axis=1)
    line = "%.3f\t" + "\t".join([form] * len(columns)) + "\n"
    tree.write_text(path, "".join(line % (k / rate_hz, *row) for k, row in enumerate(rows)))


def _signals(
    measured: dict[str, NDArray[np.float64]], films: list[tuple[int, float, float]], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The release's columns and units: mV, %, uS, %, degC, uV."""
    skin = measured["eda"]
    touching = np.flatnonzero(skin > 0)  # electrodes that are glued on lose no contact
    muscle = 1000 * measured["emg"]
    return {
        "ecg": measured["ecg"],
        "bvp": 40 + 20 * measured["bvp"] / np.abs(measured["bvp"]).max(),
        "gsr": np.interp(np.arange(len(skin)), touching, skin[touching]),
        "rsp": measured["resp"],
        "skt": measured["temp"],
        **{f"emg_{name}": np.roll(muscle, int(rng.integers(len(muscle)))) for name in ("zygo", "coru", "trap")},
        "video": _shown(films, len(skin), RATE_HZ),
    }


def _ratings(felt: physiology.Feelings, films: list[tuple[int, float, float]], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Valence and arousal from 0.5 to 9.5 in steps of the joystick, which stands in the middle unless a film runs."""
    times_s = np.arange(round(felt.duration_s * RATED_HZ)) / RATED_HZ
    video = _shown(films, len(times_s), RATED_HZ)
    columns = {}
    for name, value in zip(("arousal", "valence"), felt.at(times_s), strict=True):
        pushed = 5 + 2 * value + 0.1 * rng.standard_normal(len(value))
        raw = np.round((np.where(np.isin(video, _FILMS), pushed, 5).clip(0.5, 9.5) - 0.5) * _PER_POINT)
        columns[name] = 0.5 + raw / _PER_POINT
    return {"valence": columns["valence"], "arousal": columns["arousal"], "video": video}


def _shown(films: list[tuple[int, float, float]], count: int, rate: int) -> NDArray[np.int64]:
    ends = [round(end * rate) for _, _, end in films]
    return np.array([shown for shown, _, _ in films])[np.searchsorted(ends, np.arange(count), side="right")]


def _stamped(time: str, columns: dict[str, np.ndarray], rate: int, seconds: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The first seconds with the stamps of a real clock: jitter, a gap in the midst, and one row twice."""
    count = round(seconds * rate)
    stamps = 1000 / rate * np.arange(count) + rng.uniform(0, _JITTER_MS, count)
    middle = 1000 * seconds / 2
    kept = np.flatnonzero((stamps < middle) | (stamps > middle + _GAP_MS))
    kept = np.insert(kept, 5, kept[5])
    return {time: np.round(stamps, 3)[kept], **{name: values[kept] for name, values in columns.items()}}


def _write_csv(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Whole numbers as they are, others with three decimals, stamps in full; single precision makes Arrow write no more digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first = next(iter(columns))
    table = {
        name: np.round(values, 3).astype(np.float32) if values.dtype == np.float64 and name != first else values
        for name, values in columns.items()
    }
    arrow_csv.write_csv(pa.table(table), path, arrow_csv.WriteOptions(quoting_style="none", quoting_header="none"))
