"""Cut the recordings of one corpus into windows, and standardise the samples of each wearable signal in each."""

import logging

from emofuse import params, study, tables, track_store, windows
from emofuse.stage import run

log = logging.getLogger("cut_windows")


def main(corpus: str) -> None:
    """Write data/windows/<corpus>.parquet and data/features/wearables/<corpus>/."""
    wearable = params.load().wearable
    recordings, _, samples = track_store.read(study.recordings_folder(corpus))
    examples = windows.examples(recordings, wearable.windows)
    folder = study.features_folder("wearables", corpus)
    counts = windows.write(folder, corpus, recordings, samples, examples, wearable.windows)
    tables.write(counts, folder / "counts.parquet", tables.WINDOW_COUNTS)
    tables.write(examples, study.windows_file(corpus), tables.EXAMPLES)
    constant = ", ".join(f"{row.signal} {row.windows} ({row.constant} constant)" for row in counts.itertuples())
    log.info("%s: %d windows of %d subjects: %s", corpus, len(examples), examples["speaker"].nunique(), constant or "speech alone")


if __name__ == "__main__":
    run(main)
