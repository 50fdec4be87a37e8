"""What the user has looked at and accepts, by name in params.yaml; and whether an audit stops the pipeline."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from emofuse import tables
from emofuse.audit.finding import Finding
from emofuse.errors import InputError

CHECKS = {"accept": "what audit.accept names is still found"}
NOT_ACCEPTED = {"protocol", "speaker_sides"}  # training itself refuses such folds
_ORDER = ("error", "warning", "note")


def require(accept: Mapping[str, Sequence[str]], corpora: Collection[str], checks: Collection[str]) -> None:
    """Raise InputError naming near ones where ``audit.accept`` has a corpus or a check that does not exist.

    An entry is the name of a check, or ``check:item`` for one record, file or fold.
    """
    for corpus, entries in accept.items():
        if corpus not in corpora:
            raise InputError(f"audit.accept: expected names of corpora, found '{corpus}'{near(corpus, corpora)}; correct it in params.yaml")
        for entry in entries:
            check = entry.partition(":")[0]
            if check not in checks:
                raise InputError(
                    f"audit.accept.{corpus}: expected names of checks, found '{check}'{near(check, checks)}; correct it in params.yaml"
                )
            if check in NOT_ACCEPTED:
                raise InputError(
                    f"audit.accept.{corpus}: expected checks that can be accepted, found '{check}'; choose another protocol in "
                    f"corpora.{corpus}.protocol of params.yaml"
                )


def near(name: str, known: Collection[str]) -> str:
    """A question after the known names that are like ``name``, or what is known where none is."""
    like = difflib.get_close_matches(name, list(known), n=3)
    return f" (did you mean {' or '.join(like)}?)" if like else f" (known: {', '.join(sorted(known))})"


def weigh(findings: Sequence[Finding], corpus: str, entries: Sequence[str], checks: Collection[str]) -> pd.DataFrame:
    """The Audit table of one corpus, gravest first within equal keys; an entry that accepts one of ``checks`` and finds nothing is a note.

    A finding of several records of which an entry names some becomes two: what is accepted, and the rest.
    """
    parts = [part for finding in findings for part in _parted(finding, entries)]
    needed = {entry for finding in findings for entry in entries if _covers(entry, finding)}
    idle = [entry for entry in dict.fromkeys(entries) if entry not in needed and entry.partition(":")[0] in checks]
    notes = [Finding("accept", "note", f"audit.accept.{corpus} names {e}, which finds nothing; no longer needed", (e,)) for e in idle]
    rows = [
        {
            "corpus": corpus,
            "check": finding.check,
            "item": finding.item,
            "severity": finding.severity,
            "records": finding.number,
            "detail": finding.detail,
            "accepted": int(accepted),
        }
        for finding, accepted in [*parts, *((note, False) for note in notes)]
    ]
    return tables.of_rows(rows, tables.AUDIT, f"audit of {corpus}")


def _covers(entry: str, finding: Finding) -> bool:
    check, _, item = entry.partition(":")
    return check == finding.check and (not item or item in finding.members)


def _parted(finding: Finding, entries: Sequence[str]) -> list[tuple[Finding, bool]]:
    """A finding with whether it is accepted; in two parts where some of its records are."""
    if finding.check in entries:
        return [(finding, True)]
    items = {entry.partition(":")[2] for entry in entries if _covers(entry, finding)}
    parts = [(tuple(m for m in finding.members if (m in items) == accepted), accepted) for accepted in (False, True)]
    if len(finding.members) == 1 or not items:
        return [(finding, bool(items))]
    return [(replace(finding, members=members), accepted) for members, accepted in parts if members]


def by_weight(found: pd.DataFrame) -> pd.DataFrame:
    """The rows of an Audit table as a reader wants them: what stops first, then by severity, the most records first."""
    weight = [_ORDER.index(severity) + 0.5 * accepted for severity, accepted in zip(found["severity"], found["accepted"], strict=True)]
    ordered = found.assign(weight=weight, fewest=-found["records"]).sort_values(["weight", "fewest", "check", "item"])
    return ordered.drop(columns=["weight", "fewest"]).reset_index(drop=True)


def stopping(found: pd.DataFrame) -> pd.DataFrame:
    """The errors that nobody has accepted, as sorted by ``by_weight``."""
    ordered = by_weight(found)
    return ordered[(ordered["severity"] == "error") & (ordered["accepted"] == 0)]
