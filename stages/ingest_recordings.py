"""Read one corpus of recordings: its signals, brought to one unit and clock, and what it says of them."""

import logging

from emofuse import params, recordings, study, track_store
from emofuse.stage import run

log = logging.getLogger("ingest_recordings")


def main(corpus: str) -> None:
    """Write data/recordings/<corpus>/."""
    settings = params.load()
    root = settings.root(corpus)
    found = recordings.read(corpus, root, settings.recording_corpus(corpus).release)
    table = track_store.write(corpus, found, root, study.recordings_folder(corpus))
    hours = (table["samples"] / table["rate_hz"]).groupby(table["signal"]).sum() / 3600
    signals = ", ".join(f"{signal} {h:.2f} h" for signal, h in hours.items())
    log.info("%s: %d recordings of %d subjects, %s", corpus, table["recording"].nunique(), table["subject"].nunique(), signals)
    left_out, _ = track_store.remarks(study.recordings_folder(corpus))
    for reason, items in left_out.groupby("reason")["item"]:
        log.info("%s: left out, %s: %d, such as %s", corpus, reason, len(items), items.iloc[0])


if __name__ == "__main__":
    run(main)
