import importlib.util
import os
import pkgutil
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from emofuse import arrays, code_digest, pretraining, runners, study, tables
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.execution import Site
from emofuse.pretraining import INPUTS, MECHANISMS, SPEECH
from emofuse.runs import Store
from emofuse.signals import SIGNALS

_spec = importlib.util.spec_from_file_location("wearable_study_on_disk", Path(__file__).with_name("wearable_study_on_disk.py"))
assert _spec and _spec.loader
wearable_study = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(wearable_study)

NETWORKS = {*INPUTS, *MECHANISMS}
EPOCHS = {"schedules__toy__speech__epochs": 10, "schedules__toy__signals__epochs": 10, "schedules__toy__fusion__epochs": 24}
names = st.lists(st.from_regex(r"P[0-9]{1,2}", fullmatch=True), min_size=2, max_size=12, unique=True)


@settings(max_examples=60, deadline=None)
@given(names, st.floats(0.01, 0.5), st.integers(0, 99), st.randoms(use_true_random=False))
def test_who_validates_is_a_share_of_the_subjects_and_never_all(subjects, share, seed, random):
    found = pretraining.held_out(subjects, share, seed, "eda: wesad")
    assert found <= set(subjects) and 1 <= len(found) < len(subjects)
    assert abs(len(found) - share * len(subjects)) <= 1
    again = subjects * 2  # a subject has many windows, in any order
    random.shuffle(again)
    assert pretraining.held_out(again, share, seed, "eda: wesad") == found


@pytest.mark.parametrize(("subjects", "share"), [(["P1", "P1"], 0.2), (["P1", "P2"], 0.9)])
def test_where_nobody_is_left_to_train_on_the_corpus_is_named(subjects, share):
    with pytest.raises(InputError, match=r"eda: wesad: expected subjects to train on and to validate with, found \['P1'") as error:
        pretraining.held_out(subjects, share, 0, "eda: wesad")
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A study on disk whose encoders' weight files are placeholders: jobs only hash them."""
    folder = tmp_path_factory.mktemp("prepared")
    here = Path.cwd()
    os.chdir(folder)
    wearable_study.write()
    for name in INPUTS:
        weights(name).parent.mkdir(parents=True)
        weights(name).write_text(name)
    before = keys(wearable_study.load())
    os.chdir(here)
    return folder, before


@pytest.fixture
def as_prepared(prepared, monkeypatch):
    """The study as it is, only to be read: the keys of its networks."""
    monkeypatch.chdir(prepared[0])
    return prepared[1]


