"""Faults at random moments under a real ``dvc repro``, and what became of the results: ``make faults``.

Each fault has a workspace of its own: the repository's code with its train stage, real DVC, three small runs on two workers. A call is
disturbed; when all that it started has ended, what the user would do is done (free the disk, delete what is damaged), and a second call
must finish. A fault counts as a loss unless

* the second call ends well, and its Predictions, History and entries in dvc.lock are byte for byte those of an undisturbed workspace;
* no finished run is lost or made again, and every entry of the run store holds what its name says;
* no process is left 15 s after the disturbed call has ended;
* one line says what happened, and no traceback is shown.

A fault whose moment came too late is played again. What cannot be played on this machine (no Ray, no Slurm, no mounts) is said.

Usage: python tests/faults/campaign.py [--faults N] [--seed S] [--kinds NAME,NAME] [--keep FOLDER] [--json FILE] [--list]
"""

import argparse
import json
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import checks
import processes
from kinds import KINDS, Kind
from scene import HANG_S, Missed, Scene, Undisturbed
from workspace import CELLS, Workspace, make

TRIES = 6


@dataclass(frozen=True)
class Outcome:
    """What one fault did; ``problems`` are what makes it a loss."""

    number: int
    kind: str
    moment: str
    told: str
    seconds: float
    survived: bool  # the disturbed call itself came to the undisturbed result
    orphans: list[str]
    wrong: list[str]
    problems: list[str]


def undisturbed(folder: Path) -> Undisturbed:
    """Make the workspace, call it without any fault, and note how long each role was there."""
    before = make(folder / "before")
    after = before.copy_to(folder / "after")
    call = after.start(*CELLS)
    seen: dict[str, list[float]] = {}
    while not call.is_over:
        for name in {processes.role(p) for p in processes.of(after)}:
            seen.setdefault(name, []).append(time.monotonic())
        time.sleep(0.05)
    if call.wait(1) or processes.orphans(after):
        raise RuntimeError(f"the undisturbed call failed:\n{call.text()}")
    share = 0.4  # two cells were trained, a fault has one
    return Undisturbed(before, after, {name: share * (times[-1] - times[0]) for name, times in seen.items()})


