import importlib.util
import os
import pickle
import pkgutil
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from emofuse import arrays, cells, speech_wearables, study, tables, tasks
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.execution import Site
from emofuse.jobs import unfinished
from emofuse.pretraining import INPUTS, MECHANISMS
from emofuse.runs import Store

_spec = importlib.util.spec_from_file_location("wearable_study_on_disk", Path(__file__).with_name("wearable_study_on_disk.py"))
assert _spec and _spec.loader
wearable_study = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(wearable_study)

REPOSITORY = Path(__file__).parents[1]
WITHOUT = {f"{m}_without_fusion_training" for m in MECHANISMS}
WITH = {f"{m}_with_fusion_training" for m in MECHANISMS}
UNIMODAL = {"speech_only", "wearable_only"}
TRAINED = {*UNIMODAL, *WITHOUT, *WITH, "random_encoders", "shuffled_labels"}


def test_the_models_are_the_rows_of_the_papers_table_in_its_order_then_the_controls():
    values = pd.read_csv(REPOSITORY / "data" / "paper_values.csv")
    rows = list(dict.fromkeys(values.loc[(values["paper"] == "B") & (values["table"].astype(str) == "1"), "model"]))
    ours = list(speech_wearables.configurations("attention"))
    assert len(rows) == 8 and ours[:8] == [row.removesuffix("_sigrep") for row in rows]
    assert ours[8:] == ["random_encoders", "shuffled_labels", "majority_class"]


def test_every_model_is_trained_by_one_stage():
    models = [model for group in speech_wearables.GROUPS.values() for model in group]
    assert sorted(models) == sorted(speech_wearables.configurations("weighted"))


@pytest.mark.parametrize("fusion", MECHANISMS)
def test_the_controls_follow_the_mechanism_under_study(fusion):
    found = speech_wearables.configurations(fusion)
    assert found["random_encoders"].mechanism == found["shuffled_labels"].representation == fusion
    assert found["random_encoders"].representation == "random" and found["shuffled_labels"].labels == "shuffled"


def test_speech_and_wearables_share_out_the_five_signals():
    found = speech_wearables.configurations("attention")
    assert (*found["speech_only"].signals, *found["wearable_only"].signals) == INPUTS


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A study whose windows of kemocon have labels and representations; and a key of each model."""
    folder = tmp_path_factory.mktemp("prepared")
    here = Path.cwd()
    os.chdir(folder)
    wearable_study.write()
    wearable_study.write_representations(wearable_study.load())
    before = keys()
    os.chdir(here)
    return folder, before


@pytest.fixture
def as_prepared(prepared, monkeypatch):
    """The study as it is, only to be read: a key of each model."""
    monkeypatch.chdir(prepared[0])
    return prepared[1]


@pytest.fixture
def folder(prepared, tmp_path, monkeypatch):
    """A copy that a test may change: a key of each model before."""
    shutil.copytree(prepared[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return prepared[1]


def jobs(model, code="code", **changes):
    return speech_wearables.jobs(wearable_study.load(**changes), model, lambda recipe, network: code)


def keys(code="code", models=TRAINED, **changes):
    """Of each model's run of one fold."""
    only = {"protocols": ["leave_one_session_out"]} | changes
    return {model: [job.key for job in jobs(model, code, **only) if job.fold == "D1"] for model in models}


def changed(before, after):
    """Models of which some key is another; it must then be all of them."""
    models = {model for model in before if before[model] != after[model]}
    assert all(not set(before[model]) & set(after[model]) for model in models)
    return models


def test_every_fold_of_each_protocol_runs_with_every_seed(as_prepared):
    found = [(job.protocol, job.fold, job.seed) for job in jobs("speech_only", seeds__toy=[3, 5])]
    folds = [("leave_one_subject_out", f"P{i}") for i in range(1, 7)] + [("leave_one_session_out", f"D{i}") for i in range(1, 4)]
    assert found == [(*fold, seed) for fold in folds for seed in (3, 5)]


