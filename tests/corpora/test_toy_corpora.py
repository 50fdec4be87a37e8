"""The readers read what the toy writers write, with the numbers asked for."""

from pathlib import Path

import pandas as pd

from emofuse import corpora, params, protocols
from emofuse.toy import iemocap, msp_podcast


def test_the_toy_msp_podcast_is_read_with_the_sizes_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "msp_podcast"
    msp_podcast.write(root, 3, params.ToyMSPPodcast(train=48, dev=12, test1=14, test2=2))
    found = corpora.read("msp_podcast", root, "1.7")
    examples = found.examples
    assert examples["split"].value_counts().to_dict() == {"train": 48, "dev": 12, "test1": 14, "test2": 2}
    assert examples["transcript"].isna().all()
    assert examples[["arousal", "valence", "dominance"]].notna().all(axis=None)
    (fold,) = protocols.folds("official", examples)
    assert (len(fold.train), len(fold.dev), len(fold.test)) == (48, 12, 14)
    assert found.left_out.empty
    assert found.counts["least"].isna().all()
    said = pd.read_csv(root / msp_podcast.TEXTS)
    assert sorted(said["example_id"]) == sorted(examples["example_id"])


def test_the_toy_iemocap_is_read_with_the_sizes_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "iemocap"
    iemocap.write(root, 3, params.ToyIEMOCAP(utterances_per_speaker=4))
    found = corpora.read("iemocap", root, "full")
    examples = found.examples
    assert examples["speaker"].value_counts().to_dict() == {f"Ses0{s}{letter}": 4 for s in range(1, 6) for letter in "FM"}
    assert examples["transcript"].notna().all()
    folds = protocols.folds("leave_one_speaker_out", examples)
    assert [(len(fold.train), len(fold.dev), len(fold.test)) for fold in folds] == [(32, 4, 4)] * 10
    told = found.left_out.groupby("reason")["item"].agg(list).to_dict()
    assert set(told) == {"unlabelled"}
    assert sum(item.endswith("_FXX0") for item in told["unlabelled"]) == 20  # one in each dialogue
    assert sum(item.endswith(".txt") for item in told["unlabelled"]) == 20  # its line without a name
