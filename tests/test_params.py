import copy
import pickle
from pathlib import Path

import pytest
import yaml

from emofuse import params, study
from emofuse.errors import InputError

DATA = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8"))


def changed(keys, value):
    data = copy.deepcopy(DATA)
    section = data
    *path, last = keys.split(".")
    for part in path:
        section = section[part]
    if value is None:
        del section[last]
    else:
        section[last] = value
    return data


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        ("models.cnn14.learning_rat", 0.1, ["models.cnn14.learning_rat", "did you mean 'learning_rate'"]),
        ("modle", "cnn14", ["unknown key 'modle'", "did you mean 'model'"]),
        ("models.cnn14.pool", None, ["'models.cnn14.pool' is missing"]),
        ("model", "cnn15", ["'model' expects", "'mfcnn14'", "found 'cnn15'"]),
        ("tasks", ["emotion5"], ["'tasks.0'", "found 'emotion5'"]),
        ("scale", "big", ["'scale'", "found 'big'"]),
        ("seeds.toy", ["one"], ["'seeds.toy.0'", "valid integer"]),
        ("sizes.toy.cnn14.epochs", "30", ["'sizes.toy.cnn14.epochs'", "valid integer"]),
        ("sizes.toy.cnn14.widths", [4, 8], ["'sizes.toy.cnn14.widths'", "6 items"]),
        ("sizes.toy.mfcnn14.block_dropout", 1.5, ["'sizes.toy.mfcnn14.block_dropout'", "less than 1"]),
        ("corpora.iemocap.protocol", "random", ["'corpora.iemocap.protocol'", "found 'random'"]),
        ("wearable.mechanisms.attention.widht", 8, ["wearable.mechanisms.attention.widht", "did you mean 'width'"]),
        ("wearable.windows.hop_s", None, ["'wearable.windows.hop_s' is missing"]),
        ("wearable.windows.rates_hz.bvp", 64.5, ["'wearable.windows.rates_hz.bvp'", "valid integer"]),
        ("wearable.fusion", "gated", ["'wearable.fusion' expects", "'attention'", "found 'gated'"]),
        ("wearable.protocols", ["leave_one_speaker_out"], ["'wearable.protocols.0'", "'leave_one_session_out'"]),
        ("wearable.roles.signals", [], ["'wearable.roles.signals'", "at least 1 item"]),
        ("wearable.validation.subjects", 0, ["'wearable.validation.subjects'", "greater than 0"]),
        ("wearable.schedules.toy.emotion.batch_size", 1, ["'wearable.schedules.toy.emotion.batch_size'", "greater than or equal to 2"]),
        ("wearable.roles.fusion", ["verbio", "kemocon"], ["'wearable.roles'", "found 'kemocon' in fusion", "remove it"]),
        ("wearable.roles.signals", ["wesda"], ["'wearable'", "roles and spoken expect names", "['wesda']"]),
        ("wearable.spoken", ["kemocon", "voxceleb1"], ["'wearable'", "spoken expects", "['verbio']"]),
        ("wearable.labels.low_at_most", 4, ["'wearable.labels'", "low_at_most up to neutral_at_most", "found 4 above 3"]),
        ("execution.runner", "slrum", ["'execution.runner' expects 'local', 'ray' or 'slurm'", "found 'slrum'"]),
        ("execution.jobs", 0, ["'execution.jobs", "greater than 0"]),
        ("execution.retries", -1, ["'execution.retries'", "greater than or equal to 0"]),
        ("execution.slurm.partitoin", "gpu", ["execution.slurm.partitoin", "did you mean 'partition'"]),
        ("execution.keep_going", "yes", ["'execution.keep_going'", "valid boolean"]),
        ("wearable.labels.ties", "last", ["'wearable.labels.ties' expects", "found 'last'"]),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_was_expected(keys, value, words):
    with pytest.raises(InputError) as error:
        params.parse(changed(keys, value))
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_an_unknown_corpus_lists_the_known_ones():
    with pytest.raises(InputError, match=r"no 'iemocup'; it has \['iemocap', 'msp_podcast'\]"):
        params.parse(DATA).corpus("iemocup")


