"""The worker runs in this Python, on a stand-in for the package with the interface of release 0.9.3."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofuse import params, transcription
from emofuse.errors import InputError

Make = Callable[..., pd.DataFrame]
STAND_IN = """
from types import SimpleNamespace

def version():
    return "0.9.3"

class Model:
    def __init__(self, path):
        if b"broken" in open(path, "rb").read():
            raise RuntimeError("Error reading the proto buffer model file.")
        self.scored = False

    def enableExternalScorer(self, path):
        if b"broken" in open(path, "rb").read():
            raise RuntimeError("Invalid scorer file.")
        self.scored = True

    def sampleRate(self):
        return RATE

    def sttWithMetadata(self, samples, num_results=1):
        assert self.scored and samples.ndim == 1 and samples.dtype.name == "int16"
        if not samples.any():
            return SimpleNamespace(transcripts=[SimpleNamespace(tokens=[], confidence=0.0)])
        if samples[0] == 999:
            raise SystemExit(3)
        text = "heard %d samples up to %d" % (len(samples), samples.max())
        tokens = [SimpleNamespace(text=c, timestep=k, start_time=0.02 * k) for k, c in enumerate(text)]
        return SimpleNamespace(transcripts=[SimpleNamespace(tokens=tokens, confidence=-12.5)])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "deepspeech.py").write_text(STAND_IN.replace("RATE", "16000"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "package"))
    for name in ("m.pbmm", "m.scorer"):
        (tmp_path / name).write_bytes(b"weights")
    for name, samples in {"a": [5, 100, -7], "b": [300, -20], "silence": [0] * 8}.items():
        soundfile.write(tmp_path / f"{name}.wav", np.array(samples, np.int16), 16000, subtype="PCM_16")
    return tmp_path


def configured(settings: params.Transcription, folder: Path, python: str = sys.executable) -> params.Transcription:
    own = params.DeepSpeech(python=python, model=str(folder / "m.pbmm"), scorer=str(folder / "m.scorer"))
    return settings.model_copy(update={"deepspeech": own})


def test_samples_reach_the_model_as_they_are_in_the_file(folder: Path, make_examples: Make, settings: params.Transcription) -> None:
    found = transcription.transcribe(make_examples(folder, ["a.wav", "b.wav"]), folder, "deepspeech", configured(settings, folder), 1)
    assert list(found["text"]) == ["heard 3 samples up to 100", "heard 2 samples up to 300"]
    assert set(found["confidence"]) == {-12.5}
    assert set(found["engine_model"]) == {"m.pbmm + m.scorer"}


def test_silence_is_kept_with_empty_text(folder: Path, make_examples: Make, settings: params.Transcription) -> None:
    found = transcription.transcribe(make_examples(folder, ["silence.wav"]), folder, "deepspeech", configured(settings, folder), 1)
    assert list(found["text"]) == [""]


def test_absent_interpreter_is_named(folder: Path, make_examples: Make, settings: params.Transcription) -> None:
    with pytest.raises(InputError, match=r"transcription\.deepspeech\.python.*no-such-python"):
        transcription.transcribe(make_examples(folder, ["a.wav"]), folder, "deepspeech", configured(settings, folder, "no-such-python"), 1)


@pytest.mark.parametrize(("key", "name"), [("model", "m.pbmm"), ("scorer", "m.scorer")])
def test_absent_files_are_named(key: str, name: str, folder: Path, make_examples: Make, settings: params.Transcription) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=rf"transcription\.deepspeech\.{key}.*{name}"):
        transcription.transcribe(make_examples(folder, ["a.wav"]), folder, "deepspeech", configured(settings, folder), 1)


@pytest.mark.parametrize(("name", "message"), [("m.pbmm", "proto buffer"), ("m.scorer", "Invalid scorer")])
def test_refused_files_give_deepspeechs_reason(
    name: str, message: str, folder: Path, make_examples: Make, settings: params.Transcription
) -> None:
    (folder / name).write_bytes(b"broken")
    with pytest.raises(InputError, match=message):
        transcription.transcribe(make_examples(folder, ["a.wav"]), folder, "deepspeech", configured(settings, folder), 1)


def test_interpreter_without_the_package_says_what_to_install(folder: Path, make_examples: Make, settings: params.Transcription) -> None:
    (folder / "package" / "deepspeech.py").unlink()
    with pytest.raises(InputError, match=r"cannot import deepspeech.*0\.9\.3"):
        transcription.transcribe(make_examples(folder, ["a.wav"]), folder, "deepspeech", configured(settings, folder), 1)


def test_model_of_another_rate_is_refused(folder: Path, make_examples: Make, settings: params.Transcription) -> None:
    (folder / "package" / "deepspeech.py").write_text(STAND_IN.replace("RATE", "8000"))
    with pytest.raises(InputError, match=r"16000 Hz, found 8000"):
        transcription.transcribe(make_examples(folder, ["a.wav"]), folder, "deepspeech", configured(settings, folder), 1)


def test_a_process_that_dies_names_the_example(folder: Path, make_examples: Make, settings: params.Transcription) -> None:
    soundfile.write(folder / "fatal.wav", np.array([999, 1], np.int16), 16000, subtype="PCM_16")
    with pytest.raises(InputError, match=r"test:fatal.*it ended"):
        transcription.transcribe(make_examples(folder, ["fatal.wav", "a.wav"]), folder, "deepspeech", configured(settings, folder), 1)
