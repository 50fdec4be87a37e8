from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from emofuse import params, published_wearable

DATA = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8"))


def genuine(**changes):
    """At paper scale with every corpus at a licensed place; ``changes`` as section__key=value below wearable."""
    wearable = deepcopy(DATA["wearable"])
    for corpus, settings in wearable["corpora"].items():
        settings["root"] = f"/licensed/{corpus}"
    for path, value in changes.items():
        *sections, key = path.split("__")
        section = wearable
        for name in sections:
            section = section[name]
        section[key] = value
    return params.parse(DATA | {"scale": "paper", "wearable": wearable})


def the_one(p, start):
    found = [sentence for sentence in published_wearable.deviations(p) if start in sentence]
    assert len(found) == 1, found
    return found[0]


def test_at_paper_scale_on_genuine_releases_nothing_is_said():
    assert published_wearable.caption(genuine()) == ""


def test_the_toy_scale_names_what_is_small():
    toy = params.parse(DATA | {"scale": "toy"})
    text = published_wearable.caption(toy)
    sizes, schedule = toy.wearable.toy.kemocon, toy.wearable.schedules.toy
    assert text.startswith("Not the paper's sizes: invented corpora (voxceleb1, ") and text.endswith(".")
    assert f"{sizes.pairs} debates of {sizes.debate_s} s instead of 28 participants" in text
    assert f"{schedule.signals.epochs} (signals; paper scale 100)" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rate": 0.01}, "learning rate 0.01 instead of 0.001"),
        ({"windows__hop_s": 2.0}, "windows of 4 s every 2 s instead of 4 s every 3 s"),
        ({"schedules__paper__emotion": {"epochs": 8, "batch_size": 64, "patience": 5}}, "8 epochs of the emotion heads instead of 32"),
        ({"protocols": ["leave_one_session_out"]}, "leave-one-subject-out is not run"),
        ({"roles__signals": ["case", "clas", "wesad", "ppg_dalia"]}, "signals without affective_road"),
        ({"roles__speech": ["voxceleb1", "verbio"]}, "speech also from verbio"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_one_change_alone_is_told(changes, words):
    assert published_wearable.caption(genuine(**changes)) == f"Not the paper's sizes: {words}."


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("labels__ties", {"neutral": "is neutral", "first": "questionnaire's order", "drop": "left out"}),
        ("labels__interval", {"centre": "hold its centre", "agreeing": "touches agree"}),
        ("labels__surplus", {"beginning": "lose their first rows", "end": "lose their last rows"}),
        ("masking__targets", {"standardised": "are standardised", "raw": "are as computed"}),
        ("mechanisms__attention__tokens", {"elements": "values of an embedding", "single": "affine map"}),
        ("network__encoders", {"trainable": "encoders are trained on", "frozen": "encoders stay frozen"}),
        ("network__freeze", {"projection": "with the projection is frozen", "fusion": "its projection is trained"}),
    ],
)
def test_a_choice_is_told_with_its_key_and_what_it_does(key, values):
    words = key.split("__")
    for value, words_of_value in values.items():
        sentence = the_one(genuine(**{key: value}), f"`wearable.{'.'.join(words)}: {value}`")
        assert words_of_value in sentence
        assert not any(other in sentence for name, other in values.items() if name != value)


def test_the_cut_of_the_ratings_is_told_as_it_is():
    assert "ratings 1–2 are low, 3 neutral, 4–5 high; the symmetric cut" in the_one(genuine(), "low_at_most")
    other = the_one(genuine(labels__low_at_most=2, labels__neutral_at_most=2), "low_at_most")
    assert "ratings 1–2 are low, none neutral, 3–5 high" in other and "symmetric" not in other


def test_sources_are_claimed_only_for_their_own_numbers():
    assert "2,920 parameters" in the_one(genuine(), "`wearable.signal_encoder`")
    assert "2,920" not in the_one(genuine(signal_encoder__filters=4), "`wearable.signal_encoder`")
    assert "the Empatica E4, as in" in the_one(genuine(), "rates_hz")
    assert "as in" not in the_one(genuine(windows__rates_hz={"acc": 32, "bvp": 64, "eda": 8, "temp": 4}), "rates_hz")
    assert "are from the first author's app" in the_one(genuine(), "network.projection")
    assert "are from" not in the_one(genuine(network__projection=[128, 64]), "network.projection")
    assert "no penalty" in the_one(genuine(speech_autoencoder__sparsity=0.0), "speech_autoencoder")


def test_the_second_protocol_is_told_only_where_it_runs():
    assert "both partners" in the_one(genuine(), "leave_one_session_out beside")
    assert not any("leave_one_session_out" in s for s in published_wearable.deviations(genuine(protocols=["leave_one_subject_out"])))
    assert not any("validation.subjects" in s for s in published_wearable.deviations(genuine(protocols=["leave_one_session_out"])))


def test_every_key_that_is_named_exists_and_every_sentence_is_one_line():
    for sentence in published_wearable.deviations(genuine()):
        assert "\n" not in sentence and sentence.endswith(".")
        for key in [part.split("`")[0].split(":")[0] for part in sentence.split("`wearable.")[1:]]:
            section = DATA["wearable"]
            for name in key.split("."):
                assert name in section, key
                section = section[name]
