"""Read one corpus into the Examples table; every audio file is decoded once, every label checked."""

import logging

from emofuse import corpora, params, references, study, tables
from emofuse.stage import run

log = logging.getLogger("ingest")


def main(corpus: str) -> None:
    """Write data/examples/<corpus>.parquet, what was left out and counted, and what was said."""
    settings = params.load()
    root = settings.root(corpus)
    found = corpora.read(corpus, root, settings.corpus(corpus).release)
    examples = found.examples
    tables.write(found.left_out, study.left_out_file(corpus), tables.LEFT_OUT)
    tables.write(found.counts, study.counts_file(corpus), tables.COUNTS)
    tables.write(references.of_corpus(examples, root), study.references_file(corpus), tables.REFERENCES)
    tables.write(examples, study.examples_file(corpus), tables.EXAMPLES)
    hours = (examples["end_s"] - examples["start_s"]).sum() / 3600
    classes = ", ".join(f"{name} {n}" for name, n in examples["emotion"].value_counts().sort_index().items())
    log.info("%s: %d examples, %d speakers, %.2f h, %s", corpus, len(examples), examples["speaker"].nunique(), hours, classes)
    for reason, items in found.left_out.groupby("reason")["item"]:
        log.info("%s: left out, %s: %d, such as %s", corpus, reason, len(items), items.iloc[0])


if __name__ == "__main__":
    run(main)
