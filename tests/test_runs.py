import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import time

import pytest

from emofuse import runs
from emofuse.errors import InputError


def publish(store, entry="k", text="weights"):
    return store.publish("fits", entry, {"seed": 1}, lambda folder: (folder / "w").write_text(text))


def test_the_key_depends_on_every_value_and_not_on_the_order():
    assert runs.key({"a": 1, "b": [1, 2]}) == runs.key({"b": [1, 2], "a": 1})
    assert len({runs.key(i) for i in ({"a": 1}, {"a": 2}, {"a": 1.5}, {"b": 1}, {"a": None}, {"a": "1"})}) == 6


def test_a_published_entry_is_found_with_its_inputs(tmp_path):
    store = runs.Store(tmp_path)
    assert store.find("fits", "k") is None
    folder = publish(store)
    assert store.find("fits", "k") == folder and (folder / "w").read_text() == "weights"
    assert json.loads((folder / "manifest.json").read_text())["inputs"] == {"seed": 1}


@pytest.mark.parametrize("harm", ["change", "remove", "no manifest", "cut manifest"])
def test_a_damaged_entry_is_set_aside(tmp_path, harm):
    store = runs.Store(tmp_path)
    folder = publish(store)
    if harm == "change":
        (folder / "w").write_text("weightz")
    elif harm == "remove":
        (folder / "w").unlink()
    elif harm == "no manifest":
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text('{"files":')
    assert store.find("fits", "k") is None and not folder.exists()
    assert publish(store) == folder


def test_a_failure_while_writing_leaves_nothing(tmp_path):
    store = runs.Store(tmp_path)

    def fail(folder):
        (folder / "w").write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.publish("fits", "k", {}, fail)
    assert store.find("fits", "k") is None and not list((tmp_path / "partial").iterdir())


def _die_while_writing(folder):
    def write(partial):
        (partial / "half").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    runs.Store(folder).publish("fits", "k", {}, write)


def in_processes(target, arguments):
    """Start one process for each tuple of arguments, all of them, then wait; returns the exit codes."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=target, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def test_what_a_killed_writer_left_is_no_entry_and_no_part_of_the_next(tmp_path):
    assert in_processes(_die_while_writing, [(tmp_path,)]) == [-signal.SIGKILL]
    store = runs.Store(tmp_path)
    assert [file.name for file in tmp_path.rglob("half")] == ["half"]
    assert store.find("fits", "k") is None and not store.holds([("fits", "k")])
    folder = publish(store)
    assert sorted(file.name for file in folder.iterdir()) == ["manifest.json", "w"]
    assert not list(tmp_path.rglob("half"))


def test_how_an_entry_came_about_stands_beside_what_it_depends_on(tmp_path):
    made = {"host": "node7", "device": "cpu", "seconds": 1.5}
    store = runs.Store(tmp_path)
    folder = store.publish("fits", "k", {"seed": 1}, lambda folder: (folder / "w").write_text("weights"), made)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["inputs"], manifest["made"]) == ({"seed": 1}, made)
    assert manifest["files"] == {"w": hashlib.sha256(b"weights").hexdigest()}
    assert store.find("fits", "k") == folder


def test_a_store_holds_what_was_published_all_of_it(tmp_path):
    store = runs.Store(tmp_path)
    publish(store, "a")
    assert store.holds([("fits", "a")]) and store.holds([])
    assert not store.holds([("fits", "a"), ("fits", "b")]) and not store.holds([("predictions", "a")])
    publish(store, "b")
    assert store.holds([("fits", "a"), ("fits", "b")])


def test_a_store_keeps_the_name_that_it_was_given_and_another_store_has_another(tmp_path):
    one, other = runs.Store(tmp_path / "one"), runs.Store(tmp_path / "other")
    name = one.identity()
    assert name == one.identity() == runs.Store(tmp_path / "one").identity() != other.identity()
    assert one.is_known_as(name) and not other.is_known_as(name)


def test_asking_for_a_stores_name_makes_no_store(tmp_path):
    store = runs.Store(tmp_path / "runs")
    assert not store.is_known_as("name") and not store.is_known_as("")
    assert not store.folder.exists()


def test_a_store_that_was_deleted_and_made_again_is_another(tmp_path):
    store = runs.Store(tmp_path / "runs")
    before = store.identity()
    shutil.rmtree(store.folder)
    assert store.identity() != before and not store.is_known_as(before)


def _name(folder, gate, out):
    gate.wait(30)
    out.write_text(runs.Store(folder).identity())


def test_processes_that_use_a_new_store_at_once_give_it_one_name(tmp_path):
    for attempt in range(5):
        folder, outs = tmp_path / f"runs{attempt}", [tmp_path / f"{attempt}-{n}" for n in range(12)]
        gate = multiprocessing.get_context("fork").Barrier(len(outs))
        assert in_processes(_name, [(folder, gate, out) for out in outs]) == [0] * len(outs)
        assert {out.read_text() for out in outs} == {runs.Store(folder).identity()}
        assert [file.name for file in folder.iterdir()] == ["identity"]


def test_a_store_that_cannot_be_named_is_one_clear_line(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match=r"runs/identity: expected to read and write the run store, found: ") as error:
        runs.Store(tmp_path / "runs").identity()
    assert "\n" not in str(error.value)


def test_a_store_that_is_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match=r"runs/fits/k: expected to read and write the run store, found: Not a directory"):
        publish(runs.Store(tmp_path / "runs"))
    with pytest.raises(InputError, match="expected to read and write the run store, found: "), runs.Store(tmp_path / "runs").lock("k"):
        pass


def _hold(folder, ready):
    with runs.Store(folder).lock("k"):
        ready.set()
        time.sleep(60)


def test_the_lock_of_a_killed_process_is_free_again(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(tmp_path, ready))
    process.start()
    assert ready.wait(30)
    os.kill(process.pid, 9)
    process.join()
    with runs.Store(tmp_path).lock("k"):
        pass


def test_an_error_of_the_file_system_is_no_damage_and_deletes_nothing(tmp_path, monkeypatch):
    store = runs.Store(tmp_path)
    folder = publish(store)

    def stale(*arguments):
        raise OSError(116, "Stale file handle")

    with monkeypatch.context() as patched:
        patched.setattr(runs, "_sha256", stale)
        with pytest.raises(InputError, match=r"expected to read and write the run store, found: Stale file handle"):
            store.find("fits", "k")
    assert store.find("fits", "k") == folder
