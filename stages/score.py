"""Score every cell's Predictions: one metric of one seed on one corpus, and on each subject where subjects are what is compared."""

from emofuse import speech_wearables
from emofuse.cells import concatenate
from emofuse.params import load
from emofuse.scores import score
from emofuse.stage import run
from emofuse.study import SCORES_FILE, cells, late_fusion_cells, omitted, self_reports_file
from emofuse.tables import EXAMPLES, PREDICTIONS, SCORES, read, write


def main() -> None:
    """Write results/scores.parquet."""
    params = load()
    present = [c for c in [*cells(params), *late_fusion_cells(params)] if not omitted(params, c)]
    scored = [score(read(cell.folder / "predictions.parquet", PREDICTIONS)) for cell in present]
    windows = read(self_reports_file(params.wearable.roles.emotion), EXAMPLES)
    subjects = dict(zip(windows["example_id"], windows["speaker"], strict=True))
    for model in speech_wearables.configurations(params.wearable.fusion):
        scored.append(score(read(speech_wearables.cell(params, model).folder / "predictions.parquet", PREDICTIONS), subjects))
    write(concatenate([SCORES.empty(), *scored]), SCORES_FILE, SCORES)


if __name__ == "__main__":
    run(main)
