"""Give every window of the emotion corpus the label that its subject reported for that time."""

import logging

from emofuse import params, self_reports, study, tables, track_store
from emofuse.stage import run

log = logging.getLogger("label_windows")


def main() -> None:
    """Write data/self_reports/<corpus>.parquet."""
    wearable = params.load().wearable
    corpus = wearable.roles.emotion
    recordings, annotations, _ = track_store.read(study.recordings_folder(corpus))
    examples = tables.read(study.windows_file(corpus), tables.EXAMPLES)
    labelled = self_reports.label(examples, annotations, recordings, wearable.labels)
    tables.write(labelled, study.self_reports_file(corpus), tables.EXAMPLES)
    for column in ("arousal3", "valence3", "emotion"):
        counts = ", ".join(f"{name} {n}" for name, n in labelled[column].value_counts().items())
        log.info("%s: %d windows, %s: %s", corpus, len(labelled), column, counts or "no label")


if __name__ == "__main__":
    run(main)
