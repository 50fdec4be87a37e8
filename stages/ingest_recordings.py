"""Read one corpus of recordings: its signals, brought to one unit and clock, and what it says of them."""

from emofuse import params, recordings, study, track_store
from emofuse.stage import run


def main(corpus: str) -> None:
    """Write data/recordings/<corpus>/."""
    settings = params.load()
    section, root = settings.recording_corpus(corpus), settings.root(corpus)
    found = recordings.read(corpus, root, section.release, section.check_counts)
    table = track_store.write(corpus, found, root, study.recordings_folder(corpus))
    hours = (table["samples"] / table["rate_hz"]).groupby(table["signal"]).sum() / 3600
    signals = ", ".join(f"{signal} {h:.2f} h" for signal, h in hours.items())
    print(f"{corpus}: {table['recording'].nunique()} recordings of {table['subject'].nunique()} subjects, {signals}")


if __name__ == "__main__":
    run(main)
