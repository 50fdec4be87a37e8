"""Test every model's scores against each baseline's: paper A over seeds, paper B over subjects."""

from emofuse.cells import concatenate
from emofuse.params import load
from emofuse.reporting.wearable_setting import TASK, pairs
from emofuse.significance import compare, compare_subjects
from emofuse.stage import run
from emofuse.study import COMPARISONS_FILE, SCORES_FILE
from emofuse.tables import COMPARISONS, SCORES, read, write


def main() -> None:
    """Write results/comparisons.parquet."""
    baselines = load().baselines
    scores = read(SCORES_FILE, SCORES)
    tests = [
        compare(scores[scores["task"] != TASK], [baselines.audio, baselines.text, baselines.single_stage]),
        compare_subjects(scores, pairs()),
    ]
    write(concatenate([COMPARISONS.empty(), *tests]), COMPARISONS_FILE, COMPARISONS)


if __name__ == "__main__":
    run(main)
