"""Features that are computed again: a cache into which the corpus' statistics have gone is found out."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from emofuse import arrays, audit, params, study, tables
from emofuse.arrays import ArrayCache
from emofuse.features import logmel


@pytest.fixture
def settings(repository, tmp_path, monkeypatch):
    """Parameters of a study of five tones, its Examples and its log-Mel cache written below the current folder."""
    monkeypatch.chdir(tmp_path)
    data = yaml.safe_load((repository / "params.yaml").read_text(encoding="utf-8"))
    data["corpora"]["iemocap"]["root"] = str(tmp_path / "corpus")
    (tmp_path / "corpus").mkdir()
    rows = []
    for k in range(5):
        tone = 0.1 * (k + 1) * np.sin(2 * np.pi * 200 * (k + 1) * np.arange(16000) / 16000)
        soundfile.write(tmp_path / "corpus" / f"{k}.wav", tone, 16000)
        rows.append(
            {"example_id": f"iemocap:{k}", "corpus": "iemocap", "path": f"{k}.wav", "audio_sha256": "0", "start_s": 0.0, "end_s": 1.0}
        )
    examples = pd.DataFrame(rows).reindex(columns=list(tables.EXAMPLES.columns))
    tables.write(examples, study.examples_file("iemocap"), tables.EXAMPLES)
    settings = params.parse(data)
    arrays.write(study.features_folder("logmel", "iemocap"), logmel.extract(examples, tmp_path / "corpus", settings))
    return settings


def test_features_of_an_example_alone_are_those_of_the_cache(settings):
    facts, findings = audit.computed_again(settings, "iemocap")
    assert facts == ["logmel: some of 5 examples computed again"]
    assert findings == []


def test_features_that_know_the_mean_of_the_corpus_stop_the_pipeline(settings):
    folder = study.features_folder("logmel", "iemocap")
    cache = ArrayCache(folder)
    mean = np.concatenate([cache[name] for name in cache.index.index]).astype(np.float32).mean(axis=0)
    centred = [(name, (cache[name] - mean).astype(np.float16)) for name in cache.index.index]
    arrays.write(folder, iter(centred))
    _, findings = audit.computed_again(settings, "iemocap")
    table = audit.audit_features(settings, "iemocap", findings)
    assert table[["check", "severity", "accepted"]].to_numpy().tolist() == [["fitted_statistics", "error", 0]]
    assert len(audit.stopping(table)) == 1