def test_a_missing_or_broken_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="found no file"):
        params.load(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1,\nb: 2")
    with pytest.raises(InputError, match="not valid YAML") as error:
        params.load(tmp_path / "params.yaml")
    assert "\n" not in str(error.value)


def test_paper_scale_is_the_paper():
    """A §4.2: 60 epochs, learning rate 0.01, batches of 64, Nesterov 0.9, five runs; BERT 2e-5, 1000 and 100 steps, batch 32, 4 epochs."""
    p = params.parse(DATA)
    for model in ("cnn14", "sfcnn14", "mfcnn14"):
        size, structure = getattr(p.sizes.paper, model), getattr(p.models, model)
        assert (size.epochs, size.batch_size, size.widths) == (60, 64, [64, 128, 256, 512, 1024, 2048])
        assert (structure.learning_rate, structure.momentum, structure.pool) == (0.01, 0.9, "max")
    bert = p.sizes.paper.bert
    assert (bert.learning_rate, bert.epochs, bert.batch_size, bert.warmup_steps, bert.total_steps) == (2e-5, 4, 32, 100, 1000)
    assert (p.models.bert.beta1, p.models.bert.beta2, p.models.bert.epsilon, p.models.bert.weight_decay) == (0.9, 0.999, 1e-6, 0.0)
    assert len(p.seeds.paper) == 5 and p.folds.paper == {} and p.text_encoder.paper.name == "bert-base-uncased"
    assert p.corpora["msp_podcast"].transcripts.paper == "deepspeech" and p.features.text_embeddings.max_tokens == 128


def test_the_papers_matrix_is_735_runs():
    """models x tasks x folds x seeds: MSP-Podcast 75 + 10 with BERT, IEMOCAP 600 + 50 with BERT."""
    data = changed("scale", "paper") | {"tasks": ["emotion4", "arousal", "valence", "dominance", "avd"]}
    p = params.parse(data)
    folds = {"msp_podcast": 1, "iemocap": 10}
    assert sum(folds[c.corpus] * len(p.seeds.paper) for c in study.cells(p) if not study.omitted(p, c)) == 735


def test_the_model_under_study_may_be_a_baseline():
    p = params.parse(changed("model", "cnn14"))
    assert study.models(p) == ["cnn14", "bert", "sfcnn14"]


def test_an_unknown_corpus_of_recordings_lists_the_known_ones():
    with pytest.raises(InputError, match=r"wearable\.corpora has no 'kemocom'; it has \['affective_road', .*'kemocon'"):
        params.parse(DATA).recording_corpus("kemocom")


def test_a_root_and_toy_sizes_are_found_for_corpora_of_either_paper():
    p = params.parse(DATA)
    assert p.root("iemocap") == Path(DATA["corpora"]["iemocap"]["root"])
    assert p.root("kemocon") == Path(DATA["wearable"]["corpora"]["kemocon"]["root"])
    assert p.toy_sizes("iemocap") == p.toy.iemocap and p.toy_sizes("kemocon") == p.wearable.toy.kemocon
    for wrong in ("seed", "kemocom"):
        with pytest.raises(InputError, match=r"expected one of \[.*'iemocap', 'kemocon'.*") as error:
            p.toy_sizes(wrong)
        assert "\n" not in str(error.value)


def test_the_section_of_paper_b_is_the_paper():
    """B §4.1.1: windows of 4 s with 1 s of overlap, 40 MFCC; §3.2, §4.2: Adam at 1e-3, 32 epochs; §3.1, §3.2, §4.1: the corpora."""
    w = params.parse(DATA).wearable
    assert (w.windows.length_s, w.windows.hop_s, w.mfcc.n_coefficients) == (4.0, 3.0, 40)
    assert w.windows.rates_hz.model_dump() == {"acc": 32, "bvp": 64, "eda": 4, "temp": 4}
    assert (w.learning_rate, w.schedules.paper.emotion.epochs) == (1e-3, 32)
    assert set(w.protocols) == {"leave_one_subject_out", "leave_one_session_out"}
    assert (w.roles.speech, w.roles.fusion, w.roles.emotion) == (["voxceleb1"], ["verbio"], "kemocon")
    assert sorted(w.roles.signals) == ["affective_road", "case", "clas", "ppg_dalia", "wesad"]
    assert (w.network.projection, w.network.emotion_head, len(w.network.emotion_head)) == ([32, 16], [16, 8], 2)


def test_the_section_of_paper_b_travels_to_another_process():
    w = params.parse(DATA).wearable
    assert pickle.loads(pickle.dumps(w)) == w
