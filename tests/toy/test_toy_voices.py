"""What is planted in the invented conversations: the voice carries mainly valence; people take turns; lengths are exact."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emofuse.toy import physiology, speech, voices


def scene(duration_s: float, people: int = 2, seed: int = 0) -> voices.Scene:
    rng = np.random.default_rng(seed)
    felt = tuple(physiology.feelings(duration_s, rng) for _ in range(people))
    return voices.Scene(tuple(voices.speakers(people, rng)), felt, duration_s)


SCENES = [scene(11.3), scene(5.1, people=1, seed=1)]


@pytest.fixture(scope="module")
def spoken() -> list[np.ndarray]:
    return list(voices.speak(SCENES, 3, "test"))


def test_a_scene_has_exactly_its_length(spoken: list[np.ndarray]) -> None:
    assert [len(samples) for samples in spoken] == [round(11.3 * 16000), round(5.1 * 16000)]
    assert {samples.dtype for samples in spoken} == {np.dtype(np.int16)}


def test_a_scene_does_not_depend_on_what_is_spoken_after_it(spoken: list[np.ndarray]) -> None:
    assert np.array_equal(next(voices.speak(SCENES[:1], 3, "test")), spoken[0])
    assert not np.array_equal(next(voices.speak(SCENES[:1], 4, "test")), spoken[0])


def test_turns_are_speech_and_pauses_are_the_room(spoken: list[np.ndarray]) -> None:
    turns = voices.plan(SCENES[0], np.random.default_rng([3, 41, 0]))
    samples = spoken[0] / 32768
    for turn, after in zip(turns, [*turns[1:], None], strict=True):
        words = samples[round((turn.start_s + 0.3) * 16000) : round((turn.end_s - 0.5) * 16000)]
        assert 20 * np.log10(words.std()) > -40
        pause = samples[round(turn.end_s * 16000) : round((after.start_s if after else SCENES[0].duration_s) * 16000)]
        assert 20 * np.log10(pause.std()) == pytest.approx(turns[0].utterance.noise_dbfs, abs=0.5)


def test_the_same_words_are_brighter_when_glad() -> None:
    rng = np.random.default_rng(0)
    speaker = voices.speakers(1, rng)[0]
    sad, glad = (
        voices.plan(voices.Scene((speaker,), (steady(0.0, valence),), 4.0), np.random.default_rng(9))[0].utterance
        for valence in (-1.5, 1.5)
    )
    same = [dataclasses.replace(u, text="we talked about the weekend and the garden", seed=1) for u in (sad, glad)]
    dull, bright = (brightness(samples) for samples in speech.speak(same, jobs=1))
    assert bright > dull + 3.0


def brightness(samples: np.ndarray) -> float:
    """Power above 2 kHz relative to power below 1 kHz in dB."""
    power = np.abs(np.fft.rfft(samples.astype(float))) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / 16000)
    return float(10 * np.log10(power[hz > 2000].sum() / power[hz < 1000].sum()))


def steady(arousal: float, valence: float) -> physiology.Feelings:
    return physiology.Feelings(np.full(400, arousal), np.full(400, valence))


def test_pitch_melody_brightness_level_and_size_say_valence_and_the_rate_a_little_of_arousal() -> None:
    shown, felt = [], []
    for seed in range(30):
        played = scene(150.0, seed=seed)
        for turn in voices.plan(played, np.random.default_rng(seed)):
            who, said = played.speakers[turn.speaker], turn.utterance
            middle_s = (turn.start_s + turn.end_s + 0.25) / 2
            felt.append([value[0] for value in played.felt[turn.speaker].at(np.array([middle_s]))])
            shown.append([said.pitch - who.pitch, said.pitch_range - who.pitch_range, said.tilt_db - who.tilt_db])
            shown[-1] += [said.level_dbfs - who.level_dbfs, said.size / who.size, said.rate_wpm / who.rate_wpm]
    table = np.abs(np.corrcoef(np.array(shown).T, np.array(felt).T)[:6, 6:])
    assert table[:5, 1].min() > 0.8
    assert table[:5, 0].max() < 0.4
    assert 0.5 < table[5, 0] < 0.85
    assert table[5, 1] < 0.25


@given(st.floats(1.0, 60.0), st.integers(1, 3), st.integers(0, 99))
def test_turns_alternate_without_overlap_and_fill_the_scene(duration_s: float, people: int, seed: int) -> None:
    turns = voices.plan(scene(duration_s, people, seed), np.random.default_rng(seed))
    assert turns[0].start_s == 0
    assert turns[-1].end_s == pytest.approx(duration_s, abs=0.26)
    for turn, after in itertools.pairwise(turns):
        assert turn.start_s < turn.end_s < after.start_s == pytest.approx(turn.end_s + 0.25)
        assert after.speaker == (turn.speaker + 1) % people
    assert all(turn.end_s - turn.start_s <= 10.0 for turn in turns)


def test_speakers_are_women_and_men_in_turn() -> None:
    assert [who.gender for who in voices.speakers(3, np.random.default_rng(0))] == ["male", "female", "male"]
