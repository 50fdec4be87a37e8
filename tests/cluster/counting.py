"""A run that counts: each step takes a known time and is kept, so that a test sees what was done twice and what was done where."""

import json
import time
from dataclasses import dataclass

from emofuse.errors import InputError


@dataclass(frozen=True)
class Count:
    """Count to ``steps``; at ``fails_at`` say that it failed."""

    key: str
    steps: int
    step_s: float = 0.2
    fails_at: int = -1
    recipe: str = "counting"
    networks: tuple = ()
    code: str = ""

    @property
    def name(self):
        return f"count {self.key}"

    @property
    def entries(self):
        return (("fits", self.key),)


def execute(job, site):
    store = site.store
    if store.find("fits", job.key):
        return
    kept, journal = store.checkpoint(job.key), store.folder / f"journal-{job.key}"
    kept.parent.mkdir(exist_ok=True)
    for step in range(int(kept.read_text()) if kept.exists() else 0, job.steps):
        with journal.open("a") as file:
            file.write(f"{step}\n")
        if step == job.fails_at:
            raise InputError(f"{job.name}: expected to go on, found step {step}")
        time.sleep(job.step_s)
        partial = kept.with_suffix(".partial")
        partial.write_text(str(step + 1))
        partial.replace(kept)
    store.publish("fits", job.key, {}, lambda folder: (folder / "count.json").write_text(json.dumps(job.steps)))


def journal(store, key):
    """The steps that were begun, in order."""
    path = store.folder / f"journal-{key}"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []
