import json
import os
import platform

import pytest

from emofuse import records
from emofuse.records import Record
from emofuse.runs import Store


def record(**changes):
    return Record("emotion4/iemocap/cnn14 fold1 seed 0", "running", "cpu", "/project/logs/run.log", **changes)


@pytest.mark.parametrize("dev_score", [None, 0.5, -3.0])
def test_a_record_is_read_as_it_was_written(tmp_path, dev_score):
    store, written = Store(tmp_path), record(epoch=3, epochs=10, began_after=1, dev_score=dev_score, elapsed_s=1.5, gpu_memory_gib=0.25)
    records.write(store, "k", written)
    assert records.read(store, "k") == written
    assert (written.host, written.pid) == (platform.node(), os.getpid())
    assert [file.name for file in (tmp_path / "records").iterdir()] == ["k.json"]


def test_a_score_that_is_not_a_number_is_kept(tmp_path):
    records.write(Store(tmp_path), "k", record(dev_score=float("nan")))
    read = records.read(Store(tmp_path), "k")
    assert read is not None and read.dev_score != read.dev_score


@pytest.mark.parametrize(
    "change",
    [
        "",
        "{",
        "[]",
        "null",
        b"\xff\xfe",
        {"name": None},
        {"state": "done"},
        {"dev_score": "high"},
        {"epoch": "three"},
        {"pid": None},
    ],
)
def test_a_record_that_is_not_one_is_as_none(tmp_path, change):
    store = Store(tmp_path)
    records.write(store, "k", record())
    path = records.place(store, "k")
    if isinstance(change, dict):
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    else:
        path.write_bytes(change if isinstance(change, bytes) else change.encode())
    assert records.read(store, "k") is None


def test_a_removed_record_is_gone_and_removing_it_again_is_no_error(tmp_path):
    store = Store(tmp_path)
    records.write(store, "k", record())
    records.remove(store, "k")
    records.remove(store, "k")
    assert records.read(store, "k") is None and not list((tmp_path / "records").iterdir())


def test_a_record_that_cannot_be_written_or_removed_costs_a_warning_and_no_run(tmp_path, caplog):
    store = Store(tmp_path / "file")
    store.folder.write_text("")
    records.write(store, "k", record())
    records.remove(store, "k")
    assert [r.getMessage().split(": ", 1)[1] for r in caplog.records] == [
        "the record of the run could not be written: Not a directory",
        "the record of a finished run could not be removed: Not a directory",
    ]
    assert records.read(store, "k") is None
