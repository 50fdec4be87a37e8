"""The page as text, at most 100 columns wide: a table of counts, the runs that are running, were interrupted or failed, and the sums."""

import math
import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from emofuse.status.progress import Progress, Standing, Unasked
from emofuse.status.time_left import TimeLeft, epoch_s, rest_s

WIDTH = 100
_NAME, _MOST_FAILURES, _MOST_HOST = 40, 20, 16
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def page(standings: Sequence[Standing], time_left: TimeLeft, at_once: int | None, gpus: Sequence[str], unasked: Unasked | None) -> str:
    """All of it. ``unasked`` is None where not every group is listed, so that nobody can tell."""
    blocks = [
        _table(standings, time_left),
        _problems(standings),
        _running(standings),
        _interrupted(standings),
        _failed(standings),
        ["GPUs of this machine", *(f"  {line}" for line in gpus)] if gpus else [],
        _unasked(unasked) if unasked else [],
        _sums(standings, time_left, at_once),
    ]
    return "\n\n".join("\n".join(_printable(line) for line in block) for block in blocks if block)


def about(seconds: float | None) -> str:
    """A span of time, no finer than can be foretold: ``under 1 min``, ``12 min``, ``2 h 10 min``, ``14 h``, ``2.5 days``, ``unknown``."""
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if seconds < _MINUTE:
        return "under 1 min"
    if (minutes := round(seconds / _MINUTE)) < 60:
        return f"{minutes} min"
    if (tens := round(seconds / (10 * _MINUTE))) < 60:
        return f"{tens // 6} h {tens % 6 * 10:02d} min"
    if (hours := round(seconds / _HOUR)) < 48:
        return f"{hours} h"
    return f"{seconds / _DAY:.1f} days"


def _table(standings: Sequence[Standing], time_left: TimeLeft) -> list[str]:
    heads = ("runs", "done", "running", "failed", "left")
    lines = [" " * _NAME + "".join(f"{head:>8}" for head in heads) + f"{'time left':>13}"]
    rows = list(zip(standings, time_left.groups_s, strict=True))
    for part, members in groupby(rows, lambda row: row[0].group.part):
        lines += [part, *(_row(standing, left_s) for standing, left_s in members)]
    return lines


def _problems(standings: Sequence[Standing]) -> list[str]:
    problems = dict.fromkeys(s.group.problem for s in standings if s.group.problem)
    return ["cannot be listed", *(line for problem in problems for line in _wrapped(problem, 2))] if problems else []


def _row(standing: Standing, left_s: float | None) -> str:
    group = standing.group
    name = f"  {_clipped(group.name, _NAME - 3)}".ljust(_NAME)
    if not group.listed:
        start = f"{name}{'?' if group.count is None else group.count:>8}  "
        if group.problem:
            return f"{start}cannot be listed, see below"
        return f"{start}waits for {_end_of(group.waits_for, WIDTH - len(start) - 10)}"
    counts = [len(standing.runs), *(len(standing.of(state)) for state in ("done", "running", "failed", "left"))]
    time = about(left_s) if standing.of("running") or standing.of("left") else ""
    return (name + "".join(f"{count:>8}" for count in counts) + f"{time:>13}").rstrip()


def _running(standings: Sequence[Standing]) -> list[str]:
    lines = []
    for standing in standings:
        if running := standing.of("running"):
            lines += [f"  {_clipped(_common(running), WIDTH - 2)}", *(_clipped(f"    {_course(run)}", WIDTH) for run in running)]
    return ["running", *lines] if lines else []


def _common(runs: Sequence[Progress]) -> str:
    """What the names of a group's runs begin with: the cell, without fold and seed."""
    return runs[0].run.name.partition(" ")[0]


def _course(progress: Progress) -> str:
    record, own = progress.record, progress.run.name.partition(" ")[2]
    if record is None:
        return f"{own}: its record cannot be read"
    memory = "" if record.gpu_memory_gib is None else f", {record.gpu_memory_gib:.1f} GiB"
    where = f"{_clipped(record.host.partition('.')[0], _MOST_HOST)} {record.device}{memory}"
    if not record.epochs:
        return f"{own:<18} before its first epoch  {where}"
    dev = "" if record.dev_score is None else f"dev {record.dev_score:.3f}  "
    pace = epoch_s(record)
    speed = "" if pace is None else f"{pace:.2g} s/epoch  " if pace < 10 else f"{pace:.0f} s/epoch  "
    return f"{own:<18} epoch {record.epoch}/{record.epochs}  {dev}{speed}{_about(rest_s(progress))} left  {where}"


