"""The released packages in environments of their own; needs a package index and a Python 3.7 to 3.9, so it runs on request alone."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from emofuse import params, transcription
from emofuse.errors import InputError
from emofuse.transcription import deepspeech
from emofuse.transcription.engine import Machine

pytestmark = pytest.mark.installs
Make = Callable[..., pd.DataFrame]
Install = Callable[[str], str]


def candidates() -> Iterator[Path]:
    for version in ("3.9", "3.8", "3.7"):
        yield from (Path(found) for found in [shutil.which(f"python{version}")] if found)
        yield from Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob(f"versions/{version}*/bin/python")


@pytest.fixture(scope="module")
def old_python() -> str:
    for path in candidates():
        if subprocess.run([path, "-c", "import venv"], capture_output=True).returncode == 0:
            return str(path)
    pytest.skip("no Python 3.7 to 3.9 that runs")


@pytest.fixture(scope="module")
def install(old_python: str, tmp_path_factory: pytest.TempPathFactory) -> Install:
    def call(requirement: str) -> str:
        folder = tmp_path_factory.mktemp("environment")
        subprocess.run([old_python, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", requirement, "numpy<2"], check=True)
        return str(folder / "bin" / "python")

    return call


@pytest.fixture(scope="module")
def armenian_model(old_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network for Armenian, for TensorFlow Lite, of the source package armspeech 0.1.4; a proof of the path, not of the words."""
    folder = tmp_path_factory.mktemp("armspeech")
    download = [old_python, "-m", "pip", "download", "--quiet", "--no-binary", ":all:", "--no-deps", "-d", folder, "armspeech==0.1.4"]
    subprocess.run(download, check=True)
    with tarfile.open(folder / "armspeech-0.1.4.tar.gz") as archive:
        member = archive.extractfile("armspeech-0.1.4/src/model/model.tflite")
        assert member is not None
        (folder / "model.tflite").write_bytes(member.read())
    return folder / "model.tflite"


def set_to(settings: params.Transcription, python: str, model: Path) -> params.Transcription:
    own = params.DeepSpeech(python=python, model=str(model), scorer=None, timeout_s=120.0)
    return settings.model_copy(update={"deepspeech": own})


def test_the_papers_package_answers_with_its_version(
    install: Install, tmp_path: Path, settings: params.Transcription, recordings: Path, make_examples: Make
) -> None:
    (tmp_path / "m.pbmm").write_bytes(b"no network")
    chosen = set_to(settings, install("deepspeech==0.9.3"), tmp_path / "m.pbmm")
    assert deepspeech.identity(chosen)[1].startswith("deepspeech 0.9.3, model ")
    examples = make_examples(recordings / "read_speech", ["cards_001.wav"])
    with pytest.raises(InputError, match=r"^transcription\.deepspeech\.model: .*CreateModel failed with"):
        list(deepspeech.recognise(examples, recordings / "read_speech", chosen, Machine(1, "cpu")))


@pytest.mark.parametrize(
    ("requirement", "named", "heard"),
    [
        ("deepspeech-tflite==0.9.3", "deepspeech-tflite 0.9.3, model 3b834da11f2d0a1a", ["թենվ քուաս", "հի վս նահտ նեոդ սպեյանմեն"]),
        ("stt==1.4.0", "stt 1.4.0, model 3b834da11f2d0a1a", ["թենվ քուաս", "հի վս նահտ ներոդ սպեիան մեն"]),
    ],
)
def test_a_genuine_network_hears_english_in_armenian_letters(
    requirement: str,
    named: str,
    heard: list[str],
    install: Install,
    armenian_model: Path,
    settings: params.Transcription,
    recordings: Path,
    make_examples: Make,
    tmp_path: Path,
) -> None:
    """Texts as the packages' own Python interface gave them for the same files, without this project."""
    folder = recordings / "read_speech"
    examples = make_examples(folder, ["cards_001.wav", "sense_and_sensibility_01_austen_64kb-0880.wav"])
    chosen = set_to(settings, install(requirement), armenian_model)
    found, recognition = transcription.transcribe(examples, folder, "deepspeech", chosen, Machine(2, "cpu"), tmp_path / "j.jsonl")
    assert list(found["text"]) == heard
    assert set(found["engine_version"]) == {named}
    assert recognition["real_time_factor"].iloc[0] > 0