def test_runs_of_different_folds_protocols_and_models_have_keys_of_their_own(as_prepared):
    all_keys = [key for model in as_prepared.values() for key in model]
    assert len(set(all_keys)) == len(all_keys) == len(TRAINED)
    assert len({job.key for job in jobs("speech_only", seeds__toy=[0, 1])}) == 9 * 2


def test_a_job_travels_to_another_process(as_prepared):
    for model in ("attention_without_fusion_training", "wearable_only"):
        job = jobs(model)[0]
        assert pickle.loads(pickle.dumps(job)).fit_inputs == job.fit_inputs


def test_a_new_seed_leaves_the_keys_of_the_others_alone(as_prepared):
    before, more = ({j.key: j.seed for j in jobs("speech_only", seeds__toy=seeds)} for seeds in ([0], [0, 1]))
    assert before == {key: seed for key, seed in more.items() if seed == 0}


@pytest.mark.parametrize(
    ("path", "value", "models"),
    [
        ("mechanisms__attention__size__toy__width", 8, {"attention_without_fusion_training", "random_encoders"}),
        ("mechanisms__weighted__initial", 0.5, {"weighted_without_fusion_training"}),
        ("network__projection", [16, 16], {*WITHOUT, "random_encoders"}),
        ("network__emotion_head", [8, 8], TRAINED),
        ("learning_rate", 0.1, TRAINED),
        ("schedules__toy__emotion__patience", 3, TRAINED),
        ("fusion", "weighted", {"random_encoders", "shuffled_labels"}),
        ("schedules__toy__fusion__epochs", 9, set()),
        ("schedules__paper__emotion__epochs", 9, set()),
        ("contrast__temperature", 0.5, set()),
        ("masking__fewest_samples", 2, set()),
        ("network__fusion_head", 2, set()),
        ("roles__signals", ["wesad"], set()),
    ],
)
def test_a_setting_changes_the_keys_of_the_models_that_use_it_and_of_no_other(as_prepared, path, value, models):
    assert changed(as_prepared, keys(**{path: value})) == models


def test_another_number_of_subjects_on_dev_changes_the_folds_by_subject_and_not_those_by_session(as_prepared):
    before, after = ([j.key for j in jobs("speech_only", validation__subjects=count)] for count in (2, 1))
    assert [a == b for a, b in zip(before, after, strict=True)] == [False] * 6 + [True] * 3


def test_the_code_changes_every_key(as_prepared):
    assert changed(as_prepared, keys("other")) == TRAINED


@pytest.mark.parametrize(
    ("representation", "models"),
    [
        ("pretrained", {*UNIMODAL, *WITHOUT}),
        ("random", {"random_encoders"}),
        ("weighted", {"weighted_with_fusion_training"}),
        ("attention", {"attention_with_fusion_training", "shuffled_labels"}),
    ],
)
def test_another_representation_changes_the_keys_of_the_models_that_read_it(folder, representation, models):
    place = speech_wearables.representation_folder(representation, "kemocon")
    cache = ArrayCache(place)
    arrays.write(place, [(i, cache[i] + np.float32(1)) for i in cache])
    assert changed(folder, keys()) == models


def relabel(example_id, **labels):
    frame = tables.read(study.self_reports_file("kemocon"), tables.EXAMPLES)
    frame.loc[frame["example_id"] == example_id, list(labels)] = list(labels.values())
    tables.write(frame, study.self_reports_file("kemocon"), tables.EXAMPLES)


def test_a_label_changes_the_keys_of_the_runs_that_learn_from_it_and_not_of_those_that_are_tested_on_it(folder):
    before = [j.key for j in jobs("speech_only")]
    relabel("kemocon:P1:00000.00", arousal3="high")
    assert [j.fold for j, key in zip(jobs("speech_only"), before, strict=True) if j.key == key] == ["P1", "D1"]


