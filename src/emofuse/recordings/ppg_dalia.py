"""PPG-DaLiA, or PPG Field Study: 15 people in daily life, two and a half hours each (Reiss et al. 2019); the wrist device's signals.

Access: UCI dataset 495, data.zip within its zip file. No emotions are rated.

Layout (``root`` is any folder at most two above)::

    PPG_FieldStudy/S1/S1.pkl  S1_activity.csv  S1_E4.zip  S1_quest.csv  S1_RespiBAN.h5    and so on to S15

The pickle is of Python 2: ``signal.wrist`` as in WESAD, but with ACC in g; ``label``, the heart rate in windows of 8 s, one every 2 s;
``activity`` at 4 Hz; ``subject``; and what is not used: ``signal.chest`` at 700 Hz, of which some channels are dummies, ``rpeaks``, in
which some occur twice, ``questionnaire``, the wrist device's own files (another clock). All of it starts together, at no known time of day.
Subject S6 ends after about 90 min, without the last activities. Known sizes: 15 subjects, 64,697 heart rates.
"""

from collections.abc import Iterator
from pathlib import Path

from emofuse.recordings import Remark, locate, require_release
from emofuse.recordings.wesad import numbers, runs, shared_s, signals, subjects, unread
from emofuse.remarks import LeftOut, exactly
from emofuse.signals import Annotation, Recording

NAME = "ppg_dalia"
RELEASES = ("2019",)
LICENCE = "CC BY 4.0"
SUBJECTS = 15
HEART_RATES = 64697  # of all subjects together
TRUNCATED = "S6"  # whose device failed
ACTIVITY_HZ = 4.0
ACTIVITIES = dict(enumerate(("transient", "sitting", "stairs", "table_soccer", "cycling", "driving", "lunch", "walking", "working")))
HEART_RATE_WINDOW_S = 8.0
HEART_RATE_STEP_S = 2.0


def read(root: Path, release: str) -> Iterator[Recording | Remark]:
    """Yield one recording for each subject, S2 before S10, with annotations ``activity`` (a word) and ``heart_rate`` (bpm).

    There must be as many heart rates as windows, to one; what is beyond is left out. Raises InputError naming the file for a subject
    without a pickle, a pickle that is damaged or asks for anything but arrays, or arrays of other shapes.
    """
    require_release(NAME, release, RELEASES)
    found = locate(NAME, root, "PPG-DaLiA (S1/S1.pkl and so on)", lambda folder: bool(subjects(folder)))
    files = subjects(found)
    yield exactly("subjects", SUBJECTS, len(files))
    yield from unread(found, files, root)
    total, complete = 0, 0
    for path in files:
        content, tracks = signals(path)
        activity = numbers(path, content, "activity", "activity", 1)[:, 0]
        bpm = numbers(path, content, "label", "label", 1)[:, 0]
        end_s = min(shared_s(tracks), len(activity) / ACTIVITY_HZ)
        windows = max(0, int((end_s - HEART_RATE_WINDOW_S) // HEART_RATE_STEP_S) + 1)
        total += len(bpm)
        complete += abs(windows - len(bpm)) <= 1
        if abs(windows - len(bpm)) > 1:
            said = f"{path}: label: expected a heart rate for each of {windows} windows of {end_s:.1f} s, found {len(bpm)}"
            yield LeftOut(path.stem, "surplus" if len(bpm) > windows else "unlabelled", said)
        activities = tuple(runs(path, activity, ACTIVITY_HZ, "activity", ACTIVITIES))
        absent = [word for word in ACTIVITIES.values() if word not in {annotation.text for annotation in activities}]
        if path.stem == TRUNCATED and absent:
            said = f"{path}: expected every activity, found {end_s:.0f} s without {absent}: its device failed"
            yield LeftOut(path.stem, "known_fault", said)
        beats = (_heart_rate(k, float(value)) for k, value in enumerate(bpm[: windows + 1]))
        yield Recording(path.stem, path.stem, tracks, span_s=(0.0, end_s), annotations=(*activities, *beats))
    yield exactly("heart rates", HEART_RATES, total)
    yield exactly("subjects with one heart rate for each window", len(files), complete)


def _heart_rate(window: int, bpm: float) -> Annotation:
    start_s = HEART_RATE_STEP_S * window
    return Annotation(start_s, start_s + HEART_RATE_WINDOW_S, "heart_rate", value=None if bpm != bpm else bpm)