def play(number: int, kind: Kind, reference: Undisturbed, folder: Path, seed: int) -> Outcome:
    """One fault, played again while its moment comes too late."""
    for attempt in range(TRIES):
        scene = Scene(folder, reference, random.Random(f"{seed} {number} {attempt}"), patience=0.8**attempt)
        try:
            return _play(number, kind, scene)
        except Missed:
            continue
        except (RuntimeError, OSError, AssertionError, subprocess.SubprocessError) as error:  # what cannot be judged is no success
            return _unjudged(number, kind, f"it could not be played: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
        finally:
            scene.close()
    return _unjudged(number, kind, f"its moment never came in {TRIES} calls")


def _unjudged(number: int, kind: Kind, why: str) -> Outcome:
    return Outcome(number, kind.name, "never", "", 0.0, False, [], [], [why])


def _play(number: int, kind: Kind, scene: Scene) -> Outcome:
    start = time.monotonic()
    kind.strike(scene)
    problems = [f"call {n} still runs after {HANG_S:.0f} s" for n, call in enumerate(scene.calls) if call.wait(HANG_S) is None]
    places = [scene.workspace, *scene.others]
    orphans = [told for place in places for told in processes.orphans(place)]
    failed = any(call.process.returncode for call in scene.calls) or bool(scene.refused)
    otherwise = _different(scene, as_read=True)
    survived = not failed and not otherwise
    line = checks.told(scene.texts(), kind.told)
    if not line and (failed or not kind.only_if_failed):
        problems.append(
            f"no line says {kind.told!r}; the calls' last lines: {[text.strip().splitlines()[-1:] for text in scene.printed()]}"
        )
    if shown := checks.tracebacks(scene.printed()):
        problems.append(f"{shown} tracebacks were shown")
    if not failed and not survived:
        problems.append(f"a call ended well with another result: {otherwise[0]}")
    for mend in scene.mend:
        mend()
    second = [place.start(*scene.cells) for place in places]
    for call in second:
        if call.wait(HANG_S) != 0:
            problems.append(
                f"the second call ended with {call.process.returncode}: {' | '.join(call.text().strip().splitlines()[-6:])[-600:]}"
            )
    orphans += [told for place in places for told in processes.orphans(place)]
    after = checks.published(scene.workspace.store)
    kept = {entry: written for entry, written in scene.finished.items() if entry not in scene.damaged}
    wrong = checks.wrong(scene.workspace.store, scene.undisturbed.after.store)
    problems += [*_different(scene), *checks.lost(kept, after), *wrong, *(f"still running: {orphan}" for orphan in orphans)]
    return Outcome(number, kind.name, scene.moment, line, time.monotonic() - start, survived, orphans, wrong, problems)


def _different(scene: Scene, as_read: bool = False) -> list[str]:
    places = [scene.workspace, *scene.others]
    return [told for place in places for told in checks.different(place, scene.undisturbed.after, scene.cells, as_read)]


def schedule(kinds: Sequence[Kind], faults: int, seed: int) -> list[Kind]:
    """Every kind equally often, but for the remainder, in a random order."""
    chance = random.Random(seed)
    rounds = [chance.sample(list(kinds), len(kinds)) for _ in range(-(-faults // len(kinds)))]
    return [kind for order in rounds for kind in order][:faults]


def table(outcomes: Sequence[Outcome]) -> str:
    """One row for each kind, and their sum."""
    head = ("kind", "faults", "survived", "second call", "lost", "orphans", "wrong entries", "median s")
    names = list(dict.fromkeys(kind.name for kind in KINDS))
    rows = [_row(name, [o for o in outcomes if o.kind == name]) for name in names if any(o.kind == name for o in outcomes)]
    lines = [head, *rows, _row("all", outcomes)]
    widths = [max(len(str(line[n])) for line in lines) for n in range(len(head))]
    return "\n".join("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def _row(name: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    survived, losses = sum(o.survived for o in outcomes), sum(bool(o.problems) for o in outcomes)
    orphans, wrong = sum(len(o.orphans) for o in outcomes), sum(len(o.wrong) for o in outcomes)
    counts = (len(outcomes), survived, len(outcomes) - survived, losses, orphans, wrong)
    return (name, *map(str, counts), f"{statistics.median(o.seconds for o in outcomes):.1f}")


def chosen(names: str) -> list[Kind]:
    """The kinds that are asked for and can be played here; those that cannot are told."""
    known = {kind.name: kind for kind in KINDS}
    wanted = [name.strip() for name in names.split(",")] if names else list(known)
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"--kinds: expected of {list(known)}, found {unknown}")
    lacking = {name: known[name].lacks() for name in wanted}
    for name, why in lacking.items():
        if why:
            print(f"NOT PLAYED: {name}: {why}", flush=True)
    return [known[name] for name in wanted if not lacking[name]]


def main() -> None:
    """Play the faults, print a line for each and the table; exit code 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default="", help="names from --list, separated by commas")
    parser.add_argument("--keep", type=Path, help="a folder for the workspaces of losses")
    parser.add_argument("--json", type=Path, help="a file for every outcome")
    parser.add_argument("--list", action="store_true", help="print the kinds and end")
    words = parser.parse_args()
    if words.list:
        print("\n".join(kind.name for kind in KINDS))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no mount and no process is left
    kinds = chosen(words.kinds)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        start = time.monotonic()
        reference = undisturbed(Path(folder))
        print(f"undisturbed: {time.monotonic() - start:.1f} s; {len(kinds)} kinds, {words.faults} faults, seed {words.seed}", flush=True)
        for number, kind in enumerate(schedule(kinds, words.faults, words.seed)):
            outcome = play(number, kind, reference, Path(folder) / "workspace", words.seed)
            outcomes.append(outcome)
            verdict = "LOST" if outcome.problems else "survived" if outcome.survived else "second call"
            print(f"{number:3d} {kind.name} [{outcome.moment}] {verdict} {outcome.seconds:.1f} s: {outcome.told}", flush=True)
            for problem in outcome.problems:
                print(f"      {problem}", flush=True)
            if outcome.problems and words.keep:
                keep(Path(folder) / "workspace", words.keep / f"{number:03d}-{kind.name.replace(' ', '-')}")
            if words.json:
                words.json.write_text(json.dumps([asdict(o) for o in outcomes], indent=1), encoding="utf-8")
    print(table(outcomes))
    sys.exit(any(outcome.problems for outcome in outcomes))


def keep(workspace: Path, folder: Path) -> None:
    """Put aside what a loss looks like: the workspace and what its calls printed."""
    Workspace(workspace).copy_to(folder)
    calls = workspace.with_name(f"{workspace.name}-calls")
    shutil.copytree(calls, folder.with_name(f"{folder.name}-calls"), dirs_exist_ok=True)


if __name__ == "__main__":
    main()
