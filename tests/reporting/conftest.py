from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emofuse.late_fusion import late_fusion
from emofuse.reporting.data_section import DataFindings
from emofuse.reporting.setting import Setting
from emofuse.reporting.wearable_setting import WearableSetting
from emofuse.reporting.writing import SpeechTextFindings, WearableFindings, write
from emofuse.scores import score
from emofuse.significance import compare, recompute_paper_fusion_tests, recompute_paper_marks
from emofuse.tables import ATTENTION, AUDIT, FUSION_WEIGHTS, HISTORY, PREDICTIONS, PRETRAINING, WINDOW_COUNTS, WORD_ERRORS, check

CLASSES = ["emotion/angry", "emotion/happy", "emotion/neutral", "emotion/sad"]
DIMENSIONS = ["arousal", "valence", "dominance"]
MODELS = {"bert": 0.8, "cnn14": 1.0, "sfcnn14": 1.6, "mfcnn14": 2.0}  # signal over unit noise
FOLDS = {"msp_podcast": ["official"], "iemocap": ["Ses01F", "Ses03M"], "ravdess": ["fold1", "fold2"]}
PROTOCOLS = {"msp_podcast": "official", "iemocap": "leave_one_speaker_out", "ravdess": "speaker_folds"}
EXAMPLES = 40


def _truth(name):
    return np.random.default_rng(sum(map(ord, name)))


def _run(task, corpus, model, fold, seed, partition, test_corpus, rng):
    run = {"task": task, "corpus": corpus, "protocol": PROTOCOLS[corpus], "model": model, "fold": fold, "seed": seed}
    run |= {"partition": partition, "test_corpus": test_corpus}
    part = f"{test_corpus}:{fold if corpus == test_corpus else ''}{partition}"
    ids = [f"{part}{i}" for i in range(EXAMPLES)]
    if task == "emotion4":
        truth = np.eye(4)[_truth(part).integers(0, 4, EXAMPLES)]
        outputs = np.exp(rng.normal(size=(EXAMPLES, 4)) + MODELS[model] * truth)
        outputs /= outputs.sum(axis=1, keepdims=True)
        return pd.DataFrame(
            {**run, "example_id": np.repeat(ids, 4), "target": CLASSES * EXAMPLES, "truth": truth.ravel(), "prediction": outputs.ravel()}
        )
    truth = _truth(part).normal(4, 1, (EXAMPLES, 3))
    outputs = 4 + (truth - 4) * MODELS[model] / 2 + rng.normal(size=truth.shape)
    return pd.DataFrame(
        {**run, "example_id": np.repeat(ids, 3), "target": DIMENSIONS * EXAMPLES, "truth": truth.ravel(), "prediction": outputs.ravel()}
    )


def predictions_of(corpora, tasks=("emotion4", "avd"), models=tuple(MODELS), seeds=(0, 1, 2)):
    """Random predictions with planted signal, late fusion included where its two sides are."""
    rng = np.random.default_rng(0)
    frames = [
        _run(task, corpus, model, fold, seed, partition, test_corpus, rng)
        for task in tasks
        for corpus in corpora
        for model in models
        for fold in FOLDS[corpus]
        for seed in seeds
        for partition, test_corpus in [("dev", corpus), *(("test", c) for c in corpora)]
    ]
    frame = pd.concat(frames, ignore_index=True)
    fused = [late_fusion(cell[cell["model"] == "cnn14"], cell[cell["model"] == "bert"]) for _, cell in frame.groupby(["task", "corpus"])]
    return check(pd.concat([frame, *(f for f in fused if len(f))]), PREDICTIONS, "fixture")


def history_of(predictions):
    runs = predictions.loc[predictions["seed"] >= 0, ["task", "corpus", "protocol", "model", "fold", "seed"]].drop_duplicates()
    epochs = [runs.assign(epoch=e, loss=1 / e, dev_score=0.1 * e + 0.01 * runs["seed"], selected=int(e == 3)) for e in (1, 2, 3)]
    return check(pd.concat(epochs), HISTORY, "fixture")


@pytest.fixture(scope="session")
def paper_values():
    return pd.read_csv(Path(__file__).parents[2] / "data" / "paper_values.csv")


@pytest.fixture(scope="session")
def setting():
    return Setting(
        model="mfcnn14",
        audio="cnn14",
        text="bert",
        single_stage="sfcnn14",
        alpha=0.05,
        caption="Sizes are not the paper's: a test.",
        deviations=("Gradients are clipped.", "Labels are centred."),
    )


@pytest.fixture(scope="session")
def frames(paper_values):
    """Every argument of write but the folder and the setting, for both corpora of the paper."""
    return frames_of(predictions_of(["msp_podcast", "iemocap"]), paper_values)


def frames_of(predictions, paper_values):
    scores = score(predictions)
    return {
        "scores": scores,
        "comparisons": compare(scores, ["cnn14", "bert", "sfcnn14"]),
        "predictions": predictions,
        "history": history_of(predictions),
        "paper_values": paper_values,
        "paper_marks": recompute_paper_marks(paper_values, 0.05),
    }


@pytest.fixture(scope="session")
def make_frames(paper_values):
    """The same for a part of the study."""

    def make(corpora, **part):
        return frames_of(predictions_of(corpora, **part), paper_values)

    return make


@pytest.fixture(scope="session")
def write_report(setting, paper_values):
    """Write the report of frames of paper A, and of a paper B of which nothing was run."""
    nothing = WearableFindings(
        setting=WearableSetting("attention", 0.05, "kemocon", 1.0, "Paper B is a test too.", ("Seeds are few.",)),
        claims=recompute_paper_fusion_tests(paper_values, 0.05, 28),
        window_counts=WINDOW_COUNTS.empty(),
        history=HISTORY.empty(),
        pretraining=PRETRAINING.empty(),
        fusion_weights=FUSION_WEIGHTS.empty(),
        attention=ATTENTION.empty(),
    )

    no_data = DataFindings(corpora=(), audit=AUDIT.empty(), word_errors=WORD_ERRORS.empty())

    def write_to(folder, frames, data=None):
        shared = {name: frames[name] for name in ("scores", "comparisons", "paper_values")}
        own = {name: frames[name] for name in ("predictions", "history", "paper_marks")}
        speech_text = SpeechTextFindings(setting=setting, **own)
        write(folder, **shared, speech_text=speech_text, wearables=nothing, data=data or no_data)

    return write_to
