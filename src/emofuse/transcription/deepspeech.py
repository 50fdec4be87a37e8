"""Mozilla DeepSpeech 0.9, the paper's recogniser (A §4.1.2 and its footnote; the release is not stated, 0.9.3 was the last).

Its wheels end at Python 3.9, so it runs in processes of an interpreter that the user names (``deepspeech_worker.py``); model and scorer
are the files of the release. Its build for TensorFlow Lite, and its fork Coqui STT 1, have the same interface and serve as well: the
version says which it was. Texts are used as returned: lower case, no punctuation.
"""

import base64
import hashlib
import math
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pandas as pd

from emofuse import audio, params
from emofuse.errors import InputError
from emofuse.transcription import clips
from emofuse.transcription.engine import Machine, Recognition
from emofuse.transcription.worker_process import WorkerProcess

_WORKER = Path(__file__).with_name("deepspeech_worker.py")
_RELEASES = {"deepspeech": "0.9.", "stt": "1."}  # module: how the versions begin that have this interface and were tried
_DIGITS = 16  # of a SHA-256 that says which file it was


def recognise(examples: pd.DataFrame, root: Path, settings: params.Transcription, machine: Machine) -> Iterator[Recognition]:
    """Text and confidence (DeepSpeech's own: a sum of log scores) of each example, from as many processes as the machine allows.

    Raises InputError where the interpreter, its package, the model or the scorer is absent or refused, and where a process ends early,
    answers nothing in time, or answers something else. No process outlives the call.
    """
    found = clips.of(examples, root)
    if not found:
        return
    idle: SimpleQueue[WorkerProcess] = SimpleQueue()
    with _workers(settings.deepspeech, min(machine.jobs, len(found))) as workers, ThreadPoolExecutor(len(workers)) as threads:
        for worker in workers:
            idle.put(worker)
        try:
            yield from threads.map(partial(_heard, idle), found)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in workers:  # threads that wait for an answer are told that none will come
                worker.kill()


def identity(settings: params.Transcription) -> tuple[str, str]:
    """Names of the model and scorer files; the package that the interpreter has, and the beginning of each file's SHA-256."""
    own = settings.deepspeech
    files = _files(own)
    worker = WorkerProcess([_interpreter(own), str(_WORKER)], "deepspeech", own.timeout_s)
    try:
        package = _package(worker.ask(None, "transcription.deepspeech.python"))
    finally:
        worker.kill()
        worker.close()
    pins = [f"{key} {_digest(path)}" for key, path in files.items()]
    return " + ".join(path.name for path in files.values()), ", ".join([package, *pins])


def _heard(idle: "SimpleQueue[WorkerProcess]", clip: clips.Clip) -> Recognition:
    request = {"samples": base64.b64encode(clips.samples(clip).tobytes()).decode("ascii")}
    worker = idle.get()
    try:
        answer = worker.ask(request, clip.example_id)
    finally:
        idle.put(worker)
    text, confidence = answer.get("text"), answer.get("confidence")
    if not isinstance(text, str) or not isinstance(confidence, int | float):
        raise InputError(f"{clip.example_id}: expected text and confidence of deepspeech, found {str(answer)[:80]}; run it again")
    return text, float(confidence) if math.isfinite(confidence) else None


@contextmanager
def _workers(settings: params.DeepSpeech, number: int) -> Iterator[list[WorkerProcess]]:
    """Processes that have loaded the model; none is left when the context ends."""
    files = _files(settings)
    scorer = str(files["scorer"]) if "scorer" in files else ""
    command = [_interpreter(settings), str(_WORKER), str(files["model"]), scorer]
    workers: list[WorkerProcess] = []
    try:
        for _ in range(number):
            workers.append(WorkerProcess(command, "deepspeech", settings.timeout_s))
        for worker in workers:
            hello = worker.ask(None, "transcription.deepspeech")
            _package(hello)
            if hello.get("sample_rate_hz") != audio.SAMPLE_RATE_HZ:
                raise InputError(
                    f"transcription.deepspeech.model: expected a model for {audio.SAMPLE_RATE_HZ} Hz, found "
                    f"{hello.get('sample_rate_hz')} Hz; use the files of release 0.9.3"
                )
        yield workers
    finally:
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.close()


def _package(hello: dict[str, Any]) -> str:
    """Name and version of the package, from a worker's first line; InputError for an absent or another one, and for refused files."""
    package, version = str(hello.get("package", "")), str(hello.get("version", ""))
    release = _RELEASES.get(package.split("-")[0])
    if release is not None and not version.startswith(release):
        raise InputError(
            f"transcription.deepspeech.python: expected the package deepspeech 0.9 (or stt 1), found {package} {version}; "
            "install deepspeech==0.9.3 there"
        )
    reason = " ".join(str(hello.get("error", hello)).split())[:300]
    if "refused" in hello:
        raise InputError(
            f"transcription.deepspeech.{hello['refused']}: expected a file of its release, found that {package} {version} refuses it: "
            f"{reason}; deepspeech reads .pbmm models, deepspeech-tflite and stt read .tflite models"
        )
    if "error" in hello or release is None:
        raise InputError(f"transcription.deepspeech.python: expected a Python with deepspeech 0.9, found: {reason}")
    return f"{package} {version}"


def _interpreter(settings: params.DeepSpeech) -> str:
    interpreter = shutil.which(os.path.expanduser(settings.python))
    if interpreter is None:
        raise InputError(
            f"transcription.deepspeech.python: expected a Python of 3.9 or older with deepspeech==0.9.3, found no '{settings.python}'; "
            "install it and give its path"
        )
    return interpreter


def _files(settings: params.DeepSpeech) -> dict[str, Path]:
    """The model, and the scorer where one is to be used."""
    files = {}
    for key, name in (("model", settings.model), ("scorer", settings.scorer)):
        if name is None:
            continue
        files[key] = Path(name).expanduser()
        if not files[key].is_file():
            raise InputError(
                f"transcription.deepspeech.{key}: expected a file of DeepSpeech release 0.9.3, found no '{name}'; "
                "download it or correct the path"
            )
    return files


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]
