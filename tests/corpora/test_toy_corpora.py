"""The readers read what the toy writers write, with the numbers asked for."""

from pathlib import Path

from emofuse import corpora, params, protocols
from emofuse.toy import iemocap, msp_podcast


def test_the_toy_msp_podcast_is_read_with_the_sizes_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "msp_podcast"
    msp_podcast.write(root, 3, params.ToyMSPPodcast(train=48, dev=12, test1=14, test2=2))
    examples = corpora.read("msp_podcast", root, "1.7", True)
    assert examples["split"].value_counts().to_dict() == {"train": 48, "dev": 12, "test1": 14, "test2": 2}
    assert examples["transcript"].isna().all()
    assert examples[["arousal", "valence", "dominance"]].notna().all(axis=None)
    (fold,) = protocols.folds("official", examples)
    assert (len(fold.train), len(fold.dev), len(fold.test)) == (48, 12, 14)


def test_the_toy_iemocap_is_read_with_the_sizes_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "iemocap"
    iemocap.write(root, 3, params.ToyIEMOCAP(utterances_per_speaker=4))
    examples = corpora.read("iemocap", root, "full", True)
    assert examples["speaker"].value_counts().to_dict() == {f"Ses0{s}{letter}": 4 for s in range(1, 6) for letter in "FM"}
    assert examples["transcript"].notna().all()
    folds = protocols.folds("leave_one_speaker_out", examples)
    assert [(len(fold.train), len(fold.dev), len(fold.test)) for fold in folds] == [(32, 4, 4)] * 10
