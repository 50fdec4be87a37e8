"""Write the paper's tables and figures beside our numbers."""

from pathlib import Path

import pandas as pd

from emofuse import reporting
from emofuse.params import Params, load
from emofuse.published import caption, deviations
from emofuse.significance import recompute_paper_marks
from emofuse.stage import run
from emofuse.study import COMPARISONS_FILE, SCORES_FILE, Cell, cells, late_fusion_cells, omitted
from emofuse.tables import COMPARISONS, HISTORY, PREDICTIONS, SCORES, Table, read

PAPER_VALUES = Path("data/paper_values.csv")


def main() -> None:
    """Write reports/: index.md, metrics.json, tables/, figures/ and plots/."""
    params = load()
    trained = [c for c in cells(params) if not omitted(params, c)]
    derived = [c for c in late_fusion_cells(params) if not omitted(params, c)]
    paper_values = pd.read_csv(PAPER_VALUES)
    reporting.write(
        Path("reports"),
        setting=_setting(params),
        scores=read(SCORES_FILE, SCORES),
        comparisons=read(COMPARISONS_FILE, COMPARISONS),
        predictions=_together([_within_corpus(cell) for cell in [*trained, *derived]], PREDICTIONS),
        history=_together([read(cell.folder / "history.parquet", HISTORY) for cell in trained], HISTORY),
        paper_values=paper_values,
        paper_marks=recompute_paper_marks(paper_values, params.significance.alpha),
    )


def _setting(params: Params) -> reporting.Setting:
    roles = params.baselines.model_dump()
    return reporting.Setting(
        model=params.model,
        **roles,
        alpha=params.significance.alpha,
        caption=caption(params),
        deviations=tuple(deviations(params)),
    )


def _within_corpus(cell: Cell) -> pd.DataFrame:
    rows = read(cell.folder / "predictions.parquet", PREDICTIONS)
    return rows[(rows["partition"] == "test") & (rows["test_corpus"] == cell.corpus)]  # all that the figures show


def _together(frames: list[pd.DataFrame], table: Table) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else table.empty()


if __name__ == "__main__":
    run(main)
