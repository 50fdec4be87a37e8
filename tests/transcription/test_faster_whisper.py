import importlib.util
import os
import pickle
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import ctranslate2
import numpy as np
import pandas as pd
import pytest
import soundfile

from emofuse import params
from emofuse.errors import InputError
from emofuse.toy import speech
from emofuse.transcription import faster_whisper
from emofuse.transcription.engine import Machine

_spec = importlib.util.spec_from_file_location("ct2_whisper", Path(__file__).with_name("ct2_whisper.py"))
assert _spec is not None and _spec.loader is not None
ct2_whisper = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(ct2_whisper)

Make = Callable[..., pd.DataFrame]
Choose = Callable[..., params.Transcription]
SENTENCES = ("the punishment was terrible and difficult", "we had a regular meeting this morning")
CPU = Machine(1, "cpu")


@pytest.fixture(scope="module")
def model() -> Path:
    found = ct2_whisper.folder()
    if found is None:
        pytest.skip(f"the package {ct2_whisper.PACKAGE} is not installed")
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    said = [speech.Utterance(text, "", 165, 45, 50, 1.0, -26.0, 1.0, -60.0, k) for k, text in enumerate(SENTENCES)]
    spoken = list(speech.speak(said, 1))
    for k, samples in enumerate(spoken):
        soundfile.write(folder / f"{k}.wav", samples, 16000, subtype="PCM_16")
    soundfile.write(folder / "silence.wav", np.zeros(16000, np.int16), 16000, subtype="PCM_16")
    gap = np.zeros(13 * 16000, np.int16)
    soundfile.write(folder / "long.wav", np.concatenate([spoken[0], gap, gap, spoken[1]]), 16000, subtype="PCM_16")
    return folder


@pytest.fixture
def choose(settings: params.Transcription) -> Choose:
    def chosen(model: Path | str, **changes: object) -> params.Transcription:
        own = settings.faster_whisper.model_copy(update={"model": str(model), "compute_type": "float32", **changes})
        return settings.model_copy(update={"faster_whisper": own})

    return chosen


def words(text: str) -> str:
    return re.sub(r"[^\w\s]", "", text).lower()


def refusal(examples: pd.DataFrame, root: Path, settings: params.Transcription, machine: Machine = CPU) -> str:
    with pytest.raises(InputError) as caught:
        list(faster_whisper.recognise(examples, root, settings, machine))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("changes", [{"compute_type": "int8"}, {"beams": 3}])
def test_genuine_weights_hear_every_word_of_a_synthetic_voice(root, model, make_examples: Make, choose: Choose, changes):
    ((text, confidence),) = faster_whisper.recognise(make_examples(root, ["0.wav"]), root, choose(model, **changes), CPU)
    assert words(text) == SENTENCES[0]
    assert confidence is not None and -1 < confidence < 0


def test_the_order_of_examples_changes_nothing(root, model, make_examples: Make, choose: Choose):
    examples = make_examples(root, ["0.wav", "1.wav"])
    forward = list(faster_whisper.recognise(examples, root, choose(model), CPU))
    assert [words(text) for text, _ in forward] == list(SENTENCES)
    assert list(faster_whisper.recognise(examples[::-1], root, choose(model), CPU)) == forward[::-1]


def test_digital_silence_has_no_words_though_the_network_would_hear_some(root, model, make_examples: Make, choose: Choose):
    import faster_whisper as package

    network = package.WhisperModel(str(model), device="cpu")
    segments, _ = network.transcribe(np.zeros(480_000, np.float32), temperature=0.0, no_speech_threshold=None)
    assert next(iter(segments)).text.strip()
    assert list(faster_whisper.recognise(make_examples(root, ["silence.wav"]), root, choose(model), CPU)) == [("", None)]


def test_both_ends_of_a_clip_longer_than_the_window_are_heard(root, model, make_examples: Make, choose: Choose):
    ((text, _),) = faster_whisper.recognise(make_examples(root, ["long.wav"]), root, choose(model), CPU)
    assert words(text).startswith(SENTENCES[0]) and words(text).endswith("a regular meeting this morning")


