"""Frames to CSV: ten digits, Unix line ends, equal frames give equal bytes."""

from pathlib import Path

import pandas as pd


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write the frame without its index."""
    frame.to_csv(path, index=False, float_format="%.10g", lineterminator="\n")
