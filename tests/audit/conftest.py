"""Tables to audit, made by hand: a corpus without a fault, into which each test plants one."""

import numpy as np
import pandas as pd
import pytest
import yaml

from emofuse import params, tables

CLASSES = ("angry", "happy", "neutral", "sad")
SIGNALS = {"acc": 32.0, "bvp": 64.0, "eda": 4.0, "temp": 4.0}


@pytest.fixture(scope="session")
def make_params(pytestconfig):
    """The repository's parameters, with its ``audit`` section changed, and of its corpora ``msp_podcast`` alone."""
    data = yaml.safe_load((pytestconfig.rootpath / "params.yaml").read_text(encoding="utf-8"))

    def make(protocol="official", transcripts="pocketsphinx", **audit):
        changed = {**data, "scale": "toy", "tasks": ["emotion4", "avd"], "folds": {"toy": {}, "paper": {}}, "omit": []}
        corpus = {"root": "x", "release": "1.7", "protocol": protocol, "transcripts": {"toy": transcripts, "paper": transcripts}}
        changed["corpora"] = {"msp_podcast": corpus}
        changed["audit"] = {**data["audit"], "accept": {}, **audit}
        return params.parse(changed)

    return make


@pytest.fixture
def utterances():
    """48 utterances of 12 speakers, four classes each: six speakers in train, three in dev, three in test1, no text said twice."""
    speaker = np.repeat(np.arange(12), 4)
    split = np.array(["train", "train", "dev", "test1"])[speaker % 4]
    number = np.arange(48)
    frame = pd.DataFrame(
        {
            "example_id": [f"msp_podcast:u{n:02d}" for n in number],
            "corpus": "msp_podcast",
            "path": [f"{n}.wav" for n in number],
            "audio_sha256": [f"{n:064x}" for n in number],
            "start_s": 0.0,
            "end_s": 2.0 + 0.01 * number,
            "speaker": [f"s{s}" for s in speaker],
            "session": [f"podcast{s}" for s in speaker],
            "split": split,
            "fold": speaker % 3 + 1,
            "transcript": [f"sentence number {n} of this corpus" for n in number],
            "emotion": [CLASSES[n % 4] for n in number],
            "arousal": 1.0 + 0.1 * number,
            "valence": 6.0 - 0.1 * number,
            "dominance": 4.0 + 0.01 * number,
            "scale_min": 1.0,
            "scale_max": 7.0,
        }
    )
    return frame.reindex(columns=list(tables.EXAMPLES.columns)).astype({"fold": "Int64"})


@pytest.fixture
def windows():
    """Six subjects in three dyads, four overlapping windows each, of one audio file for each dyad; labelled."""
    rows = [(s, w) for s in range(6) for w in range(4)]
    frame = pd.DataFrame(
        {
            "example_id": [f"kemocon:P{s + 1}:{3 * w:08.2f}" for s, w in rows],
            "corpus": "kemocon",
            "path": [f"{s // 2}.wav" for s, _ in rows],
            "audio_sha256": [f"{s // 2:064x}" for s, _ in rows],
            "recording": [f"kemocon:P{s + 1}" for s, _ in rows],
            "start_s": [3.0 * w for _, w in rows],
            "end_s": [3.0 * w + 4.0 for _, w in rows],
            "speaker": [f"P{s + 1}" for s, _ in rows],
            "partner": [f"P{(s ^ 1) + 1}" for s, _ in rows],
            "session": [f"d{s // 2}" for s, _ in rows],
            "emotion": [("cheerful", "happy", "angry", "nervous", "sad", "neutral")[(s + w) % 6] for s, w in rows],
            "arousal3": [("low", "neutral", "high")[w % 3] for _, w in rows],
            "valence3": [("low", "neutral", "high")[w % 3] for _, w in rows],
        }
    )
    return frame.reindex(columns=list(tables.EXAMPLES.columns))


@pytest.fixture
def recordings_table():
    """Four subjects with four signals of 60 s and speech, each at an hour of its own."""
    rows = []
    for s in range(4):
        shared = {"recording": f"kemocon:P{s + 1}", "corpus": "kemocon", "subject": f"P{s + 1}", "device": f"A0{s}"}
        shared |= {"t0_unix_s": 1.56e9 + 3600 * s, "span_start_s": 0.0, "span_end_s": 60.0, "start_s": 0.0, "lost": 0, "unit": "g"}
        rows += [{**shared, "signal": name, "rate_hz": rate, "samples": int(60 * rate)} for name, rate in SIGNALS.items()]
        rows.append({**shared, "signal": "speech", "rate_hz": 16000.0, "samples": 960_000, "path": f"{s}.wav", "audio_sha256": f"{s:064x}"})
    return pd.DataFrame(rows).reindex(columns=list(tables.RECORDINGS.columns))


@pytest.fixture
def only():
    """The one finding of a check; fails where there is none, or more."""

    def one(findings, check):
        found = [f for f in findings if f.check == check]
        assert len(found) == 1, [f.check for f in findings]
        assert "\n" not in found[0].detail
        return found[0]

    return one
