"""Compute once what is frozen in paper B's models: the embeddings of every window, and what each pretrained fusion makes of them."""

import torch

from emofuse import representations
from emofuse.params import load
from emofuse.stage import run


def main() -> None:
    """Write data/features/representations/<corpus>/<name>/, results/fusion_weights.parquet and results/attention.parquet."""
    torch.set_num_threads(1)  # sums in one order, so that the embeddings are the same bits on every call
    representations.write(load())


if __name__ == "__main__":
    run(main)
