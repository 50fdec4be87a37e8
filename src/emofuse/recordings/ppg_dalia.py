"""PPG-DaLiA, or PPG Field Study: 15 people in daily life, two and a half hours each (Reiss et al. 2019); the wrist device's signals.

Licence: CC BY 4.0; UCI dataset 495, data.zip within its zip file. No emotions are rated.

Layout (``root`` is any folder at most two above)::

    PPG_FieldStudy/S1/S1.pkl  S1_activity.csv  S1_E4.zip  S1_quest.csv  S1_RespiBAN.h5    and so on to S15

The pickle is of Python 2: ``signal.wrist`` as in WESAD, but with ACC in g; ``label``, the heart rate in windows of 8 s, one every 2 s;
``activity`` at 4 Hz; ``subject``; and what is left out here: ``signal.chest`` at 700 Hz, of which some channels are dummies, ``rpeaks``,
``questionnaire``. All of it starts together, at no known time of day. Subject S6 ends after about 90 min.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from emofuse.corpora import is_invented, require_counts
from emofuse.errors import InputError
from emofuse.recordings import locate, require_release
from emofuse.recordings.wesad import numbers, runs, shared_s, signals, subjects
from emofuse.signals import Annotation, Recording

NAME = "ppg_dalia"
RELEASES = ("2019",)
COUNTS = {"subjects": 15}
WINDOWS = {"heart rates": 64697}  # of all subjects together
ACTIVITY_HZ = 4.0
ACTIVITIES = dict(enumerate(("transient", "sitting", "stairs", "table_soccer", "cycling", "driving", "lunch", "walking", "working")))
HEART_RATE_WINDOW_S = 8.0
HEART_RATE_STEP_S = 2.0

log = logging.getLogger(NAME)


def read(root: Path, release: str, check_counts: bool) -> Iterator[Recording]:
    """Yield one recording for each subject, S2 before S10, with annotations ``activity`` (a word) and ``heart_rate`` (bpm).

    With ``check_counts`` there must be as many heart rates as windows, to one. Raises InputError naming the file for a subject without
    a pickle, a pickle that is damaged or asks for anything but arrays, or arrays of other shapes.
    """
    require_release(NAME, release, RELEASES)
    found = locate(NAME, root, "PPG-DaLiA (S1/S1.pkl and so on)", lambda folder: bool(subjects(folder)))
    files = subjects(found)
    genuine = check_counts and not is_invented(root, found)
    if genuine:
        require_counts(found, f"PPG-DaLiA {release}", COUNTS, {"subjects": len(files)})
    rates = 0
    for path in files:
        recording = _recording(path, check_counts)
        rates += sum(annotation.name == "heart_rate" for annotation in recording.annotations)
        yield recording
    if genuine:
        require_counts(found, f"PPG-DaLiA {release}", WINDOWS, {"heart rates": rates})


def _recording(path: Path, check_counts: bool) -> Recording:
    content, tracks = signals(path)
    activity = numbers(path, content, "activity", "activity", 1)[:, 0]
    rates = numbers(path, content, "label", "label", 1)[:, 0]
    end_s = min(shared_s(tracks), len(activity) / ACTIVITY_HZ)
    windows = int((end_s - HEART_RATE_WINDOW_S) // HEART_RATE_STEP_S) + 1
    if abs(windows - len(rates)) > 1:
        problem = f"{path}: label: expected a heart rate for each of {windows} windows of {end_s:.1f} s, found {len(rates)}"
        if check_counts:
            raise InputError(f"{problem}; unpack the release again, or set check_counts: false in params.yaml to use what is there")
        log.warning("%s: used as they are", problem)
    beats = []
    for k, bpm in enumerate(rates):
        start_s = HEART_RATE_STEP_S * k
        beats.append(Annotation(start_s, start_s + HEART_RATE_WINDOW_S, "heart_rate", value=float(bpm)))
    return Recording(
        native_id=path.stem,
        subject=path.stem,
        tracks=tracks,
        span_s=(0.0, end_s),
        annotations=(*runs(path, activity, ACTIVITY_HZ, "activity", ACTIVITIES), *beats),
    )
