"""What every stage script does around its one library call: arguments, log, errors, an orderly end, and not outliving the pipeline."""

import errno
import inspect
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from emofuse.errors import InputError

LOG_FOLDER = Path("logs")
_NO_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_LOOK_S = 1.0  # between looks at the pipeline
_GRACE_S = 10.0  # for what is in flight to be ended in order, before the process ends itself


class _Ended(KeyboardInterrupt):
    """What ended the stage from outside, and the exit code that says so."""

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why)
        self.code = code


def run(main: Callable[..., None]) -> None:
    """Call ``main`` with the command line's words; an InputError ends the process with one line and exit code 1."""
    words = sys.argv[1:]
    expected = list(inspect.signature(main).parameters)
    name = Path(sys.argv[0]).stem
    if len(words) != len(expected):
        sys.exit(f"usage: python stages/{name}.py {' '.join(e.upper() for e in expected)}\n{(main.__doc__ or '').strip()}")
    try:
        _log_to("-".join([name, *words]))
    except OSError as error:
        sys.exit(f"{name}: {LOG_FOLDER}: expected a folder to write the stage's log to, found: {error.strerror}; mend or remove it")
    log = logging.getLogger(name)
    start = time.monotonic()
    try:
        _end_in_order()
        main(*words)
    except InputError as error:
        log.error("%s", error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _NO_WRITING:
            raise
        where = error.filename or Path.cwd()
        log.error("%s: expected to write, found: %s; free space or make it writable, and call it again", where, error.strerror or error)
        sys.exit(1)
    except KeyboardInterrupt as end:
        log.error("interrupted%s; what is finished is kept, call it again to go on", f" by {end}" if str(end) else "")
        sys.exit(end.code if isinstance(end, _Ended) else 130)
    log.info("done in %.1f s", time.monotonic() - start)


def _end_in_order() -> None:
    """Make SIGINT, SIGTERM, SIGHUP and the death of dvc interrupt the stage, so that what it started is ended with it.

    Shells send a signal twice: for a while the first one alone counts. One that comes later ends the process at once.
    """
    pipeline, pipeline_ended = _pipeline(), threading.Event()
    asked_at: float | None = None

    def end(sent: int, frame: object) -> None:
        nonlocal asked_at
        if asked_at is None:
            asked_at = time.monotonic()
            raise _Ended("the end of dvc" if pipeline_ended.is_set() else signal.Signals(sent).name, 128 + sent)
        if time.monotonic() - asked_at > _GRACE_S:
            os._exit(128 + sent)

    def end_with(pipeline: psutil.Process) -> None:
        while _is_alive(pipeline):
            time.sleep(_LOOK_S)
        pipeline_ended.set()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE_S)
        os._exit(128 + signal.SIGTERM)  # the main thread is in a call that no signal interrupts

    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(sent) != signal.SIG_IGN:  # which nohup asks for
            signal.signal(sent, end)
    if pipeline is not None:  # killed, dvc leaves its stage running; a second call would then find the run store busy for hours
        threading.Thread(target=end_with, args=(pipeline,), daemon=True).start()


def _pipeline() -> psutil.Process | None:
    """The dvc that started this stage: the nearest ancestor that was not started for the stage itself, as shells and wrappers are."""
    stage = os.environ.get("DVC_STAGE")
    if stage is None:
        return None
    return next((ancestor for ancestor in psutil.Process().parents() if _stage_of(ancestor) != stage), None)


def _took_over(process: psutil.Process) -> bool:
    """True if the process is the system's first, to which the stages of a dvc fall that died before they looked for it."""
    try:
        return process.pid == 1 and not any("dvc" in word for word in process.cmdline())
    except psutil.Error:
        return False


def _stage_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("DVC_STAGE")
    except psutil.Error:  # another user's, which dvc never starts
        return None


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE and not _took_over(process)
    except psutil.Error:
        return False


def _log_to(name: str) -> None:
    """One line per event: to the terminal, and appended to logs/<stage>.log with the time."""
    LOG_FOLDER.mkdir(exist_ok=True)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    file = logging.FileHandler(LOG_FOLDER / f"{name.replace(os.sep, '-')}.log", encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[terminal, file], force=True)
    logging.raiseExceptions = False  # a full disk costs the log only, and the terminal has its lines
