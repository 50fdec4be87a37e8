"""A training that is stopped anywhere, however often, ends with the bits of one that is not; an unusable checkpoint costs time only."""

import importlib.util
import logging
import multiprocessing
import os
import pkgutil
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from emofuse import checkpoints, optimisers, pretraining, speech_text, speech_wearables, study, wearable_networks
from emofuse.checkpoints import Checkpoint
from emofuse.execution import Site
from emofuse.pretraining import SPEECH
from emofuse.runs import Store
from emofuse.self_supervision.contrast import Projected
from emofuse.signals import SIGNALS
from emofuse.study import Cell
from emofuse.training import Schedule, fit


def module(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


study_on_disk, wearable_study = module("study_on_disk"), module("wearable_study_on_disk")
EPOCHS = 4
CODE = lambda recipe, network: "code"  # noqa: E731  # only keys depend on it


class Stop(Exception):
    """Stands for the end of a process."""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Both papers' small studies in one folder; the encoders that the fusions start from are untrained."""
    folder = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        study_on_disk.write()
        wearable_study.write()
        p = wearable_study.load()
        wearable_study.write_representations(p)
        torch.manual_seed(5)
        speech = wearable_networks.speech_autoencoder(p.wearable)
        speech.standardise_by(torch.full((wearable_study.COEFFICIENTS,), 20.0), torch.full((wearable_study.COEFFICIENTS,), 3.0))
        width, projection = p.wearable.signal_encoder.embedding, p.wearable.contrast.projection
        networks = {s: Projected(wearable_networks.signal_encoder(p.wearable), width, projection) for s in SIGNALS} | {SPEECH: speech}
        for name, network in networks.items():
            study.pretrained_folder(name).mkdir(parents=True)
            save_file(network.state_dict(), study.weights_file(name))
    return folder


def speech_text_job(model):
    p = study_on_disk.load(epochs=EPOCHS).model_dump()
    p["sizes"]["toy"]["bert"] |= {"epochs": 3, "warmup_steps": 2, "total_steps": 12, "learning_rate": 1e-3}
    p["models"]["cnn14"]["fc_dropout"] = p["models"]["mfcnn14"]["fc_dropout"] = 0.5
    p["sizes"]["toy"]["cnn14"]["block_dropout"] = 0.2
    return speech_text.jobs(study_on_disk.params.parse(p), Cell("emotion4", "msp_podcast", model), CODE)[0]


def pretraining_job(network):
    name = network if network == SPEECH else "signals" if network in SIGNALS else "fusion"
    p = wearable_study.load(**{f"schedules__toy__{name}__epochs": EPOCHS})
    jobs = pretraining.encoder_jobs if network in pretraining.INPUTS else pretraining.fusion_jobs
    return next(job for job in jobs(p, CODE) if job.network == network)


def emotion_job(model):
    return speech_wearables.jobs(wearable_study.load(schedules__toy__emotion__epochs=EPOCHS), model, CODE)[0]


JOBS = {
    "cnn14": lambda: speech_text_job("cnn14"),
    "mfcnn14": lambda: speech_text_job("mfcnn14"),
    "bert": lambda: speech_text_job("bert"),
    "reconstruction": lambda: pretraining_job(SPEECH),
    "contrast": lambda: pretraining_job("acc"),
    "masked_statistics weighted": lambda: pretraining_job("weighted"),
    "masked_statistics attention": lambda: pretraining_job("attention"),
    "emotion heads": lambda: emotion_job("speech_only"),
    "emotion attention": lambda: emotion_job("attention_without_fusion_training"),
}


def execute(job, store, report=lambda epoch, epochs: None, every_s=0.0):
    pkgutil.resolve_name(f"{job.recipe}:execute")(job, Site(store, "cpu", report, every_s))


def stop_after(*numbers):
    def report(epoch, epochs):
        if epoch.epoch in numbers:
            raise Stop

    return report


def contents(job, store):
    """Bytes of everything that was published, without what says when and where."""
    files = [file for kind, key in job.entries for file in store.find(kind, key).iterdir() if file.name != "manifest.json"]
    return {file.relative_to(store.folder).as_posix(): file.read_bytes() for file in files}


def scratch(store):
    folder = store.folder / "checkpoints"
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


@pytest.fixture(params=JOBS)
def undisturbed(request, studies, tmp_path, monkeypatch):
    """A job of each kind of learner, what it publishes, and how many epochs it lasts."""
    monkeypatch.chdir(studies)
    job, store, epochs = JOBS[request.param](), Store(tmp_path / "undisturbed"), []
    execute(job, store, lambda epoch, _: epochs.append(epoch.epoch), every_s=1e9)
    assert scratch(store) == []
    return job, contents(job, store), len(epochs)


def test_a_run_that_is_stopped_after_any_epoch_goes_on_and_ends_with_the_same_bits(undisturbed, tmp_path):
    job, expected, last = undisturbed
    assert last > 1
    for number in range(1, last + 1):
        store, done = Store(tmp_path / f"stopped{number}"), []
        with pytest.raises(Stop):
            execute(job, store, stop_after(number))
        assert scratch(store) == [f"{job.key}.pt"]
        assert store.find("fits", job.key) is None
        execute(job, store, lambda epoch, epochs, done=done: done.append(epoch.epoch))
        assert done == list(range(number + 1, last + 1))
        assert contents(job, store) == expected
        assert scratch(store) == []


def test_a_run_that_is_stopped_after_every_epoch_ends_with_the_same_bits(undisturbed, tmp_path):
    job, expected, last = undisturbed
    store = Store(tmp_path / "stopped")
    for number in range(1, last + 1):
        with pytest.raises(Stop):
            execute(job, store, stop_after(number))
    execute(job, store, stop_after(*range(last + 1)))
    assert contents(job, store) == expected


def in_a_process(target):
    """Exit code of a forked process that does it."""
    process = multiprocessing.get_context("fork").Process(target=target)
    process.start()
    process.join(60)
    return process.exitcode


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("kind", ["mfcnn14", "contrast"])
def test_a_run_whose_process_is_killed_ends_with_the_same_bits(kind, studies, tmp_path, monkeypatch):
    monkeypatch.chdir(studies)
    job, clean, store = JOBS[kind](), Store(tmp_path / "clean"), Store(tmp_path / "killed")
    execute(job, clean)
    assert in_a_process(lambda: execute(job, store, lambda epoch, _: epoch.epoch == 2 and die())) == -signal.SIGKILL
    done = []
    execute(job, store, lambda epoch, _: done.append(epoch.epoch))
    assert done == [3, 4]
    assert contents(job, store) == contents(job, clean)


def test_a_process_that_is_killed_while_it_keeps_a_state_leaves_the_one_before_and_no_rubbish_in_the_end(studies, tmp_path, monkeypatch):
    monkeypatch.chdir(studies)
    job, clean, store = JOBS["cnn14"](), Store(tmp_path / "clean"), Store(tmp_path / "killed")
    execute(job, clean)
    synced = []

    def die_at_the_third(descriptor):
        synced.append(descriptor)
        if len(synced) == 3:
            die()

    def killed():
        monkeypatch.setattr(checkpoints.os, "fsync", die_at_the_third)
        execute(job, store)

    assert in_a_process(killed) == -signal.SIGKILL
    assert scratch(store) == [f".{job.key}.pt.partial", f"{job.key}.pt"]
    done = []
    execute(job, store, lambda epoch, _: done.append(epoch.epoch), every_s=1e9)
    assert done == [3, 4]
    assert contents(job, store) == contents(job, clean)
    assert scratch(store) == []


def test_what_was_left_by_a_process_killed_between_publishing_and_deleting_is_deleted(studies, tmp_path, monkeypatch):
    monkeypatch.chdir(studies)
    job, store = JOBS["cnn14"](), Store(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "delete", lambda self: die_softly())
        with pytest.raises(Stop):
            execute(job, store)
    assert scratch(store) == [f"{job.key}.pt"]
    execute(job, store)
    assert scratch(store) == []
    assert all(store.find(kind, key) for kind, key in job.entries)


def die_softly():
    raise Stop


class Toy:
    """A Learner whose every step depends on all random generators, on batch statistics, moments and the step's rate."""

    batches = 3

    def __init__(self, scores=(), stop_at=None, width=4):
        torch.manual_seed(7)
        self.model = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Linear(width, 1))
        self.optimiser, self.scheduler = optimisers.uncorrected_adam(self.model, 0.1, (0.9, 0.99), 1e-6, 0.01, 3, 40)
        self.scores, self.stop_at, self.steps = list(scores), stop_at, 0

    def losses(self, generator):
        for _ in range(self.batches):
            if self.steps == self.stop_at:
                raise Stop
            self.steps += 1
            x = torch.from_numpy(generator.normal(size=(8, 2)).astype(np.float32))
            yield (self.model(x)[:, 0] - x.prod(dim=1)).square().mean()

    def dev_score(self):
        return self.scores.pop(0) if self.scores else -self.model[0].weight.square().sum().item()