def test_a_window_without_all_labels_or_without_the_representation_is_left_out(folder):
    relabel("kemocon:P1:00000.00", valence3=None)
    place = speech_wearables.representation_folder("weighted", "kemocon")
    cache = ArrayCache(place)
    arrays.write(place, [(i, cache[i]) for i in cache if i != "kemocon:P2:00003.00"])
    counts = {}
    for model in ("weighted_with_fusion_training", "speech_only"):
        job = jobs(model)[0]
        ids = {i for subset in (job.train, job.dev, *job.tests) for i in subset.truth.index}
        counts[model] = len(ids)
        assert "kemocon:P1:00000.00" not in ids
    total = wearable_study.SUBJECTS * wearable_study.WINDOWS
    assert counts == {"weighted_with_fusion_training": total - 2, "speech_only": total - 1}


def test_shuffled_labels_are_the_same_labels_of_train_and_dev_on_other_windows_and_the_true_ones_of_test(as_prepared):
    true = {(j.protocol, j.fold): j for j in jobs("attention_with_fusion_training")}
    for job in jobs("shuffled_labels"):
        other = true[job.protocol, job.fold]
        for ours, theirs in ((job.train.truth, other.train.truth), (job.dev.truth, other.dev.truth)):
            assert list(ours.index) == list(theirs.index) and not ours.equals(theirs)
            assert sorted(map(tuple, ours.to_numpy())) == sorted(map(tuple, theirs.to_numpy()))
            assert (ours.to_numpy() == theirs.to_numpy()).all(axis=1).mean() < 0.6
        pd.testing.assert_frame_equal(job.tests[0].truth, other.tests[0].truth)


def test_the_majority_control_predicts_the_shares_of_the_training_classes(as_prepared):
    found = jobs("majority_class")
    predictions = speech_wearables.majority(found)
    tables.check(predictions, tables.PREDICTIONS, "majority")
    truth = tasks.truth(tasks.TASKS["self_report"], tables.read(study.self_reports_file("kemocon"), tables.EXAMPLES))
    for job in found:
        own = predictions[(predictions["protocol"] == job.protocol) & (predictions["fold"] == job.fold)]
        assert set(own.loc[own["partition"] == "test", "example_id"]) == set(job.tests[0].truth.index)
        for target, rows in own.groupby("target"):
            assert rows["prediction"].unique() == pytest.approx(truth.loc[list(job.train.truth.index), target].sum() / len(job.train.truth))
            assert rows["truth"].to_numpy() == pytest.approx(truth.loc[list(rows["example_id"]), target].to_numpy())


def test_the_majority_control_does_not_see_the_labels_of_test(folder):
    def of_first_fold():
        found = speech_wearables.majority(jobs("majority_class"))
        return found[(found["protocol"] == "leave_one_subject_out") & (found["fold"] == "P1") & (found["partition"] == "test")]

    before = of_first_fold()
    for window in range(0, 36, 3):
        relabel(f"kemocon:P1:{window:08.2f}", arousal3="high", valence3="high", emotion="sad")
    after = of_first_fold()
    assert (before["prediction"].to_numpy() == after["prediction"].to_numpy()).all()
    assert (before["truth"].to_numpy() != after["truth"].to_numpy()).any()


def execute(found, store):
    for job in found:
        pkgutil.resolve_name(f"{job.recipe}:execute")(job, Site(store, "cpu", lambda epoch, epochs: None, checkpoint_every_s=0))
    return cells.collect(found, store)


