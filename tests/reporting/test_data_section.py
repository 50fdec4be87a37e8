import json

import pandas as pd
import pytest

from emofuse.reporting import data_section
from emofuse.reporting.data_section import DataFindings
from emofuse.tables import AUDIT, WORD_ERRORS

AUDITED = [
    ("iemocap", "shared_text", "Ses01F", "warning", 31, "expected texts of its own, found 31 that others say too", 0),
    ("iemocap", "left_out", "unlabelled", "note", 4, "without a label", 0),
    ("msp_podcast", "duplicate_audio", "MSP-PODCAST_0001_0008", "error", 2, "expected each recording once, found a copy", 1),
]
HEARD = [("msp_podcast", "pocketsphinx", "en-us", 80, 400, 60, 20, 10, 0.225)]


@pytest.fixture
def findings():
    return DataFindings(
        ("iemocap", "msp_podcast", "wesad"),
        pd.DataFrame(AUDITED, columns=list(AUDIT.columns)),
        pd.DataFrame(HEARD, columns=list(WORD_ERRORS.columns)),
    )


def test_each_corpus_has_its_findings_counted_and_a_page(findings):
    lines = data_section.audit_markdown(findings.corpora, findings.audit).splitlines()
    assert [cell.strip() for cell in lines[4].split("|")[1:5]] == ["[WESAD](audit/wesad.md)", "0", "0", "0"]
    assert lines[2].split("|")[1:5] == [f" {'[MSP-Podcast](audit/msp_podcast.md)'} ", f"{1:>17} ", f"{0:>9} ", f"{0:>6} "]
    assert [cell.strip() for cell in lines[3].split("|")[1:5]] == ["[IEMOCAP](audit/iemocap.md)", "0", "1", "1"]


def test_what_was_accepted_is_repeated_and_warnings_are_told_but_notes_are_not(findings):
    text = data_section.audit_markdown(findings.corpora, findings.audit)
    assert "Accepted in `audit.accept`" in text
    assert "* MSP-Podcast, `duplicate_audio` (MSP-PODCAST_0001_0008): expected each recording once, found a copy" in text
    assert text.index("Accepted") < text.index("* IEMOCAP, `shared_text` (Ses01F)")
    assert "without a label" not in text


def test_word_errors_stand_beside_the_valence_that_they_cost(findings, frames, setting):
    text = data_section.word_errors_markdown(findings.word_errors, frames["scores"], setting)
    row = next(line for line in text.splitlines() if "pocketsphinx" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:6] == ["MSP-Podcast", "pocketsphinx", "en-us", "22.5", "400", "60 / 20 / 10"]
    scores = frames["scores"]
    own = scores[(scores["corpus"] == "msp_podcast") & (scores["test_corpus"] == "msp_podcast") & (scores["partition"] == "test")]
    own = own[(own["model"] == "bert") & (own["target"] == "valence") & (own["metric"] == "ccc") & (own["pooling"] == "pooled")]
    assert len(own) == 3
    assert cells[6] == f"{own['value'].mean():.3f} ({own['value'].std():.3f})".replace("0.", ".")


def test_a_corpus_without_trained_models_still_shows_its_word_errors(findings, frames, setting):
    text = data_section.word_errors_markdown(findings.word_errors.assign(corpus="ravdess"), frames["scores"], setting)
    assert text.count("not run") == 3


def test_without_recogniser_or_findings_it_says_so(setting, frames):
    assert "No corpus was transcribed" in data_section.word_errors_markdown(WORD_ERRORS.empty(), frames["scores"], setting)
    assert data_section.audit_markdown((), AUDIT.empty()) == "No corpus was audited."


def test_the_report_holds_the_section_its_tables_and_the_metric(tmp_path, write_report, frames, findings):
    write_report(tmp_path, frames, findings)
    text = (tmp_path / "index.md").read_text(encoding="utf-8")
    own = (tmp_path / "tables/audit.md").read_text(encoding="utf-8").strip()
    assert "](../audit/wesad.md)" in own and own.replace("](../audit/", "](audit/") in text
    assert json.loads((tmp_path / "metrics.json").read_text())["word_errors"] == {"msp_podcast": {"wer": 0.225, "words": 400}}
    assert pd.read_csv(tmp_path / "tables/word_errors.csv")["wer"].tolist() == [0.225]
