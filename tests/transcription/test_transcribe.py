from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from emofuse import params, tables, transcription
from emofuse.errors import InputError

Make = Callable[..., pd.DataFrame]


def test_unknown_engine_lists_the_engines(tmp_path: Path, make_examples: Make, settings: params.Transcription) -> None:
    with pytest.raises(InputError, match=r"'whisperer'.*corpus, deepspeech, pocketsphinx"):
        transcription.transcribe(make_examples(tmp_path, ["a.wav"]), tmp_path, "whisperer", settings, 1)


def test_corpus_texts_stay_with_their_examples(tmp_path: Path, make_examples: Make, settings: params.Transcription) -> None:
    examples = make_examples(tmp_path, ["b.wav", "a.wav", "c.wav"], ["Second: text.", "", "Third."])
    found = transcription.transcribe(examples, tmp_path, "corpus", settings, 1)
    assert list(found.columns) == list(tables.TRANSCRIPTS.columns)
    assert dict(zip(found["example_id"], found["text"], strict=True)) == {"test:a": "", "test:b": "Second: text.", "test:c": "Third."}
    assert found["confidence"].isna().all()
    assert set(found["engine"]) == {"corpus"}


def test_corpus_without_a_transcript_is_named(tmp_path: Path, make_examples: Make, settings: params.Transcription) -> None:
    examples = make_examples(tmp_path, ["a.wav", "b.wav"], ["Text.", None])
    with pytest.raises(InputError, match="test:b"):
        transcription.transcribe(examples, tmp_path, "corpus", settings, 1)


def test_no_examples_give_an_empty_table(tmp_path: Path, make_examples: Make, settings: params.Transcription) -> None:
    examples = make_examples(tmp_path, ["a.wav"], ["Text."]).iloc[:0]
    for engine in ("corpus", "pocketsphinx"):
        assert len(transcription.transcribe(examples, tmp_path, engine, settings, 2)) == 0


def test_transcripts_can_be_stored_and_read(tmp_path: Path, make_examples: Make, settings: params.Transcription) -> None:
    found = transcription.transcribe(make_examples(tmp_path, ["a.wav"], ["Text."]), tmp_path, "corpus", settings, 1)
    tables.write(found, tmp_path / "transcripts.parquet", tables.TRANSCRIPTS)
    pd.testing.assert_frame_equal(tables.read(tmp_path / "transcripts.parquet", tables.TRANSCRIPTS), found)
