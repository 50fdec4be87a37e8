"""A small tree in the layout of every release that a reader knows, and of its variants on disk."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from emofuse.params.speech_text import ToyIEMOCAP, ToyMSPPodcast
from emofuse.params.wearable import ToyDyads, ToySubjects, ToyTalks, ToyUtterances
from emofuse.toy import empatica_export, kemocon, msp_podcast, physiology, verbio, voxceleb1

TURNS = ToyMSPPodcast(train=8, dev=3, test1=3, test2=2)
SIZES = {"affective_road": 30, "case": 8, "clas": 8, "ppg_dalia": 24, "wesad": 8}  # s


@dataclass(frozen=True)
class Tree:
    """A reader's name, the release to name, what writes the small tree, and a variant of its layout."""

    kind: str  # corpora or recordings
    corpus: str
    release: str
    write: Callable[[Path], None]
    variant: str = ""

    @property
    def names_are_the_list(self) -> bool:
        """Whether a file that is gone leaves no trace but in the counts."""
        return self.corpus in ("emodb", "ravdess", "savee", "tess") or self.variant in ("audio only", "zipped")

    @property
    def name(self) -> str:
        """Such as ``msp_podcast-1.7 json``."""
        return f"{self.corpus}-{self.release} {self.variant}".strip()


def _toy(corpus: str) -> ModuleType:
    return import_module(f"emofuse.toy.{corpus}")


@cache
def _plain(corpus: str) -> Callable[[Path], None]:
    return lambda root: _toy(corpus).write(root, 1)


@cache
def _subjects(corpus: str) -> Callable[[Path], None]:
    return lambda root: _toy(corpus).write(root, 1, ToySubjects(subjects=2, duration_s=SIZES[corpus]))


@cache
def _msp(release: str) -> Callable[[Path], None]:
    return lambda root: msp_podcast.write(root, 1, TURNS, release)


def _msp_json(root: Path) -> None:
    msp_podcast.write(root, 1, TURNS, "1.7")
    for path in (root / "Labels").glob("*.csv"):
        path.unlink()


def _iemocap(root: Path) -> None:
    """Two sessions of the invented corpus."""
    _toy("iemocap").write(root, 1, ToyIEMOCAP(utterances_per_speaker=3))


def _crema_d_audio_only(root: Path) -> None:
    _toy("crema_d").write(root, 1)
    for path in [*root.rglob("*.csv")]:
        path.unlink()


def _crema_d_list_only(root: Path) -> None:
    _toy("crema_d").write(root, 1)
    for path in [*root.rglob("summaryTable.csv")]:
        path.unlink()


def _esd_flat(root: Path) -> None:
    _toy("esd").write(root, 1)
    for split in ("train", "evaluation", "test"):
        for path in [p for p in root.rglob("*.wav") if p.parent.name == split]:
            path.rename(path.parents[1] / path.name)


def _savee_flat(root: Path) -> None:
    _toy("savee").write(root, 1)
    (root / "ALL").mkdir(exist_ok=True)
    for path in [p for p in root.rglob("*.wav") if p.parent.name in ("DC", "JE", "JK", "KL")]:
        path.rename(root / "ALL" / f"{path.parent.name}_{path.name}")
    shutil.rmtree(root / "AudioData")


def _exports(root: Path, zipped: bool) -> None:
    rng = np.random.default_rng(1)
    for subject in ("S01", "S02"):
        signals = physiology.record(physiology.feelings(20, rng), physiology.person(rng), empatica_export.RATES_HZ, rng)
        contents = {**empatica_export.files(signals, 1_560_000_000, 0.8), "tags.csv": "1560000012.50\n"}
        if zipped:
            empatica_export.write_zip(root / f"{subject}.zip", contents)
        else:
            empatica_export.write_folder(root / subject, contents)


def _verbio(root: Path) -> None:
    verbio.write(root, 1, ToyTalks(participants=2, talk_s=10))


