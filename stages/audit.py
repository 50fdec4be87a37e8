"""Look for what is wrong with one corpus before anything is trained on it; an error that nobody has accepted stops the pipeline."""

import logging
from pathlib import Path

from emofuse import audit, params, self_reports, study, tables, track_store
from emofuse.reporting import audit_page
from emofuse.stage import run

REPORTS = Path("reports/audit")
log = logging.getLogger("audit")


def main(corpus: str) -> None:
    """Write data/audit/<corpus>.parquet, reports/audit/<corpus>.md and .svg; data/audited/<kind>/<corpus>.txt only if the corpus passes."""
    settings = params.load()
    kind = "recordings" if corpus in settings.wearable.corpora else "corpora"
    mark = study.audited_file(kind, corpus)
    mark.unlink(missing_ok=True)
    if kind == "recordings":
        table, annotations, samples = track_store.read(study.recordings_folder(corpus))
        left_out, counts = track_store.remarks(study.recordings_folder(corpus))
        windows = tables.read(study.windows_file(corpus), tables.EXAMPLES)
        if corpus == settings.wearable.roles.emotion:
            windows = self_reports.label(windows, annotations, table, settings.wearable.labels)
        others = {c: tables.read(study.windows_file(c), tables.EXAMPLES) for c in settings.wearable.corpora if c != corpus}
        found = audit.audit_recordings(settings, corpus, table, samples, windows, left_out, counts, others)
        checks, facts = audit.RECORDING_CHECKS, audit_page.recording_facts(table, len(windows))
        figure = audit_page.recordings(table, annotations, corpus)
    else:
        examples = tables.read(study.examples_file(corpus), tables.EXAMPLES)
        left_out, counts = tables.read(study.left_out_file(corpus), tables.LEFT_OUT), tables.read(study.counts_file(corpus), tables.COUNTS)
        others = {c: tables.read(study.examples_file(c), tables.EXAMPLES) for c in settings.corpora if c != corpus}
        found = audit.audit_utterances(settings, corpus, settings.corpus(corpus).protocol, examples, left_out, counts, others)
        checks, facts = audit.UTTERANCE_CHECKS, audit_page.utterance_facts(examples)
        figure = audit_page.utterances(examples, corpus)
    tables.write(found, study.audit_file(corpus), tables.AUDIT)
    found = audit.by_weight(found)
    audit_page.write(REPORTS, corpus, audit_page.page(corpus, facts, found, counts, checks, f"{corpus}.svg"), figure)
    log.info("%s: %s", corpus, audit_page.verdict(found))
    audit.refuse(found, f"{REPORTS}/{corpus}.md")
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text("passed\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
