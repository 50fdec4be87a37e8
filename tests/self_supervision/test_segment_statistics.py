import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import find_peaks
from scipy.stats import kurtosis, skew

from emofuse.self_supervision.statistics import STATISTICS, statistics


def one_by_one(segment, peaks):
    """The same statistics of one segment (sample, axis) by NumPy and SciPy."""
    flat = segment.reshape(-1).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns of constant and nearly constant values
        shape = [float(skew(flat)), float(kurtosis(flat))] if flat.max() > flat.min() else [0.0, 0.0]
    courses = segment.astype(np.float64).mean(axis=1, keepdims=True) if peaks == "of_mean" else segment
    found = sum(len(find_peaks(courses[:, axis])[0]) for axis in range(courses.shape[1]))
    return [flat.mean(), flat.std(), flat.min(), flat.max(), np.median(flat), *shape, found]


def cut(length, samples, draw):
    return draw(st.integers(0, samples - length))


@st.composite
def segments(draw, elements):
    windows, samples, axes = draw(st.integers(1, 4)), draw(st.integers(4, 24)), draw(st.sampled_from([1, 3]))
    values = draw(arrays(np.float32, (windows, samples, axes), elements=elements))
    length = np.array([draw(st.integers(1, samples)) for _ in range(windows)])
    start = np.array([cut(int(n), samples, draw) for n in length])
    return values, start, length


def assert_as_one_by_one(values, start, length, peaks):
    ours = statistics(values, start, length, peaks)
    assert ours.shape == (len(values), 8)
    for window, (begin, count) in enumerate(zip(start, length, strict=True)):
        wanted = one_by_one(values[window, begin : begin + count], peaks)
        np.testing.assert_allclose(ours[window], wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("peaks", ["of_each", "of_mean"])
@settings(max_examples=60, deadline=None)
@given(case=segments(st.sampled_from([0.0, 0.25, 0.5, 1.0])))
def test_quantised_signals_with_plateaus_agree_with_scipy(peaks, case):
    assert_as_one_by_one(*case, peaks)


@settings(max_examples=60, deadline=None)
@given(case=segments(st.integers(-4000, 4000).map(lambda n: np.float32(n / 1000))))
def test_fine_signals_agree_with_scipy(case):
    assert_as_one_by_one(*case, "of_each")


def test_long_signals_of_all_shapes_agree_with_scipy():
    generator = np.random.default_rng(0)
    for samples, axes, peaks in [(400, 40, "of_mean"), (128, 3, "of_each"), (256, 1, "of_each"), (16, 1, "of_each")]:
        values = generator.standard_normal((8, samples, axes), dtype=np.float32)
        length = generator.integers(4, samples // 2, 8)
        assert_as_one_by_one(values, generator.integers(0, samples - length), length, peaks)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.7])
def test_a_constant_segment_has_its_value_and_zeros(value):
    values = np.full((2, 50, 3), value, np.float32)
    out = statistics(values, np.array([0, 20]), np.array([50, 7]))
    found = dict(zip(STATISTICS, out.T, strict=True))
    for name in ("mean", "min", "max", "median"):
        np.testing.assert_allclose(found[name], np.float32(value), rtol=1e-12)
    for name in ("std", "skewness", "kurtosis", "n_peaks"):
        assert found[name].tolist() == [0, 0]


def test_a_plateau_counts_once_and_an_edge_never():
    course = np.array([3, 1, 2, 2, 2, 1, 5, 5], np.float32)[None, :, None]
    assert statistics(course, np.array([0]), np.array([8]))[0, 7] == 1
    assert statistics(course, np.array([2]), np.array([4]))[0, 7] == 0


def test_samples_outside_the_segment_do_not_matter():
    generator = np.random.default_rng(1)
    values = generator.standard_normal((3, 40, 1), dtype=np.float32)
    start, length = np.array([0, 10, 33]), np.array([5, 20, 7])
    before = statistics(values, start, length)
    instants = np.arange(40)
    values[(instants < start[:, None]) | (instants >= (start + length)[:, None])] = 1e6
    assert np.array_equal(statistics(values, start, length), before)
