"""What K-EmoCon's participants said of themselves every 5 s, as the label of each window.

B §4.1.1: ratings of arousal and valence "binned … into three levels", and "the most prominent emotion", one of five, or neutral. The paper
refers to SigRep for both rules, whose text is not public: each rule is a parameter, named and sourced in params.yaml.
"""

import logging
import math

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64

from emofuse.params import wearable

log = logging.getLogger("self_reports")

EMOTIONS = ("cheerful", "happy", "angry", "nervous", "sad")  # in the order of the questionnaire (K-EmoCon, 2020)
NEUTRAL = "neutral"
SCALE = (1.0, 5.0)  # of arousal and valence; the emotions are rated from 1 to 4
RATINGS = ("arousal", "valence", *EMOTIONS)
_LABELS = ("arousal", "valence", "arousal3", "valence3", "emotion", "emotion_raw")
_ROUNDING_S = 1e-6
DEBATE = "debate"  # the annotation that says how long what was rated took


def label(examples: pd.DataFrame, annotations: pd.DataFrame, recordings: pd.DataFrame, settings: wearable.Labels) -> pd.DataFrame:
    """The rows of Examples with their labels: ratings from 1 to 5, their levels, and the most prominent emotion.

    Surplus intervals are those beyond the end of the annotation ``debate``, or where there is none, of the recording's span.
    ``annotations`` and ``recordings`` are rows of Annotations and Recordings of the same corpus. A window has the ratings of the interval
    [start, end) that holds its centre; a rating that was left empty is a null label. ``emotion_raw`` is the five scores, such as
    ``2/1/1/3/1``. A corpus that does not rate all seven is returned unchanged: CASE has an arousal too, but of another kind.
    """
    if not set(RATINGS) <= set(annotations["name"]):
        return examples
    rated = annotations[annotations["name"].isin(RATINGS)]
    scores = rated.pivot(index=["recording", "start_s", "end_s"], columns="name", values="value").reset_index()
    spans = dict(zip(recordings["recording"], zip(recordings["span_start_s"], recordings["span_end_s"], strict=True), strict=True))
    debates = annotations[annotations["name"] == DEBATE].set_index("recording")
    ends = debates["end_s"].to_dict()  # surplus is what outlasts the debate, not an audio file that is a little shorter
    places = examples.groupby("recording", sort=False).indices
    windows = examples[["start_s", "end_s"]].to_numpy(dtype=np.float64)
    parts, ties, moved = [pd.DataFrame(columns=list(_LABELS), dtype=object)], 0, 0
    for recording, own in scores.groupby("recording"):
        where = places.get(recording, np.empty(0, np.int64))
        span_start_s, span_end_s = spans[str(recording)]
        kept = within(own, span_start_s, ends.get(recording, span_end_s), settings)
        moved += len(kept) < len(own)
        if len(where) and len(kept):
            parts.append(_of_windows(kept, windows[where], settings).set_axis(where))
            ties += int(tied(kept, settings).sum())
    labels = pd.concat(parts).reindex(np.arange(len(examples)))
    result = examples.assign(scale_min=SCALE[0], scale_max=SCALE[1])
    for name in _LABELS:
        result[name] = labels[name].to_numpy()
    result = result.astype({"arousal": np.float64, "valence": np.float64})
    log.info(
        "%d windows: %d of no arousal, %d of no valence, %d of no emotion, %d neutral; %d intervals share the highest score (%s); "
        "%d recordings have more annotations than time (surplus: %s)",
        *(len(result), *(int(result[name].isna().sum()) for name in ("arousal3", "valence3", "emotion"))),
        *(int((result["emotion"] == NEUTRAL).sum()), ties, settings.ties, moved, settings.surplus),
    )
    return result