def _about(seconds: float | None) -> str:
    text = about(seconds)
    return f"about {text}" if text[0].isdigit() else text


def _interrupted(standings: Sequence[Standing]) -> list[str]:
    lines = []
    for run in (run for standing in standings for run in standing.of("left") if run.record):
        record = run.record
        assert record is not None
        after = f"after epoch {record.epoch}/{record.epochs}" if record.epochs else "before its first epoch"
        lines += _wrapped(f"{run.run.name}: {after}, {'goes on from its checkpoint' if run.checkpoint else 'starts again'}", 2)
    return ["interrupted", *lines] if lines else []


def _failures(standings: Sequence[Standing]) -> list[Progress]:
    """The runs that failed, those that were started first in front."""
    failed = [run for standing in standings for run in standing.of("failed")]
    return sorted(failed, key=lambda run: run.record.started if run.record else "")


def _failed(standings: Sequence[Standing]) -> list[str]:
    failed = _failures(standings)
    lines = []
    for run in failed[:_MOST_FAILURES]:
        record = run.record
        assert record is not None
        lines += [
            f"  {run.run.name}, on {record.host}",
            *_wrapped(record.error or "no word of what went wrong"),
            f"    log: {_near(record.log)}",
        ]
    more = len(failed) - _MOST_FAILURES
    return ["failed", *lines, *([f"  and {more} more"] if more > 0 else [])] if lines else []


def _unasked(unasked: Unasked) -> list[str]:
    if not unasked.runs and not unasked.checkpoints:
        return []
    text = (
        f"The run store also holds {unasked.runs} finished runs and {unasked.checkpoints} checkpoints ({unasked.gigabytes:.2g} GB) that "
        "params.yaml and the code as they are do not ask for; earlier ones did, and would train them again."
    )
    return textwrap.wrap(text, WIDTH)


def _sums(standings: Sequence[Standing], time_left: TimeLeft, at_once: int | None) -> list[str]:
    counts = {state: sum(len(s.of(state)) for s in standings) for state in ("done", "running", "failed", "left")}
    total = f"{sum(counts.values())} runs: " + ", ".join(f"{number} {state}" for state, number in counts.items())
    if waiting := [s.group for s in standings if not s.group.listed]:
        known = sum(group.count or 0 for group in waiting)
        more = "at least " if any(group.count is None for group in waiting) else ""
        total += f"; and {more}{known} that wait or cannot be listed"
    lines = textwrap.wrap(total, WIDTH)
    if failed := _failures(standings):
        assert failed[0].record is not None
        lines += _wrapped(f"first failed: {failed[0].record.error or failed[0].run.name}", 0)
    if counts["running"] or counts["left"]:
        lines += textwrap.wrap(_time(time_left, counts["running"] + counts["left"], at_once), WIDTH)
    return lines


def _time(time_left: TimeLeft, open_runs: int, at_once: int | None) -> str:
    if time_left.unknown == open_runs:
        return "time left: unknown, until a run or an epoch of one is finished" if at_once else "time left: unknown, until runs are running"
    rest = f"; nothing is known of {time_left.unknown} of the runs yet" if time_left.unknown else ""
    return f"time left: {_about(time_left.in_all_s)} with {at_once} at once{rest}"


def _near(path: str) -> str:
    """The path as seen from here, where it is below."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _wrapped(text: str, indent: int = 4) -> list[str]:
    near = text.replace(f"{Path.cwd()}/", "")
    first, others = " " * indent, " " * (indent + 2)
    return textwrap.wrap(near, WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def _clipped(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _end_of(path: str, width: int) -> str:
    """The path, or its last parts, which say most."""
    return path if len(path) <= width else f"…/{path[1 - width :].partition('/')[2]}"


def _printable(text: str) -> str:
    """What a record holds must not move the terminal's cursor."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
