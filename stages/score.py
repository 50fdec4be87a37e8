"""Score every cell's Predictions: one metric of one seed on one corpus."""

import pandas as pd

from emofuse.params import load
from emofuse.scores import score
from emofuse.stage import run
from emofuse.study import SCORES_FILE, cells, late_fusion_cells, omitted
from emofuse.tables import PREDICTIONS, SCORES, read, write


def main() -> None:
    """Write results/scores.parquet."""
    params = load()
    present = [c for c in [*cells(params), *late_fusion_cells(params)] if not omitted(params, c)]
    scored = [score(read(cell.folder / "predictions.parquet", PREDICTIONS)) for cell in present]
    filled = [frame for frame in scored if len(frame)]
    write(pd.concat(filled) if filled else SCORES.empty(), SCORES_FILE, SCORES)


if __name__ == "__main__":
    run(main)
