"""A tiny study without speech: Examples, Transcripts and feature caches of two corpora on disk, learnable in a few epochs."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from emofuse import arrays, params, study, tables

REPOSITORY = Path(__file__).parents[1]
CLASSES = ("angry", "happy", "neutral", "sad")


def load(**sizes: object) -> params.Params:
    """The repository's parameters with one task, two seeds and the narrowest networks."""
    data = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    data["tasks"] = ["emotion4"]
    data["seeds"]["toy"] = [0, 1]
    data["folds"]["toy"] = {}
    data["execution"] |= {"jobs": 2, "device": "cpu"}
    for model in ("cnn14", "sfcnn14", "mfcnn14"):
        data["sizes"]["toy"][model] |= {"widths": [2, 2, 4, 4, 8, 8], "epochs": 2, "batch_size": 8, "crop_s": 0.4} | sizes
    data["sizes"]["toy"]["bert"] |= {"epochs": 1}
    data["corpora"]["iemocap"]["protocol"] = "speaker_folds"
    return params.parse(data)


EXECUTION = load().execution


def write(seed: int = 0) -> None:
    """Write the tables and caches of both corpora under the current folder."""
    for number, corpus in enumerate(("msp_podcast", "iemocap")):
        _write_corpus(corpus, np.random.default_rng(seed + number))


def examples(corpus: str, rng: np.random.Generator, n: int = 48) -> pd.DataFrame:
    number = np.arange(n)
    return pd.DataFrame(
        {
            "example_id": [f"{corpus}:{i:03d}" for i in number],
            "corpus": corpus,
            "path": [f"{i:03d}.wav" for i in number],
            "audio_sha256": "0" * 64,
            "recording": None,
            "start_s": 0.0,
            "end_s": 0.5,
            "speaker": [f"s{i % 6}" for i in number],
            "partner": None,
            "gender": None,
            "session": None,
            "split": [("train", "dev", "test1")[i % 3] for i in number],
            "fold": number % 3 + 1,
            "transcript": "words",
            "emotion": [CLASSES[i // 3 % 4] for i in number],
            "emotion_raw": "x",
            "arousal": rng.uniform(1, 5, n),
            "valence": rng.uniform(1, 5, n),
            "dominance": rng.uniform(1, 5, n),
            "arousal3": None,
            "valence3": None,
            "scale_min": 1.0,
            "scale_max": 5.0,
        }
    )


def _write_corpus(corpus: str, rng: np.random.Generator) -> None:
    frame = examples(corpus, rng)
    tables.write(frame, study.examples_file(corpus), tables.EXAMPLES)
    engine = {"engine": "corpus", "engine_model": "none", "engine_version": "1"}
    texts = frame[["example_id"]].assign(text=frame["emotion"] + " words", confidence=None, **engine)
    tables.write(texts, study.transcripts_file(corpus), tables.TRANSCRIPTS)
    classes = dict(zip(frame["example_id"], frame["emotion"].map(CLASSES.index), strict=True))

    def spectrograms():
        for example_id, number in classes.items():
            array = rng.normal(-50, 5, (41 + number, 64))
            array[:, 16 * number : 16 * number + 16] += 20
            yield example_id, array.astype(np.float16)

    arrays.write(study.features_folder("logmel", corpus), spectrograms())
    arrays.write(study.features_folder("text_embeddings", corpus), ((i, rng.normal(size=(1, 5)).astype(np.float32)) for i in classes))
