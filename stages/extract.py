"""Compute one feature of every example of one corpus."""

import logging
from importlib import import_module

from emofuse import arrays, study, tables
from emofuse.params import load
from emofuse.stage import run

log = logging.getLogger("extract")


def main(feature: str, corpus: str) -> None:
    """Write data/features/<feature>/<corpus>/."""
    params = load()
    module = import_module(f"emofuse.features.{feature}")
    examples = tables.read(study.examples_of(params, corpus), tables.EXAMPLES)
    written = arrays.write(study.features_folder(feature, corpus), module.extract(examples, params.root(corpus), params))
    log.info("%s: %d examples -> %d arrays of %s", corpus, len(examples), written, feature)


if __name__ == "__main__":
    run(main)
