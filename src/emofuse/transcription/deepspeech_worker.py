"""Mozilla DeepSpeech 0.9 (or its fork Coqui STT) as a process that speaks JSON lines; run by the older Python that has the package.

Arguments: none, or the model file and the scorer file (empty for none). First line out: ``{"package": ..., "version": ...}``, and
``"sample_rate_hz"`` where a model was given. Each line in: ``{"samples": <base64 of int16, mono>}``; each line out:
``{"text": ..., "confidence": ...}``. What goes wrong: ``{"error": ...}``, with ``"refused"`` (model or scorer) where a file is refused;
then the process ends. It imports nothing of this project, and is written for Python 3.7 to 3.10.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import Any

PACKAGES = ("deepspeech", "stt")  # the fork has the same interface


def main(model_path: str = "", scorer_path: str = "") -> int:
    """Serve until standard input ends; return the exit code."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to standard error

    def answer(message: dict[str, object]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
        sys.path.pop(0)  # the deepspeech.py in this file's folder is not the package
    try:
        import numpy

        package = recogniser()
    except ImportError as error:
        what = error.name or f"deepspeech ({error})"
        answer({"error": f"cannot import {what}; install deepspeech==0.9.3 and numpy<2 there"})
        return 1
    hello: dict[str, object] = {"package": distribution(package.__name__), "version": str(getattr(package, "version", lambda: "unknown")())}
    if not model_path:
        answer(hello)
        return 0
    part = "model"
    try:
        model = package.Model(model_path)
        part = "scorer"
        if scorer_path:
            model.enableExternalScorer(scorer_path)
    except RuntimeError as error:
        answer({**hello, "refused": part, "error": str(error)})
        return 1
    answer({**hello, "sample_rate_hz": model.sampleRate()})
    for line in sys.stdin:
        samples = numpy.frombuffer(base64.b64decode(json.loads(line)["samples"]), dtype=numpy.int16)
        best = model.sttWithMetadata(samples, 1).transcripts[0]
        answer({"text": "".join(token.text for token in best.tokens), "confidence": float(best.confidence)})
    return 0


def recogniser() -> Any:
    """The first of the packages that is installed; ImportError where none is, or where the installed one cannot be loaded."""
    for name in PACKAGES:
        try:
            return __import__(name)
        except ImportError as error:
            if error.name != name:
                raise
    raise ImportError("no recogniser", name=" or ".join(PACKAGES))


def distribution(module: str) -> str:
    """Name under which the module was installed: the TensorFlow Lite and GPU builds share it."""
    try:
        from importlib import metadata
    except ImportError:  # Python 3.7
        return module
    for name in (module, module + "-tflite", module + "-gpu"):
        try:
            metadata.version(name)
            return name
        except metadata.PackageNotFoundError:
            continue
    return module


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
