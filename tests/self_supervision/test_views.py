import numpy as np
import pytest

from emofuse.errors import InputError
from emofuse.params.wearable import Views
from emofuse.self_supervision.views import view

ALL = ["jitter", "scale", "mask", "permute", "warp"]


def views(transforms=ALL, at_once=None, **changes):
    numbers = {"jitter_sd": 0.05, "scale_sd": 0.1, "mask_share": [0.1, 0.5], "segments": 4, "warp_sd": 0.2, "warp_knots": 4}
    return Views(transforms=transforms, at_once=at_once or len(transforms), **(numbers | changes))


def distorted(windows, settings, axes=1, seed=0):
    return view(windows, settings, axes, np.random.default_rng(seed))


def noise(windows=40, samples=64):
    return np.random.default_rng(9).standard_normal((windows, samples), dtype=np.float32)


@pytest.mark.parametrize(("samples", "axes"), [(16, 1), (256, 1), (384, 3)])
def test_shape_type_and_finiteness_hold_and_the_original_stays(samples, axes):
    windows = noise(200, samples)
    windows[0] = 0  # a flat window was standardised to zeros
    kept = windows.copy()
    out = distorted(windows, views(at_once=2), axes)
    assert out.shape == windows.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert np.array_equal(windows, kept)


def test_a_generator_decides_everything_and_two_views_differ():
    windows, settings = noise(), views(at_once=2)
    assert np.array_equal(distorted(windows, settings), distorted(windows, settings))
    generator = np.random.default_rng(0)
    assert not np.array_equal(view(windows, settings, 1, generator), view(windows, settings, 1, generator))


def test_each_window_gets_as_many_transforms_as_wanted_all_equally_often():
    """Scales and noises so large or small that their traces can be told apart."""
    settings = views(["jitter", "scale", "mask"], at_once=2, jitter_sd=0.01, scale_sd=0.3, mask_share=[0.5, 0.5])
    out = distorted(np.ones((3000, 32), np.float32), settings)
    masked = (out == 0).sum(axis=1) == 16
    seen = np.sort(np.abs(out), axis=1)[:, 16:]  # never masked
    jittered = np.ptp(seen, axis=1) > 1e-3
    scaled = np.abs(seen.mean(axis=1) - 1) > 0.015
    assert masked.mean() == pytest.approx(2 / 3, abs=0.03)
    assert jittered.mean() == pytest.approx(2 / 3, abs=0.03)
    assert (masked & jittered & scaled).mean() < 0.01
    assert (masked | jittered).all()


def test_jitter_adds_noise_of_its_sd():
    added = distorted(noise(200), views(["jitter"])) - noise(200)
    assert added.std() == pytest.approx(0.05, rel=0.03)
    assert abs(added.mean()) < 0.002
    assert abs(np.corrcoef(added[:, :-1].ravel(), added[:, 1:].ravel())[0, 1]) < 0.03


def test_scale_is_one_factor_for_all_axes_of_a_window():
    windows = noise(2000, 6)
    factors = distorted(windows, views(["scale"]), axes=3) / windows
    assert np.ptp(factors, axis=1).max() < 1e-5
    assert factors.mean() == pytest.approx(1, abs=0.01)
    assert factors[:, 0].std() == pytest.approx(0.1, rel=0.06)


def test_mask_zeroes_the_same_contiguous_part_of_every_axis_within_the_share():
    out = distorted(noise(300, 384), views(["mask"]), axes=3).reshape(300, 3, 128)
    lost = out == 0
    assert (lost == lost[:, :1]).all()
    edges = np.abs(np.diff(np.pad(lost[:, 0].astype(int), ((0, 0), (1, 1))), axis=1)).sum(axis=1)
    assert (edges == 2).all()
    shares = lost[:, 0].mean(axis=1)
    assert shares.min() >= 0.09
    assert shares.max() <= 0.5
    assert shares.mean() == pytest.approx(0.3, abs=0.03)


def test_permute_moves_whole_parts_of_every_axis_alike():
    ramp = np.tile(np.arange(50, dtype=np.float32), 3)[None].repeat(300, axis=0)
    out = distorted(ramp, views(["permute"]), axes=3).reshape(300, 3, 50)
    assert (out == out[:, :1]).all()
    assert np.array_equal(np.sort(out[:, 0], axis=1), ramp[:, :50])
    breaks = (np.diff(out[:, 0], axis=1) != 1).sum(axis=1)
    assert breaks.max() == 3  # four parts
    assert (breaks == 0).mean() < 0.15


def test_warp_keeps_ends_and_order_and_never_leaves_the_range():
    ramp = np.tile(np.arange(64, dtype=np.float32), 3)[None].repeat(200, axis=0)
    out = distorted(ramp, views(["warp"]), axes=3).reshape(200, 3, 64)
    assert np.array_equal(out[:, 0], out[:, 2])
    time = out[:, 0]  # the ramp's value is the instant shown
    np.testing.assert_allclose(time[:, [0, -1]], np.tile([0, 63], (200, 1)), atol=1e-4)
    assert (np.diff(time, axis=1) > 0).all()
    assert np.abs(time - ramp[:, :64]).max() > 3
    pace = np.diff(time, axis=1)
    assert np.abs(np.diff(pace, axis=1)).max() < 0.3  # smooth: independent paces would differ by up to 1


def test_a_strong_warp_does_not_run_backwards():
    ramp = np.arange(64, dtype=np.float32)[None].repeat(300, axis=0)
    assert (np.diff(distorted(ramp, views(["warp"], warp_sd=1.0)), axis=1) >= 0).all()


def test_a_weak_warp_changes_next_to_nothing():
    windows = np.sin(np.linspace(0, 6, 64, dtype=np.float32))[None]
    np.testing.assert_allclose(distorted(windows, views(["warp"], warp_sd=1e-5)), windows, atol=1e-4)


def test_axes_are_never_mixed():
    windows = np.concatenate([np.full((50, 30), value, np.float32) for value in (1, 2, 3)], axis=1)
    out = distorted(windows, views(["permute", "warp"]), axes=3)
    np.testing.assert_allclose(out, windows, atol=1e-6)


def test_more_transforms_at_once_than_there_are_is_an_error_of_one_line():
    with pytest.raises(InputError, match=r"at_once of at most 2.*found 3") as error:
        distorted(noise(), views(["jitter", "scale"], at_once=3))
    assert "\n" not in str(error.value)
