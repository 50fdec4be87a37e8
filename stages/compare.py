"""Test every model's scores against each baseline's."""

from emofuse.params import load
from emofuse.significance import compare
from emofuse.stage import run
from emofuse.study import COMPARISONS_FILE, SCORES_FILE
from emofuse.tables import COMPARISONS, SCORES, read, write


def main() -> None:
    """Write results/comparisons.parquet."""
    baselines = load().baselines
    scores = read(SCORES_FILE, SCORES)
    tests = compare(scores, [baselines.audio, baselines.text, baselines.single_stage])
    write(tests, COMPARISONS_FILE, COMPARISONS)


if __name__ == "__main__":
    run(main)
