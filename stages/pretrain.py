"""Pretrain networks without labels: the encoders of all signals, or the fusion network of every mechanism."""

import logging
import shutil
from pathlib import Path

import pyarrow.parquet as pq

from emofuse import pretraining, study, tables
from emofuse.errors import InputError
from emofuse.params import load
from emofuse.runners import local
from emofuse.runs import Store
from emofuse.stage import LOG_FOLDER, run

log = logging.getLogger("pretrain")
JOBS = {"encoders": pretraining.encoder_jobs, "fusion": pretraining.fusion_jobs}


def main(what: str) -> None:
    """Write results/pretrained/<network>/{weights.safetensors,history.parquet}; WHAT is encoders or fusion."""
    if what not in JOBS:
        raise InputError(f"'{what}': expected one of {sorted(JOBS)}; correct the name")
    params = load()
    store = Store(Path("runs"))
    jobs = JOBS[what](params, study.code_of("pretrain"))
    missing = [job for job in jobs if store.find("fits", job.key) is None]
    log.info("%s: %d networks, %d in the run store, %d to train", what, len(jobs), len(jobs) - len(missing), len(missing))
    if missing:
        local.run(missing, store, params.execution.jobs, params.execution.device, LOG_FOLDER / f"pretrain-{what}.log")
    for job in jobs:
        trained, folder = store.place("fits", job.key), study.pretrained_folder(job.network)
        history = pq.read_table(trained / "history.parquet").to_pandas().assign(network=job.network)
        tables.write(history, folder / "history.parquet", tables.PRETRAINING)
        shutil.copyfile(trained / "weights.safetensors", study.weights_file(job.network))


if __name__ == "__main__":
    run(main)
