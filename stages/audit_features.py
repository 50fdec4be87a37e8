"""Compute some features of every corpus again, each from its example alone: nothing in them may be fitted on the corpus."""

import logging
from pathlib import Path

from emofuse import audit, study, tables
from emofuse.cells import concatenate
from emofuse.errors import InputError
from emofuse.params import load
from emofuse.reporting import audit_page
from emofuse.stage import run

REPORTS = Path("reports/audit")
log = logging.getLogger("audit_features")


def main(kind: str) -> None:
    """Write data/audit/features_<kind>.parquet and reports/audit/features_<kind>.md; if all pass data/audited/features/<kind>.txt.

    KIND is corpora or recordings.
    """
    settings = load()
    kinds = {"corpora": list(settings.corpora), "recordings": list(settings.wearable.corpora)}
    if kind not in kinds:
        raise InputError(f"'{kind}': expected one of {sorted(kinds)}; correct the name")
    mark, name = study.audited_file("features", kind), f"features_{kind}"
    mark.unlink(missing_ok=True)
    pages, found = [], [tables.AUDIT.empty()]
    for corpus in kinds[kind]:
        facts, findings = audit.computed_again(settings, corpus)
        found.append(audit.audit_features(settings, corpus, findings))
        pages.append(audit_page.page(f"the features of {corpus}", facts, found[-1], tables.COUNTS.empty(), audit.FEATURE_CHECKS, None))
    everything = concatenate(found)
    tables.write(everything, study.audit_file(name), tables.AUDIT)
    audit_page.write(REPORTS, name, "\n".join(pages), None)
    log.info("%s: %s", kind, audit_page.verdict(everything))
    audit.refuse(everything, f"{REPORTS}/{name}.md")
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text("passed\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