@pytest.fixture
def folder(prepared, tmp_path, monkeypatch):
    """A copy that a test may change: the keys of its networks before."""
    shutil.copytree(prepared[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return prepared[1]


def weights(network):
    return study.pretrained_folder(network) / "weights.safetensors"


def jobs(p, code="code"):
    def own(recipe, network):
        return code

    return {job.network: job for job in [*pretraining.encoder_jobs(p, own), *pretraining.fusion_jobs(p, own)]}


def keys(*arguments):
    return {network: job.key for network, job in jobs(*arguments).items()}


def changed(before, after):
    assert set(before) == set(after) == NETWORKS
    return {network for network in before if before[network] != after[network]}


@pytest.mark.parametrize(
    ("path", "value", "networks"),
    [
        ("mechanisms__attention__size__toy__width", 8, {"attention"}),
        ("mechanisms__weighted__initial", 0.5, {"weighted"}),
        ("contrast__temperature", 0.5, {*SIGNALS}),
        ("masking__fewest_samples", 2, {*MECHANISMS}),
        ("network__topology", "per_signal", {*MECHANISMS}),
        ("network__encoders", "frozen", {*MECHANISMS}),
        ("signal_encoder__filters", 2, {*SIGNALS, *MECHANISMS}),
        ("speech_autoencoder__kernel", 3, {SPEECH, *MECHANISMS}),
        ("schedules__toy__speech__epochs", 3, {SPEECH}),
        ("schedules__toy__signals__batch_size", 8, {*SIGNALS}),
        ("schedules__toy__fusion__patience", 3, {*MECHANISMS}),
        ("learning_rate", 0.1, NETWORKS),
        ("pretraining__seed", 1, NETWORKS),
        ("pretraining__validation_share", 0.5, NETWORKS),
        ("network__emotion_head", [4, 4], set()),
        ("network__freeze", "fusion", set()),
        ("schedules__toy__emotion__epochs", 9, set()),
        ("schedules__paper__fusion__epochs", 9, set()),
        ("validation__seed", 9, set()),
        ("protocols", ["leave_one_session_out"], set()),
        ("fusion", "weighted", set()),
    ],
)
def test_a_setting_changes_the_keys_of_the_networks_that_use_it_and_of_no_other(as_prepared, path, value, networks):
    assert changed(as_prepared, keys(wearable_study.load(**{path: value}))) == networks


def test_the_code_changes_every_key(as_prepared):
    assert changed(as_prepared, keys(wearable_study.load(), "other")) == NETWORKS


@pytest.mark.parametrize("signal", ["speech", "bvp"])
def test_an_encoders_weights_change_the_keys_of_the_fusions_and_only_theirs(folder, signal):
    weights(signal).write_text("other")
    assert changed(folder, keys(wearable_study.load())) == {*MECHANISMS}


def rewrite(corpus, signal, change):
    """Write a cache again with ``change`` done to its arrays, a dictionary in order."""
    folder = pretraining.cache_of(signal, corpus)
    cache = ArrayCache(folder)
    held = {i: np.array(cache[i]) for i in cache}
    change(held)
    arrays.write(folder, held.items())


@pytest.mark.parametrize(
    ("corpus", "signal", "networks"),
    [
        ("wesad", "eda", {"eda"}),
        ("case", "bvp", {"bvp"}),
        ("voxceleb1", SPEECH, {SPEECH}),
        ("verbio", "temp", {*MECHANISMS}),
        ("verbio", SPEECH, {*MECHANISMS}),
        ("kemocon", "eda", set()),
    ],
)
@pytest.mark.parametrize("side", ["train", "dev"])
def test_one_other_window_changes_the_keys_of_the_networks_that_read_it(folder, corpus, signal, networks, side):
    read = [w for network in networks for w in getattr(jobs(wearable_study.load())[network], side) if w.corpus == corpus]

    def change(held):
        held[read[0].example_ids[0] if read else next(iter(held))].flat[0] += 1e-3

    rewrite(corpus, signal, change)
    assert changed(folder, keys(wearable_study.load())) == networks


def test_the_order_in_which_windows_were_written_changes_no_key(folder):
    def change(held):
        for name in sorted(held, reverse=True):
            held[name] = held.pop(name)

    for signal in INPUTS:
        rewrite("verbio", signal, change)
    assert keys(wearable_study.load()) == folder


def test_no_subject_is_on_both_sides_and_every_window_is_on_one(as_prepared):
    for job in jobs(wearable_study.load()).values():
        for train, dev in zip(job.train, job.dev, strict=True):
            assert train.corpus == dev.corpus
            speaker = tables.read(study.windows_file(train.corpus), tables.EXAMPLES).set_index("example_id")["speaker"]
            assert sorted(train.example_ids + dev.example_ids) == sorted(speaker.index)
            assert not set(speaker[list(train.example_ids)]) & set(speaker[list(dev.example_ids)])


def test_a_corpus_without_the_signal_is_skipped(as_prepared):
    corpora = {network: [w.corpus for w in job.train] for network, job in jobs(wearable_study.load()).items()}
    assert corpora["acc"] == ["wesad"] and corpora["bvp"] == corpora["eda"] == corpora["temp"] == ["wesad", "case"]
    assert corpora["speech"] == ["voxceleb1"] and {tuple(corpora[m]) for m in MECHANISMS} == {("verbio",)}


def test_a_fusion_reads_the_windows_that_have_all_five_signals(folder):
    ids = list(ArrayCache(pretraining.cache_of("acc", "verbio")))
    for signal, lost in zip(INPUTS, ids[::13], strict=False):
        rewrite("verbio", signal, lambda held, lost=lost: held.pop(lost))
    job = jobs(wearable_study.load())["weighted"]
    read = {i for side in (*job.train, *job.dev) for i in side.example_ids}
    assert read == set(ids) - set(ids[::13][:5]) and len(read) == len(ids) - 5


@pytest.mark.parametrize(("role", "network"), [("signals", "acc"), ("fusion", "unweighted")])
def test_a_role_whose_corpora_lack_the_signals_is_one_line(folder, role, network):
    p = wearable_study.load(**{f"roles__{role}": ["case"], "spoken": ["kemocon", "verbio", "voxceleb1", "case"]})
    rewrite("case", "eda", dict.clear)
    if role == "fusion":
        arrays.write(pretraining.cache_of(SPEECH, "case"), [])
    with pytest.raises(InputError, match=rf"{network}: expected windows with .* in \['case'\], found 0; check wearable.roles") as error:
        jobs(p)
    assert "\n" not in str(error.value)


def test_missing_weights_of_an_encoder_are_named(folder):
    weights("bvp").unlink()
    with pytest.raises(InputError, match=r"results/pretrained/bvp/weights\.safetensors: expected the weights of a pretrained encoder"):
        keys(wearable_study.load())


@pytest.fixture(scope="module")
def trained(prepared, tmp_path_factory):
    """The folder of a study whose eight networks are trained by worker processes, and their jobs."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(prepared[0] / "data", folder / "data")
    here = Path.cwd()
    os.chdir(folder)
    try:
        p, store, done = wearable_study.load(**EPOCHS), Store(Path("runs")), {}
        for stage in (pretraining.encoder_jobs, pretraining.fusion_jobs):
            runners.run(stage(p, code_digest.of_recipe), store, wearable_study.EXECUTION)
            for job in stage(p, code_digest.of_recipe):
                weights(job.network).parent.mkdir(parents=True)
                shutil.copy(store.place("fits", job.key) / "weights.safetensors", weights(job.network))
                done[job.network] = job
    finally:
        os.chdir(here)
    return folder, done


def site(store, report=lambda epoch, epochs: None):
    return Site(store, "cpu", report, checkpoint_every_s=0)


def history_of(store, job):
    return pq.read_table(store.place("fits", job.key) / "history.parquet").to_pandas()


def test_every_network_is_in_the_store_with_its_history(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    store = Store(Path("runs"))
    for job in trained[1].values():
        assert store.find("fits", job.key) is not None
        history = history_of(store, job).assign(network=job.network)
        tables.check(history, tables.PRETRAINING, job.name)
        assert list(history["epoch"]) == list(range(job.schedule.epochs + 1))  # 0 is the untrained network
        assert list(history.loc[history["loss"].isna(), "epoch"]) == [0]
        assert history["selected"].sum() == 1 and history["dev_score"][1:].idxmax() == history["selected"].idxmax()


@pytest.mark.parametrize(
    ("networks", "of_the_untrained_loss"), [((SPEECH,), 0.3), (SIGNALS, 0.9), (MECHANISMS, 0.95)], ids=["speech", "signals", "fusion"]
)
def test_the_loss_on_held_out_subjects_of_an_easy_set_falls(trained, monkeypatch, networks, of_the_untrained_loss):
    monkeypatch.chdir(trained[0])
    for network in networks:
        history = history_of(Store(Path("runs")), trained[1][network])
        best = history.loc[history["selected"] == 1, "dev_score"].item()
        assert -best < of_the_untrained_loss * -history["dev_score"][0], network


def test_another_store_and_process_give_the_same_bits(trained, monkeypatch, tmp_path):
    monkeypatch.chdir(trained[0])
    here, elsewhere = Store(Path("runs")), Store(tmp_path)
    for job in trained[1].values():
        pkgutil.resolve_name(f"{job.recipe}:execute")(job, site(elsewhere))
        first, second = (store.find("fits", job.key) for store in (here, elsewhere))
        assert (first / "weights.safetensors").read_bytes() == (second / "weights.safetensors").read_bytes(), job.network
        pd.testing.assert_frame_equal(history_of(here, job), history_of(elsewhere, job), check_exact=True)


def test_a_finished_pretraining_is_not_done_again(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    epochs = []
    for job in trained[1].values():
        pkgutil.resolve_name(f"{job.recipe}:execute")(job, site(Store(Path("runs")), lambda epoch, number: epochs.append(epoch)))
    assert epochs == []


def test_fusions_start_from_the_pretrained_encoders(trained, monkeypatch):
    """With no step of a size that counts the encoders of a fusion are those that were pretrained."""
    monkeypatch.chdir(trained[0])
    p = wearable_study.load(**EPOCHS, network__encoders="frozen")
    job = next(j for j in pretraining.fusion_jobs(p, code_digest.of_recipe) if j.network == "unweighted")
    store = Store(Path("frozen"))
    pkgutil.resolve_name(f"{job.recipe}:execute")(job, site(store))
    fused = load_file(store.place("fits", job.key) / "weights.safetensors")
    for signal in INPUTS:
        own = {k.removeprefix("encoder."): v for k, v in load_file(weights(signal)).items() if k.startswith("encoder.")}
        assert own
        for name, value in own.items():
            np.testing.assert_array_equal(fused[f"encoders.{signal}.{name}"], value)


def test_a_diverging_pretraining_is_named_and_stores_nothing(folder):
    job = jobs(wearable_study.load(learning_rate=1e30))["speech"]
    with pytest.raises(InputError, match=r"pretraining speech epoch \d, step \d+: expected a finite loss, found (nan|inf)") as error:
        pkgutil.resolve_name(f"{job.recipe}:execute")(job, site(Store(Path("runs"))))
    assert "\n" not in str(error.value) and not list(Path("runs/fits").glob("*"))


def test_windows_or_encoders_that_change_while_a_job_waits_are_refused(trained, tmp_path, monkeypatch):
    shutil.copytree(trained[0], tmp_path / "study", ignore=shutil.ignore_patterns("runs"))
    monkeypatch.chdir(tmp_path / "study")
    params = wearable_study.load(**EPOCHS)
    both = [*pretraining.encoder_jobs(params, code_digest.of_recipe), *pretraining.fusion_jobs(params, code_digest.of_recipe)]
    found = {job.network: job for job in both}
    assert all(job.key for job in found.values())
    wearable_study.write(seed=9)
    with pytest.raises(
        InputError, match="pretraining bvp: expected the windows and encoders that the stage was started with, found others"
    ):
        runners.run([found["bvp"]], Store(Path("runs")), wearable_study.EXECUTION)
    shutil.copytree(trained[0] / "data", "data", dirs_exist_ok=True)
    weights("bvp").write_bytes(weights("eda").read_bytes() + b" ")
    with pytest.raises(InputError, match="pretraining weighted: expected the windows and encoders"):
        runners.run([found["weighted"]], Store(Path("runs")), wearable_study.EXECUTION)
    assert not list(Path("runs").glob("fits/*"))
