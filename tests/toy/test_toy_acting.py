"""The finding of paper A is planted: words carry valence, the voice carries arousal and dominance, neither is certain."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emofuse import params
from emofuse.toy import acting, iemocap, msp_podcast, script

MSP = msp_podcast.plan(1, params.ToyMSPPodcast(train=210, dev=72, test1=90, test2=8))
IEMOCAP = iemocap.plan(1, params.ToyIEMOCAP(utterances_per_speaker=34))
LABELS = {
    "msp_podcast": np.array([[t.mean(name) for name in ("arousal", "valence", "dominance")] for t in MSP]),
    "iemocap": np.array([t.triple for t in IEMOCAP])[:, [1, 0, 2]],
}
ACTS = {"msp_podcast": [t.act for t in MSP], "iemocap": [t.act for t in IEMOCAP]}


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize("corpus", ACTS)
def test_words_say_valence_and_little_arousal(corpus: str) -> None:
    words = np.array([script.word_valence(a.utterance.text) for a in ACTS[corpus]])
    assert 0.7 < correlation(words, LABELS[corpus][:, 1]) < 0.95
    assert abs(correlation(words, LABELS[corpus][:, 0])) < 0.3


@pytest.mark.parametrize("corpus", ACTS)
def test_loudness_says_arousal_and_little_valence(corpus: str) -> None:
    level = np.array([a.utterance.level_dbfs for a in ACTS[corpus]])
    assert 0.6 < correlation(level, LABELS[corpus][:, 0]) < 0.95
    assert abs(correlation(level, LABELS[corpus][:, 1])) < 0.3


@pytest.mark.parametrize("corpus", ACTS)
def test_dark_voices_are_dominant(corpus: str) -> None:
    tilt = np.array([a.utterance.tilt_db for a in ACTS[corpus]])
    assert -0.8 < correlation(tilt, LABELS[corpus][:, 2]) < -0.2


@pytest.mark.parametrize(("corpus", "lowest", "highest"), [("msp_podcast", 1, 7), ("iemocap", 1, 5)])
def test_labels_use_the_scale_and_stay_on_it(corpus: str, lowest: int, highest: int) -> None:
    labels = LABELS[corpus]
    assert labels.min() >= lowest
    assert labels.max() <= highest
    assert labels.std(axis=0).min() > 0.1 * (highest - lowest)


def test_sentences_seldom_repeat_between_train_and_test() -> None:
    train = {t.act.utterance.text for t in MSP if t.split == "train"}
    test = [t.act.utterance.text for t in MSP if t.split == "test1"]
    assert np.mean([text in train for text in test]) < 0.1


@given(st.floats(-3, 3), st.integers(0, 2**32))
def test_sentences_are_plain_words(valence: float, seed: int) -> None:
    text = script.sentence(valence, np.random.default_rng(seed))
    assert text.replace(" ", "").isalpha()
    assert text.islower()
    assert 4 <= len(text.split()) <= 9


def test_pleasanter_sentences_have_pleasanter_words() -> None:
    rng = np.random.default_rng(0)
    means = [np.mean([script.word_valence(script.sentence(v, rng)) for _ in range(40)]) for v in (-2, -1, 0, 1, 2)]
    assert all(low + 0.3 < high for low, high in itertools.pairwise(means))


@given(st.floats(-4, 4), st.integers(1, 9), st.integers(0, 2**32))
def test_ratings_are_whole_numbers_of_the_scale(value: float, raters: int, seed: int) -> None:
    found = acting.ratings(value, raters, 1, 7, np.random.default_rng(seed))
    assert len(found) == raters
    assert set(found) <= set(range(1, 8))


@given(st.sampled_from(["angry", "sad", "neutral", "no agreement"]), st.integers(2, 9), st.integers(0, 2**32))
def test_a_majority_hears_the_class_unless_raters_disagree(emotion: str, raters: int, seed: int) -> None:
    cast = acting.votes(emotion, raters, ("angry", "happy", "neutral", "sad", "fear"), np.random.default_rng(seed))
    most = max(cast.count(name) for name in cast)
    assert len(cast) == raters
    assert most * 2 <= raters if emotion == "no agreement" else cast.count(emotion) * 2 > raters


@given(st.integers(1, 200), st.integers(0, 2**32))
def test_feelings_are_four_fifths_main_classes(count: int, seed: int) -> None:
    found = acting.feelings(count, acting.FOUR, itertools.repeat("other"), np.random.default_rng(seed))
    assert len(found) == count
    assert found.count("other") == count // 5
    assert max(found.count(n) for n in acting.FOUR) - min(found.count(n) for n in acting.FOUR) <= 1