def test_a_planted_emotion_is_learnt_and_told_of_the_left_out_subjects(as_prepared, tmp_path):
    found = [j for j in jobs("unweighted_with_fusion_training", schedules__toy__emotion__epochs=80) if j.fold in ("P1", "D2")]
    predictions, history = execute(found, Store(tmp_path))
    tables.check(predictions, tables.PREDICTIONS, "predictions")
    tables.check(history, tables.HISTORY, "history")
    test = predictions[(predictions["partition"] == "test") & predictions["target"].str.startswith("emotion6/")]
    wide = test.pivot(index=["protocol", "example_id"], columns="target", values=["truth", "prediction"])
    assert len(wide) == 12 + 24
    told, felt = wide["prediction"].idxmax(axis=1), wide["truth"].idxmax(axis=1)
    assert (told == felt).mean() > 0.8 > 2 * felt.value_counts(normalize=True).max()
    assert np.allclose(test.groupby(["fold", "example_id"])["prediction"].sum(), 1)


def test_another_store_gives_the_same_bits_and_a_second_call_trains_nothing(as_prepared, tmp_path):
    found = jobs("attention_without_fusion_training")[:1]
    stores = Store(tmp_path / "a"), Store(tmp_path / "b")
    first, second = (execute(found, store) for store in stores)
    for a, b in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    written = (stores[0].place("fits", found[0].key) / "manifest.json").stat().st_mtime_ns
    execute(found, stores[0])
    assert (stores[0].place("fits", found[0].key) / "manifest.json").stat().st_mtime_ns == written
    assert unfinished(found, stores[0]) == []


def test_the_learnt_weights_of_each_run_of_the_weighted_fusion_are_told(as_prepared, tmp_path):
    store = Store(tmp_path)
    found = [j for j in jobs("weighted_without_fusion_training") if j.fold in ("P1", "D1")]
    execute(found, store)
    told = speech_wearables.fold_weights(found, store)
    tables.check(told, tables.FUSION_WEIGHTS, "weights")
    for job in found:
        stored = load_file(store.place("fits", job.key) / "weights.safetensors")["fusion.mechanism.weights"]
        own = told[(told["protocol"] == job.protocol) & (told["fold"] == job.fold)].set_index("signal")["weight"]
        assert own[list(INPUTS)].tolist() == stored.astype(float).tolist() and not (stored == 1).all()


@pytest.mark.parametrize("model", ["unweighted_without_fusion_training", "weighted_with_fusion_training", "majority_class"])
def test_models_that_train_no_weighted_fusion_tell_no_weights(as_prepared, tmp_path, model):
    told = speech_wearables.fold_weights(jobs(model), Store(tmp_path))
    assert len(told) == 0 and list(told.columns) == list(tables.FUSION_WEIGHTS.columns)


def test_where_the_projection_is_trained_on_its_pretrained_weights_are_part_of_the_key(folder):
    weights = study.pretrained_folder("attention") / "weights.safetensors"
    weights.parent.mkdir(parents=True)
    with_weights = []
    for text in ("first", "second"):
        weights.write_text(text)
        with_weights.append(keys(models={"attention_with_fusion_training"}, network__freeze="fusion"))
    without = keys(models={"attention_with_fusion_training"})
    assert len({found["attention_with_fusion_training"][0] for found in (*with_weights, without)}) == 3
    others = WITHOUT | UNIMODAL
    assert keys(models=others, network__freeze="fusion") == {model: folder[model] for model in others}


def test_an_unknown_model_is_answered_with_the_known_ones(as_prepared):
    with pytest.raises(InputError, match=r"model 'attention': expected one of \['speech_only', .*'majority_class'\]") as error:
        jobs("attention")
    assert "\n" not in str(error.value)


def test_too_few_subjects_to_select_with_are_one_line(as_prepared):
    with pytest.raises(InputError, match=r"leave_one_subject_out: fold P1: expected more than 4 others") as error:
        jobs("speech_only", validation__subjects=4)
    assert "\n" not in str(error.value)


def test_a_missing_representation_is_named(folder):
    shutil.rmtree(speech_wearables.representation_folder("random", "kemocon"))
    with pytest.raises(InputError, match=r"data/features/representations/kemocon/random: expected a feature cache") as error:
        jobs("random_encoders")
    assert "\n" not in str(error.value)
