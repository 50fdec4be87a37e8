"""Pretrain networks without labels: the encoders of all signals, or the fusion network of every mechanism."""

import logging
import shutil
from pathlib import Path

from emofuse import code_digest, parquet, pretraining, runners, study, tables
from emofuse.errors import InputError
from emofuse.jobs import unfinished
from emofuse.params import load
from emofuse.runs import Store
from emofuse.stage import run

log = logging.getLogger("pretrain")
JOBS = {"encoders": pretraining.encoder_jobs, "fusion": pretraining.fusion_jobs}


def main(what: str) -> None:
    """Write results/pretrained/<network>/{weights.safetensors,history.parquet}; WHAT is encoders or fusion."""
    if what not in JOBS:
        raise InputError(f"'{what}': expected one of {sorted(JOBS)}; correct the name")
    params = load()
    store = Store(Path(params.execution.store))
    jobs = JOBS[what](params, code_digest.of_runs("pretrain"))
    missing = unfinished(jobs, store)
    log.info("%s: %d networks, %d in the run store, %d to train", what, len(jobs), len(jobs) - len(missing), len(missing))
    if missing:
        runners.run(missing, store, params.execution)
    for job in jobs:
        trained, folder = store.find("fits", job.key), study.pretrained_folder(job.network)
        if trained is None:
            raise InputError(f"{job.name}: expected its weights in the run store, found none or damaged; call the stage again")
        history = parquet.read(trained / "history.parquet").assign(network=job.network)
        tables.write(history, folder / "history.parquet", tables.PRETRAINING)
        shutil.copyfile(trained / "weights.safetensors", study.weights_file(job.network))


if __name__ == "__main__":
    run(main)
