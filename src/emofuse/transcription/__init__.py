"""From examples to text: one module per engine, each an ``Engine``."""

import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import cast

import pandas as pd
from tqdm import tqdm

from emofuse import params, tables
from emofuse.errors import InputError
from emofuse.transcription import journal as journals
from emofuse.transcription.engine import Engine, Machine, Recognition

ENGINES = ("corpus", "deepspeech", "faster_whisper", "pocketsphinx", "table", "whisper")
CORPUS = "corpus"  # texts that came with the corpus: nothing to compare them with
WRITTEN = (CORPUS, "table")  # nothing is recognised here
NO_RESULT = {"python", "timeout_s"}  # settings that change no text: correcting them after a failure keeps what was recognised


def transcribe(
    examples: pd.DataFrame, root: Path, engine: str, settings: params.Transcription, machine: Machine, journal: Path, code: str = ""
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The Transcripts table of one corpus' Examples, whose audio lies under ``root``, and its Recognition table of one row.

    One transcript per example, with or without words. What is recognised is kept in the file ``journal`` at once; a call that finds one
    of the same engine, model, settings and ``code`` (a digest of it) goes on with the rest. Whoever stores the tables deletes it with
    ``journal.delete``. Raises InputError for an unknown engine, for unreadable audio, and for what the engine lacks.
    """
    if engine not in ENGINES:
        raise InputError(
            f"transcription engine '{engine}': expected one of {', '.join(ENGINES)}; correct corpora.<name>.transcripts in params.yaml"
        )
    if examples.empty:
        return tables.TRANSCRIPTS.empty(), tables.RECOGNITION.empty()
    corpus = str(examples["corpus"].iloc[0])
    module = cast(Engine, import_module(f"emofuse.transcription.{engine}"))
    own = params.OwnTexts(files={name: file for name, file in settings.table.files.items() if name == corpus})
    settings = settings.model_copy(update={"table": own})
    model, version = module.identity(settings)
    by = {"engine": engine, "engine_model": model, "engine_version": version}
    recognition_s: float | None = None
    if engine in WRITTEN:
        found: Sequence[Recognition] = list(module.recognise(examples, root, settings, machine))
    else:
        chosen = getattr(settings, engine).model_dump(mode="json", exclude=NO_RESULT)
        with journals.opened(journal, {**by, "settings": chosen, "code": code}) as kept:
            found, recognition_s = _recognised(examples, root, module, settings, machine, kept)
    rows = [
        {"example_id": name, "text": text, "confidence": confidence, **by}
        for name, (text, confidence) in zip(examples["example_id"], found, strict=True)
    ]
    audio_s = float((examples["end_s"] - examples["start_s"]).sum())
    recognition = {
        "corpus": corpus,
        **by,
        "utterances": len(found),
        "empty": sum(not text for text, _ in found),
        "audio_s": audio_s,
        "recognition_s": recognition_s,
        "real_time_factor": None if recognition_s is None else recognition_s / audio_s,
    }
    where = f"transcripts of {corpus}"
    return tables.of_rows(rows, tables.TRANSCRIPTS, where), tables.of_rows([recognition], tables.RECOGNITION, where)


def _recognised(
    examples: pd.DataFrame, root: Path, engine: Engine, settings: params.Transcription, machine: Machine, kept: journals.Journal
) -> tuple[list[Recognition], float]:
    """What the journal holds and what it lacks, in the order of the examples, and the wall time of both in s.

    Equal parts of equal audio are recognised once.
    """
    keys = pd.Series(journals.keys(examples), index=examples.index)
    rest = examples[~keys.isin(list(kept.entries)) & ~keys.duplicated()]
    if kept.entries:
        journals.log.info("%s: going on with %d of %d examples", kept.path, len(rest), len(examples))
    with closing(cast("Generator[Recognition]", engine.recognise(rest, root, settings, machine))) as results:
        before = time.monotonic()
        shown = tqdm(results, "transcribe", total=len(rest), unit="utterance", disable=None)
        for key, (text, confidence) in zip(keys[rest.index], shown, strict=True):
            now = time.monotonic()
            kept.add(key, journals.Entry(text, _finite(confidence), now - before))
            before = now
    found = [kept.entries[key] for key in keys]
    wall_s = sum(kept.entries[key].wall_s for key in dict.fromkeys(keys))
    return [(entry.text, entry.confidence) for entry in found], wall_s


def _finite(confidence: float | None) -> float | None:
    return None if confidence is None or not math.isfinite(confidence) else float(confidence)
