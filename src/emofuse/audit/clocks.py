"""Clocks of recordings: when they started, and whether their signals cover the time that is used of them."""

import pandas as pd

from emofuse.audit.finding import Finding, native, of_records
from emofuse.remarks import Severity
from emofuse.track_store import SPEECH

CHECKS = {
    "clock": "a clock that counts from 1970 says a time between 2000 and 2035",
    "ends_apart": "the signals of a recording start and end together",
    "uncovered_span": "every signal covers the time that is used of its recording",
    "no_span": "the signals of a recording have a time in common that holds a window",
    "speech_apart": "speech overlaps the signals of its recording",
    "lost_samples": "few samples are lost",
    "rates": "a signal has one rate in all recordings of a corpus",
}
_PLAUSIBLE_S = (946_684_800.0, 2_051_222_400.0)  # 1 January 2000 and 2035, UTC
_APART_S = 10.0  # wristbands stop a few seconds apart; more is another recording, or another clock
_EDGE_S = 1.0  # of the used time that a signal may miss at either end: one sample of the slowest, and rounding


def find(recordings: pd.DataFrame, window_s: float, largest_lost_share: float) -> list[Finding]:
    """Findings on the Recordings table; ``window_s`` is a window's length, ``largest_lost_share`` what a window may lack of a signal."""
    table = recordings.assign(end_s=recordings["start_s"] + recordings["samples"] / recordings["rate_hz"])
    return [
        *_start(table),
        *_ends(table),
        *_span(table, window_s),
        *_speech(table),
        *_lost(table, largest_lost_share),
        *_rates(table),
    ]


def _start(table: pd.DataFrame) -> list[Finding]:
    one = table.drop_duplicates("recording").dropna(subset=["t0_unix_s"])
    low, high = _PLAUSIBLE_S
    wrong = one[~one["t0_unix_s"].between(low, high)]
    if wrong.empty:
        return []
    t0 = float(wrong["t0_unix_s"].iloc[0])
    guess = next((f"; it looks like {unit}" for unit, size in _UNITS.items() if low <= t0 / size <= high), "")
    says = f"expected UTC seconds between 2000 and 2035 at the zero of {{n}} recordings, found {t0:.0f}{guess}"
    return of_records("clock", "error", says, _names(wrong))


_UNITS = {"milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}


def _ends(table: pd.DataFrame) -> list[Finding]:
    """The signals of one recording apart from speech, whose zero and length the audio file says."""
    worn = table[table["signal"] != SPEECH].groupby("recording")
    spread = pd.DataFrame({"start": worn["start_s"].max() - worn["start_s"].min(), "end": worn["end_s"].max() - worn["end_s"].min()})
    apart = spread[spread.max(axis=1) > _APART_S].sort_values(["start", "end"], ascending=False)
    if apart.empty:
        return []
    first = apart.iloc[0]
    says = (
        f"expected signals of a recording that start and end within {_APART_S:g} s, found {{n}} recordings without, the first with "
        f"starts {first['start']:.1f} s and ends {first['end']:.1f} s apart; what they do not share is not used"
    )
    return of_records("ends_apart", "warning", says, [native(str(name)) for name in apart.index])


def _span(table: pd.DataFrame, window_s: float) -> list[Finding]:
    one = table.drop_duplicates("recording")
    short = one[one["span_end_s"] - one["span_start_s"] < window_s]
    severity: Severity = "error" if len(short) == len(one) else "warning"
    says = f"{{n}} of {len(one):,} recordings have no {window_s:g} s, a window, in which all of their signals run; nothing is used of them"
    found = of_records("no_span", severity, says, _names(short))
    used = table[table["span_end_s"] - table["span_start_s"] >= window_s]
    missing_s = (used["start_s"] - used["span_start_s"]).clip(lower=0) + (used["span_end_s"] - used["end_s"]).clip(lower=0)
    late = used.assign(missing_s=missing_s)[missing_s > _EDGE_S].sort_values("missing_s", ascending=False)
    if len(late):
        share = (late["missing_s"] / (late["span_end_s"] - late["span_start_s"])).iloc[0]
        says = (
            f"{{n}} signals do not cover the used time of their recording, one lacks {late['missing_s'].iloc[0]:.1f} s ({share:.0%});"
            " windows there lack the signal"
        )
        found += of_records(
            "uncovered_span", "warning", says, [f"{native(r)}/{s}" for r, s in zip(late["recording"], late["signal"], strict=True)]
        )
    return found


def _speech(table: pd.DataFrame) -> list[Finding]:
    worn = table[table["signal"] != SPEECH].groupby("recording").agg(first_s=("start_s", "min"), last_s=("end_s", "max"))
    heard = table[table["signal"] == SPEECH].join(worn, on="recording", how="inner")
    apart = heard[(heard["end_s"] <= heard["first_s"]) | (heard["last_s"] <= heard["start_s"])]
    if apart.empty:
        return []
    row = apart.iloc[0]
    says = (
        f"expected speech and signals at the same time in {{n}} recordings, found speech from {row['start_s']:.0f} to {row['end_s']:.0f} s"
        f" and signals from {row['first_s']:.0f} to {row['last_s']:.0f} s; one of the two clocks is wrong"
    )
    return of_records("speech_apart", "error", says, _names(apart))


def _lost(table: pd.DataFrame, largest: float) -> list[Finding]:
    found = []
    for signal, rows in table[table["lost"] > 0].groupby("signal"):
        share = (rows["lost"] / rows["samples"]).sort_values(ascending=False)
        all_of = table.loc[table["signal"] == signal, "samples"].sum()
        worst = rows.loc[share.index[0]]
        says = (
            f"{signal}: {rows['lost'].sum():,} of {all_of:,} samples lost ({rows['lost'].sum() / all_of:.2%}) in {len(rows):,} recordings, "
            f"most in {native(str(worst['recording']))} ({share.iloc[0]:.1%})"
        )
        found.append(Finding("lost_samples", "warning" if share.iloc[0] > largest else "note", says, (str(signal),), records=len(rows)))
    return found


def _rates(table: pd.DataFrame) -> list[Finding]:
    found = []
    for signal, rows in table.groupby("signal"):
        rates = {float(str(rate)): n for rate, n in rows["rate_hz"].value_counts().items()}
        if len(rates) > 1:
            often = ", ".join(f"{rate:g} Hz in {n:,}" for rate, n in sorted(rates.items(), key=lambda pair: -pair[1])[:4])
            says = f"{signal}: expected one rate, found {often} recordings; resampling brings them to one, sharpness may tell them apart"
            found.append(Finding("rates", "warning", says, (str(signal),), records=len(rows) - max(rates.values())))
    return found


def _names(rows: pd.DataFrame) -> list[str]:
    return list(rows["recording"].map(native))
