"""The frozen part of paper B, and genuine recordings as one more pretraining corpus."""

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from emofuse import arrays, params, pretraining, representations, study, tables, wearable_networks
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.execution import Site
from emofuse.pretraining import INPUTS, MECHANISMS, SPEECH, cache_of
from emofuse.recipes import contrast
from emofuse.runs import Store
from emofuse.self_supervision.contrast import Projected
from emofuse.signals import SIGNALS
from emofuse.speech_wearables import representation_folder

REPOSITORY = Path(__file__).parents[1]
NAMES = ("pretrained", "random", *MECHANISMS)
_spec = importlib.util.spec_from_file_location("wearable_study_on_disk", Path(__file__).with_name("wearable_study_on_disk.py"))
assert _spec
assert _spec.loader
wearable_study = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(wearable_study)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The windows of a small emotion corpus, and weights of all eight networks, each with encoders of its own."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        wearable_study.write_corpus("kemocon", np.random.default_rng(0))
        settings = wearable_study.load().wearable
        torch.manual_seed(4)
        speech = wearable_networks.speech_autoencoder(settings)
        speech.standardise_by(torch.full((wearable_study.COEFFICIENTS,), 20.0), torch.linspace(2, 4, wearable_study.COEFFICIENTS))
        networks = {SPEECH: speech}
        for signal in SIGNALS:
            networks[signal] = Projected(wearable_networks.signal_encoder(settings), wearable_study.EMBEDDING, settings.contrast.projection)
        for mechanism in MECHANISMS:
            networks[mechanism] = wearable_networks.fusion_pretraining(settings, mechanism, "toy")
        with torch.no_grad():
            networks["weighted"].fusion.mechanism.weights.copy_(torch.tensor([0.5, -1.0, 2.0, 1.5, 0.0]))
        for name, network in networks.items():
            study.pretrained_folder(name).mkdir(parents=True)
            save_file(network.state_dict(), study.pretrained_folder(name) / "weights.safetensors")
    return folder


@pytest.fixture
def folder(written, tmp_path, monkeypatch):
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**changes):
    """Each representation as (window, width) by its name, and the ids of the windows."""
    representations.write(wearable_study.load(**changes))
    caches = {name: ArrayCache(representation_folder(name, "kemocon")) for name in NAMES}
    (ids,) = {tuple(cache) for cache in caches.values()}
    return {name: np.array([cache[i][0] for i in ids]) for name, cache in caches.items()}, list(ids)


def inputs(example_id, signals=INPUTS):
    """One window as the networks read it: speech in deviations of its pretraining, by NumPy."""
    found = {signal: ArrayCache(cache_of(signal, "kemocon"))[example_id][None] for signal in signals}
    found[SPEECH] = (found[SPEECH] - 20.0) / np.linspace(2, 4, wearable_study.COEFFICIENTS)
    return {signal: torch.from_numpy(window.astype(np.float32)) for signal, window in found.items()}


def weights(network):
    return load_file(study.pretrained_folder(network) / "weights.safetensors")


def network_of(mechanism):
    built = wearable_networks.fusion_pretraining(wearable_study.load().wearable, mechanism, "toy")
    built.load_state_dict(weights(mechanism))
    return built.eval()


def test_each_window_has_five_embeddings_and_what_each_fusion_makes_of_them(folder):
    found, ids = write()
    assert sorted(ids) == sorted(wearable_study.examples("kemocon")["example_id"])
    width = 5 * wearable_study.EMBEDDING
    assert {name: rows.shape[1] for name, rows in found.items()} == {"pretrained": width, "random": width, **dict.fromkeys(MECHANISMS, 16)}
    assert all(np.isfinite(rows).all() for rows in found.values())
    assert all(rows.std(axis=0).max() > 0 for rows in found.values())


