"""Masked signals and what is to be predicted of them (paper B §3.2, after "Sense and Learn", Saeed et al. 2020).

One contiguous segment of each signal of each window is set to zero, the mean of a standardised window; the targets are eight statistics of
what lay there. B names seven, 35 values for five signals, and says 40: the source of the method has the median too.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32, Int

from emofuse.errors import InputError
from emofuse.params.wearable import Masking
from emofuse.self_supervision.statistics import STATISTICS, statistics

SIGNALS5 = ("speech", "acc", "bvp", "eda", "temp")
TARGETS = tuple(f"{signal}_{statistic}" for signal in SIGNALS5 for statistic in STATISTICS)
ACC_AXES = 3


def segments(
    windows: int, samples: int, share: Sequence[float], fewest: int, generator: np.random.Generator
) -> tuple[Int[np.ndarray, "window"], Int[np.ndarray, "window"]]:
    """Start and length of one segment for each window of ``samples`` samples: length uniform in ``share`` of it, start uniform.

    At least ``fewest`` samples long, also where the largest share is less. Raises InputError where no such segment exists.
    """
    shortest = max(fewest, round(share[0] * samples), 1)
    longest = max(shortest, round(share[1] * samples))
    if share[0] > share[1] or longest > samples:
        raise InputError(
            f"a masked segment of {samples} samples: expected shares in rising order and fewest_samples that fit, found {list(share)} and "
            f"{fewest}; correct wearable.masking or wearable.contrast.views in params.yaml"
        )
    length = generator.integers(shortest, longest, size=windows, endpoint=True)
    return generator.integers(0, samples - length, endpoint=True), length


def mask(
    signals: Mapping[str, Float32[np.ndarray, "window *sample"]], settings: Masking, generator: np.random.Generator
) -> tuple[dict[str, Float32[np.ndarray, "window *sample"]], Float32[np.ndarray, "window target"]]:
    """Copies with masked segments, and the statistics of what was masked, in the order of ``TARGETS``, in raw values.

    ``signals`` are standardised: speech (window, frame, coefficient), acceleration (window, 3 samples) as x, y, z one after the other, of
    which the same time span is masked, the others (window, sample). Raises InputError where a signal is missing or too short to mask.
    """
    if missing := [name for name in SIGNALS5 if name not in signals]:
        raise InputError(
            f"masked signals: expected all of {', '.join(SIGNALS5)}, found none of {', '.join(missing)}; add a corpus with them"
        )
    masked, targets = {}, []
    for name in SIGNALS5:
        values = np.ascontiguousarray(signals[name])
        copy = values.copy()
        by_time = _by_time(name, values)
        start, length = segments(len(values), by_time.shape[1], settings.share, settings.fewest_samples, generator)
        targets.append(statistics(by_time, start, length, peaks="of_mean" if name == "speech" else "of_each"))
        instants = np.arange(by_time.shape[1])
        _by_time(name, copy)[(instants >= start[:, None]) & (instants < (start + length)[:, None])] = 0.0
        masked[name] = copy
    return masked, np.concatenate(targets, axis=1).astype(np.float32)


def _by_time(name: str, values: Float32[np.ndarray, "window *sample"]) -> Float32[np.ndarray, "window sample axis"]:
    """A view with one row for each instant."""
    if name == "acc":
        return values.reshape(len(values), ACC_AXES, -1).transpose(0, 2, 1)
    return values.reshape(*values.shape[:2], -1)