def same(result, expected):
    assert (result.history, result.selected) == (expected.history, expected.selected)
    assert {k: v.numpy().tobytes() for k, v in result.weights.items()} == {k: v.numpy().tobytes() for k, v in expected.weights.items()}


def checkpoint(folder, every_s=0.0, key="key"):
    return Checkpoint(folder / f"{key}.pt", every_s, "cpu")


class Sometimes(Checkpoint):
    """Keeps the states that it is told to."""

    def __init__(self, path, kept):
        super().__init__(path, 0, "cpu")
        self.kept = iter(kept)

    def due(self):
        return next(self.kept, False)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kills=st.lists(st.tuples(st.integers(0, 18), st.lists(st.booleans(), max_size=6)), max_size=6), patience=st.sampled_from([None, 1, 2])
)
def test_any_sequence_of_kills_at_any_step_whichever_states_were_kept_gives_the_same_bits(kills, patience, tmp_path):
    schedule = Schedule(6, grad_clip=1.0, patience=patience)
    expected = fit("toy", Toy(), schedule, 3)
    path = tmp_path / "key.pt"
    path.unlink(missing_ok=True)
    for stop_at, kept in kills:
        try:
            same(fit("toy", Toy(stop_at=stop_at), schedule, 3, checkpoint=Sometimes(path, kept)), expected)
        except Stop:
            torch.rand(3)  # whatever else draws from it in between
    learner = Toy()
    same(fit("toy", learner, schedule, 3, checkpoint=Sometimes(path, [True] * 6)), expected)
    if path.exists():
        assert fit("toy", (again := Toy()), schedule, 3, checkpoint=checkpoint(tmp_path)).history == expected.history
        assert again.steps == 0


