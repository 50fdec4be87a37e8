"""The engine of these tests is the corpus' own text, or PocketSphinx replaced by one that counts what it is asked."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofuse import params, tables, transcription
from emofuse.errors import InputError
from emofuse.transcription import journal, pocketsphinx
from emofuse.transcription.engine import Machine, Recognition

Make = Callable[..., pd.DataFrame]


class Counting:
    """Stands for an engine: says how long each example is, remembers whom it was asked for, and fails at one of them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = 0
        self.fails_at: str | None = None
        self.clock = 0.0

    def recognise(self, examples: pd.DataFrame, root: Path, settings: params.Transcription, machine: Machine) -> Iterator[Recognition]:
        try:
            for name, end_s in zip(examples["example_id"], examples["end_s"], strict=True):
                if name == self.fails_at:
                    raise KeyboardInterrupt
                self.asked.append(name)
                self.clock += 3.0
                yield ("" if "silent" in name else f"{end_s:.4f} s", -end_s)
        finally:
            self.closed += 1


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(pocketsphinx, "recognise", counting.recognise)
    monkeypatch.setattr(pocketsphinx, "identity", lambda settings: ("counting", "counting 1.0"))
    monkeypatch.setattr("time.monotonic", lambda: counting.clock)
    return counting


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, name in enumerate(["a", "b", "silent", "c"], 1):
        soundfile.write(tmp_path / f"{name}.wav", np.full(number * 1600, number, np.int16), 16000, subtype="PCM_16")
    return tmp_path


@pytest.fixture
def transcribe(root: Path, make_examples: Make, settings: params.Transcription, machine: Machine) -> Callable[..., pd.DataFrame]:
    def call(*names: str, code: str = "c", settings: params.Transcription = settings) -> tuple[pd.DataFrame, pd.DataFrame]:
        examples = make_examples(root, [f"{name}.wav" for name in names])
        return transcription.transcribe(examples, root, "pocketsphinx", settings, machine, root / "runs" / "j.jsonl", code)

    return call


Transcribe = Callable[..., tuple[pd.DataFrame, pd.DataFrame]]


def test_every_example_has_a_row_with_or_without_words(transcribe: Transcribe, engine: Counting) -> None:
    found, recognition = transcribe("b", "silent", "a")
    assert dict(zip(found["example_id"], found["text"], strict=True)) == {"test:a": "0.1000 s", "test:b": "0.2000 s", "test:silent": ""}
    assert set(found["engine"] + "/" + found["engine_model"] + "/" + found["engine_version"]) == {"pocketsphinx/counting/counting 1.0"}
    assert list(found["confidence"]) == pytest.approx([-0.1, -0.2, -0.3])
    row = recognition.iloc[0]
    assert (row["corpus"], row["engine"], row["utterances"], row["empty"]) == ("test", "pocketsphinx", 3, 1)
    assert (row["audio_s"], row["recognition_s"], row["real_time_factor"]) == pytest.approx((0.6, 9.0, 15.0))


def test_an_interrupted_call_is_gone_on_with(transcribe: Transcribe, engine: Counting) -> None:
    engine.fails_at = "test:c"
    with pytest.raises(KeyboardInterrupt):
        transcribe("a", "b", "c", "silent")
    engine.asked.clear()
    engine.fails_at = None
    found, recognition = transcribe("a", "b", "c", "silent")
    assert engine.asked == ["test:c", "test:silent"]
    assert engine.closed == 2
    engine.asked.clear()
    whole, again = transcribe("a", "b", "c", "silent")
    assert engine.asked == []
    pd.testing.assert_frame_equal(found, whole)
    pd.testing.assert_frame_equal(recognition, again)
    assert recognition["recognition_s"].iloc[0] == 12.0


def test_a_deleted_journal_is_forgotten(transcribe: Transcribe, engine: Counting, root: Path) -> None:
    first, _ = transcribe("a")
    journal.delete(root / "runs" / "j.jsonl")
    second, _ = transcribe("a")
    assert engine.asked == ["test:a", "test:a"]
    pd.testing.assert_frame_equal(first, second)


def test_other_code_settings_or_audio_are_recognised_anew(
    transcribe: Transcribe, engine: Counting, settings: params.Transcription, root: Path
) -> None:
    transcribe("a", "b")
    transcribe("a", "b", code="d")
    assert engine.asked == ["test:a", "test:b"] * 2
    other = settings.pocketsphinx.model_copy(update={"maxhmmpf": 1})
    transcribe("a", "b", code="d", settings=settings.model_copy(update={"pocketsphinx": other}))
    assert engine.asked == ["test:a", "test:b"] * 3
    soundfile.write(root / "b.wav", np.ones(800, np.int16), 16000, subtype="PCM_16")
    found, _ = transcribe("a", "b", code="d", settings=settings.model_copy(update={"pocketsphinx": other}))
    assert engine.asked[6:] == ["test:b"]
    assert list(found["text"]) == ["0.1000 s", "0.0500 s"]


def test_settings_of_other_engines_keep_the_journal(transcribe: Transcribe, engine: Counting, settings: params.Transcription) -> None:
    transcribe("a")
    other = settings.whisper.model_copy(update={"beams": settings.whisper.beams + 1})
    transcribe("a", settings=settings.model_copy(update={"whisper": other}))
    assert engine.asked == ["test:a"]


