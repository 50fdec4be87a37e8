"""A tiny study of paper B on disk: windows, their feature caches and representations, written by hand and easy to learn from.

voxceleb1 has speech alone, wesad all wearable signals, case all but acceleration, verbio and kemocon everything; kemocon has self-reports.
"""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from emofuse import arrays, params, study, tables
from emofuse.signals import SIGNALS

DATA = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8"))
SIGNALS_OF = {"voxceleb1": (), "wesad": SIGNALS, "case": ("bvp", "eda", "temp"), "verbio": SIGNALS, "kemocon": SIGNALS}
SPOKEN = ("voxceleb1", "verbio", "kemocon")
SAMPLES = {"acc": 48, "bvp": 32, "eda": 16, "temp": 16}  # of a window; acceleration is x, then y, then z
FRAMES, COEFFICIENTS, EMBEDDING = 16, 8, 8
SUBJECTS, WINDOWS = 6, 12  # of a corpus, of a subject
LEVELS, EMOTIONS = ("low", "neutral", "high"), ("cheerful", "happy", "angry", "nervous", "sad", "neutral")


def load(**changes: Any) -> params.Params:
    """The repository's parameters with the narrowest networks; a change's name is a key's path below ``wearable``, dots as ``__``."""
    data = deepcopy(DATA)
    data["execution"] |= {"jobs": 2, "device": "cpu"}
    wearable = data["wearable"]
    wearable["roles"] = {"speech": ["voxceleb1"], "signals": ["wesad", "case"], "fusion": ["verbio"], "emotion": "kemocon"}
    wearable["mfcc"]["n_coefficients"] = COEFFICIENTS
    wearable["speech_autoencoder"]["channels"] = [8, EMBEDDING]
    wearable["signal_encoder"] = {"filters": 1, "blocks": 2, "embedding": EMBEDDING}
    wearable["mechanisms"]["attention"]["size"]["toy"] = {"width": 4, "heads": 2}
    wearable["network"] |= {"projection": [32, 16], "fusion_head": 8, "emotion_head": [16, 8]}
    wearable["learning_rate"] = 0.01
    for schedule in wearable["schedules"]["toy"].values():
        schedule |= {"epochs": 2, "batch_size": 16, "patience": 50}
    for path, value in changes.items():
        section = wearable
        *parts, last = path.split("__")
        for part in parts:
            section = section[part]
        section[last] = value
    return params.parse(data)


EXECUTION = load().execution


def write(seed: int = 0) -> None:
    """Write tables and caches of every corpus under the current folder."""
    for number, corpus in enumerate(SIGNALS_OF):
        write_corpus(corpus, np.random.default_rng(seed + number))


def write_corpus(corpus: str, rng: np.random.Generator) -> None:
    frame = examples(corpus)
    tables.write(frame.assign(arousal3=None, valence3=None, emotion=None), study.windows_file(corpus), tables.EXAMPLES)
    if corpus == "kemocon":
        tables.write(frame, study.self_reports_file(corpus), tables.EXAMPLES)
    ids = list(frame["example_id"])
    for signal, samples in SAMPLES.items():
        held = ids if signal in SIGNALS_OF[corpus] else []
        arrays.write(study.features_folder("wearables", corpus) / signal, waves(held, samples, rng))
    if corpus in SPOKEN:
        arrays.write(study.features_folder("mfcc", corpus), cepstra(ids, rng))


def examples(corpus: str) -> pd.DataFrame:
    """Windows of subjects in pairs; what a subject feels goes in a circle, in steps of one or of two: classes are of unequal size."""
    number = np.arange(SUBJECTS * WINDOWS)
    subject, window = number // WINDOWS, number % WINDOWS
    felt = window * (1 + subject % 2) % 6
    spoken, labelled = corpus in SPOKEN, corpus == "kemocon"
    known = {
        "example_id": [f"{corpus}:P{s + 1}:{3 * w:08.2f}" for s, w in zip(subject, window, strict=True)],
        "corpus": corpus,
        "path": [f"{s // 2}.wav" for s in subject] if spoken else None,
        "audio_sha256": "0" * 64 if spoken else None,
        "recording": [f"{corpus}:P{s + 1}" for s in subject],
        "start_s": 3.0 * window,
        "end_s": 3.0 * window + 4.0,
        "speaker": [f"P{s + 1}" for s in subject],
        "partner": [f"P{(s ^ 1) + 1}" for s in subject],
        "session": [f"D{s // 2 + 1}" for s in subject],
    }
    if labelled:
        known |= {
            "arousal3": [LEVELS[f % 3] for f in felt],
            "valence3": [LEVELS[f // 2] for f in felt],
            "emotion": [EMOTIONS[f] for f in felt],
        }
    return pd.DataFrame(known, index=number).reindex(columns=list(tables.EXAMPLES.columns))


def waves(ids: list[str], samples: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Sines of one to four periods and of very different size, not standardised as genuine windows are: a part tells of the rest."""
    time = np.arange(samples) / samples
    for example_id in ids:
        wave = np.sin(2 * np.pi * (rng.uniform(1, 4) * time + rng.uniform())) + 0.05 * rng.normal(size=samples)
        yield example_id, (np.exp(rng.uniform(-1, 1)) * wave).astype(np.float32)


def cepstra(ids: list[str], rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """MFCC of rank one: a profile over the coefficients that is the same for all, and a course over time that is not."""
    profile = np.linspace(1, -1, COEFFICIENTS)
    for example_id in ids:
        course = rng.normal() + np.sin(2 * np.pi * (rng.uniform(0.5, 2) * np.arange(FRAMES) / FRAMES + rng.uniform()))
        yield example_id, (20 + 5 * course[:, None] * profile + 0.1 * rng.normal(size=(FRAMES, COEFFICIENTS))).astype(np.float32)


def write_representations(p: params.Params, seed: int = 0) -> None:
    """Write each frozen representation of kemocon by hand: noise, and the window's emotion as a bump in it (none in ``random``)."""
    frame, rng = examples("kemocon"), np.random.default_rng(seed)
    joined = p.wearable.network.projection[-1]
    widths = {"pretrained": 5 * EMBEDDING, "random": 5 * EMBEDDING, **dict.fromkeys(("unweighted", "weighted", "attention"), joined)}
    for name, width in widths.items():
        directions = rng.normal(size=(len(EMOTIONS), width)) * (name != "random")
        rows = (
            (i, directions[EMOTIONS.index(e)] + 0.3 * rng.normal(size=width))
            for i, e in zip(frame["example_id"], frame["emotion"], strict=True)
        )
        arrays.write(study.features_folder("representations", "kemocon") / name, ((i, v[None].astype(np.float32)) for i, v in rows))
