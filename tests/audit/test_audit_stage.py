import importlib.util

import pytest
import yaml

from emofuse import study, tables
from emofuse.errors import InputError
from emofuse.remarks import Count, LeftOut, counts_table, left_out_table

GOOD = [Count("clips", 48, 48, 48)]


@pytest.fixture
def stage(repository, tmp_path, monkeypatch):
    """The stage's ``main``, in an empty project that studies one corpus."""
    data = yaml.safe_load((repository / "params.yaml").read_text(encoding="utf-8"))
    data["corpora"] = {"msp_podcast": data["corpora"]["msp_podcast"]}
    data["folds"] = {"toy": {}, "paper": {}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data))
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("audit_stage", repository / "stages" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def ingest(examples, left_out=(), counts=GOOD):
    tables.write(examples, study.examples_file("msp_podcast"), tables.EXAMPLES)
    tables.write(left_out_table("msp_podcast", left_out), study.left_out_file("msp_podcast"), tables.LEFT_OUT)
    tables.write(counts_table("msp_podcast", counts, published=True), study.counts_file("msp_podcast"), tables.COUNTS)


def test_a_corpus_that_passes_is_marked_with_a_constant(stage, utterances, tmp_path):
    ingest(utterances)
    stage("msp_podcast")
    assert (tmp_path / "data/audited/corpora/msp_podcast.txt").read_text() == "passed\n"
    assert tables.read(study.audit_file("msp_podcast"), tables.AUDIT).empty
    page = (tmp_path / "reports/audit/msp_podcast.md").read_text()
    assert "**Passed: no error; 0 warnings, 0 notes.**" in page and "](msp_podcast.svg)" in page
    ingest(utterances, [LeftOut("x.wav", "extra_file", "x.wav: expected what is listed")])
    stage("msp_podcast")
    assert (tmp_path / "data/audited/corpora/msp_podcast.txt").read_text() == "passed\n"
    assert "extra\\_file" in page or "extra_file" in (tmp_path / "reports/audit/msp_podcast.md").read_text()


def test_an_error_leaves_the_report_and_takes_the_mark_away(stage, utterances, tmp_path):
    ingest(utterances)
    stage("msp_podcast")
    ingest(utterances, counts=[Count("clips", 47, 48, 48)])
    with pytest.raises(InputError, match=r"^msp_podcast: count: clips: expected 48 .*reports/audit/msp_podcast\.md.*params\.yaml$"):
        stage("msp_podcast")
    assert not (tmp_path / "data/audited/corpora/msp_podcast.txt").exists()
    assert "Stopped by 1 error" in (tmp_path / "reports/audit/msp_podcast.md").read_text()
    assert list(tables.read(study.audit_file("msp_podcast"), tables.AUDIT)["check"]) == ["count"]


def test_what_is_accepted_passes_and_stays_in_the_report(stage, utterances, tmp_path):
    ingest(utterances, [LeftOut("a", "silent_audio", "a.wav: silence"), LeftOut("b", "silent_audio", "b.wav: silence")])
    data = yaml.safe_load((tmp_path / "params.yaml").read_text())
    data["audit"]["accept"] = {"msp_podcast": ["silent_audio:a"]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(InputError, match="silent_audio"):
        stage("msp_podcast")
    data["audit"]["accept"] = {"msp_podcast": ["silent_audio"]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data))
    stage("msp_podcast")
    assert "| error (accepted) | silent_audio |" in (tmp_path / "reports/audit/msp_podcast.md").read_text()


def test_equal_tables_give_equal_bytes(stage, utterances, tmp_path):
    ingest(utterances)
    stage("msp_podcast")
    names = ["reports/audit/msp_podcast.md", "reports/audit/msp_podcast.svg", "data/audit/msp_podcast.parquet"]
    first = [(tmp_path / name).read_bytes() for name in names]
    ingest(utterances.sample(frac=1.0, random_state=0))
    stage("msp_podcast")
    assert [(tmp_path / name).read_bytes() for name in names] == first
