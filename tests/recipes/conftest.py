"""One small study of paper B on disk for all recipes, which no test changes."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

from emofuse import pretraining, study, unlabelled, wearable_networks
from emofuse.execution import Site
from emofuse.params import Params
from emofuse.pretraining import SPEECH, Pretraining
from emofuse.runs import Store
from emofuse.self_supervision.contrast import Projected
from emofuse.signals import SIGNALS

_spec = importlib.util.spec_from_file_location("wearable_study_on_disk", Path(__file__).parents[1] / "wearable_study_on_disk.py")
assert _spec
assert _spec.loader
wearable_study = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(wearable_study)

Trained = tuple[dict[str, np.ndarray], pd.DataFrame]


@pytest.fixture(scope="session")
def study_module() -> ModuleType:
    return wearable_study


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Windows and caches of every corpus, and weight files of encoders that nobody trained, under a speech scale that is not 0 and 1."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        wearable_study.write()
        params = wearable_study.load().wearable
        torch.manual_seed(5)
        speech = wearable_networks.speech_autoencoder(params)
        speech.standardise_by(torch.linspace(10, 20, wearable_study.COEFFICIENTS), torch.linspace(2, 4, wearable_study.COEFFICIENTS))
        networks = {SPEECH: speech}
        for signal in SIGNALS:
            encoder = wearable_networks.signal_encoder(params)
            networks[signal] = Projected(encoder, params.signal_encoder.embedding, params.contrast.projection)
        for name, network in networks.items():
            (folder / study.pretrained_folder(name)).mkdir(parents=True)
            save_file(network.state_dict(), study.pretrained_folder(name) / "weights.safetensors")
    return folder


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def job(written: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Pretraining]:
    """The pretraining of a network; changes are those of ``wearable_study_on_disk.load``, and the schedule's."""
    monkeypatch.chdir(written)

    def wanted(network: str, epochs: int = 2, batch_size: int = 16, **changes: Any) -> Pretraining:
        params: Params = wearable_study.load(**changes)
        jobs = pretraining.fusion_jobs if network in pretraining.MECHANISMS else pretraining.encoder_jobs
        (found,) = [one for one in jobs(params, lambda recipe, network: "code") if one.network == network]
        size = found.schedule.model_copy(update={"epochs": epochs, "batch_size": batch_size, "patience": epochs})
        return replace(found, schedule=size)

    return wanted


@pytest.fixture
def train(tmp_path: Path) -> Callable[[Pretraining, ModuleType], Trained]:
    """Weights and history of a pretraining."""

    def trained(one: Pretraining, recipe: ModuleType) -> Trained:
        store = Store(tmp_path / "runs")
        recipe.execute(one, Site(store, "cpu", lambda epoch, epochs: None, checkpoint_every_s=0))
        folder = store.find("fits", one.key)
        assert folder is not None
        return load_file(folder / "weights.safetensors"), pq.read_table(folder / "history.parquet").to_pandas()

    return trained


@pytest.fixture
def windows() -> Callable[[Pretraining, str], tuple[np.ndarray, np.ndarray]]:
    """Training and held-out windows of a signal, read one by one."""

    def read(one: Pretraining, signal: str) -> tuple[np.ndarray, np.ndarray]:
        train, dev = (unlabelled.open_windows(side, signal) for side in (one.train, one.dev))
        return train.take(np.arange(len(train))), dev.take(np.arange(len(dev)))

    return read
