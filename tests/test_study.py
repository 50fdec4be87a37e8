from pathlib import Path

import pytest
import yaml

from emofuse import code_digest, params, study
from emofuse.errors import InputError

DATA = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8"))
PARAMS = params.parse(DATA)


def test_the_cells_are_the_product_of_tasks_corpora_and_models():
    assert len(study.cells(PARAMS)) == len(PARAMS.tasks) * len(PARAMS.corpora) * 4
    assert study.cell(PARAMS, "avd", "iemocap", "bert").folder == Path("results/cells/avd/iemocap/bert")


@pytest.mark.parametrize("names", [("emotion5", "iemocap", "bert"), ("avd", "iemocop", "bert"), ("avd", "iemocap", "cnn15")])
def test_a_cell_that_is_not_in_the_study_is_told_with_what_is(names):
    with pytest.raises(InputError, match=r"expected a cell of the study, with a task of \['emotion4', 'avd'\]"):
        study.cell(PARAMS, *names)


@pytest.mark.parametrize(
    ("names", "out"), [(("valence", "iemocap", "bert"), True), (("avd", "iemocap", "cnn14"), True), (("avd", "msp_podcast", "bert"), False)]
)
def test_what_the_paper_leaves_out_is_omitted(names, out):
    assert study.omitted(PARAMS, study.Cell(*names)) is out


def test_a_stage_without_its_code_digest_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"train-cnn14\.txt: .*dvc repro code"):
        code_digest.of_stage("train", "cnn14")


def test_the_examples_of_a_corpus_are_utterances_or_windows():
    assert study.examples_of(PARAMS, "iemocap") == Path("data/examples/iemocap.parquet")
    assert study.examples_of(PARAMS, "kemocon") == Path("data/windows/kemocon.parquet")
