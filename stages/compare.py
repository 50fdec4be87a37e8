"""Test every model's scores against each baseline's."""

from emofuse.params import load
from emofuse.significance import compare
from emofuse.stage import run
from emofuse.study import RESULTS
from emofuse.tables import COMPARISONS, SCORES, read, write


def main() -> None:
    """Write results/comparisons.parquet."""
    baselines = load().baselines
    scores = read(RESULTS / "scores.parquet", SCORES)
    tests = compare(scores, [baselines.audio, baselines.text, baselines.single_stage])
    write(tests, RESULTS / "comparisons.parquet", COMPARISONS)


if __name__ == "__main__":
    run(main)
