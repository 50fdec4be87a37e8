"""A job on its way to a worker: what a process on any machine needs to execute it, and the checks that it is the right machine to do so."""

import logging
import os
import pkgutil
import platform
import sys
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from emofuse import code_digest, records
from emofuse.errors import InputError
from emofuse.jobs import Work, versions
from emofuse.records import Record
from emofuse.runs import Store

if TYPE_CHECKING:
    from emofuse.training import Epoch

log = logging.getLogger("runs")
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_RECORD_EVERY_S = 1.0
_LOADED: dict[str, str] = {}


@dataclass(frozen=True)
class Errand:
    """A job, the project's folder, and the run store as the machine sees it that sends the job; paths are absolute."""

    job: Work
    root: Path
    store: Store
    identity: str
    log: Path
    versions: dict[str, str]
    checkpoint_every_s: float


def perform(errand: Errand, device: str) -> str:
    """Execute the job on ``device`` (cpu, cuda or cuda:N) on one thread; return the line that says what went wrong, or an empty one.

    For a process of its own: its folder, its log and PyTorch's threads are set for the job.
    """
    name = errand.job.name
    try:
        _enter(errand)
        check_place(errand)
        _execute(errand, device)
    except InputError as error:
        line = str(error)
        log.error("%s", line)
    except Exception as error:
        log.error("%s failed:\n%s", name, traceback.format_exc())
        line = f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]} (see {errand.log})"
    else:
        return ""
    note_failure(errand, line, device)
    return line


def check_place(errand: Errand) -> None:
    """Raise InputError unless this machine sees the same project and run store, runs the same code, and has the same libraries."""
    node = platform.node()
    _require_project(errand)
    if not errand.store.is_known_as(errand.identity):
        raise InputError(
            f"{node}: expected the run store {errand.store.folder} of the machine that started the stage, found "
            f"{'another one' if errand.store.folder.is_dir() else 'none'}; both belong on a file system that all machines share"
        )
    if versions() != errand.versions:
        raise InputError(f"{node}: expected {errand.versions}, found {versions()}; use the same environment on every machine")
    for module in (errand.job.recipe, *(f"emofuse.models.{network}" for network in errand.job.networks)):
        pkgutil.resolve_name(module)  # loaded before its digest is taken: what changes in between is refused
    changed = [module for module, digest in _digests_in(errand.job.code).items() if loaded_code().get(module) != digest]
    if changed:
        raise InputError(f"{node}: expected the code that the stage was started with, found {changed[0]} changed; call the stage again")


def standing(errand: Errand) -> int:
    """When the run's checkpoint was made, in ns; 0 if it has none. A run that died with another one than it began with came further."""
    try:
        return errand.store.checkpoint(errand.job.key).stat().st_mtime_ns
    except OSError:
        return 0


def note_failure(errand: Errand, line: str, device: str = "") -> None:
    """Say in the run's record, beside how far it had come, what went wrong."""
    store, job = errand.store, errand.job
    if store.is_known_as(errand.identity):
        before = records.read(store, job.key) or Record(job.name, "running", device, str(errand.log))
        records.write(store, job.key, replace(before, state="failed", error=line))


def loaded_code() -> dict[str, str]:
    """Digest of every module of the package: as it was when this process loaded it (or the server that it was forked from), or as it is."""
    now = code_digest.of_package()
    _LOADED.update({module: digest for module, digest in now.items() if module in sys.modules and module not in _LOADED})
    return {**now, **_LOADED}


def _digests_in(code: str) -> dict[str, str]:
    pairs = (line.split(maxsplit=1) for line in code.splitlines() if "==" not in line)
    return {module: digest for digest, module in pairs}


def _require_project(errand: Errand) -> None:
    if not errand.root.is_dir():
        raise InputError(f"{platform.node()}: expected the project's folder {errand.root}, found none; mount it at the same path")


def _enter(errand: Errand) -> None:
    """Go to the project's folder, where the job's paths begin, and keep a log."""
    _require_project(errand)
    os.chdir(errand.root)
    errand.log.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, filename=errand.log, format=LOG_FORMAT, force=True)
    logging.raiseExceptions = False  # a full disk costs the log only


def _execute(errand: Errand, device: str) -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    import torch

    from emofuse.execution import Site

    execute = pkgutil.resolve_name(f"{errand.job.recipe}:execute")
    torch.set_num_threads(1)  # so that a result does not depend on how many run beside it
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)  # of an earlier run of this process
    progress = _Progress(errand, device)
    # of two processes with the same run the one that holds the lock executes it and keeps its record
    with errand.store.lock(errand.job.key), progress:
        execute(errand.job, Site(errand.store, device, progress.report, errand.checkpoint_every_s))


class _Progress:
    """The run's record, there while the run is executed and left behind where it fails."""

    def __init__(self, errand: Errand, device: str) -> None:
        self.errand = errand
        self.record = Record(errand.job.name, "running", device, str(errand.log))
        self.start = self.written = time.monotonic()

    def __enter__(self) -> None:
        self._write()

    def __exit__(self, error: type[BaseException] | None, *rest: object) -> None:
        if error is None:
            records.remove(self.errand.store, self.errand.job.key)

    def report(self, epoch: "Epoch", epochs: int) -> None:
        """Note an epoch, of so many; written at most once a second."""
        import torch

        record, now = self.record, time.monotonic()
        began_after = record.began_after if record.epochs else epoch.epoch - 1  # the first that this attempt has done
        gpu = torch.cuda.max_memory_allocated(record.device) / 2**30 if record.device.startswith("cuda") else None
        self.record = replace(
            record, epoch=epoch.epoch, epochs=epochs, began_after=began_after, dev_score=epoch.dev_score, elapsed_s=now - self.start,
            gpu_memory_gib=gpu,
        )  # fmt: skip
        if now - self.written >= _RECORD_EVERY_S:
            self._write()

    def _write(self) -> None:
        self.written = time.monotonic()
        records.write(self.errand.store, self.errand.job.key, self.record)
