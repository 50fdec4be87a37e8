import importlib.util
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, WhisperConfig, WhisperForConditionalGeneration

from emofuse import params
from emofuse.errors import InputError
from emofuse.toy import speech
from emofuse.transcription import faster_whisper, whisper
from emofuse.transcription.engine import Machine

_spec = importlib.util.spec_from_file_location("ct2_whisper", Path(__file__).with_name("ct2_whisper.py"))
assert _spec is not None and _spec.loader is not None
ct2_whisper = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(ct2_whisper)

Make = Callable[..., pd.DataFrame]
Choose = Callable[..., params.Transcription]
SENTENCES = ("the punishment was terrible and difficult", "we had a regular meeting this morning", "this was a magnificent celebration")
NAMES = ["0.wav", "1.wav", "silence.wav", "2.wav"]
CPU = Machine(1, "cpu")


@pytest.fixture(scope="module")
def source() -> Path:
    found = ct2_whisper.folder()
    if found is None:
        pytest.skip(f"the package {ct2_whisper.PACKAGE} is not installed")
    return found


@pytest.fixture(scope="module")
def model(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whisper") / "tiny.en"
    ct2_whisper.convert(source, folder)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper of random numbers, quick to load, whose files the tests damage."""
    folder = tmp_path_factory.mktemp("small")
    sizes = {"d_model": 8, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8, "num_mel_bins": 80, "vocab_size": 64}
    layers = {f"{side}_{what}": 1 for side in ("encoder", "decoder") for what in ("layers", "attention_heads")}
    tokens = {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1, "decoder_start_token_id": 2}
    WhisperForConditionalGeneration(WhisperConfig(**sizes, **layers, **tokens)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    said = [speech.Utterance(text, "", 165, 45, 50, 1.0, -26.0, 1.0, -60.0, k) for k, text in enumerate(SENTENCES)]
    spoken = list(speech.speak(said, 1))
    for k, samples in enumerate(spoken):
        soundfile.write(folder / f"{k}.wav", samples, 16000, subtype="PCM_16")
    soundfile.write(folder / "silence.wav", np.zeros(16000, np.int16), 16000, subtype="PCM_16")
    gap = np.zeros(26 * 16000, np.int16)
    soundfile.write(folder / "long.wav", np.concatenate([spoken[0], gap, spoken[1]]), 16000, subtype="PCM_16")
    return folder


@pytest.fixture
def choose(settings: params.Transcription) -> Choose:
    def chosen(model: Path | str, **changes: object) -> params.Transcription:
        own = settings.whisper.model_copy(update={"model": str(model), **changes})
        return settings.model_copy(update={"whisper": own})

    return chosen


@pytest.fixture
def damaged(small: Path, tmp_path: Path) -> Path:
    """A copy of the small Whisper, to be changed."""
    return Path(shutil.copytree(small, tmp_path / "model"))


def words(text: str) -> str:
    return re.sub(r"[^\w\s]", "", text).lower()


def heard(names: list[str], root: Path, make: Make, settings: params.Transcription) -> list[tuple[str, float | None]]:
    return list(whisper.recognise(make(root, names), root, settings, CPU))


def refusal(examples: pd.DataFrame, root: Path, settings: params.Transcription, machine: Machine = CPU) -> str:
    with pytest.raises(InputError) as caught:
        list(whisper.recognise(examples, root, settings, machine))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("beams", "names"), [(1, ["0.wav", "2.wav"]), (2, ["2.wav"])])
def test_two_implementations_hear_the_same_words_as_surely(root, model, source, make_examples: Make, choose: Choose, beams, names):
    settings = choose(model, beams=beams)
    own = settings.faster_whisper.model_copy(update={"model": str(source), "compute_type": "float32", "beams": beams})
    other = settings.model_copy(update={"faster_whisper": own})
    found = heard(names, root, make_examples, settings)
    witness = list(faster_whisper.recognise(make_examples(root, names), root, other, CPU))
    assert [text for text, _ in found] == [text for text, _ in witness]
    assert [c for _, c in found] == pytest.approx([c for _, c in witness], rel=1e-3)


def test_batches_and_order_change_no_text(root, model, make_examples: Make, choose: Choose):
    together = heard(NAMES, root, make_examples, choose(model, batch_size=4))
    alone = heard(NAMES[::-1], root, make_examples, choose(model, batch_size=1))[::-1]
    assert [text for text, _ in together] == [text for text, _ in alone]
    assert [c for _, c in together if c] == pytest.approx([c for _, c in alone if c], rel=1e-4)
    assert [words(text) for text, _ in together[:2]] == list(SENTENCES[:2])
    assert together[2] == ("", None)  # silence: tiny.en itself hears "you"


def test_both_ends_of_a_long_clip_are_heard(root, model, make_examples: Make, choose: Choose):
    ((text, confidence),) = heard(["long.wav"], root, make_examples, choose(model))
    assert words(text).startswith(SENTENCES[0]) and words(text).endswith("a regular meeting this morning")
    assert confidence is not None and -1 < confidence < 0


def test_an_interrupted_recognition_has_yielded_what_it_knew_and_leaves_the_threads(root, model, make_examples: Make, choose: Choose):
    threads = torch.get_num_threads()
    results = whisper.recognise(make_examples(root, ["0.wav", "absent.wav"]), root, choose(model, batch_size=1), Machine(2, "cpu"))
    assert words(next(results)[0]) == SENTENCES[0]
    with pytest.raises(InputError, match=r"absent\.wav"):
        next(results)
    assert torch.get_num_threads() == threads


def test_nothing_to_recognise_needs_no_model(root, make_examples: Make, choose: Choose):
    assert heard([], root, make_examples, choose("no/model")) == []


def test_a_folder_is_pinned_by_the_digest_of_its_weights(small, damaged, choose: Choose):
    name, version = whisper.identity(choose(damaged))
    assert name == "model"
    assert version == whisper.identity(choose(small))[1] and "SHA-256 " in version
    data = bytearray((damaged / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (damaged / "model.safetensors").write_bytes(data)
    assert whisper.identity(choose(damaged))[1] != version


def test_a_hub_name_is_pinned_by_its_revision(choose: Choose):
    assert whisper.identity(choose("openai/whisper-base", revision="e37"))[0] == "openai/whisper-base"
    assert whisper.identity(choose("openai/whisper-base", revision="e37"))[1].endswith(", revision e37")
    assert whisper.identity(choose("openai/whisper-base"))[1].endswith("not pinned")


@pytest.mark.parametrize("name", ["openai/whisper-small.en", "/no/such/folder", "models/not here"])
def test_a_model_that_is_neither_here_nor_reachable_is_named(root, make_examples: Make, choose: Choose, name):
    message = refusal(make_examples(root, ["0.wav"]), root, choose(name))
    assert message.startswith("transcription.whisper.model: ") and f"'{name}'" in message


def test_a_pickle_is_refused_and_not_run(root, damaged, make_examples: Make, choose: Choose, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was_here"),)

    (damaged / "model.safetensors").unlink()
    torch.save(Evil(), damaged / "pytorch_model.bin")
    assert "safetensors" in refusal(make_examples(root, ["0.wav"]), root, choose(damaged))
    torch.save(Evil(), damaged / "model.safetensors")
    assert str(damaged) in refusal(make_examples(root, ["0.wav"]), root, choose(damaged))
    assert not (tmp_path / "was_here").exists()


def test_code_that_comes_with_a_model_is_not_run(root, model, make_examples: Make, choose: Choose, tmp_path):
    folder = Path(shutil.copytree(model, tmp_path / "model"))
    (folder / "custom_generate").mkdir()
    for name in ("custom_generate/generate.py", "modeling.py"):
        (folder / name).write_text(f"import os\nos.mkdir({str(tmp_path / 'was_here')!r})\nclass Evil: ...\n")
    for name in ("config.json", "preprocessor_config.json"):
        keys = ("AutoConfig", "AutoModel", "AutoModelForSpeechSeq2Seq", "AutoFeatureExtractor", "AutoTokenizer")
        found = json.loads((folder / name).read_text()) | {"auto_map": {key: "modeling.Evil" for key in keys}}
        (folder / name).write_text(json.dumps(found))
    assert heard(["silence.wav"], root, make_examples, choose(folder)) == [("", None)]  # loaded, and nothing more
    assert not (tmp_path / "was_here").exists()


def test_a_folder_without_a_model_is_named(root, make_examples: Make, choose: Choose, tmp_path):
    assert f"config.json in {tmp_path}" in refusal(make_examples(root, ["0.wav"]), root, choose(tmp_path))


def test_another_kind_of_network_is_named(root, damaged, make_examples: Make, choose: Choose):
    BertConfig().save_pretrained(damaged)
    assert "'bert'" in refusal(make_examples(root, ["0.wav"]), root, choose(damaged))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"[1, 2]", b"\xff" * 100], ids=["empty", "header", "list", "noise"]
)
def test_a_damaged_file_is_one_line(root, damaged, make_examples: Make, choose: Choose, name, content):
    (damaged / name).write_bytes(content)
    assert str(damaged) in refusal(make_examples(root, ["0.wav"]), root, choose(damaged))


def test_weights_that_lack_a_tensor_are_refused_where_random_numbers_would_take_its_place(
    root, damaged, make_examples: Make, choose: Choose
):
    weights = load_file(damaged / "model.safetensors")
    del weights["model.encoder.conv1.bias"]
    save_file(weights, damaged / "model.safetensors", {"format": "pt"})
    assert "model.encoder.conv1.bias" in refusal(make_examples(root, ["0.wav"]), root, choose(damaged))


def test_a_gpu_that_is_not_there_is_named(root, small, make_examples: Make, choose: Choose, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "'cuda'" in refusal(make_examples(root, ["0.wav"]), root, choose(small), Machine(1, "cuda"))


def test_a_gpu_that_is_too_small_is_one_line(root, model, make_examples: Make, choose: Choose, monkeypatch):
    def generate(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB")

    monkeypatch.setattr(WhisperForConditionalGeneration, "generate", generate)
    assert "transcription.whisper.batch_size" in refusal(make_examples(root, ["0.wav"]), root, choose(model))


def test_a_model_of_english_alone_knows_no_other_language(root, model, make_examples: Make, choose: Choose):
    assert "'de'" in refusal(make_examples(root, ["0.wav"]), root, choose(model, language="de"))


def test_a_multilingual_model_is_told_the_language_and_the_task(root, model, make_examples: Make, choose: Choose, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(model, tmp_path / "model"))
    found = json.loads((folder / "generation_config.json").read_text())
    tokens = {"lang_to_id": {"<|en|>": 50258, "<|de|>": 50260}, "task_to_id": {"translate": 50357, "transcribe": 50358}}
    (folder / "generation_config.json").write_text(json.dumps(found | tokens | {"is_multilingual": True}))
    prompts, generate = [], WhisperForConditionalGeneration.generate

    def spied(self: WhisperForConditionalGeneration, *args: object, **options: object) -> object:
        out = generate(self, *args, **options)
        prompts.append(out.sequences[0, :4].tolist())
        return out

    monkeypatch.setattr(WhisperForConditionalGeneration, "generate", spied)
    heard(["0.wav"], root, make_examples, choose(folder, language="de"))
    assert prompts == [[50257, 50260, 50358, 50362]]  # start, language, task, no timestamps
    assert "'xx'" in refusal(make_examples(root, ["0.wav"]), root, choose(folder, language="xx"))