def stopped(folder, number=2, epochs=4, **learner):
    """A toy's training that was stopped after an epoch; returns the file of its state."""
    with pytest.raises(Stop):
        fit("toy", Toy(**learner), Schedule(epochs), 0, lambda epoch: stop_after(number)(epoch, 0), checkpoint(folder))
    return folder / "key.pt"


def test_early_stopping_that_has_fallen_due_as_the_run_was_stopped_trains_no_further_epoch(tmp_path):
    schedule, scores = Schedule(9, patience=2), [0.1, 0.5, 0.4, 0.3, 0.9, 0.9]
    expected = fit("toy", Toy(scores), schedule, 0)
    assert (len(expected.history), expected.selected) == (4, 2)
    with pytest.raises(Stop):
        fit("toy", Toy(scores), schedule, 0, lambda epoch: stop_after(4)(epoch, 0), checkpoint(tmp_path))
    learner = Toy(scores[4:])
    same(fit("toy", learner, schedule, 0, checkpoint=checkpoint(tmp_path)), expected)
    assert learner.steps == 0


def test_early_stopping_counts_on_over_a_stop(tmp_path):
    schedule, scores = Schedule(9, patience=2), [0.1, 0.5, 0.4, 0.3, 0.9]
    with pytest.raises(Stop):
        fit("toy", Toy(scores), schedule, 0, lambda epoch: stop_after(3)(epoch, 0), checkpoint(tmp_path))
    result = fit("toy", Toy(scores[3:]), schedule, 0, checkpoint=checkpoint(tmp_path))
    same(result, fit("toy", Toy(scores), schedule, 0))
    assert [epoch.dev_score for epoch in result.history] == scores[:4]


def rewritten(path, change):
    """The state with a change, under a digest that is right."""
    state = torch.load(path, weights_only=True)
    change(state)
    with path.open("wb") as file:
        checkpoints._write(state, file)


def truncate(path, size):
    os.truncate(path, size if size >= 0 else path.stat().st_size + size)


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


class Harm:
    """What would run if a checkpoint were read as any pickle."""

    def __reduce__(self):
        return Path.touch, (Path("harm"),)


def put_a_folder(path):
    path.unlink()
    path.mkdir()


def put_a_loop(path):
    path.unlink()
    path.symlink_to(path.name)


