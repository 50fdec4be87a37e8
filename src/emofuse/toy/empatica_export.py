"""The files that an Empatica E4 wristband exports, from invented signals."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from emofuse.toy import tree

RATES_HZ = {"acc": 32.0, "bvp": 64.0, "eda": 4.0, "temp": 4.0}
FIRST_UNIX_S = 1_560_000_000  # June 2019
_HEART_RATE_DELAY_S = 10  # HR.csv is an average over 10 s and starts that much later


def files(signals: Mapping[str, Float64[np.ndarray, "sample *axis"]], start_unix_s: int, beats_s: float) -> dict[str, str]:
    """Text of each file by its name, rows as the device's: acceleration as whole 1/64 g, the first value of EDA 0, no press of the button.

    ``beats_s`` is the interval of the few beats in IBI.csv, and the rate in HR.csv.
    """
    start = f"{start_unix_s:.6f}"
    counts = np.round(signals["acc"] * 64).astype(int).clip(-128, 127)
    eda = np.concatenate([[0.0], signals["eda"][1:]])
    heart_rates = max(1, round(len(eda) / RATES_HZ["eda"]) - _HEART_RATE_DELAY_S)
    return {
        "ACC.csv": f"{start}, {start}, {start}\n" + ", ".join(["32.000000"] * 3) + "\n" + "".join(f"{x},{y},{z}\n" for x, y, z in counts),
        "BVP.csv": f"{start_unix_s:.2f}\n64.000000\n" + _column(signals["bvp"], 2),
        "EDA.csv": f"{start}\n4.000000\n" + _column(eda, 6),
        "TEMP.csv": f"{start}\n4.000000\n" + _column(signals["temp"], 2),
        "HR.csv": f"{start_unix_s + _HEART_RATE_DELAY_S:.6f}\n1.000000\n" + f"{60 / beats_s:.2f}\n" * heart_rates,
        "IBI.csv": f"{start}, IBI\n" + "".join(f"{20 + k * beats_s:.6f},{beats_s:.6f}\n" for k in range(1, 6)),
        "tags.csv": "",
    }


def write_zip(path: Path, contents: Mapping[str, str]) -> None:
    """Write a zip file of these texts, equal bytes for equal texts."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in contents.items():
            file.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive.getvalue())


def write_folder(folder: Path, contents: Mapping[str, str]) -> None:
    """Write these texts into a folder."""
    for name, text in contents.items():
        tree.write_text(folder / name, text)


def _column(values: Float64[np.ndarray, "sample"], digits: int) -> str:
    return "".join(f"{value:.{digits}f}\n" for value in values)
