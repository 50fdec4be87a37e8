import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofuse import params, transcription
from emofuse.errors import InputError
from emofuse.toy import speech

Make = Callable[..., pd.DataFrame]
READ_SPEECH = Path(__file__).parents[3] / "shared" / "data" / "read_speech"
SENTENCES = ("this was a magnificent celebration", "the punishment was terrible and difficult", "we had a regular meeting this morning")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    said = [speech.Utterance(text, "klatt4", 165, 45, 50, 1.0, -26.0, 1.0, -60.0, k) for k, text in enumerate(SENTENCES)]
    for k, samples in enumerate(speech.speak(said, 2)):
        soundfile.write(folder / f"{k}.wav", samples, 16000, subtype="PCM_16")
    soundfile.write(folder / "silence.wav", np.zeros(8000, np.int16), 16000, subtype="PCM_16")
    return folder


def texts(frame: pd.DataFrame) -> dict[str, tuple[str, float]]:
    return {row.example_id: (row.text, row.confidence) for row in frame.itertuples()}


def test_most_words_of_a_synthetic_voice_are_heard(root: Path, make_examples: Make, settings: params.Transcription) -> None:
    names = [f"{k}.wav" for k in range(len(SENTENCES))]
    found = texts(transcription.transcribe(make_examples(root, names), root, "pocketsphinx", settings, 2))
    heard = sum(word in found[f"test:{k}"][0].split() for k, sentence in enumerate(SENTENCES) for word in sentence.split())
    assert heard >= 0.6 * sum(len(sentence.split()) for sentence in SENTENCES)
    assert all(confidence <= 0 for _, confidence in found.values())


def test_order_and_processes_change_no_text(root: Path, make_examples: Make, settings: params.Transcription) -> None:
    names = ["0.wav", "1.wav", "2.wav"]
    forward = texts(transcription.transcribe(make_examples(root, names), root, "pocketsphinx", settings, 2))
    backward = texts(transcription.transcribe(make_examples(root, names[::-1]), root, "pocketsphinx", settings, 1))
    alone = texts(transcription.transcribe(make_examples(root, names[2:]), root, "pocketsphinx", settings, 1))
    assert forward == backward
    assert alone.items() <= forward.items()


def test_an_example_without_words_is_kept(root: Path, make_examples: Make, settings: params.Transcription) -> None:
    found = transcription.transcribe(make_examples(root, ["silence.wav"]), root, "pocketsphinx", settings, 1)
    assert found[["example_id", "text"]].values.tolist() == [["test:silence", ""]]
    assert found["confidence"].isna().all()


def test_a_part_of_a_file_is_heard_alone(root: Path, make_examples: Make, settings: params.Transcription) -> None:
    whole = np.concatenate([soundfile.read(root / f"{k}.wav", dtype="int16")[0] for k in (0, 2)])
    soundfile.write(root / "both.wav", whole, 16000, subtype="PCM_16")
    examples = make_examples(root, ["both.wav", "2.wav"])
    examples.loc[0, "start_s"] = soundfile.info(root / "0.wav").duration
    found = texts(transcription.transcribe(examples, root, "pocketsphinx", settings, 1))
    assert found["test:both"] == found["test:2"]


def test_absent_audio_is_named(root: Path, make_examples: Make, settings: params.Transcription) -> None:
    with pytest.raises(InputError, match=re.escape(str(root / "gone.wav"))):
        transcription.transcribe(make_examples(root, ["gone.wav"]), root, "pocketsphinx", settings, 2)


@pytest.mark.skipif(not READ_SPEECH.is_dir(), reason="recorded clips are not beside the repository")
def test_a_recorded_voice_is_heard(make_examples: Make, settings: params.Transcription) -> None:
    lines = (READ_SPEECH / "transcripts.tsv").read_text().splitlines()
    name, said = next(line.split("\t") for line in lines if "0880" in line)
    found = transcription.transcribe(make_examples(READ_SPEECH, [name]), READ_SPEECH, "pocketsphinx", settings, 1)
    words = said.split()
    assert sum(word in found["text"].iloc[0].split() for word in words) >= len(words) / 2
