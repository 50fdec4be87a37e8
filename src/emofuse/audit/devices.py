"""Who wore what: one device on two people, two recordings of equal samples, signals that do not move, audio that is there twice."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emofuse import tables
from emofuse.arrays import ArrayCache
from emofuse.audit.finding import Finding, native, of_records
from emofuse.track_store import SPEECH

CHECKS = {
    "device_shared": "one device records one subject at a time",
    "identical_samples": "no two recordings have equal samples",
    "flat_signal": "signals move",
}
_LOOKS = 1000  # samples of a track that are looked at first: a track that moves does so among them
_FLAT_US = 0.1  # two responses of 0.05 uS, the least that counts as one (Boucsein 2012), in
_LONG_S = 600.0  # ten minutes or more


def find(recordings: pd.DataFrame, samples: ArrayCache) -> list[Finding]:
    """Findings on the Recordings table and the samples, cached under ``<recording>/<signal>``."""
    flat = _flat(recordings, samples)
    return [
        *_devices(recordings),
        *of_records(
            "flat_signal",
            "warning",
            f"{{n}} signals hold one value from beginning to end, or skin conductance within {_FLAT_US:g} uS, as without contact",
            flat,
        ),
        *_identical(recordings, samples, flat),
    ]


def _devices(recordings: pd.DataFrame) -> list[Finding]:
    """Serial numbers hold a digit; left and right do not."""
    worn = recordings[recordings["device"].str.contains(r"\d", na=False) & recordings["t0_unix_s"].notna()]
    worn = worn.assign(
        begin=worn["t0_unix_s"] + worn["start_s"], finish=worn["t0_unix_s"] + worn["start_s"] + worn["samples"] / worn["rate_hz"]
    )
    spans = (
        worn[worn["signal"] != SPEECH]
        .groupby(["device", "recording", "subject"], as_index=False)
        .agg(begin=("begin", "min"), finish=("finish", "max"))
    )
    pairs = spans.merge(spans, on="device", suffixes=("", "_other"))
    shared_s = pairs[["finish", "finish_other"]].min(axis=1) - pairs[["begin", "begin_other"]].max(axis=1)
    pairs = pairs.assign(shared_s=shared_s)[(pairs["subject"] < pairs["subject_other"]) & (shared_s > 0)]
    found = []
    for device, own in pairs.sort_values("shared_s", ascending=False).groupby("device"):
        one = own.iloc[0]
        says = (
            f"device {device}: expected one subject at a time, found {one['subject']} and {one['subject_other']} at once for "
            f"{one['shared_s']:.0f} s; one of the two has the other's data"
        )
        found.append(Finding("device_shared", "error", says, (str(device),), records=len({*own["recording"], *own["recording_other"]})))
    return found


def _flat(recordings: pd.DataFrame, samples: ArrayCache) -> list[str]:
    found = []
    for row in recordings.to_dict("records"):
        key, signal = f"{row['recording']}/{row['signal']}", row["signal"]
        if key in samples.index.index:
            track = samples[key].reshape(-1, 3 if signal == "acc" else 1)
            looked_at = track[:: max(len(track) // _LOOKS, 1)]
            long = signal == "eda" and len(track) / row["rate_hz"] >= _LONG_S
            if len(track) > 1 and ((_still(looked_at) and _still(track)) or (long and _range(looked_at) < _FLAT_US)):
                found.append(native(key))
    return found


def _range(track: np.ndarray) -> float:
    """Between the 1st and the 99th percentile: a first sample of zero, as wristbands write, does not count."""
    present = track[~np.isnan(track)]
    low, high = np.percentile(present, [1, 99]) if len(present) else (0.0, 0.0)
    return float(high - low)


def _still(track: np.ndarray) -> bool:
    """Tell whether every axis holds one value, lost samples aside; true of a track that is lost altogether."""
    present = track[~np.isnan(track).any(axis=1)]
    return len(present) == 0 or bool((present == present[0]).all())


def _identical(recordings: pd.DataFrame, samples: ArrayCache, flat: Sequence[str]) -> list[Finding]:
    rows = recordings.assign(key=recordings["recording"] + "/" + recordings["signal"])
    rows = rows[rows["key"].isin(samples.index.index) & ~rows["key"].map(native).isin(set(flat)) & (rows["samples"] > 1)]
    rows = rows.assign(digest=samples.digests(rows["key"]))
    twice = rows[rows.duplicated(["digest"], keep=False)].sort_values("key")
    if twice.empty:
        return []
    groups = [own for _, own in twice.groupby("digest", sort=False)]
    people = any(own["subject"].nunique() > 1 for own in groups)
    first = groups[0]["key"].map(native)
    says = (
        f"expected samples of its own in each recording, found {len(groups):,} in {len(twice):,} tracks, such as "
        f"{' = '.join(first[:4])}; {'one subject has the data of another' if people else 'a recording is there twice'}"
    )
    names = tuple(str(own["key"].map(native).iloc[0]) for own in groups)
    return [Finding("identical_samples", "error" if people else "warning", says, names, records=len(twice))]


def audio_of(recordings: pd.DataFrame) -> pd.DataFrame:
    """One row of Examples for each audio file and subject, so that files are compared as those of utterances are."""
    heard = recordings[recordings["audio_sha256"].notna()].drop_duplicates(["path"])
    known = {
        "example_id": heard["recording"],
        "speaker": heard["session"].where(heard["partner"].notna(), heard["subject"]),  # a dyad's file is of both
        **{name: heard[name] for name in ("corpus", "path", "audio_sha256", "recording")},
    }
    return pd.DataFrame(known).reindex(columns=list(tables.EXAMPLES.columns))
