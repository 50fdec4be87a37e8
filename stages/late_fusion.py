"""Average the outputs of the audio and the text baseline on one task of one corpus."""

from emofuse.late_fusion import late_fusion
from emofuse.params import load
from emofuse.stage import run
from emofuse.study import LATE_FUSION, Cell
from emofuse.tables import PREDICTIONS, read, write


def main(task: str, corpus: str) -> None:
    """Write late_fusion's predictions.parquet for TASK and CORPUS; of no rows where one of the two cells is omitted, that is empty."""
    baselines = load().baselines
    audio, text = (read(Cell(task, corpus, m).folder / "predictions.parquet", PREDICTIONS) for m in (baselines.audio, baselines.text))
    write(late_fusion(audio, text), Cell(task, corpus, LATE_FUSION).folder / "predictions.parquet", PREDICTIONS)


if __name__ == "__main__":
    run(main)
