"""Average the outputs of the audio and the text baseline on one task of one corpus."""

from emofuse.late_fusion import late_fusion
from emofuse.params import load
from emofuse.stage import run
from emofuse.study import LATE_FUSION, Cell, omitted
from emofuse.tables import PREDICTIONS, read, write


def main(task: str, corpus: str) -> None:
    """Write results/TASK/CORPUS/late_fusion/predictions.parquet; of no rows where one of the two cells is omitted."""
    params = load()
    cells = [Cell(task, corpus, model) for model in (params.baselines.audio, params.baselines.text)]
    sides = [PREDICTIONS.empty() if omitted(params, c) else read(c.folder / "predictions.parquet", PREDICTIONS) for c in cells]
    write(late_fusion(*sides), Cell(task, corpus, LATE_FUSION).folder / "predictions.parquet", PREDICTIONS)


if __name__ == "__main__":
    run(main)