def within(scores: pd.DataFrame, span_start_s: float, span_end_s: float, settings: wearable.Labels) -> pd.DataFrame:
    """The intervals of one recording (``start_s``, ``end_s``, ratings), by time, no more than whole ones in the span.

    Surplus ``beginning``: the first are dropped and the others move to earlier times, as in the corpus authors' code; ``end``: the last
    are dropped.
    """
    scores = scores.sort_values("start_s")
    length = float((scores["end_s"] - scores["start_s"]).median())
    whole = math.floor((span_end_s - span_start_s + _ROUNDING_S) / length)
    number = ((scores["start_s"] - span_start_s) / length).round()
    surplus = max(int(number.max()) + 1 - whole, 0)
    if settings.surplus == "end":
        return scores[number < whole]
    kept = scores[number >= surplus]
    return kept.assign(start_s=kept["start_s"] - surplus * length, end_s=kept["end_s"] - surplus * length)


def level(ratings: "pd.Series[float]", settings: wearable.Labels) -> "pd.Series[str]":
    """low, neutral or high for each rating from 1 to 5; null for an empty one."""
    names = np.select([ratings <= settings.low_at_most, ratings <= settings.neutral_at_most], ["low", "neutral"], "high")
    return pd.Series(names, index=ratings.index, dtype=object).where(ratings.notna(), None)


def most_prominent(scores: pd.DataFrame, settings: wearable.Labels) -> "pd.Series[str]":
    """The emotion with the highest of five scores: rows are intervals, columns ``EMOTIONS``; null where a score is empty.

    Neutral where no score is above ``settings.absent_at_most``. Where two emotions share the highest score: ``settings.ties``.
    """
    values = scores[list(EMOTIONS)].to_numpy(dtype=np.float64)
    highest = values.max(axis=1, initial=-np.inf)  # NaN where a score is empty
    names = np.array(EMOTIONS, dtype=object)[np.where(np.isnan(values), -np.inf, values).argmax(axis=1)]
    if settings.ties != "first":
        names[tied(scores, settings)] = NEUTRAL if settings.ties == "neutral" else None
    names[highest <= settings.absent_at_most] = NEUTRAL
    names[np.isnan(highest)] = None
    return pd.Series(names, index=scores.index, dtype=object)


def tied(scores: pd.DataFrame, settings: wearable.Labels) -> Bool[np.ndarray, "interval"]:
    """Which rows of scores have two or more emotions at the highest score, above ``settings.absent_at_most``."""
    values = scores[list(EMOTIONS)].to_numpy(dtype=np.float64)
    highest = values.max(axis=1, keepdims=True, initial=-np.inf)
    return ((values == highest).sum(axis=1) > 1) & (highest[:, 0] > settings.absent_at_most)


def _of_windows(scores: pd.DataFrame, windows: Float64[np.ndarray, "window 2"], settings: wearable.Labels) -> pd.DataFrame:
    """The labels of the intervals that hold the windows' centres; with ``interval: agreeing`` only where all that it touches agree."""
    labels = _of_intervals(scores, settings)
    begin, end = scores["start_s"].to_numpy(dtype=np.float64), scores["end_s"].to_numpy(dtype=np.float64)
    centre = np.round(windows.mean(axis=1), 6)
    held = np.searchsorted(begin, centre, side="right") - 1
    inside = (held >= 0) & (centre < end[held])
    found = labels.iloc[np.maximum(held, 0)].reset_index(drop=True)
    found[~inside] = None
    if settings.interval == "agreeing":
        first = np.searchsorted(end, windows[:, 0] + _ROUNDING_S, side="right")
        last = np.searchsorted(begin, windows[:, 1] - _ROUNDING_S, side="left") - 1
        for name in labels.columns:
            codes = pd.factorize(labels[name])[0]
            stretch = np.cumsum(np.diff(codes, prepend=codes[:1]) != 0)  # equal labels one after the other have one number
            found.loc[inside & (stretch[np.minimum(first, len(codes) - 1)] != stretch[last]), name] = None
    return found


def _of_intervals(scores: pd.DataFrame, settings: wearable.Labels) -> pd.DataFrame:
    known = {
        "arousal": scores["arousal"],
        "valence": scores["valence"],
        "arousal3": level(scores["arousal"], settings),
        "valence3": level(scores["valence"], settings),
        "emotion": most_prominent(scores, settings),
        "emotion_raw": scores[list(EMOTIONS)].map(lambda score: "" if np.isnan(score) else f"{score:g}").agg("/".join, axis=1),
    }
    return pd.DataFrame(known, dtype=object)
