import numpy as np
import pytest
from scipy.signal import find_peaks

from emofuse.errors import InputError
from emofuse.models.fusion import SIGNALS
from emofuse.params.wearable import Masking
from emofuse.self_supervision.masking import SIGNALS5, TARGETS, mask, segments

SETTINGS = Masking(share=[0.1, 0.5], fewest_samples=4, targets="raw")
SAMPLES = {"speech": 400, "acc": 128, "bvp": 256, "eda": 16, "temp": 16}


def signals(windows=20, seed=0):
    generator = np.random.default_rng(seed)
    shapes = {"speech": (400, 40), "acc": (384,), "bvp": (256,), "eda": (16,), "temp": (16,)}
    return {name: generator.standard_normal((windows, *shape), dtype=np.float32) for name, shape in shapes.items()}


def by_time(name, values):
    """(window, instant, axis), written apart from the module."""
    if name == "acc":
        return np.stack([values[:, :128], values[:, 128:256], values[:, 256:]], axis=2)
    return values if values.ndim == 3 else values[:, :, None]


def test_the_targets_are_named_signal_by_signal_in_the_order_of_the_fusion():
    assert SIGNALS5 == SIGNALS
    assert len(TARGETS) == 40
    assert TARGETS[:3] == ("speech_mean", "speech_std", "speech_min")
    assert TARGETS[8] == "acc_mean"
    assert TARGETS[-1] == "temp_n_peaks"


@pytest.mark.parametrize("name", SIGNALS5)
def test_one_contiguous_segment_is_zero_and_the_rest_untouched(name):
    original = signals()
    masked, _ = mask(original, SETTINGS, np.random.default_rng(1))
    assert masked[name].shape == original[name].shape
    before, after = by_time(name, original[name]), by_time(name, masked[name])
    lost = (after == 0).all(axis=2)
    assert np.array_equal(after[~lost], before[~lost])
    for row in lost:
        (where,) = np.nonzero(row)
        assert where[-1] - where[0] + 1 == len(where)
        assert max(4, round(0.1 * SAMPLES[name])) <= len(where) <= SAMPLES[name] // 2


def test_the_targets_are_statistics_of_what_was_masked():
    original = signals()
    masked, targets = mask(original, SETTINGS, np.random.default_rng(2))
    assert targets.shape == (20, 40)
    assert targets.dtype == np.float32
    column = {name: index for index, name in enumerate(TARGETS)}
    for name in SIGNALS5:
        before, after = by_time(name, original[name]), by_time(name, masked[name])
        for window in range(20):
            hidden = before[window][(after[window] == 0).all(axis=1)]
            courses = hidden.mean(axis=1, keepdims=True, dtype=np.float64) if name == "speech" else hidden
            wanted = {
                "mean": hidden.mean(),
                "std": hidden.std(),
                "median": np.median(hidden),
                "max": hidden.max(),
                "n_peaks": sum(len(find_peaks(c)[0]) for c in courses.T),
            }
            for statistic, value in wanted.items():
                assert targets[window, column[f"{name}_{statistic}"]] == pytest.approx(value, rel=1e-4, abs=1e-5)


def test_the_signals_given_stay_as_they_are_and_a_generator_decides_everything():
    original = signals()
    kept = {name: values.copy() for name, values in original.items()}
    first, targets = mask(original, SETTINGS, np.random.default_rng(3))
    again, same = mask(original, SETTINGS, np.random.default_rng(3))
    other, _ = mask(original, SETTINGS, np.random.default_rng(4))
    assert all(np.array_equal(original[n], kept[n]) and np.array_equal(first[n], again[n]) for n in SIGNALS5)
    assert np.array_equal(targets, same)
    assert not np.array_equal(first["bvp"], other["bvp"])


def test_lengths_and_starts_are_uniform_and_reach_both_ends():
    start, length = segments(20_000, 16, [0.1, 0.5], 4, np.random.default_rng(0))
    values, counts = np.unique(length, return_counts=True)
    assert values.tolist() == [4, 5, 6, 7, 8]
    assert counts.min() > 0.9 * 4000
    assert start.min() == 0
    assert (start + length).max() == 16
    starts_of_eight = np.unique(start[length == 8], return_counts=True)
    assert starts_of_eight[0].tolist() == list(range(9))
    assert starts_of_eight[1].min() > 0.8 * counts[4] / 9


def test_the_fewest_samples_prevail_over_the_share():
    _, length = segments(100, 16, [0.1, 0.2], 6, np.random.default_rng(0))
    assert set(length) == {6}


@pytest.mark.parametrize(("share", "fewest"), [([0.5, 0.1], 4), ([0.1, 0.5], 17)])
def test_segments_that_cannot_be_are_an_error_of_one_line(share, fewest):
    with pytest.raises(InputError, match="masked segment") as error:
        segments(3, 16, share, fewest, np.random.default_rng(0))
    assert "\n" not in str(error.value)


def test_a_missing_signal_is_named():
    with pytest.raises(InputError, match="none of eda") as error:
        mask({n: v for n, v in signals(2).items() if n != "eda"}, SETTINGS, np.random.default_rng(0))
    assert "\n" not in str(error.value)
