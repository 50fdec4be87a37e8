"""A small corpus of each kind of recording, written once for all tests of this folder, when the first of them asks."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from emofuse import recordings
from emofuse.params.wearable import ToyDyads, ToySubjects, ToyTalks, ToyUtterances
from emofuse.signals import Recording
from emofuse.toy import (
    affective_road,
    case,
    clas,
    empatica_export,
    kemocon,
    physiology,
    ppg_dalia,
    tree,
    verbio,
    voxceleb1,
    wesad,
)

SUBJECTS = ToySubjects(subjects=2, duration_s=30)


def write_exports(root: Path, seed: int) -> None:
    """Two wristbands' exports; the second files of the first begin a second late."""
    rng = np.random.default_rng(seed)
    with tree.whole(root, "Empatica E4") as folder:
        for subject in ("S01", "S02"):
            signals = physiology.record(physiology.feelings(30, rng), physiology.person(rng), empatica_export.RATES_HZ, rng)
            empatica_export.write_folder(folder / "Raw_data" / subject, empatica_export.files(signals, 1_560_000_000, 0.8))
        late = folder / "Raw_data" / "S01" / "BVP.csv"
        late.write_text(late.read_text().replace("1560000000.00", "1560000001.00"))
        (folder / "Raw_data" / "S01" / "tags.csv").write_text("1560000012.50\n")


def write_talks(root: Path) -> None:
    """The second participant's files are csv, which are read in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbio, "_WORKBOOKS", 1)
        patch.setattr(verbio, "_REST_S", 6)
        verbio.write(root, 1, ToyTalks(participants=2, talk_s=8))


WRITERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "affective_road": (lambda root: affective_road.write(root, 1, SUBJECTS), "2018"),
    "case": (lambda root: case.write(root, 1, SUBJECTS), "interpolated"),
    "clas": (lambda root: clas.write(root, 1, SUBJECTS), "2019"),
    "empatica_e4": (lambda root: write_exports(root, 1), "any"),
    "kemocon": (lambda root: kemocon.write(root, 1, ToyDyads(pairs=3, debate_s=30)), "1.0.0"),
    "ppg_dalia": (lambda root: ppg_dalia.write(root, 1, SUBJECTS), "2019"),
    "verbio": (write_talks, "session_first"),
    "voxceleb1": (lambda root: voxceleb1.write(root, 1, ToyUtterances(speakers=3, utterances=1)), "1"),
    "wesad": (lambda root: wesad.write(root, 1, SUBJECTS), "2018"),
}


@pytest.fixture(scope="session")
def invented_release(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, str]]:
    """For the name of a corpus the root of a small one, which no test changes, and the name of its release."""
    home = tmp_path_factory.mktemp("invented")

    @cache
    def written(name: str) -> tuple[Path, str]:
        write, release = WRITERS[name]
        write(home / name)
        return home / name, release

    return written


@pytest.fixture(scope="session")
def read_all(invented_release: Callable[[str], tuple[Path, str]]) -> Callable[[str], list[Recording | recordings.Remark]]:
    """For the name of a corpus all that its reader says of ``invented_release``, read once."""

    @cache
    def found(name: str) -> list[Recording | recordings.Remark]:
        return list(recordings.read(name, *invented_release(name)))

    return found


@pytest.fixture(scope="session")
def read_release(read_all: Callable[[str], list[Recording | recordings.Remark]]) -> Callable[[str], list[Recording]]:
    """For the name of a corpus the recordings of ``invented_release``."""
    return lambda name: [one for one in read_all(name) if isinstance(one, Recording)]
