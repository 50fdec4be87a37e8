"""Mozilla DeepSpeech 0.9, the paper's recogniser (A §4.1.2 and its footnote; the release is not stated, 0.9.3 was the last).

Its wheels end at Python 3.9, so it runs as a process of an interpreter that the user names (``deepspeech_worker.py``); model and scorer
are the files of the release. Texts are used as returned: lower case, no punctuation.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from emofuse import audio, params
from emofuse.errors import InputError
from emofuse.transcription import clips

_WORKER = Path(__file__).with_name("deepspeech_worker.py")


def recognise(examples: pd.DataFrame, root: Path, settings: params.Transcription, jobs: int) -> Iterator[tuple[str, float | None]]:
    """Text and confidence (DeepSpeech's own: a sum of log scores) of each example; one process, which uses several cores itself.

    Raises InputError where the interpreter, its package, the model or the scorer is absent, or the process ends early.
    """
    del jobs
    with _worker(settings.deepspeech) as process:
        for clip in tqdm(clips.of(examples, root), "deepspeech", unit="utterance", disable=None):
            samples = base64.b64encode(clips.samples(clip).tobytes()).decode("ascii")
            found = _ask(process, {"samples": samples}, clip.example_id)
            yield str(found["text"]), float(found["confidence"])


def model_name(settings: params.Transcription) -> str:
    """Names of the model and scorer files, which carry the release."""
    return f"{Path(settings.deepspeech.model).name} + {Path(settings.deepspeech.scorer).name}"


@contextmanager
def _worker(settings: params.DeepSpeech) -> Iterator["subprocess.Popen[str]"]:
    interpreter = shutil.which(settings.python)
    if interpreter is None:
        raise InputError(
            f"transcription.deepspeech.python: expected a Python of 3.9 or older with deepspeech==0.9.3, found no '{settings.python}'; "
            "install it and give its path"
        )
    for key, name in (("model", settings.model), ("scorer", settings.scorer)):
        if not Path(name).is_file():
            raise InputError(
                f"transcription.deepspeech.{key}: expected a file of DeepSpeech release 0.9.3, found no '{name}'; "
                "download it or correct the path"
            )
    command = [interpreter, str(_WORKER), settings.model, settings.scorer]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    )
    try:
        ready = _ask(process, None, "transcription.deepspeech")
        if ready["sample_rate_hz"] != audio.SAMPLE_RATE_HZ:
            raise InputError(
                f"transcription.deepspeech.model: expected a model for {audio.SAMPLE_RATE_HZ} Hz, found {ready['sample_rate_hz']} Hz; "
                "use the files of release 0.9.3"
            )
        yield process
    finally:
        process.kill()
        process.communicate()


def _ask(process: "subprocess.Popen[str]", request: dict[str, str] | None, subject: str) -> dict[str, Any]:
    """The worker's next line, after sending it a request where there is one."""
    assert process.stdin is not None and process.stdout is not None
    try:
        if request is not None:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        line = ""
    try:
        answer = json.loads(line)
    except json.JSONDecodeError:
        answer = {"error": f"it ended or wrote {line.strip()[:80]!r}"}
    if "error" in answer:
        reason = " ".join(str(answer["error"]).split())
        raise InputError(f"{subject}: expected an answer of DeepSpeech, found: {reason}; try `python {_WORKER.name} MODEL SCORER` by hand")
    found: dict[str, Any] = answer
    return found
