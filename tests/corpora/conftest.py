"""Small corpora in the genuine layouts with their traps: those of emofuse.toy, and two written here; tests/corpora reads them back."""

import shutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import soundfile

MSP_HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
MSP_ROWS = (  # every class code, a three-part name, an unknown speaker, a speaker written as float
    "MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1",
    "MSP-PODCAST_0001_0009.wav,X,3.777778,3.555556,3.777778,39,Female,Test1",
    "MSP-PODCAST_0153_0186_0001.wav,A,6.5,1.0,7.0,12.0,Female,Train",
    "MSP-PODCAST_0153_0187.wav,O,4,4,4,Unknown,Unknown,Train",
    "MSP-PODCAST_0154_0001.wav,H,5,6,4,13,Male,Train",
    "MSP-PODCAST_0154_0002.wav,S,2,2,2,13,Male,Train",
    "MSP-PODCAST_0155_0001.wav,U,5,5,5,14,Male,Validation",
    "MSP-PODCAST_0155_0002.wav,F,5,2,3,14,Male,Validation",
    "MSP-PODCAST_0156_0001.wav,D,5,2,3,15,Female,Test2",
    "MSP-PODCAST_0156_0002.wav,C,5,2,3,15,Female,Test2",
)


def tone(path: Path, seconds: float = 0.2, rate: int = 16000, channels: int = 1) -> None:
    """A tone whose pitch depends on the file's name, so that no two files are equal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    samples = 0.3 * np.sin(2 * np.pi * (100 + sum(path.name.encode()) % 1000) * time)
    soundfile.write(path, np.repeat(samples[:, None], channels, axis=1), rate, subtype="PCM_16")


def write_msp_podcast(root: Path) -> None:
    """Release 1.7: no transcripts, concensus, Validation; one file is stereo at 44.1 kHz."""
    (root / "Labels").mkdir(parents=True)
    (root / "Labels" / "labels_concensus.csv").write_text("\n".join((MSP_HEADER, *MSP_ROWS)) + "\n")
    for i, row in enumerate(MSP_ROWS):
        tone(root / "Audios" / row.split(",")[0], 0.2 + 0.01 * i, *((44100, 2) if i == 3 else (16000, 1)))
    (root / "Audios" / "._MSP-PODCAST_0001_0008.wav").write_bytes(b"\0\5\26\7")


IEMOCAP_BLOCK = (
    "[{start:.4f} - {end:.4f}]\t{name}\t{code}\t[2.5000, 3.5000, 4.5000]\n"
    "C-E2:\tNeutral;\t()\nC-F1:\t;\t(curious)\nA-E3:\tval 3; act 2; dom  2;\t()\n\n"
)
IEMOCAP_CODES = ("neu", "hap", "exc", "sad", "ang", "fru", "sur", "fea", "dis", "oth", "xxx")


def write_iemocap(root: Path) -> None:
    """Two sessions, in each an improvisation with the markers on F and a script with the markers on M; both actors speak in both."""
    codes = iter(IEMOCAP_CODES * 2)
    for session in (1, 2):
        for dialogue in (f"Ses0{session}F_impro05a", f"Ses0{session}M_script01_1b"):
            names = [f"{dialogue}_{speaker}00{turn}" for turn in (0, 1) for speaker in "FM"]
            labels = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
            texts = "M: sorry\n"
            for i, name in enumerate(names):
                labels += IEMOCAP_BLOCK.format(start=6.25 + i, end=7 + i, name=name, code=next(codes))
                texts += f"{name} [{6.25 + i:08.4f}-{7 + i:08.4f}]: Note: this is {name} [LAUGHTER]: yes.\n"
                tone(root / f"Session{session}/sentences/wav/{dialogue}/{name}.wav", 0.2 + 0.01 * i)
            texts += f"{dialogue}_FXX0 [009.0000-009.5000]: Mm.\n"
            folder = root / f"Session{session}" / "dialog"
            for part, text in (("EmoEvaluation", labels), ("transcriptions", texts), ("EmoEvaluation/Attribute", "stub")):
                (folder / part).mkdir(parents=True, exist_ok=True)
                (folder / part / f"{dialogue}.txt").write_text(text)
        (folder / "EmoEvaluation" / "._x.txt").write_bytes(b"\0\5\26\7")
        tone(root / f"Session{session}/sentences/wav/Ses0{session}F_impro05a/Ses0{session}F_impro05a_F009.wav")  # without a label
        (root / f"Session{session}/sentences/wav/._Ses0{session}F_impro05a").write_bytes(b"\0\5\26\7")


HAND_MADE: dict[str, tuple[Callable[[Path], None], str]] = {"msp_podcast": (write_msp_podcast, "1.7"), "iemocap": (write_iemocap, "full")}


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, str]]:
    """For the name of a corpus, the root of a small one, which nobody may change, and its release; each is written once."""

    @cache
    def written(name: str) -> tuple[Path, str]:
        root = tmp_path_factory.mktemp("originals") / name
        if name in HAND_MADE:
            write, release = HAND_MADE[name]
            write(root)
            return root, release
        import_module(f"emofuse.toy.{name}").write(root, 1)
        return root, str(import_module(f"emofuse.corpora.{name}").RELEASES[0])

    return written


@pytest.fixture
def copied(originals: Callable[[str], tuple[Path, str]], tmp_path: Path) -> Callable[[str], tuple[Path, str]]:
    """For the name of a corpus, the root of a small one of one's own, and its release."""

    def copy(name: str) -> tuple[Path, str]:
        original, release = originals(name)
        shutil.copytree(original, tmp_path / name)
        return tmp_path / name, release

    return copy


@pytest.fixture
def msp_podcast(tmp_path: Path) -> Path:
    """Root of a small MSP-Podcast 1.7."""
    write_msp_podcast(tmp_path / "msp")
    return tmp_path / "msp"


@pytest.fixture
def iemocap(tmp_path: Path) -> Path:
    """Root of a small IEMOCAP."""
    write_iemocap(tmp_path / "iemocap")
    return tmp_path / "iemocap"


@pytest.fixture
def ravdess(copied: Callable[[str], tuple[Path, str]]) -> Path:
    """Root of a small RAVDESS."""
    return copied("ravdess")[0]


@pytest.fixture
def crema_d(copied: Callable[[str], tuple[Path, str]]) -> Path:
    """Root of a small CREMA-D."""
    return copied("crema_d")[0]


@pytest.fixture
def emodb(copied: Callable[[str], tuple[Path, str]]) -> Path:
    """Root of a small EmoDB."""
    return copied("emodb")[0]


@pytest.fixture
def tess(copied: Callable[[str], tuple[Path, str]]) -> Path:
    """Root of a small TESS."""
    return copied("tess")[0]


@pytest.fixture
def savee(copied: Callable[[str], tuple[Path, str]]) -> Path:
    """Root of a small SAVEE."""
    return copied("savee")[0]
