"""Write the papers' tables and figures beside our numbers."""

from pathlib import Path

import pandas as pd

from emofuse import findings
from emofuse.params import load
from emofuse.reporting.writing import write
from emofuse.stage import run
from emofuse.study import COMPARISONS_FILE, SCORES_FILE
from emofuse.tables import COMPARISONS, SCORES, read

PAPER_VALUES = Path("data/paper_values.csv")


def main() -> None:
    """Write reports/: index.md, metrics.json, tables/, figures/ and plots/."""
    params = load()
    paper_values = pd.read_csv(PAPER_VALUES)
    write(
        Path("reports"),
        scores=read(SCORES_FILE, SCORES),
        comparisons=read(COMPARISONS_FILE, COMPARISONS),
        paper_values=paper_values,
        speech_text=findings.speech_text(params, paper_values),
        wearables=findings.wearables(params, paper_values),
        data=findings.data(params),
    )


if __name__ == "__main__":
    run(main)
