"""Read one corpus into the Examples table; every audio file is decoded once, every label checked."""

from pathlib import Path

from emofuse import corpora, params, tables
from emofuse.stage import run


def main(corpus: str) -> None:
    """Write data/examples/<corpus>.parquet."""
    settings = params.load().corpus(corpus)
    examples = corpora.read(corpus, Path(settings.root), settings.release, settings.check_counts)
    tables.write(examples, Path(f"data/examples/{corpus}.parquet"), tables.EXAMPLES)
    hours = (examples["end_s"] - examples["start_s"]).sum() / 3600
    classes = ", ".join(f"{name} {n}" for name, n in examples["emotion"].value_counts().sort_index().items())
    print(f"{corpus}: {len(examples)} examples, {examples['speaker'].nunique()} speakers, {hours:.2f} h, {classes}")


if __name__ == "__main__":
    run(main)
