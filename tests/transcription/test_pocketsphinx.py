import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofuse import params
from emofuse.errors import InputError
from emofuse.toy import speech
from emofuse.transcription import pocketsphinx
from emofuse.transcription.engine import Machine, Recognition

Make = Callable[..., pd.DataFrame]
SENTENCES = ("this was a magnificent celebration", "the punishment was terrible and difficult", "we had a regular meeting this morning")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    said = [speech.Utterance(text, "klatt4", 165, 45, 50, 1.0, -26.0, 1.0, -60.0, k) for k, text in enumerate(SENTENCES)]
    for k, samples in enumerate(speech.speak(said, 2)):
        soundfile.write(folder / f"{k}.wav", samples, 16000, subtype="PCM_16")
    soundfile.write(folder / "silence.wav", np.zeros(8000, np.int16), 16000, subtype="PCM_16")
    return folder


def heard(examples: pd.DataFrame, root: Path, settings: params.Transcription, jobs: int) -> dict[str, Recognition]:
    found = pocketsphinx.recognise(examples, root, settings, Machine(jobs, "cpu"))
    return dict(zip(examples["example_id"], found, strict=True))


def test_most_words_of_a_synthetic_voice_are_heard(root: Path, make_examples: Make, settings: params.Transcription) -> None:
    names = [f"{k}.wav" for k in range(len(SENTENCES))]
    found = heard(make_examples(root, names), root, settings, 2)
    words = sum(word in found[f"test:{k}"][0].split() for k, sentence in enumerate(SENTENCES) for word in sentence.split())
    assert words >= 0.6 * sum(len(sentence.split()) for sentence in SENTENCES)
    assert all(confidence is not None and confidence <= 0 for _, confidence in found.values())


def test_order_and_processes_change_no_text(root: Path, make_examples: Make, settings: params.Transcription) -> None:
    names = ["0.wav", "1.wav", "2.wav"]
    forward = heard(make_examples(root, names), root, settings, 2)
    backward = heard(make_examples(root, names[::-1]), root, settings, 1)
    alone = heard(make_examples(root, names[2:]), root, settings, 1)
    assert forward == backward
    assert alone.items() <= forward.items()


def test_an_example_without_words_is_kept(root: Path, make_examples: Make, settings: params.Transcription) -> None:
    assert heard(make_examples(root, ["silence.wav"]), root, settings, 1) == {"test:silence": ("", None)}


def test_identity_is_the_package_that_ships_the_model(settings: params.Transcription) -> None:
    model, version = pocketsphinx.identity(settings)
    assert model == "pocketsphinx en-us"
    assert re.fullmatch(r"pocketsphinx 5\.\d+\.\d+", version)


def test_a_part_of_a_file_is_heard_alone(root: Path, make_examples: Make, settings: params.Transcription) -> None:
    whole = np.concatenate([soundfile.read(root / f"{k}.wav", dtype="int16")[0] for k in (0, 2)])
    soundfile.write(root / "both.wav", whole, 16000, subtype="PCM_16")
    examples = make_examples(root, ["both.wav", "2.wav"])
    examples.loc[0, "start_s"] = soundfile.info(root / "0.wav").duration
    found = heard(examples, root, settings, 1)
    assert found["test:both"] == found["test:2"]


def test_absent_audio_is_named(root: Path, make_examples: Make, settings: params.Transcription) -> None:
    with pytest.raises(InputError, match=re.escape(str(root / "gone.wav"))):
        heard(make_examples(root, ["gone.wav"]), root, settings, 2)


def test_a_recorded_voice_is_heard(make_examples: Make, settings: params.Transcription, recordings: Path) -> None:
    folder = recordings / "read_speech"
    lines = (folder / "transcripts.tsv").read_text().splitlines()
    name, said = next(line.split("\t") for line in lines if "0880" in line)
    [(text, _)] = heard(make_examples(folder, [name]), folder, settings, 1).values()
    words = said.split()
    assert sum(word in text.split() for word in words) >= len(words) / 2
