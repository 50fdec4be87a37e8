"""One fault from its start to its end: a fresh workspace, a call, something that goes wrong at a random moment, and the call after it."""

import os
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import checks
import processes
from workspace import Call, Workspace

HANG_S = 240.0  # a call takes a few seconds, on a busy machine some tens


class Missed(Exception):
    """The call was over before the moment had come; to be played again."""


@dataclass
class Undisturbed:
    """Before and after a call that nothing disturbed, and how many seconds of it each role was there."""

    before: Workspace
    after: Workspace
    seconds: dict[str, float]


@dataclass
class Scene:
    """What a kind of fault has in hand."""

    folder: Path
    undisturbed: Undisturbed
    random: random.Random
    patience: float = 1.0  # share of the usual time within which the moment is
    workspace: Workspace = field(init=False)
    others: list[Workspace] = field(default_factory=list)  # that share its store and cache
    calls: list[Call] = field(default_factory=list)
    moment: str = ""
    finished: checks.Published = field(default_factory=dict)  # when the fault struck
    damaged: set[str] = field(default_factory=set)  # entries that the fault itself has spoilt
    mounted: list[Path] = field(default_factory=list)
    mend: list[Callable[[], object]] = field(default_factory=list)  # what the user does before the second call
    cells: tuple[str, ...] = ("cnn14",)
    refused: list[str] = field(default_factory=list)  # what a reader of the results said, who would not use them

    def __post_init__(self) -> None:
        self.workspace = self.undisturbed.before.copy_to(self.folder)

    def as_finished(self, results: bool = True) -> None:
        """Go on from a workspace that has called it all; without ``results`` only its run store is full."""
        if results:
            self.workspace = self.undisturbed.after.copy_to(self.folder)
        else:
            subprocess.run(["cp", "-a", str(self.undisturbed.after.store), str(self.workspace.store)], check=True)

    def start(self, *cells: str, workspace: Workspace | None = None) -> Call:
        """Start a call that is part of the scene."""
        call = (workspace or self.workspace).start(*(cells or self.cells))
        self.calls.append(call)
        return call

    def wait_for(self, role: str, call: Call) -> None:
        """Until a process of that role is there."""
        while not processes.playing(self.workspace, role):
            if call.is_over:
                raise Missed
            time.sleep(0.02)

    def at_random(self, role: str, call: Call, share: float = 1.0) -> None:
        """Until a random moment of (a share of) the time that processes of that role are usually there."""
        self.wait_for(role, call)
        time.sleep(self.random.uniform(0, self.undisturbed.seconds.get(role, 1.0) * self.patience * share))
        if call.is_over:
            raise Missed
        self.note()

    def one(self, role: str, call: Call) -> "processes.psutil.Process":
        """A random process of that role, at a random moment."""
        self.at_random(role, call)
        while not (there := processes.playing(self.workspace, role)):
            if call.is_over:
                raise Missed
            time.sleep(0.01)
        return self.random.choice(there)

    def note(self) -> None:
        """Keep how far the call was at this moment, and what was finished."""
        self.finished = checks.published(self.workspace.store)
        runs = sum(entry.startswith("fits/") for entry in self.finished)
        logs = [file.read_text(errors="replace") for file in (self.workspace.folder / "logs" / "runs").rglob("*.log")]
        self.moment = f"{runs} runs, {sum(text.count(' epoch ') for text in logs)} epochs"

    def power_cut(self, call: Call) -> None:
        """Everything dies at once."""
        processes.kill_all(self.workspace)
        call.wait(10)

    def flip(self, file: Path, silently: bool = False) -> None:
        """Change a byte in place; ``silently``: the file keeps its times, so that who trusts them sees nothing."""
        kept, mode = file.stat(), file.stat().st_mode
        file.chmod(0o644)
        data = bytearray(file.read_bytes())
        data[self.random.randrange(len(data) // 4, len(data))] ^= 0x40
        with file.open("r+b") as opened:
            opened.write(data)
        file.chmod(mode)
        if silently:
            os.utime(file, ns=(kept.st_atime_ns, kept.st_mtime_ns))

    def mount(self, folder: Path, *options: str) -> None:
        """Mount over a folder, until the scene is over."""
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)
        self.mounted.append(folder)

    def unmount(self) -> None:
        """Take all mounts away."""
        while self.mounted:
            subprocess.run(["umount", "-l", str(self.mounted.pop())], check=False, capture_output=True)

    def read(self, words: list[str]) -> None:
        """Let a program read the results; one that fails refuses them."""
        done = subprocess.run(
            words, cwd=self.workspace.folder, env=self.workspace.environment, capture_output=True, text=True, check=False
        )  # fmt: skip
        if done.returncode:
            self.refused.append(done.stdout + done.stderr)

    def texts(self) -> list[str]:
        """What the calls printed, and what the stages and the runs logged."""
        places = [self.workspace, *self.others]
        logs = [file.read_text(errors="replace") for w in places for file in sorted((w.folder / "logs").rglob("*.log"))]
        return [*self.printed(), *logs]

    def printed(self) -> list[str]:
        """What the calls printed."""
        return [*(call.text() for call in self.calls), *self.refused]

    def close(self) -> None:
        """Leave no process and no mount."""
        for workspace in (self.workspace, *self.others):
            processes.kill_all(workspace)
        self.unmount()
