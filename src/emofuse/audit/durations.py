"""Utterances that are hardly a syllable, and those that are not one utterance any more."""

import pandas as pd

from emofuse.audit.finding import Finding, native, of_records

CHECKS = {
    "too_short": "no utterance shorter than audit.shortest_s",
    "too_long": "no utterance longer than audit.longest_s",
}


def find(examples: pd.DataFrame, shortest_s: float, longest_s: float) -> list[Finding]:
    """A warning for utterances shorter or longer than the limits in s, naming the extreme ones first."""
    length_s = examples["end_s"] - examples["start_s"]
    ordered = examples.assign(length_s=length_s).sort_values(["length_s", "example_id"])
    short = ordered[ordered["length_s"] < shortest_s]
    long = ordered[ordered["length_s"] > longest_s][::-1]
    return [
        *_beyond("too_short", short, f"{{n}} utterances shorter than {shortest_s:g} s"),
        *_beyond("too_long", long, f"{{n}} utterances longer than {longest_s:g} s"),
    ]


def _beyond(check: str, rows: pd.DataFrame, says: str) -> list[Finding]:
    extreme = "" if rows.empty else f", the extreme one {rows['length_s'].iloc[0]:.2f} s; listen to them"
    return of_records(check, "warning", says + extreme, list(rows["example_id"].map(native)))
