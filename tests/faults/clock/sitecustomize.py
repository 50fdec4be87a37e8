"""A machine whose clock is set wrong while it works: every Python process started with this folder on its path sees the shift of a file.

``time.monotonic`` and the times that the kernel gives to files are not shifted, as on a machine whose clock is set.
"""

import os
import time

_shift_file = os.environ.get("FAULT_CLOCK")


def _shift_s() -> int:
    try:
        with open(str(_shift_file), encoding="ascii") as file:
            return int(file.read() or 0)
    except OSError:
        return 0


if _shift_file:
    _time, _time_ns = time.time, time.time_ns
    time.time = lambda: _time() + _shift_s()
    time.time_ns = lambda: _time_ns() + _shift_s() * 10**9
