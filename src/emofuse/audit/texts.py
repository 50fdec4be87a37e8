"""What is said: whether there is text, and whether it can say anything of the emotion."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from emofuse.audit.finding import Finding, native, of_records
from emofuse.protocols import Fold

CHECKS = {
    "no_text": "the corpus brings text",
    "missing_text": "every utterance has its text",
    "empty_text": "texts have words",
    "parallel_text": "what is said is not the same in every emotion",
    "shared_text": "what a tested speaker says, nobody says in training",
}
_WORDS = 4  # shorter texts, such as "yes" and "I don't know", are said by everybody


def find(examples: pd.DataFrame, folds: Mapping[str, Sequence[Fold]], parallel_share: float, engine: str | None = None) -> list[Finding]:
    """Findings on the texts that came with the corpus; ``engine`` is the recogniser that the study uses for it, None where unknown.

    Texts are compared without case and punctuation.
    """
    text = examples["transcript"]
    names = examples["example_id"].map(native)
    if text.isna().all():
        if engine != "corpus":
            return [Finding("no_text", "note", "the corpus brings no text; a recogniser writes it down", ("transcript",), len(examples))]
        says = "expected texts, as transcripts: corpus asks for, found none; name a recogniser in params.yaml"
        return [Finding("no_text", "error", says, ("transcript",), len(examples))]
    plain = text.str.casefold().str.replace(r"[^\w\s']", " ", regex=True).str.split().str.join(" ")
    missing = f"{{n}} of {len(text):,} utterances have no text"
    if engine == "corpus":
        missing = f"expected texts, as transcripts: corpus asks for; {missing}; accept that these are empty, or name a recogniser"
    return [
        *of_records("missing_text", "error" if engine == "corpus" else "note", missing, list(names[text.isna()])),
        *of_records("empty_text", "warning", f"{{n}} of {len(text):,} texts have no words", list(names[plain == ""])),
        *_parallel(examples, plain, parallel_share),
        *_shared(examples, plain, folds),
    ]


def _parallel(examples: pd.DataFrame, plain: "pd.Series[str]", limit: float) -> list[Finding]:
    said = plain.notna() & (plain != "")
    own = examples[said].groupby(plain[said])
    free = (own["emotion"].transform("nunique") >= 2) & (own["speaker"].transform("nunique") >= 2)
    share = float(free.mean()) if said.any() else 0.0
    if share <= limit:
        return []
    says = (
        f"text carries nothing here: {share:.0%} of the texts ({plain[said].nunique():,} different ones) are said with two emotions or "
        "more, by two speakers or more; a text model must stay at chance, and fusion can gain nothing from it"
    )
    return [Finding("parallel_text", "warning", says, ("transcript",), records=int(free.sum()))]


def _shared(examples: pd.DataFrame, plain: "pd.Series[str]", folds: Mapping[str, Sequence[Fold]]) -> list[Finding]:
    """For each protocol the share of test examples whose text another speaker says in train or dev."""
    found = []
    longer = plain.str.count(" ").fillna(-1) >= _WORDS - 1
    known = pd.DataFrame({"text": plain, "speaker": examples["speaker"]}).set_axis(examples["example_id"])
    known = known[longer.to_numpy(dtype=bool) & known["speaker"].notna().to_numpy()]
    for protocol, own in folds.items():
        hit = tested = 0
        worst = ("", 0.0)
        for fold in own:
            there = known.reindex([*fold.train, *fold.dev]).dropna().drop_duplicates()
            test = known.reindex(fold.test)
            speakers = test["text"].map(there.groupby("text").size()).fillna(0).to_numpy()
            pairs = pd.MultiIndex.from_frame(there)
            self_there = pd.MultiIndex.from_frame(test[["text", "speaker"]]).isin(pairs)
            shared = int(np.count_nonzero(speakers - self_there > 0))
            hit, tested = hit + shared, tested + len(fold.test)
            worst = max(worst, (fold.name, shared / len(fold.test)), key=lambda pair: pair[1])
        if hit:
            says = (
                f"{protocol}: the text of {hit:,} of {tested:,} test examples ({hit / tested:.0%}; fold {worst[0]} {worst[1]:.0%}) is said "
                "by another speaker in train or dev, as scripts are; a text model may know it by heart"
            )
            found.append(Finding("shared_text", "warning", says, (protocol,), records=hit))
    return found
