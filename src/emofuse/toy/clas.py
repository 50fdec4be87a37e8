"""An invented CLAS: a Shimmer3 at 256 Hz through blocks of tasks, one file for each block.

CLAS_Database/CLAS/{Participants/Part<n>/by_block,Block_details}. The blocks of a participant share the length of a recording evenly.
Planted: file names that are not those of the table of blocks, among them ``2_gsr_ppg_mathtest.csv``; a table whose header has a leading
space and a trailing comma; block 11 beside block 1; a header repeated amid the numbers; acceleration in m/s^2 or in g; no time columns in
the last participant's files; a block without files; the stray copy of a participant.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from emofuse.params import wearable
from emofuse.toy import physiology, tree

RATE_HZ = 256
BLOCKS = {1: "Baseline", 2: "Math Test", 11: "Video clip"}
ABSENT = 14  # listed for the last participant, without files
_TABLE = "Block,Block Type, ECG File,EDA&PPG File,Length(s),EDA Quality,ECG Quality,PPG Quality,"
_ENDINGS = {2: "_mathtest"}  # of the files' names on disk; others end in _
_T0_UNIX_S = 1_560_000_000  # June 2019
_GRAVITY_M_S2 = 9.81
_SENSORS = ("acc", "bvp", "eda", "ecg")


def write(root: Path, seed: int, sizes: wearable.ToySubjects) -> None:
    """Write the corpus to ``root``, whole or not at all; equal seeds and sizes give equal bytes.

    Raises InputError where ``root`` holds anything but an invented corpus.
    """
    with tree.whole(root, "CLAS") as folder:
        release = folder / "CLAS_Database" / "CLAS"
        for number in range(1, sizes.subjects + 1):
            rng = np.random.default_rng([seed, 62, number])  # 62: this corpus' own stream
            _write_participant(release, number, number == sizes.subjects, sizes.duration_s / len(BLOCKS), rng)
        first = release / "Participants" / "Part1" / "by_block" / "1_gsr_ppg_.csv"
        tree.write_text(release / "Participants" / "Part25 - Copy" / "by_block" / first.name, first.read_text(encoding="utf-8"))


def _write_participant(release: Path, number: int, last: bool, block_s: float, rng: np.random.Generator) -> None:
    who = physiology.person(rng)
    folder = release / "Participants" / f"Part{number}" / "by_block"
    folder.mkdir(parents=True)
    unit = _GRAVITY_M_S2 if number % 2 else 1.0
    rows = [_TABLE]
    for place, (block, kind) in enumerate(BLOCKS.items()):
        measured = physiology.record(physiology.feelings(block_s, rng), who, dict.fromkeys(_SENSORS, float(RATE_HZ)), rng)
        start_s = place * (block_s + 10)
        columns = _columns(measured, unit, start_s)
        hand, heart = [*list(columns)[:2], "accelx", "accely", "accelz", "ppg", "gsr"], [*list(columns)[:2], "ecg1", "ecg2"]
        ending = _ENDINGS.get(block, "_")
        for sensor, names in (("gsr_ppg", hand), ("ecg", heart)):
            path = folder / f"{block}_{sensor}{ending}.csv"
            _write_csv(path, {name: columns[name] for name in (names[2:] if last else names)})
            if block == 1 and sensor == "gsr_ppg":
                _repeat_header(path)
        rows.append(_row(block, kind, len(measured["bvp"]) / RATE_HZ))
    if last:
        rows.append(_row(ABSENT, "Neutral", 30.0))
    tree.write_text(release / "Block_details" / f"Part{number}_Block_Details.csv", "\n".join(rows) + "\n")


def _row(block: int, kind: str, length_s: float) -> str:
    return f"{block},{kind},{block}_ecg.csv,{block}_gsr_ppg.csv,{length_s:.2f},2,2,2,"


def _columns(measured: dict[str, NDArray[np.float64]], unit: float, start_s: float) -> dict[str, NDArray[np.float64]]:
    """The columns of both files; acceleration in ``unit`` for 1 g, the pulse in mV, the skin in uS."""
    skin = measured["eda"]
    touching = np.flatnonzero(skin > 0)  # this device's straps lose no contact
    times_s = start_s + np.arange(len(skin)) / RATE_HZ
    acc = measured["acc"] * unit
    return {
        "Timestamp": np.round(1000 * times_s, 2),
        "PythonTimestamp": np.round(_T0_UNIX_S + times_s, 3),
        "accelx": acc[:, 0],
        "accely": acc[:, 1],
        "accelz": acc[:, 2],
        "ppg": 1600 + 4 * measured["bvp"],
        "gsr": np.interp(np.arange(len(skin)), touching, skin[touching]),
        "ecg1": measured["ecg"],
        "ecg2": 0.8 * measured["ecg"],
    }


def _write_csv(path: Path, columns: dict[str, NDArray[np.float64]]) -> None:
    """Stamps in full, other numbers with four decimals; single precision makes Arrow write no more digits."""
    table = {name: values if "Timestamp" in name else np.round(values, 4).astype(np.float32) for name, values in columns.items()}
    arrow_csv.write_csv(pa.table(table), path, arrow_csv.WriteOptions(quoting_style="none", quoting_header="none"))


def _repeat_header(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    tree.write_text(path, "\n".join([*lines[: len(lines) // 2], lines[0], *lines[len(lines) // 2 :]]) + "\n")