UNUSABLE = {
    "empty": lambda path: truncate(path, 0),
    "only a digest's length": lambda path: truncate(path, 32),
    "half": lambda path: truncate(path, path.stat().st_size // 2),
    "one byte short": lambda path: truncate(path, -1),
    "one bit other at the start": lambda path: flip(path, 0),
    "one bit other in a tensor": lambda path: flip(path, path.stat().st_size // 2),
    "one bit other in the digest": lambda path: flip(path, -1),
    "a text": lambda path: path.write_text("a state"),
    "a folder": put_a_folder,
    "a loop": put_a_loop,
    "harm": lambda path: rewritten(path, lambda s: s.update(numpy=Harm())),
    "of a GPU": lambda path: rewritten(path, lambda s: s.update(device="cuda")),
    "of another run": lambda path: rewritten(path, lambda s: s.update(key="other")),
    "random state of another size": lambda path: rewritten(path, lambda s: s["random"].update(cpu=s["random"]["cpu"][:-8])),
    "random state that is none": lambda path: rewritten(path, lambda s: s["random"]["cpu"].fill_(255)),
    "random state of a GPU": lambda path: rewritten(path, lambda s: s["random"].update(cuda=s["random"]["cpu"])),
    "a weight less": lambda path: rewritten(path, lambda s: s["model"].popitem()),
    "a best weight less": lambda path: rewritten(path, lambda s: s["weights"].popitem()),
    "a weight of another shape": lambda path: rewritten(path, lambda s: s["model"].update({"0.weight": torch.zeros(4, 3)})),
    "a weight of another kind": lambda path: rewritten(path, lambda s: s["model"].update({"0.weight": torch.zeros(4, 2).double()})),
    "a first moment of another shape": lambda path: rewritten(path, lambda s: s["optimiser"]["state"][0].update(exp_avg=torch.zeros(4, 3))),
    "a moment of no parameter": lambda path: rewritten(path, lambda s: s["optimiser"]["state"].update({99: {"step": torch.tensor(1.0)}})),
    "a group more": lambda path: rewritten(path, lambda s: s["optimiser"]["param_groups"].append(s["optimiser"]["param_groups"][0])),
    "a scheduler's field less": lambda path: rewritten(path, lambda s: s["scheduler"].pop("last_epoch")),
    "of another generator": lambda path: rewritten(path, lambda s: s["numpy"].update(bit_generator="MT19937")),
    "no epoch": lambda path: rewritten(path, lambda s: s.update(history=[])),
    "an epoch of four figures": lambda path: rewritten(path, lambda s: s.update(history=[(1, 0.0, 0.0, 0.0)])),
    "selected an epoch to come": lambda path: rewritten(path, lambda s: s.update(selected=9)),
    "a list": lambda path: path.write_bytes(path.read_bytes()) and rewritten_whole(path, [1, 2]),
} | {
    f"without {name}": lambda path, name=name: rewritten(path, lambda s: s.pop(name))
    for name in ("history", "selected", "weights", "worse", "model", "optimiser", "scheduler", "numpy", "random", "device", "key")
}  # fmt: skip


def rewritten_whole(path, value):
    with path.open("wb") as file:
        checkpoints._write(value, file)


@pytest.mark.parametrize("harm", UNUSABLE)
def test_a_checkpoint_that_is_no_good_is_one_line_and_the_run_starts_over_with_the_same_bits(harm, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    path = stopped(tmp_path)
    UNUSABLE[harm](path)
    learner = Toy()
    with caplog.at_level(logging.WARNING):
        result = fit("toy", learner, Schedule(4), 0, checkpoint=checkpoint(tmp_path, every_s=1e9))
    same(result, fit("toy", Toy(), Schedule(4), 0))
    assert learner.steps == 4 * Toy.batches
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{path}: the checkpoint is not used: ")
    assert line.endswith("; the run starts from its first epoch")
    assert "\n" not in line
    assert not Path("harm").exists()


def test_every_field_of_a_state_is_one_whose_loss_is_noticed(tmp_path):
    fields = set(torch.load(stopped(tmp_path), weights_only=True))
    assert {f"without {field}" for field in fields} == {name for name in UNUSABLE if name.startswith("without ")}


def test_a_checkpoint_is_not_gone_on_from_under_another_runs_key(tmp_path, caplog):
    shutil.copy(stopped(tmp_path), tmp_path / "another.pt")
    same(fit("toy", Toy(), Schedule(4), 0, checkpoint=checkpoint(tmp_path, key="another")), fit("toy", Toy(), Schedule(4), 0))
    assert "expected key another, found key;" in caplog.text


def test_a_checkpoint_of_a_wider_network_is_not_gone_on_from(tmp_path, caplog):
    stopped(tmp_path, width=5)
    same(fit("toy", Toy(), Schedule(4), 0, checkpoint=checkpoint(tmp_path)), fit("toy", Toy(), Schedule(4), 0))
    assert "does not fit the network that is trained" in caplog.text


def test_where_there_is_no_checkpoint_nothing_is_said(tmp_path, caplog):
    fit("toy", Toy(), Schedule(1), 0, checkpoint=checkpoint(tmp_path))
    assert not caplog.records


@pytest.mark.parametrize("numbers", [1, 100_000], ids=["found as it is closed", "found as it is written"])
def test_a_full_disk_costs_the_checkpoint_only_and_leaves_the_one_before(numbers, tmp_path, caplog):
    kept = checkpoint(tmp_path)
    kept.save({"weights": torch.zeros(1)})
    before = kept.path.read_bytes()
    (tmp_path / ".key.pt.partial").symlink_to("/dev/full")  # on which every write finds no space left
    kept.save({"weights": torch.ones(numbers)})
    (record,) = caplog.records
    assert record.getMessage() == f"{kept.path}: the checkpoint could not be kept: No space left on device; the run goes on without"
    assert kept.path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["key.pt"]
    kept.save({"weights": torch.ones(numbers)})  # there is space again
    assert kept.path.read_bytes() != before


def test_a_run_on_a_disk_that_cannot_be_written_has_the_same_bits(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    result = fit("toy", Toy(), Schedule(3), 0, checkpoint=checkpoint(tmp_path / "file"))
    same(result, fit("toy", Toy(), Schedule(3), 0))
    assert [r.getMessage().endswith("the run goes on without") for r in caplog.records if "could not be kept" in r.getMessage()] == [
        True
    ] * 3


def test_what_is_no_fault_of_the_disk_is_not_passed_over(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("CUDA error")

    monkeypatch.setattr(checkpoints.torch, "save", fail)
    with pytest.raises(RuntimeError, match="CUDA error"):
        checkpoint(tmp_path).save({})


def test_nothing_half_written_has_the_checkpoints_name(tmp_path, monkeypatch):
    kept = checkpoint(tmp_path)
    kept.save({"weights": torch.zeros(1)})
    before = kept.path.read_bytes()
    seen = []
    monkeypatch.setattr(checkpoints.os, "fsync", lambda descriptor: seen.append(kept.path.read_bytes()) or die_softly())
    with pytest.raises(Stop):
        kept.save({"weights": torch.ones(1)})
    assert seen == [before]
    assert kept.path.read_bytes() == before


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests set; the time of day, which may jump, is not even there."""
    now = SimpleNamespace(s=1000.0)
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: now.s))
    return now


def test_a_state_is_kept_so_many_seconds_after_the_last_one(tmp_path, clock):
    kept, told = checkpoint(tmp_path, every_s=10), []

    def at_the_end(epoch):
        told.append(len(torch.load(kept.path)["history"]) if kept.path.exists() else 0)
        clock.s += 4  # an epoch

    fit("toy", Toy(), Schedule(9), 0, at_the_end, kept)
    assert told == [0, 0, 0, 4, 4, 4, 7, 7, 7]


def test_what_takes_long_to_keep_is_kept_less_often(tmp_path, clock, monkeypatch):
    kept = checkpoint(tmp_path, every_s=10)
    monkeypatch.setattr(checkpoints.os, "fsync", lambda descriptor: setattr(clock, "s", clock.s + 3))
    clock.s += 10
    assert kept.due()
    kept.save({})
    clock.s += 59
    assert not kept.due()
    clock.s += 1  # 3 s are a twentieth of a minute
    assert kept.due()


def test_with_a_time_of_0_every_epoch_is_kept_whatever_that_costs(tmp_path, clock, monkeypatch):
    kept = checkpoint(tmp_path)
    monkeypatch.setattr(checkpoints.os, "fsync", lambda descriptor: setattr(clock, "s", clock.s + 3))
    kept.save({})
    assert kept.due()


def test_the_best_weights_are_kept_as_they_were_and_not_as_they_have_become(tmp_path):
    path = stopped(tmp_path, scores=[0.9, 0.1, 0.1])
    state = torch.load(path, weights_only=True)
    assert state["selected"] == 1
    assert not torch.equal(state["weights"]["0.weight"], state["model"]["0.weight"])