def test_an_interrupted_recognition_has_yielded_what_it_knew(root, model, make_examples: Make, choose: Choose):
    results = faster_whisper.recognise(make_examples(root, ["0.wav", "absent.wav"]), root, choose(model), CPU)
    assert words(next(results)[0]) == SENTENCES[0]
    with pytest.raises(InputError, match=r"absent\.wav"):
        next(results)


def test_nothing_to_recognise_needs_no_model(root, make_examples: Make, choose: Choose):
    assert list(faster_whisper.recognise(make_examples(root, []), root, choose("no/model"), CPU)) == []


def test_a_folder_is_pinned_by_the_digest_of_its_weights(model, choose: Choose, tmp_path):
    name, version = faster_whisper.identity(choose(model))
    assert name == model.name
    assert version.startswith("faster-whisper ") and version.endswith(f"SHA-256 {ct2_whisper.SHA256}")


def test_a_hub_name_is_pinned_by_its_revision(choose: Choose):
    assert faster_whisper.identity(choose("small.en", revision="d1f")) == (
        "small.en",
        faster_whisper.identity(choose("x", revision="d1f"))[1],
    )
    assert faster_whisper.identity(choose("small.en", revision="d1f"))[1].endswith(", revision d1f")
    assert faster_whisper.identity(choose("small.en"))[1].endswith("not pinned")


@pytest.mark.parametrize("name", ["small.en", "nobody/no-such-model", "no-such-size", "/no/such/folder"])
def test_a_model_that_is_neither_here_nor_reachable_is_named(root, make_examples: Make, choose: Choose, name):
    message = refusal(make_examples(root, ["0.wav"]), root, choose(name))
    assert message.startswith("transcription.faster_whisper.model: ") and f"'{name}'" in message


@pytest.mark.parametrize("absent", ["model.bin", "config.json", "tokenizer.json"])
def test_a_folder_that_lacks_a_file_is_named_and_nothing_is_fetched(root, model, make_examples: Make, choose: Choose, absent, tmp_path):
    for path in model.iterdir():
        if path.name != absent:
            (tmp_path / path.name).symlink_to(path)
    assert f"expected {absent} in {tmp_path}" in refusal(make_examples(root, ["0.wav"]), root, choose(tmp_path))


@pytest.mark.parametrize("weights", [b"", b"not a model at all", "cut short", "pickle"])
def test_weights_that_are_no_model_are_refused_and_not_run(root, model, make_examples: Make, choose: Choose, weights, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was_here"),)

    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copy(model / name, tmp_path / name)
    if weights == "pickle":
        weights = pickle.dumps(Evil())
    elif weights == "cut short":
        weights = (model / "model.bin").read_bytes()[:1_000_000]
    (tmp_path / "model.bin").write_bytes(weights)
    assert str(tmp_path) in refusal(make_examples(root, ["0.wav"]), root, choose(tmp_path))
    assert not (tmp_path / "was_here").exists()


def test_an_absent_package_is_named_with_its_extra(root, model, make_examples: Make, choose: Choose, monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    assert "emofuse[faster_whisper]" in refusal(make_examples(root, ["0.wav"]), root, choose(model))


def test_a_gpu_that_is_not_there_is_named(root, model, make_examples: Make, choose: Choose, monkeypatch):
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    assert "'cuda'" in refusal(make_examples(root, ["0.wav"]), root, choose(model), Machine(1, "cuda"))


def test_numbers_that_the_processor_cannot_do_are_named(root, model, make_examples: Make, choose: Choose):
    message = refusal(make_examples(root, ["0.wav"]), root, choose(model, compute_type="int8_float16"))
    assert "int8_float16" in message and "float32" in message


def test_a_language_that_the_model_does_not_know_is_named(root, model, make_examples: Make, choose: Choose):
    assert "'de'" in refusal(make_examples(root, ["0.wav"]), root, choose(model, language="de"))


def test_a_gpu_whose_libraries_are_absent_is_one_line(root, model, make_examples: Make, choose: Choose, monkeypatch):
    import faster_whisper as package

    def transcribe(*_: object, **__: object) -> None:
        raise RuntimeError("Library libcublas.so.12 is not found\nor cannot be loaded")

    monkeypatch.setattr(package.WhisperModel, "transcribe", transcribe)
    assert "libcublas.so.12 is not found or" in refusal(make_examples(root, ["0.wav"]), root, choose(model))
