"""Two views of a window for contrastive pretraining: random distortions of a standardised wearable signal (paper B §3.1; SigRep, SimCLR).

The five distortions and their strengths are those of Um et al. 2017 and of SimCLR for activity recognition (Tang et al. 2020); the mask is
SigRep's loss of signal. They come after standardisation, and nothing is standardised again: that would undo the scaling.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float32
from scipy.interpolate import CubicSpline

from emofuse.errors import InputError
from emofuse.params.wearable import Views
from emofuse.self_supervision.masking import segments

_SLOWEST = 0.1  # share of the usual pace below which warped time does not fall: it must not run backwards, which Um et al. leave to chance


def view(
    windows: Float32[np.ndarray, "window sample"], settings: Views, axes: int, generator: np.random.Generator
) -> Float32[np.ndarray, "window sample"]:
    """A distorted copy: each window gets ``at_once`` of the transforms, drawn anew, applied in the order in which settings list them.

    ``axes``: how many courses of equal length lie one after the other in a window (3 for acceleration); mask, permutation and warp treat
    the same time span of all. Raises InputError where more transforms are wanted at once than there are.
    """
    transforms = settings.transforms
    if settings.at_once > len(transforms):
        raise InputError(
            f"wearable.contrast.views: expected at_once of at most {len(transforms)}, the number of transforms, found {settings.at_once}; "
            "lower it in params.yaml"
        )
    out = np.array(windows, dtype=np.float32).reshape(len(windows), axes, -1)
    rank = generator.random((len(out), len(transforms))).argsort(axis=1).argsort(axis=1)
    for index, name in enumerate(transforms):
        chosen = np.flatnonzero(rank[:, index] < settings.at_once)
        out[chosen] = _TRANSFORMS[name](out[chosen], settings, generator)
    return out.reshape(windows.shape)


_Courses = Float32[np.ndarray, "window axis sample"]


def _jitter(x: _Courses, settings: Views, generator: np.random.Generator) -> _Courses:
    """Noise on every sample."""
    return x + np.float32(settings.jitter_sd) * generator.standard_normal(x.shape, dtype=np.float32)


def _scale(x: _Courses, settings: Views, generator: np.random.Generator) -> _Courses:
    """One factor near 1 for each window."""
    return x * (1 + np.float32(settings.scale_sd) * generator.standard_normal((len(x), 1, 1), dtype=np.float32))


def _mask(x: _Courses, settings: Views, generator: np.random.Generator) -> _Courses:
    """One contiguous part set to zero, the mean of a standardised window."""
    start, length = segments(len(x), x.shape[2], settings.mask_share, 1, generator)
    instants = np.arange(x.shape[2])
    lost = (instants >= start[:, None]) & (instants < (start + length)[:, None])
    return np.where(lost[:, None], np.float32(0), x)


def _permute(x: _Courses, settings: Views, generator: np.random.Generator) -> _Courses:
    """Parts between random cuts, put together in random order."""
    samples = x.shape[2]
    cuts = generator.integers(1, samples, (len(x), settings.segments - 1))
    part = (np.arange(samples)[:, None] >= cuts[:, None]).sum(axis=2)  # (window, sample): how many cuts lie before
    place = generator.random((len(x), settings.segments)).argsort(axis=1)
    order = np.take_along_axis(place, part, axis=1).astype(np.uint16).argsort(axis=1, kind="stable")
    return np.take_along_axis(x, order[:, None], axis=2)


def _warp(x: _Courses, settings: Views, generator: np.random.Generator) -> _Courses:
    """Time passes at a pace that varies smoothly around 1; the first and the last sample stay where they are."""
    samples = x.shape[2]
    curves = _curves(samples, settings.warp_knots + 2)
    pace = (1 + np.float32(settings.warp_sd) * generator.standard_normal((len(x), len(curves)), dtype=np.float32)) @ curves
    time = np.cumsum(np.maximum(pace, _SLOWEST), axis=1)
    time = (time - time[:, :1]) * ((samples - 1) / (time[:, -1:] - time[:, :1]))
    before = np.minimum(time.astype(np.int64), samples - 2)
    share = (time - before).astype(np.float32)[:, None]
    left, right = (np.take_along_axis(x, i[:, None], axis=2) for i in (before, before + 1))
    return left + share * (right - left)


@lru_cache
def _curves(samples: int, knots: int) -> Float32[np.ndarray, "knot sample"]:
    """The cubic splines that are 1 at one of evenly spaced knots and 0 at the others: a random curve is a random mixture of them."""
    curves: np.ndarray = CubicSpline(np.linspace(0, samples - 1, knots), np.eye(knots))(np.arange(samples)).T.astype(np.float32)
    return curves


_TRANSFORMS = {"jitter": _jitter, "scale": _scale, "mask": _mask, "permute": _permute, "warp": _warp}
