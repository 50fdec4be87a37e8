import json
import multiprocessing
import os
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


def test_a_store_that_is_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match=r"runs.*could not be stored"):
        publish(runs.Store(tmp_path / "runs"))
    with pytest.raises(InputError, match="cannot be written"), runs.Store(tmp_path / "runs").lock("k"):
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