def test_the_pretrained_representation_is_each_signals_own_encoder_in_the_fixed_order(folder):
    found, ids = write()
    settings = wearable_study.load().wearable
    for place, signal in enumerate(INPUTS):
        one = wearable_networks.speech_autoencoder(settings).encoder if signal == SPEECH else wearable_networks.signal_encoder(settings)
        own = {key.removeprefix("encoder."): tensor for key, tensor in weights(signal).items() if key.startswith("encoder.")}
        one.load_state_dict(own)
        part = found["pretrained"][:, place * wearable_study.EMBEDDING : (place + 1) * wearable_study.EMBEDDING]
        for row in (0, 17, 71):
            with torch.no_grad():
                np.testing.assert_allclose(part[row], one.eval()(inputs(ids[row])[signal])[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("freeze", ["projection", "fusion"])
def test_a_mechanisms_representation_is_its_own_pretraining_up_to_where_it_is_frozen(folder, mechanism, freeze):
    found, ids = write(network__freeze=freeze)
    network = network_of(mechanism)
    for row in (0, 30):
        with torch.no_grad():
            embeddings = network.embed(**inputs(ids[row]))
            expected = network.fusion(embeddings) if freeze == "projection" else network.fusion.fuse(embeddings).flatten(1)
        np.testing.assert_allclose(found[mechanism][row], expected[0], rtol=1e-4, atol=1e-5)


def test_a_windows_representation_does_not_depend_on_its_batch(folder, monkeypatch):
    whole, ids = write()
    monkeypatch.setattr(representations, "_CHUNK", 7)
    parts, same_ids = write()
    assert ids == same_ids
    for name in NAMES:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-4, atol=1e-6)


def test_writing_twice_gives_equal_bytes(folder):
    write()
    files = [path for path in folder.rglob("*") if "representations" in path.parts or path.parent.name == "results"]
    before = {path: path.read_bytes() for path in files if path.is_file()}
    assert len(before) == 2 * len(NAMES) + 2
    write()
    assert {path: path.read_bytes() for path in before} == before


def test_a_window_without_one_of_the_signals_is_left_out(folder):
    whole, ids = write()
    for signal, missing in (("eda", ids[3]), (SPEECH, ids[40])):
        cache = ArrayCache(cache_of(signal, "kemocon"))
        arrays.write(cache_of(signal, "kemocon"), [(i, np.array(cache[i])) for i in cache if i != missing])
    fewer, kept = write()
    assert kept == [i for i in ids if i not in (ids[3], ids[40])]
    rows = [row for row, i in enumerate(ids) if i in kept]
    for name in NAMES:
        np.testing.assert_allclose(fewer[name], whole[name][rows], rtol=1e-4, atol=1e-6)


def test_where_no_window_has_all_signals_the_corpus_is_named(folder):
    arrays.write(cache_of("temp", "kemocon"), [])
    with pytest.raises(InputError, match=r"^kemocon: expected windows with all of") as error:
        representations.write(wearable_study.load())
    assert "\n" not in str(error.value)
    assert not representation_folder("pretrained", "kemocon").exists()


@pytest.mark.parametrize("network", ["speech", "bvp", "attention"])
def test_weights_that_are_missing_or_of_another_structure_are_named(folder, network):
    path = study.pretrained_folder(network) / "weights.safetensors"
    save_file({"layer.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError) as error:
        representations.write(wearable_study.load())
    assert str(error.value).startswith(f"{path}: expected weights")
    path.unlink()
    with pytest.raises(InputError) as missing:
        representations.write(wearable_study.load())
    assert str(missing.value).startswith(f"{path}: expected weights")
    assert "\n" not in str(error.value) + str(missing.value)


def test_random_encoders_differ_from_pretrained_ones_and_depend_on_the_seed_alone(folder):
    first, _ = write()
    assert not np.allclose(first["random"], first["pretrained"])
    for path in study.pretrained_folder("acc").parent.rglob("weights.safetensors"):
        state = load_file(path)
        save_file({key: t if key in ("mean", "sd") else t * 1.5 for key, t in state.items()}, path)
    second, _ = write()
    assert np.array_equal(first["random"], second["random"])
    assert all(not np.allclose(first[name], second[name]) for name in NAMES if name != "random")
    third, _ = write(pretraining__seed=1)
    assert not np.allclose(first["random"], third["random"])
    assert np.array_equal(second["pretrained"], third["pretrained"])


def test_what_the_weighted_fusion_learnt_is_kept(folder):
    write()
    found = tables.read(study.FUSION_WEIGHTS_FILE, tables.FUSION_WEIGHTS)
    assert dict(zip(found["signal"], found["weight"], strict=True)) == dict(zip(INPUTS, (0.5, -1.0, 2.0, 1.5, 0.0), strict=True))
    assert set(found["model"]) == {"weighted_with_fusion_training"}


def test_attention_is_a_mean_over_windows_and_heads_whose_rows_sum_to_1(folder):
    _, ids = write()
    found = tables.read(study.ATTENTION_FILE, tables.ATTENTION)
    sums = found.groupby(["signal", "query"])["weight"].sum()
    assert len(sums) == 5 * wearable_study.EMBEDDING
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    network = network_of("attention")
    with torch.no_grad():
        maps = np.mean([network.fusion.mechanism.maps(network.embed(**inputs(i)))[0].mean(dim=1).numpy() for i in ids], axis=0)
    for place, signal in enumerate(INPUTS):
        own = found[found["signal"] == signal].pivot(index="query", columns="key", values="weight").to_numpy()
        np.testing.assert_allclose(own, maps[place], atol=1e-5)


@pytest.fixture
def stress_predict(recordings, tmp_path, monkeypatch):
    """params.yaml with three people of genuine Empatica E4 exports as the only corpus that pretrains the wearable encoders."""
    for subject in ("S02", "S05", "S11"):
        shutil.copytree(recordings / "stress_predict" / "Raw_data" / subject, tmp_path / "stress_predict" / subject)
    data = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    data["wearable"]["corpora"]["empatica_e4"] = {"root": "stress_predict", "release": "any"}
    data["wearable"]["roles"]["signals"] = ["empatica_e4"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    wearable_study.write_corpus("voxceleb1", np.random.default_rng(0))  # jobs of all encoders are made together
    return params.load()


def test_genuine_exports_pretrain_an_encoder_by_a_parameter_and_the_held_out_loss_falls(stress_predict, tmp_path):
    for name in ("ingest_recordings", "cut_windows"):
        spec = importlib.util.spec_from_file_location(f"stage_{name}", REPOSITORY / "stages" / f"{name}.py")
        stage = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(stage)
        stage.main("empatica_e4")
    counts = tables.read(study.features_folder("wearables", "empatica_e4") / "counts.parquet", tables.WINDOW_COUNTS).set_index("signal")
    assert (counts["windows"] > 3000).all()  # 55 min or more of each
    (job,) = [one for one in pretraining.encoder_jobs(stress_predict, lambda recipe, network: "code") if one.network == "bvp"]
    people = [{i.split(":")[1] for part in side for i in part.example_ids} for side in (job.train, job.dev)]
    assert sorted(map(len, people)) == [1, 2]
    assert not people[0] & people[1]
    job = replace(job, schedule=job.schedule.model_copy(update={"epochs": 5}))
    store = Store(tmp_path / "runs")
    contrast.execute(job, Site(store, "cpu", lambda epoch, epochs: None, checkpoint_every_s=0))
    history: pd.DataFrame = pq.read_table(store.place("fits", job.key) / "history.parquet").to_pandas()
    loss = -history.set_index("epoch")["dev_score"]
    assert loss.min() < 0.65 * loss[0]
