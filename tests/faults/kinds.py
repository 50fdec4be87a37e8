"""What can go wrong with a call, one function each; ``KINDS`` lists them with the words by which it must be told."""

from collections.abc import Callable
from dataclasses import dataclass

import crowds
import damage
import disks
import kills
from scene import Scene


def _nothing() -> str:
    return ""


@dataclass(frozen=True)
class Kind:
    """A kind of fault: ``strike`` plays it, a line must match ``told``, and ``lacks`` says why it cannot be played here."""

    name: str
    strike: Callable[[Scene], None]
    told: str
    lacks: Callable[[], str] = _nothing
    only_if_failed: bool = False  # a call that succeeds need not speak of it


ENDED = r"ended by SIG|interrupted; what is finished is kept|dvc has ended|interrupted by|exited with"
BUSY = r"Unable to acquire lock|is busy|blocked by|is being made by another process"

KINDS = [
    Kind("worker killed", kills.worker, r"process was ended by SIGKILL; it is started again"),
    Kind("worker killed as it publishes", kills.publisher, r"process was ended by SIGKILL; it is started again"),
    Kind("fork server killed", kills.server, r"started again|ended by SIG|ended with exit code"),
    Kind("stage killed", kills.stage, r"exited with -?(9|137)"),
    # or it was done before it looked whether dvc is still there
    Kind("dvc killed", kills.dvc, r"train: .*(end of dvc|dvc has ended)|train: done"),
    Kind("power cut", kills.power_cut, r"in the run store, \d+ to execute"),
    *(
        Kind(f"{name} to {whom}", kills.signalled(name, whom), ENDED, only_if_failed=True)
        for whom in ("the group", "dvc", "the stage")
        for name in ("SIGTERM", "SIGINT")
    ),
    Kind("SIGHUP to the group", kills.signalled("SIGHUP", "the group"), ENDED),
    Kind("Ray worker killed", kills.ray_worker, r"started again|died|ended by SIG", lacks=kills.lacks_ray),
    Kind("raylet killed", kills.raylet, r"raylet|node|died|Ray", lacks=kills.lacks_ray),
    Kind("stage killed under Ray", kills.stage_under_ray, r"exited with -?(9|137)", lacks=kills.lacks_ray),
    Kind("Slurm step killed", kills.slurm_step, r"started again|died|ended by SIG|submitted again", lacks=kills.lacks_slurm),
    Kind("Slurm jobs cancelled", kills.slurm_cancelled, r"cancel|CANCELLED|submitted again", lacks=kills.lacks_slurm),
    Kind(
        "full disk under the store",
        disks.full_store,
        r"expected to (?:read and )?write (?:to )?the run store.*No space left",
        lacks=disks.lacks_mounts,
        only_if_failed=True,
    ),
    Kind(
        "full disk under the results",
        disks.full_results,
        r"expected to write, found: .*No space left",
        lacks=disks.lacks_mounts,
        only_if_failed=True,
    ),
    Kind("full disk under the logs", disks.full_logs, r"No space left", lacks=disks.lacks_mounts, only_if_failed=True),
    Kind(
        "read-only store",
        disks.read_only,
        r"expected to (?:read and )?write (?:to )?the run store.*Read-only",
        lacks=disks.lacks_mounts,
        only_if_failed=True,
    ),
    Kind("store gone while in use", disks.gone, r"expected .*run store|run store.*expected", only_if_failed=True),
    Kind("another store in its place", disks.foreign, r"run store .*another one", only_if_failed=True),
    Kind("damaged checkpoint", damage.checkpoint, r"the checkpoint is not used: "),
    Kind("damaged features", damage.features, r"'features' is cached|Running stage 'features'"),
    Kind("silently damaged features", damage.features_silently, r"data/features/\S+.*expected", only_if_failed=True),
    Kind("damaged run", damage.run, r"removed, to be made again"),
    Kind(
        "damaged run while others go on",
        damage.run_meanwhile,
        r"removed, to be made again|is not what was published|found none or damaged",
        only_if_failed=True,
    ),
    Kind("damaged results", damage.results, r"is cached|Running stage 'train"),
    Kind("silently damaged results", damage.results_silently, r"results/cells/\S+: expected", only_if_failed=True),
    Kind("damaged copy of results in the cache", damage.cached_results, r"results/cells/\S+: expected|Running stage", only_if_failed=True),
    Kind("damaged copy of features in the cache", damage.cached_features, r"data/features/\S+.*expected", only_if_failed=True),
    Kind("two calls for one cell", crowds.same_cell, BUSY, only_if_failed=True),
    Kind("two calls for two cells", crowds.two_cells, BUSY, only_if_failed=True),
    Kind("two worktrees with one cache and store", crowds.worktrees, BUSY, only_if_failed=True),
    Kind("two worktrees of which one loses its power", crowds.worktrees_one_dies, r"in the run store, \d+ to execute", only_if_failed=True),
    Kind("clock that jumps", crowds.clock, r"time|clock", only_if_failed=True),
    Kind("code edited while the stage runs", crowds.edited_code, r"found \S+ changed", only_if_failed=True),
]
