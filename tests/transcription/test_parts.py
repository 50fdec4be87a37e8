import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from emofuse.transcription import parts

RATE_HZ = 1000


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1000, 1000, round(seconds * RATE_HZ)).astype(np.int16)


@given(arrays.arrays(np.int16, st.integers(0, 3000)), st.floats(0.001, 3.5))
def test_parts_cover_the_clip_and_are_as_few_as_their_length_allows(samples, longest_s):
    edges = [0, *parts.cuts(samples, longest_s, RATE_HZ), len(samples)]
    lengths = np.diff(edges)
    longest = math.floor(longest_s * RATE_HZ)
    assert len(lengths) == max(1, math.ceil(len(samples) / longest))
    assert lengths.max() <= longest and (len(samples) == 0 or lengths.min() >= 1)


@given(arrays.arrays(np.int16, st.integers(1, 2000)), st.floats(0.01, 3.0))
def test_nothing_but_digital_silence_is_lost(samples, longest_s):
    found = parts.of(samples, longest_s, RATE_HZ)
    heard = np.concatenate([np.zeros(0, np.float32), *found])
    assert all(part.dtype == np.float32 and part.any() for part in found)
    np.testing.assert_array_equal(heard[heard != 0] * 32768, samples[samples != 0])


def test_a_clip_is_cut_in_the_middle_of_the_pause_near_its_half():
    samples = noise(40)
    samples[18_000:18_400] = 1
    (cut,) = parts.cuts(samples, 30.0, RATE_HZ)
    assert 18_050 <= cut <= 18_350


def test_a_pause_far_from_equal_lengths_is_no_place_to_cut():
    samples = noise(40)
    samples[2_000:2_400] = 0
    (cut,) = parts.cuts(samples, 30.0, RATE_HZ)
    assert abs(cut - 20_000) <= 2_500


def test_a_clip_a_little_too_long_is_halved_so_that_no_part_is_a_splinter():
    assert [round(len(part) / RATE_HZ) for part in parts.of(np.full(30_100, 7, np.int16), 30.0, RATE_HZ)] in ([15, 15], [13, 18], [18, 13])


def test_the_silent_half_of_a_clip_is_not_heard():
    samples = np.concatenate([noise(20), np.zeros(20 * RATE_HZ, np.int16)])
    found = parts.of(samples, 25.0, RATE_HZ)
    assert len(found) == 1
    assert len(found[0]) < 25 * RATE_HZ


def test_the_confidence_of_a_clip_counts_every_token_once():
    heard = [parts.Heard("one two", -3.0, 3), parts.Heard("", -0.5, 1), parts.Heard("three", -1.0, 2)]
    assert parts.joined(heard) == ("one two three", pytest.approx(-4.5 / 6))


@pytest.mark.parametrize("heard", [[], [parts.Heard("", -0.5, 1)]])
def test_no_words_have_no_confidence(heard):
    assert parts.joined(heard) == ("", None)
