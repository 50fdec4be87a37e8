"""Print how far the runs are that params.yaml asks for: at any time, while stages are running, on any machine that sees the run store.

``python -m emofuse.status`` or ``make status``. The exit code is 0, or 1 where a run has failed, or 2 for a wrong call or parameters.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from emofuse import params
from emofuse.errors import InputError
from emofuse.runs import Store
from emofuse.status import gpus, page, progress, remembered, time_left


def main(words: Sequence[str]) -> int:
    """Print the page; returns the exit code."""
    if words:
        print("usage: python -m emofuse.status   or   make status", file=sys.stderr)
        return 2
    try:
        settings = params.load()
    except InputError as error:
        print(f"status: {error}", file=sys.stderr)
        return 2
    store = Store(Path(settings.execution.store))
    groups = remembered.groups(settings)
    standings = progress.standings(groups, store)
    at_once = time_left.at_once(settings.execution, sum(len(s.of("running")) for s in standings))
    left = time_left.estimate(standings, store, at_once)
    unasked = progress.unasked(groups, store) if all(group.listed for group in groups) else None
    print(page.page(standings, left, at_once, gpus.lines(), unasked))
    return 1 if any(s.of("failed") for s in standings) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
