import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

REAPER = Path(__file__).parents[2] / "src" / "emofuse" / "runners" / "reaper.py"
STARTER = """
import subprocess, sys, time
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"], start_new_session=True)
print(left.pid, flush=True)
time.sleep(120)
"""


def until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.05)


@pytest.fixture
def scene():
    starter = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
    left = psutil.Process(int(starter.stdout.readline()))
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    reaper = subprocess.Popen([sys.executable, str(REAPER), str(starter.pid)], start_new_session=True)
    yield starter, left, bystander, reaper
    for process in (starter, bystander, reaper):
        process.kill()
        process.wait()
    if left.is_running():
        left.kill()


def test_what_a_killed_process_leaves_is_ended_and_nothing_else(scene):
    starter, left, bystander, reaper = scene
    time.sleep(3)
    assert left.is_running() and reaper.poll() is None
    starter.kill()
    starter.wait()
    until(lambda: not left.is_running(), 20)
    assert reaper.wait(10) == 0 and bystander.poll() is None
