"""Ends what a Ray cluster of this machine leaves behind when the process that started it is killed.

Ray ends its node and its workers then, but two of its agents (Ray 2.60: DashboardAgent, RuntimeEnvAgent) may wait for ever for a pipe to
close. A program of its own, which imports little: ``python reaper.py PID`` notes the descendants of that process while it is there, gives
Ray a moment when it is not, and kills those that are left.
"""

import contextlib
import os
import sys
import time

import psutil

_LOOK_S, _MOMENT_S = 1.0, 5.0


def main(starter: psutil.Process) -> None:
    """Wait for the end of ``starter`` and kill what it has left."""
    started: set[psutil.Process] = set()
    with contextlib.suppress(psutil.NoSuchProcess):
        while starter.is_running() and starter.status() != psutil.STATUS_ZOMBIE:
            started |= set(starter.children(recursive=True))
            time.sleep(_LOOK_S)
    time.sleep(_MOMENT_S)
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):  # psutil does not take another process with the number for it
            if process.pid != os.getpid():
                process.kill()


if __name__ == "__main__":
    main(psutil.Process(int(sys.argv[1])))
