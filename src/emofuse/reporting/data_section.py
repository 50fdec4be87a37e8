"""The report's part on the data: what the audit found, what was accepted in spite of it, and how well speech was turned into text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from emofuse.metrics import mean_sd
from emofuse.reporting import numbers
from emofuse.reporting.csv_file import write_csv
from emofuse.reporting.metrics_file import rounded
from emofuse.reporting.setting import Setting, corpus_name, in_paper_order, model_name
from emofuse.scores import reported

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class DataFindings:
    """What the part on the data shows: the corpora that were audited, their Audit table, and the WordErrors table."""

    corpora: tuple[str, ...]
    audit: pd.DataFrame
    word_errors: pd.DataFrame


def write(folder: Path, findings: DataFindings, scores: pd.DataFrame, setting: Setting) -> str:
    """Write tables/audit.{csv,md} and tables/word_errors.{csv,md} below ``folder``; return the section for the index as Markdown."""
    audited = audit_markdown(findings.corpora, findings.audit)
    recognised = word_errors_markdown(findings.word_errors, scores, setting)
    for name, table, text in (("audit", findings.audit, audited), ("word_errors", findings.word_errors, recognised)):
        write_csv(table, folder / f"tables/{name}.csv")
        (folder / f"tables/{name}.md").write_text(text.replace("](audit/", "](../audit/") + "\n", encoding="utf-8")
    return "\n\n".join(["# The data", "## Audit", audited, "## Speech to text", recognised])


def audit_markdown(corpora: Sequence[str], audit: pd.DataFrame) -> str:
    """One row for each corpus with its findings counted, then every accepted error and every warning in a sentence."""
    rows = []
    for corpus in in_paper_order(corpora):
        own = audit[audit["corpus"] == corpus]
        accepted = int(((own["severity"] == "error") & (own["accepted"] == 1)).sum())
        counts = [accepted, *(int((own["severity"] == severity).sum()) for severity in SEVERITIES[1:])]
        rows.append([f"[{corpus_name(corpus)}](audit/{corpus}.md)", *map(str, counts)])
    if not rows:
        return "No corpus was audited."
    parts = [numbers.grid(["corpus", "errors, accepted", "warnings", "notes"], rows, text_columns=1)]
    accepted_errors = _sentences(audit[(audit["severity"] == "error") & (audit["accepted"] == 1)])
    if accepted_errors:
        parts += ["**Accepted in `audit.accept` of params.yaml; every number here stands under it:**", accepted_errors]
    warnings = _sentences(audit[audit["severity"] == "warning"])
    if warnings:
        parts += ["Warnings:", warnings]
    return "\n\n".join(parts)


def _sentences(findings: pd.DataFrame) -> str:
    lines = [
        f"* {corpus_name(str(row['corpus']))}, `{row['check']}` ({row['item']}): {row['detail']}"
        for corpus in in_paper_order(findings["corpus"])
        for row in findings[findings["corpus"] == corpus].to_dict("records")
    ]
    return "\n".join(lines)


def word_errors_markdown(word_errors: pd.DataFrame, scores: pd.DataFrame, setting: Setting) -> str:
    """Word error rate of each corpus' recogniser beside the valence CCC of text, audio and fusion trained and tested on it."""
    if word_errors.empty:
        return "No corpus was transcribed by a recogniser and has a text to compare with."
    models = [m for m in dict.fromkeys([setting.text, setting.audio, setting.model])]
    rows = []
    for corpus in in_paper_order(word_errors["corpus"]):
        for row in word_errors[word_errors["corpus"] == corpus].to_dict("records"):
            kinds = " / ".join(str(row[kind]) for kind in ("substitutions", "deletions", "insertions"))
            own = [corpus_name(corpus), str(row["engine"]), str(row["engine_model"])]
            sizes = [f"{100 * row['wer']:.1f}", str(row["words"]), kinds]
            rows.append([*own, *sizes, *(_valence(scores, corpus, model) for model in models)])
    header = ["corpus", "engine", "model", "WER %", "words", "substituted / deleted / inserted"]
    note = (
        "WER: word error rate against what was really said. Valence is the dimension that words carry most: its CCC (mean and standard "
        "deviation over seeds, within the corpus) says what the errors cost."
    )
    return "\n\n".join([numbers.grid([*header, *(f"{model_name(m)} valence CCC" for m in models)], rows, text_columns=3), note])


def _valence(scores: pd.DataFrame, corpus: str, model: str) -> str:
    own = reported(scores)
    own = own[(own["corpus"] == corpus) & (own["test_corpus"] == corpus) & (own["model"] == model)]
    own = own[(own["target"] == "valence") & (own["metric"] == "ccc") & own["task"].isin(["avd", "valence"])]
    if own.empty:
        return numbers.NOT_RUN
    task = "avd" if (own["task"] == "avd").any() else "valence"
    mean, sd = mean_sd(own.loc[own["task"] == task, "value"].to_numpy(dtype=float, na_value=float("nan")))
    return numbers.score("ccc", mean, sd)


def metrics(word_errors: pd.DataFrame) -> dict[str, Any]:
    """Nest the word error rates for `dvc metrics`: word_errors -> corpus -> {wer, words}."""
    tree = {str(row["corpus"]): {"wer": rounded(row["wer"]), "words": int(row["words"])} for row in word_errors.to_dict("records")}
    return {"word_errors": tree} if tree else {}
