"""Write one invented corpus in the genuine on-disk layout."""

from importlib import import_module
from pathlib import Path

from emofuse.params import load
from emofuse.stage import run


def main(corpus: str) -> None:
    """Write data/toy/<corpus>/."""
    params = load()
    module = import_module(f"emofuse.toy.{corpus}")
    module.write(Path("data/toy") / corpus, params.toy.seed, params.toy_sizes(corpus))


if __name__ == "__main__":
    run(main)