def _verbio_csv(root: Path) -> None:
    _verbio(root)
    for path in [p for p in root.rglob("*.xlsx") if p.parent.name != "Self_Reports"]:
        pd.read_excel(path).to_csv(path.with_suffix(".csv"), index=False)
        path.unlink()


def _verbio_participant_first(root: Path) -> None:
    _verbio(root)
    for session in ("PRE", "TEST01"):
        for path in [p for p in (root / session).rglob("*") if p.is_file()]:
            if path.parent.parent.name == "E4":
                new = root / path.parent.name / session / f"E4_{path.name}"
            elif path.parent.name == "Audio":
                new = root / path.name.split("_")[1] / session / "MIC_SPEECH_PPT.wav"
            elif path.parent.name == "Annotation":
                new = root / path.name.split("_")[1] / session / f"MANUAL_ANNOTATION_PPT{path.suffix}"
            else:
                continue
            new.parent.mkdir(parents=True, exist_ok=True)
            path.rename(new)
        shutil.rmtree(root / session)


def _voxceleb1(root: Path) -> None:
    voxceleb1.write(root, 1, ToyUtterances(speakers=3, utterances=1))


def _voxceleb1_without_list(root: Path) -> None:
    _voxceleb1(root)
    for path in [*root.rglob("iden_split.txt")]:
        path.unlink()


_RELEASES_OF_MSP = ("1.6", "1.7", "1.8", "1.9", "1.10", "1.11", "1.12", "2.0")
READERS = {
    tree.name: tree
    for tree in (
        *(Tree("corpora", "msp_podcast", release, _msp(release)) for release in _RELEASES_OF_MSP),
        Tree("corpora", "msp_podcast", "1.7", _msp_json, "json"),
        Tree("corpora", "msp_podcast", "1.7", _msp("1.12"), "rebuilt from 1.12"),
        Tree("corpora", "iemocap", "full", _iemocap),
        Tree("corpora", "crema_d", "intended", _plain("crema_d")),
        Tree("corpora", "crema_d", "perceived", _plain("crema_d")),
        Tree("corpora", "crema_d", "intended", _crema_d_audio_only, "audio only"),
        Tree("corpora", "crema_d", "intended", _crema_d_list_only, "list only"),
        Tree("corpora", "emodb", "1", _plain("emodb")),
        *(Tree("corpora", "esd", release, _plain("esd")) for release in ("all", "english", "mandarin")),
        Tree("corpora", "esd", "all", _esd_flat, "flat"),
        Tree("corpora", "meld", "raw", _plain("meld")),
        Tree("corpora", "meld", "one_speaker", _plain("meld")),
        Tree("corpora", "ravdess", "1.0.0", _plain("ravdess")),
        Tree("corpora", "savee", "1", _plain("savee")),
        Tree("corpora", "savee", "1", _savee_flat, "flat"),
        Tree("corpora", "tess", "1", _plain("tess")),
        Tree("recordings", "affective_road", "2018", _subjects("affective_road")),
        *(Tree("recordings", "case", release, _subjects("case")) for release in ("interpolated", "non_interpolated", "raw")),
        Tree("recordings", "clas", "2019", _subjects("clas")),
        Tree("recordings", "empatica_e4", "any", lambda root: _exports(root, zipped=False)),
        Tree("recordings", "empatica_e4", "any", lambda root: _exports(root, zipped=True), "zipped"),
        Tree("recordings", "kemocon", "1.0.0", lambda root: kemocon.write(root, 1, ToyDyads(pairs=3, debate_s=10))),
        Tree("recordings", "ppg_dalia", "2019", _subjects("ppg_dalia")),
        Tree("recordings", "verbio", "session_first", _verbio),
        Tree("recordings", "verbio", "session_first", _verbio_csv, "csv"),
        Tree("recordings", "verbio", "participant_first", _verbio_participant_first),
        Tree("recordings", "voxceleb1", "1", _voxceleb1),
        Tree("recordings", "voxceleb1", "1", _voxceleb1_without_list, "without list"),
        Tree("recordings", "wesad", "2018", _subjects("wesad")),
    )
}
