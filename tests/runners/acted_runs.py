"""Runs that do what a test asks of their process, with nothing to train: the runners treat them as any other."""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from emofuse.errors import InputError
from emofuse.training import Epoch


@dataclass(frozen=True)
class Acted:
    """``does`` names a function of this module, which is called with ``how``."""

    key: str
    does: str = "nothing"
    how: object = None
    code: str = ""
    recipe: str = "acted_runs"
    networks: tuple[str, ...] = ()

    @property
    def name(self):
        return f"acted {self.key}"

    @property
    def entries(self):
        return (("fits", self.key),)


def execute(job, site):
    """Note the attempt and where it is made, act, and publish."""
    if site.store.find("fits", job.key):
        return
    attempts = Path("attempts") / job.key
    attempts.parent.mkdir(exist_ok=True)
    with attempts.open("a") as file:
        file.write(json.dumps(circumstances(site)) + "\n")
    globals()[job.does](job.how, site, len(attempts.read_text().splitlines()))
    site.store.publish("fits", job.key, {}, lambda folder: (folder / "w").write_text(job.key))


def circumstances(site):
    import torch

    return {
        "pid": os.getpid(),
        "cores": sorted(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "device": site.device,
        "start": time.time(),
    }


def nothing(how, site, attempt):
    pass


def sleep(seconds, site, attempt):
    time.sleep(seconds)


def die(how, site, attempt):
    """``how``: the signal, and the number of attempts that it ends."""
    sent, times = how
    if attempt <= times:
        os.kill(os.getpid(), sent)
        time.sleep(60)


def die_further(how, site, attempt):
    """The same, each time with a checkpoint that is newer."""
    kept = next(Path("attempts").iterdir()).name
    site.store.checkpoint(kept).parent.mkdir(exist_ok=True)
    site.store.checkpoint(kept).write_text(str(attempt))
    die(how, site, attempt)


def leave(code, site, attempt):
    sys.exit(code)


def fail(text, site, attempt):
    raise ZeroDivisionError(text)


def refuse(text, site, attempt):
    raise InputError(text)


class LongError(InputError):
    """One whose line is not kept short."""

    def __str__(self):
        return "x" * self.args[0]


def refuse_at_length(letters, site, attempt):
    raise LongError(letters)


def wait(file, site, attempt):
    """Report an epoch each 20 ms until the file is there."""
    epoch = 0
    while not Path(file).exists():
        epoch += 1
        site.report(Epoch(epoch, 0.5, 0.25), 1000)
        time.sleep(0.02)


def report(seconds, site, attempt):
    """Report an epoch each 20 ms, for so long."""
    for epoch in range(1, 1 + round(seconds / 0.02)):
        site.report(Epoch(epoch, 0.5, 0.25), 1000)
        time.sleep(0.02)


def be_interrupted(how, site, attempt):
    """What a terminal sends to all processes of a group."""
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), sent)
    time.sleep(0.1)
