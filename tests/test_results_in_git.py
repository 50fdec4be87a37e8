"""The toy run that is in Git: it belongs to the code and parameters beside it, and shows the finding that was planted."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from emofuse import code_digest

REPOSITORY = Path(__file__).parents[1]
LOCK = YAML(typ="safe").load(REPOSITORY / "dvc.lock")["stages"]  # DVC's own reader: YAML 1.2, where 1e-10 is a number
METRICS = json.loads((REPOSITORY / "reports" / "metrics.json").read_text(encoding="utf-8"))


def test_every_stage_ran_with_the_code_that_is_here(tmp_path):
    code_digest.write(REPOSITORY / "stages", REPOSITORY / "src", REPOSITORY / "requirements.lock", tmp_path)
    checked = 0
    for name, stage in LOCK.items():
        for dependency in stage.get("deps", []):
            if dependency["path"].startswith("build/code/"):
                digest = tmp_path / Path(dependency["path"]).name
                assert hashlib.md5(digest.read_bytes()).hexdigest() == dependency["md5"], (
                    f"{name}: run `make repro` and commit dvc.lock and reports/"
                )
                checked += 1
    assert checked >= 30


def test_every_stage_ran_with_the_parameters_that_are_here():
    params = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    for name, stage in LOCK.items():
        for key, value in stage.get("params", {}).get("params.yaml", {}).items():
            here = params
            for part in key.split("."):
                here = here[part]
            assert here == value, f"{name}: {key} is {here}, the run in Git had {value}; run `make repro` and commit dvc.lock and reports/"


def mean(target, model, metric="ccc"):
    return METRICS["avd"]["msp_podcast"]["msp_podcast"][target][model][metric]


def test_multistage_fusion_beats_audio_alone_on_valence():
    assert mean("valence", "mfcnn14") > mean("valence", "cnn14") + 0.2
    assert METRICS["avd"]["msp_podcast"]["msp_podcast"]["valence"]["mfcnn14"]["p_vs_audio"] < 0.05


def test_multistage_fusion_beats_text_alone_on_arousal():
    assert mean("arousal", "mfcnn14") > mean("arousal", "bert") + 0.2


def test_the_voice_carries_arousal_and_the_words_valence_and_neither_everything():
    assert mean("arousal", "cnn14") > 0.4 > mean("arousal", "bert")
    assert mean("valence", "bert") > 0.4 > mean("valence", "cnn14")
    assert max(mean(t, m) for t in ("arousal", "valence", "dominance") for m in ("cnn14", "bert", "sfcnn14", "mfcnn14")) < 0.9


def test_the_report_says_that_the_sizes_are_not_the_papers():
    tables = sorted((REPOSITORY / "reports" / "tables").glob("table?.md"))
    assert len(tables) == 4 and all("Not the paper's sizes: invented corpora" in t.read_text(encoding="utf-8") for t in tables)


TARGETS = ("arousal3", "valence3", "emotion6")
FUSED = [f"{mechanism}_with_fusion_training" for mechanism in ("unweighted", "weighted", "attention")]


def accuracy(model, *targets, protocol="leave_one_subject_out"):
    scores = METRICS["self_report"]["kemocon"][protocol]
    return sum(scores[t][model]["accuracy"] for t in targets) / len(targets)


@pytest.mark.parametrize("model", FUSED)
def test_pretrained_fusion_has_the_bodys_arousal_and_the_voices_valence(model):
    assert accuracy(model, "arousal3") > accuracy("speech_only", "arousal3") + 0.1
    assert accuracy(model, "valence3") > accuracy("wearable_only", "valence3") + 0.05


@pytest.mark.parametrize("model", FUSED)
def test_pretrained_fusion_beats_either_modality_over_all_targets(model):
    for protocol in ("leave_one_subject_out", "leave_one_session_out"):
        alone = max(accuracy(m, *TARGETS, protocol=protocol) for m in ("speech_only", "wearable_only"))
        assert accuracy(model, *TARGETS, protocol=protocol) > alone


def test_shuffled_labels_stay_at_chance():
    assert accuracy("shuffled_labels", "arousal3", "valence3") < 0.4 and accuracy("shuffled_labels", "emotion6") < 0.3
    assert accuracy("shuffled_labels", *TARGETS) < min(accuracy(m, *TARGETS) for m in FUSED) - 0.1


def test_nothing_is_certain():
    assert max(accuracy(m, t) for m in FUSED for t in TARGETS) < 0.85


def test_pretraining_by_contrast_lowers_the_loss_on_people_held_out():
    curves = pd.read_csv(REPOSITORY / "reports" / "figures" / "wearable_pretraining.csv")
    for signal in ("acc", "bvp", "eda", "temp"):
        scores = curves[curves["network"] == signal].set_index("epoch")["dev_score"]
        assert scores.max() > 0.8 * scores[0], signal  # scores are minus the loss; epoch 0 is the untrained encoder
