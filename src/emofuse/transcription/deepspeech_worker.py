"""Mozilla DeepSpeech 0.9 as a process that speaks JSON lines; run by the older Python that has the package, so nothing else is imported.

Arguments: model file, scorer file. First line out: ``{"version": ..., "sample_rate_hz": ...}``. Each line in:
``{"samples": <base64 of int16, mono>}``; each line out: ``{"text": ..., "confidence": ...}``. What goes wrong: ``{"error": ...}``, then the
process ends. Written for Python 3.7 to 3.9.
"""

from __future__ import annotations

import base64
import json
import sys


def answer(message: dict[str, object]) -> None:
    """Write one line of JSON and flush it."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(model_path: str, scorer_path: str) -> int:
    """Serve until standard input ends; return the exit code."""
    sys.path.pop(0)  # this file's folder, whose deepspeech.py is not the package
    try:
        import numpy
        from deepspeech import Model, version
    except ImportError as error:
        answer({"error": f"cannot import {error.name}; install deepspeech==0.9.3 and numpy<2 there"})
        return 1
    try:
        model = Model(model_path)
        model.enableExternalScorer(scorer_path)
    except RuntimeError as error:
        answer({"error": f"DeepSpeech refuses the model or the scorer: {error}"})
        return 1
    answer({"version": version(), "sample_rate_hz": model.sampleRate()})
    for line in sys.stdin:
        samples = numpy.frombuffer(base64.b64decode(json.loads(line)["samples"]), dtype=numpy.int16)
        best = model.sttWithMetadata(samples, 1).transcripts[0]
        answer({"text": "".join(token.text for token in best.tokens), "confidence": best.confidence})
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
