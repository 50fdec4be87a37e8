"""Recordings in one form: what a signal's unit is, and that time is counted in s from the recording's zero."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from emofuse.errors import InputError

SIGNALS = ("acc", "bvp", "eda", "temp")  # of a wrist device, in this order everywhere
UNITS = {"acc": "g", "bvp": "a.u.", "eda": "uS", "temp": "degC"}  # CASE's pulse is in %: only its shape counts
GRAVITY_COUNTS = 64.0  # an Empatica E4 stores acceleration in 1/64 g


@dataclass(frozen=True)
class Track:
    """One evenly sampled signal: sample i was taken ``start_s + i / rate_hz`` s after the recording's zero.

    ``samples`` has shape (sample,), acceleration (sample, 3), in the unit that ``UNITS`` says; NaN marks a lost sample.
    """

    rate_hz: float
    start_s: float
    samples: Float32[np.ndarray, "sample *axis"]


@dataclass(frozen=True)
class Annotation:
    """What a corpus says of a stretch of a recording: a number, a word, or null where the rater left it empty."""

    start_s: float
    end_s: float
    name: str
    value: float | None = None
    text: str | None = None


@dataclass(frozen=True)
class Recording:
    """What was recorded of one subject at one time by one device: its tracks, its audio, its annotations, on one clock."""

    native_id: str  # unique within the corpus, without spaces, such as P1, P001/PRE/PPT or Drv1/left
    subject: str
    tracks: dict[str, Track]
    session: str | None = None  # what subjects share, such as a debate; or the visit
    partner: str | None = None  # the other subject of a dyad
    device: str | None = None
    t0_unix_s: float | None = None  # UTC time of the recording's zero; null for a clock that only runs relative to the start
    span_s: tuple[float, float] | None = None  # the part to use; None: where all tracks and the audio overlap
    audio: str | None = None  # file relative to the root, with /; its first sample is at the recording's zero
    split: str | None = None  # official split
    annotations: tuple[Annotation, ...] = field(default=())


def in_g(acceleration: Float32[np.ndarray, "sample 3"], where: str) -> Float32[np.ndarray, "sample 3"]:
    """Acceleration in g from g, 1/64 g or m/s^2, told apart by the median magnitude, which gravity makes 1, 64 or 9.81.

    Releases do not agree on the unit, nor do their papers always say it. Raises InputError, naming ``where``, where no unit fits.
    """
    with np.errstate(over="ignore"):  # what is too large is refused below
        magnitude = float(np.nanmedian(np.linalg.norm(acceleration, axis=1))) if len(acceleration) else float("nan")
    for unit in (1.0, 9.81, GRAVITY_COUNTS):
        if 0.5 * unit < magnitude < 1.6 * unit:
            return (acceleration / np.float32(unit)).astype(np.float32)
    raise InputError(
        f"{where}: expected acceleration of a median magnitude near 1 (g), 9.81 (m/s^2) or 64 (1/64 g), found {magnitude:.3g}; "
        "check the file's columns"
    )
