"""What every stage script does around its one library call: arguments, log, errors, and not outliving the pipeline."""

import inspect
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from emofuse.errors import InputError

LOG_FOLDER = Path("logs")


def run(main: Callable[..., None]) -> None:
    """Call ``main`` with the command line's words; an InputError ends the process with one line and exit code 1."""
    words = sys.argv[1:]
    expected = list(inspect.signature(main).parameters)
    name = Path(sys.argv[0]).stem
    if len(words) != len(expected):
        sys.exit(f"usage: python stages/{name}.py {' '.join(e.upper() for e in expected)}\n{(main.__doc__ or '').strip()}")
    _log_to("-".join([name, *words]))
    log = logging.getLogger(name)
    start = time.monotonic()
    try:
        main(*words)
    except InputError as error:
        log.error("%s", error)
        sys.exit(1)
    except KeyboardInterrupt:
        log.error("interrupted; what is finished is kept, call it again to go on")
        sys.exit(130)
    log.info("done in %.1f s", time.monotonic() - start)


def _log_to(name: str) -> None:
    """One line per event: to the terminal, and appended to logs/<stage>.log with the time."""
    LOG_FOLDER.mkdir(exist_ok=True)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    file = logging.FileHandler(LOG_FOLDER / f"{name.replace(os.sep, '-')}.log", encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[terminal, file], force=True)