def test_equal_audio_is_recognised_once(transcribe: Transcribe, engine: Counting, root: Path) -> None:
    (root / "copy.wav").write_bytes((root / "a.wav").read_bytes())
    found, recognition = transcribe("a", "copy", "b")
    assert engine.asked == ["test:a", "test:b"]
    assert list(found["text"]) == ["0.1000 s", "0.2000 s", "0.1000 s"]
    assert (recognition["utterances"].iloc[0], recognition["recognition_s"].iloc[0]) == (3, 6.0)


@pytest.mark.parametrize("given", [float("nan"), float("-inf"), None])
def test_a_confidence_that_is_no_number_is_null(
    given: float | None, transcribe: Transcribe, engine: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pocketsphinx, "recognise", lambda examples, *rest: ((name, given) for name in examples["example_id"]))
    found, _ = transcribe("a", "b")
    assert found["confidence"].isna().all()


def test_the_heading_pins_engine_model_version_and_settings(transcribe: Transcribe, engine: Counting, root: Path) -> None:
    transcribe("a", code="digest")
    heading = json.loads((root / "runs" / "j.jsonl").read_text().splitlines()[0])
    assert (heading["engine"], heading["engine_model"], heading["engine_version"]) == ("pocketsphinx", "counting", "counting 1.0")
    assert heading["code"] == "digest"
    assert set(heading["settings"]) == {"fwdflat", "maxhmmpf", "maxwpf"}


def by(name: str, examples: pd.DataFrame, root: Path, settings: params.Transcription) -> tuple[pd.DataFrame, pd.DataFrame]:
    return transcription.transcribe(examples, root, name, settings, Machine(1, "cpu"), root / "j.jsonl")


def test_unknown_engine_lists_the_engines(tmp_path: Path, make_examples: Make, settings: params.Transcription) -> None:
    with pytest.raises(InputError, match=r"'whisperer'.*corpus, deepspeech, faster_whisper, pocketsphinx, table, whisper"):
        by("whisperer", make_examples(tmp_path, ["a.wav"]), tmp_path, settings)


def test_every_engine_that_can_be_chosen_is_a_module(repository: Path) -> None:
    folder = repository / "src" / "emofuse" / "transcription"
    found = {path.stem for path in folder.glob("*.py") if "def recognise(" in path.read_text() and path.stem != "engine"}
    assert found == set(transcription.ENGINES)


def test_corpus_texts_stay_with_their_examples(tmp_path: Path, make_examples: Make, settings: params.Transcription) -> None:
    examples = make_examples(tmp_path, ["b.wav", "a.wav", "c.wav"], ["Second: text.", "", "Third."])
    found, recognition = by("corpus", examples, tmp_path, settings)
    assert list(found.columns) == list(tables.TRANSCRIPTS.columns)
    assert dict(zip(found["example_id"], found["text"], strict=True)) == {"test:a": "", "test:b": "Second: text.", "test:c": "Third."}
    assert found["confidence"].isna().all()
    assert recognition[["recognition_s", "real_time_factor"]].isna().all(axis=None)
    assert list(recognition["empty"]) == [1]
    assert not (tmp_path / "j.jsonl").exists()


def test_corpus_without_any_transcript_is_refused_and_a_single_absent_one_is_empty(
    tmp_path: Path, make_examples: Make, settings: params.Transcription
) -> None:
    examples = make_examples(tmp_path, ["a.wav", "b.wav"], ["Text.", None])
    assert list(by("corpus", examples, tmp_path, settings)[0]["text"]) == ["Text.", ""]
    with pytest.raises(InputError, match="test:a: expected a transcript that came with the corpus, found none"):
        by("corpus", examples.assign(transcript=None), tmp_path, settings)


def test_own_texts_name_the_file_of_their_corpus_alone(tmp_path: Path, make_examples: Make, settings: params.Transcription) -> None:
    (tmp_path / "mine.csv").write_text("example_id,text\na,hello\n")
    own = params.OwnTexts(files={"test": str(tmp_path / "mine.csv"), "other": str(tmp_path / "not-needed.csv")})
    found, recognition = by("table", make_examples(tmp_path, ["a.wav"]), tmp_path, settings.model_copy(update={"table": own}))
    assert list(found["text"]) == ["hello"]
    assert list(recognition["engine_model"]) == ["mine.csv"]


def test_no_examples_give_empty_tables(tmp_path: Path, make_examples: Make, settings: params.Transcription) -> None:
    examples = make_examples(tmp_path, ["a.wav"], ["Text."]).iloc[:0]
    for engine in transcription.ENGINES:
        found, recognition = by(engine, examples, tmp_path, settings)
        assert len(found) == len(recognition) == 0


def test_both_tables_can_be_stored_and_read(tmp_path: Path, make_examples: Make, settings: params.Transcription) -> None:
    found = by("corpus", make_examples(tmp_path, ["a.wav"], ["Text."]), tmp_path, settings)
    for frame, table in zip(found, (tables.TRANSCRIPTS, tables.RECOGNITION), strict=True):
        tables.write(frame, tmp_path / "t.parquet", table)
        pd.testing.assert_frame_equal(tables.read(tmp_path / "t.parquet", table), frame)
