import importlib.util
import json
import math
import shutil
import subprocess
import sys
import textwrap
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emofuse import code_digest, records, runners, speech_text
from emofuse.errors import InputError
from emofuse.jobs import unfinished
from emofuse.records import Record
from emofuse.runs import Store
from emofuse.status import asked, gpus, progress, time_left
from emofuse.status.__main__ import main
from emofuse.status.asked import Group, Run
from emofuse.status.page import WIDTH, about
from emofuse.status.progress import Progress, Standing
from emofuse.study import Cell

HERE = Path(__file__).parent


def _neighbour(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


study_on_disk, wearable_study_on_disk = _neighbour("study_on_disk"), _neighbour("wearable_study_on_disk")
STORE = Store(Path("runs"))
CNN14 = Cell("emotion4", "msp_podcast", "cnn14")
BERT = Cell("emotion4", "iemocap", "bert")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))  # without nvidia-smi, but where a test puts one
    study_on_disk.write()


def ask(params):
    Path("params.yaml").write_text(yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False))
    return params


def jobs(params, cell=CNN14):
    return speech_text.jobs(params, cell, code_digest.of_recipe)


def look(capsys, code=0):
    assert main([]) == code
    text = capsys.readouterr().out
    assert all(len(line) <= WIDTH for line in text.splitlines()), text
    return text


def row(text, name):
    return next(line for line in text.splitlines() if line.startswith(f"  {name} ")).split()[1:]


def plant_done(job, took=None):
    made = {} if took is None else {"made": {"seconds": took}}
    for kind, key in job.entries:
        STORE.publish(kind, key, {}, lambda path: None, made.get("made"))


def record(job, **known):
    given = {"host": "node7.cluster", "pid": 1, "started": "2024-01-01T00:00:00+00:00"}
    return Record(job.name, **{"state": "running", "device": "cuda:1", "log": str(Path("logs/runs/a.log").absolute()), **given, **known})


# ------------------------------------------------------------------------------------------------------------------------- genuine runs
PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import study_on_disk
from pathlib import Path
from emofuse import code_digest, runners, speech_text
from emofuse.runs import Store
from emofuse.study import Cell

if __name__ == "__main__":
    params = study_on_disk.load(epochs=2000)
    execution = params.execution.model_copy(update={{"checkpoint_every_s": 0.0}})
    runners.run(speech_text.jobs(params, Cell("emotion4", "msp_podcast", "cnn14"), code_digest.of_recipe), Store(Path("runs")), execution)
"""


def test_running_runs_are_told_while_they_run_and_interrupted_when_their_process_was_killed(capsys):
    params = ask(study_on_disk.load(epochs=2000))
    keys = [job.key for job in jobs(params)]
    Path("stage.py").write_text(textwrap.dedent(PROGRAM.format(tests=str(HERE))))
    with Path("stderr").open("w") as errors:
        stage = subprocess.Popen([sys.executable, "stage.py"], stderr=errors, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not all((r := records.read(STORE, key)) and r.epoch >= 2 for key in keys):
            assert stage.poll() is None and time.monotonic() < deadline, Path("stderr").read_text()
            time.sleep(0.1)
        text = look(capsys)
        assert row(text, CNN14.name)[:5] == ["2", "0", "2", "0", "0"]
        assert "official seed 0    epoch " in text and "/2000  dev " in text and " s/epoch  " in text and "interrupted" not in text
    finally:
        stage.kill()
        stage.wait()
    deadline = time.monotonic() + 20
    while any(progress.is_locked(STORE, key) for key in keys):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    text = look(capsys)
    assert row(text, CNN14.name)[:5] == ["2", "0", "0", "0", "2"]
    assert text.count("goes on from its checkpoint") == 2
    epoch = records.read(STORE, keys[0]).epoch
    assert epoch >= 2 and f"{CNN14.name} official seed 0: after epoch {epoch}/2000" in text
    shutil.rmtree("runs/checkpoints")
    assert "starts again" in look(capsys)


def test_finished_and_failed_runs_of_one_cell_are_told_with_the_line_and_the_log(capsys):
    params = ask(study_on_disk.load())
    first, second = jobs(params)
    broken = replace(second, settings=replace(second.settings, sources={}))  # which its key does not depend on
    with pytest.raises(InputError, match="KeyError"):
        runners.run([first, broken], STORE, params.execution)
    text = look(capsys, code=1)
    assert row(text, CNN14.name) == ["2", "1", "0", "1", "0"]
    made = json.loads((STORE.place("fits", first.key) / "manifest.json").read_text())["made"]
    assert progress.seconds(STORE, asked.Run(first.name, first.key, first.entries, first.networks)) == made["seconds"] > 0
    told = records.read(STORE, second.key)
    assert f"  {second.name}, on {told.host}\n    {second.name}: KeyError:" in text
    log_file = Path("logs/runs") / f"{second.name.replace(' ', '-')}.log"
    assert f"\n    log: {log_file}\n" in text and "first failed: emotion4/msp_podcast/cnn14 official seed 1: KeyError" in text
    assert "Traceback (most recent call last)" in log_file.read_text() and "KeyError" in log_file.read_text()
    runners.run(unfinished([first, second], STORE), STORE, params.execution)
    assert row(look(capsys), CNN14.name) == ["2", "2", "0", "0", "0"]


# ---------------------------------------------------------------------------------------------------------------------- the whole page
def test_the_page_of_a_planted_study(capsys):
    # iemocap/bert: 20 s an epoch; (400 + 580) s of those that run, 400 s of the interrupted, 2 * 580 s; 2540 s / 2 at once is 21 min
    # iemocap/cnn14: 2 * 600 s / 2, as those that are done; msp_podcast/bert: 2 * 580 s / 2, as iemocap/bert; in all 2450 s
    params = ask(study_on_disk.load(epochs=60))
    for cell, count in ((CNN14, 2), (Cell("emotion4", "iemocap", "cnn14"), 4)):
        for job in jobs(params, cell)[:count]:
            plant_done(job, took=600)
    running, failed, stopped, unread = jobs(params, BERT)[:4]
    course = {"epoch": 9, "epochs": 29, "began_after": 4, "elapsed_s": 100.0, "dev_score": 0.51234}
    records.write(STORE, running.key, record(running, **course, gpu_memory_gib=1.25))
    records.write(STORE, failed.key, record(failed, state="failed", error=f"{failed.name} epoch 1, step 1: expected a finite loss, " * 3))
    records.write(STORE, stopped.key, record(stopped, **course))
    records.place(STORE, unread.key).write_text("{")
    Path("runs/checkpoints").mkdir()
    Path(STORE.checkpoint(stopped.key)).write_bytes(b"state")
    with STORE.lock(running.key), STORE.lock(unread.key):
        text = look(capsys, code=1)
    assert text == (HERE / "status_page.txt").read_text()


def test_a_page_changes_no_file_but_its_own(capsys):
    params = ask(study_on_disk.load())
    plant_done(jobs(params)[0])
    records.write(STORE, jobs(params)[1].key, record(jobs(params)[1]))

    def tree():
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in Path().rglob("*")}

    Path("build").mkdir()
    before = tree()
    look(capsys)
    Path("build/status.json").unlink()
    assert {**tree(), Path("build"): before[Path("build")]} == before


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"state": 1}', bytes(range(256))])
def test_what_is_remembered_is_listed_again_where_it_is_damaged_or_anything_has_changed(damage, capsys, monkeypatch):
    params = ask(study_on_disk.load())
    listed = []
    ask_for = asked.groups
    monkeypatch.setattr(asked, "groups", lambda params: listed.append(params) or ask_for(params))
    first = look(capsys)
    plant_done(jobs(params)[0])
    assert row(first, CNN14.name)[:2] == ["2", "0"] and row(look(capsys), CNN14.name)[:2] == ["2", "1"] and len(listed) == 1
    Path("build/status.json").write_bytes(damage)
    assert row(look(capsys), CNN14.name)[:2] == ["2", "1"] and len(listed) == 2
    study_on_disk.write(seed=7)
    assert row(look(capsys), CNN14.name)[:2] == ["2", "0"] and len(listed) == 3
    shutil.rmtree("data/features/logmel/iemocap")
    assert "waits for data/features/logmel/iemocap" in look(capsys) and len(listed) == 4
    ask(study_on_disk.load(epochs=3))
    look(capsys)
    assert len(listed) == 5


def test_nothing_is_imported_that_takes_seconds_and_nothing_is_made_where_there_is_no_store(tmp_path):
    ask(study_on_disk.load())
    program = "import sys; from emofuse.status.__main__ import main; print(main([])); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.endswith("\n0\n"), done.stderr
    assert not Path("runs").exists()


def test_another_store_is_looked_into_where_params_name_it(tmp_path_factory, capsys):
    data = study_on_disk.load().model_dump(mode="json")
    data["execution"]["store"] = str(tmp_path_factory.mktemp("elsewhere"))
    params = ask(study_on_disk.params.parse(data))
    for kind, key in jobs(params)[0].entries:
        Store(Path(data["execution"]["store"])).publish(kind, key, {}, lambda path: None)
    assert row(look(capsys), CNN14.name)[:2] == ["2", "1"]


@pytest.mark.parametrize("words, text", [(["--all"], "usage: "), ([], "status: params.yaml: ")])
def test_a_wrong_call_and_wrong_parameters_are_one_line_and_code_2(words, text, capsys):
    Path("params.yaml").write_text("scale: [")
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(text) and error.count("\n") == 1


# ------------------------------------------------------------------------------------------------------------------- what is asked for
def test_a_cell_whose_features_are_missing_waits_for_them_with_its_count_and_bert_does_not(capsys):
    ask(study_on_disk.load())
    shutil.rmtree("data/features/logmel/msp_podcast")
    text = look(capsys)
    assert row(text, CNN14.name) == ["2", "waits", "for", "data/features/logmel/msp_podcast"]
    assert row(text, "emotion4/iemocap/sfcnn14")[:2] == ["?", "waits"]  # how many folds, only the corpus tells
    assert row(text, "emotion4/msp_podcast/bert") == ["2", "0", "0", "0", "2", "unknown"]


def test_paper_b_waits_stage_by_stage(capsys):
    ask(wearable_study_on_disk.load())
    assert row(look(capsys), "encoders") == ["5", "waits", "for", "data/windows/voxceleb1.parquet"]
    wearable_study_on_disk.write()
    text = look(capsys)
    assert row(text, "encoders")[:5] == ["5", "0", "0", "0", "5"]
    assert row(text, "fusion") == ["3", "waits", "for", "…/pretrained/speech/weights.safetensors"]
    assert row(text, "speech_only") == ["?", "waits", "for", "…/representations/kemocon/pretrained"]
    wearable_study_on_disk.write_representations(wearable_study_on_disk.load())
    text = look(capsys)
    assert row(text, "speech_only")[0] == row(text, "shuffled_labels")[0] == "9"  # 6 subjects and 3 sessions, one seed
    assert "majority_class" not in text


def test_omitted_cells_are_no_rows(capsys):
    data = study_on_disk.load().model_dump(mode="json")
    data["omit"] = ["*/iemocap/*"]
    ask(study_on_disk.params.parse(data))
    text = look(capsys)
    assert CNN14.name in text and "emotion4/iemocap" not in text


def test_a_mistake_in_the_parameters_is_told_once_for_all_cells_that_have_it(capsys):
    data = study_on_disk.load().model_dump(mode="json")
    data["folds"]["toy"] = {"msp_podcast": ["Ses01F"]}
    ask(study_on_disk.params.parse(data))
    text = look(capsys)
    assert text.count("cannot be listed, see below") == 4 and text.count("found ['Ses01F']; correct the names") == 1
    assert row(text, BERT.name)[0] == "6"


def test_features_that_lack_an_example_are_told(capsys):
    ask(study_on_disk.load())
    kept = study_on_disk.examples("iemocap", study_on_disk.np.random.default_rng(0))["example_id"][1:]
    study_on_disk.arrays.write(Path("data/features/logmel/iemocap"), ((i, study_on_disk.np.zeros((41, 64), "float16")) for i in kept))
    assert "expected features of its examples as they are" in look(capsys)


def test_runs_that_nobody_asks_for_are_counted_only_where_all_that_are_asked_for_are_known(capsys):
    params = ask(study_on_disk.load())
    STORE.publish("fits", "0" * 32, {}, lambda path: (path / "weights").write_bytes(bytes(5_000_000)))
    STORE.publish("predictions", "1" * 32, {}, lambda path: (path / "predictions").write_bytes(bytes(1_000_000)))
    plant_done(jobs(params)[0])
    assert "also holds" not in look(capsys)
    known = [Group("", "", "", tuple(Run(j.name, j.key, j.entries, j.networks) for j in jobs(params)), 2)]
    found = progress.unasked(known, STORE)
    assert (found.runs, found.checkpoints) == (1, 0) and found.gigabytes == pytest.approx(6e-3, rel=1e-3)


# ----------------------------------------------------------------------------------------------------------------- locks and records
def test_a_lock_is_seen_by_two_who_look_and_neither_holds_up_a_worker():
    assert not progress.is_locked(STORE, "a")
    with STORE.lock("a"):
        assert progress.is_locked(STORE, "a") and progress.is_locked(STORE, "a")
    assert not progress.is_locked(STORE, "a")
    started = time.monotonic()
    with STORE.lock("a"):
        assert time.monotonic() - started < 1


def test_a_failed_record_of_a_run_that_is_being_tried_again_counts_as_running():
    run = Run("a", "k", (("fits", "k"),), ())
    record_of = Record("a", "failed", "cpu", "log", error="no")
    records.write(STORE, "k", record_of)
    group = [Group("", "", "", (run,), 1)]
    with STORE.lock("k"):
        assert progress.standings(group, STORE)[0].runs == (Progress(run, "running", record_of),)
    assert progress.standings(group, STORE)[0].runs == (Progress(run, "failed", record_of),)
    STORE.publish("fits", "k", {}, lambda path: None)
    assert progress.standings(group, STORE)[0].runs == (Progress(run, "done"),)


ANY = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda x: st.lists(x, max_size=2), max_leaves=3)
MOULD = asdict(Record("emotion4/msp_podcast/cnn14 official seed 0", "failed", "cpu", "log"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(MOULD)), ANY), st.booleans())
def test_no_record_however_wrong_breaks_the_page(planted_group, odd, locked):
    run, groups = planted_group
    records.place(STORE, run.key).write_text(json.dumps(MOULD | odd))
    if locked:
        with STORE.lock(run.key):
            found = progress.standings(groups, STORE)
    else:
        found = progress.standings(groups, STORE)
    left = time_left.estimate(found, STORE, 2)
    text = progress_page(found, left)
    assert all(len(line) <= WIDTH and line.isprintable() for line in text.split("\n"))


@pytest.fixture
def planted_group():
    (Path("runs") / "records").mkdir(parents=True)
    run = Run("emotion4/msp_podcast/cnn14 official seed 0", "k", (("fits", "k"),), ("cnn14",))
    return run, [Group("paper A", "emotion4/msp_podcast/cnn14", "train", (run,), 1)]


def progress_page(found, left):
    from emofuse.status.page import page

    return page(found, left, 2, [], None)


# ---------------------------------------------------------------------------------------------------------------------------- time left
def standing(name, stage, networks, *runs):
    """A group of runs, each given as (state, record)."""
    made = [Progress(Run(f"{name} {n}", f"{name}{n}", (("fits", f"{name}{n}"),), networks), *run) for n, run in enumerate(runs)]
    return Standing(Group("", name, stage, tuple(p.run for p in made), len(made)), tuple(made))


def course(epoch, epochs, elapsed_s, began_after=0):
    return Record("a", "running", "cpu", "log", epoch=epoch, epochs=epochs, elapsed_s=elapsed_s, began_after=began_after)


def publish(name, took):
    STORE.publish("fits", name, {}, lambda path: None, {"seconds": took})


def test_time_left_is_that_of_finished_runs_of_the_cell_shared_among_those_at_once():
    publish("a0", 100.0), publish("a1", 300.0), publish("a2", 110.0)
    found = [standing("a", "s", ("x",), ("done",), ("done",), ("done",), ("left",), ("left",), ("left",))]
    assert time_left.estimate(found, STORE, 2) == time_left.TimeLeft((165.0,), 165.0, 0)  # the median is 110
    assert time_left.estimate(found, STORE, 64).in_all_s == 110.0
    assert time_left.estimate(found, STORE, None) == time_left.TimeLeft((None,), 0.0, 3)


def test_time_left_goes_by_the_pace_of_running_runs_where_none_has_finished():
    found = [standing("a", "s", ("x",), ("running", course(6, 10, 40.0, began_after=2)), ("left",))]  # 10 s an epoch
    assert time_left.estimate(found, STORE, 1).in_all_s == 4 * 10.0 + 10 * 10.0


def test_a_cell_takes_no_less_than_its_longest_run():
    found = [standing("a", "s", ("x",), ("running", course(1, 10, 10.0)), ("running", course(9, 10, 90.0)))]
    assert time_left.estimate(found, STORE, 8) == time_left.TimeLeft((90.0,), 90.0, 0)


def test_an_interrupted_run_with_a_checkpoint_goes_on_and_one_without_starts_again():
    publish("a0", 100.0)
    for checkpoint, seconds in ((True, 20.0), (False, 100.0)):
        found = [standing("a", "s", ("x",), ("done",), ("left", course(8, 10, 80.0), checkpoint))]
        assert time_left.estimate(found, STORE, 1).in_all_s == seconds


def test_a_cell_of_which_nothing_is_known_goes_by_others_of_the_same_networks_and_else_is_unknown():
    publish("a0", 50.0)
    found = [standing("a", "s", ("x",), ("done",)), standing("b", "t", ("x",), ("left",)), standing("c", "u", ("y",), ("left",), ("left",))]
    assert time_left.estimate(found, STORE, 1) == time_left.TimeLeft((0.0, 50.0, None), 50.0, 2)


def test_cells_of_one_stage_share_the_places_and_stages_follow_each_other():
    publish("a0", 60.0)
    cells = [standing(name, stage, ("x",), ("left",)) for name, stage in (("b", "s"), ("c", "s"), ("d", "t"))]
    found = [standing("a", "s", ("x",), ("done",)), *cells]
    assert time_left.estimate(found, STORE, 8).in_all_s == 120.0
    assert time_left.estimate(found, STORE, 1).in_all_s == 180.0


@pytest.mark.parametrize("made", [{}, {"seconds": "long"}, {"seconds": None}, {"seconds": -1.0}])
def test_a_manifest_that_does_not_tell_the_time_is_none(made):
    STORE.publish("fits", "k", {}, lambda path: None, made)
    assert progress.seconds(STORE, Run("a", "k", (), ())) is None
    Path("runs/fits/k/manifest.json").write_text("[1")
    assert progress.seconds(STORE, Run("a", "k", (), ())) is None


@pytest.mark.parametrize(
    "change, running, expected",
    [
        ({"jobs": 3}, 0, 3),
        ({"jobs": 3}, 5, 5),
        ({"runner": "ray", "jobs": "auto"}, 0, None),
        ({"runner": "slurm", "jobs": "auto"}, 7, 7),
        ({"runner": "ray", "jobs": 4}, 1, 4),
        ({"device": "cuda"}, 0, None),
    ],
)
def test_how_many_run_at_once(change, running, expected, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert time_left.at_once(study_on_disk.EXECUTION.model_copy(update=change), running) == expected


def seconds_of(text):
    """Read ``about`` back, by other means."""
    if text == "under 1 min":
        return 30.0
    units = {"min": 60, "h": 3600, "days": 86400}
    words = text.split()
    return sum(float(number) * units[unit] for number, unit in zip(words[::2], words[1::2], strict=True))


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_span_is_told_to_within_a_twelfth_and_a_longer_one_never_as_a_shorter(one, other):
    for seconds in (one, other):
        told = seconds_of(about(seconds))
        assert abs(told - seconds) <= max(30.0, seconds / 12)
        assert "60 min" not in about(seconds)
    if one <= other:
        assert seconds_of(about(one)) <= seconds_of(about(other))


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "under 1 min"),
        (59.9, "under 1 min"),
        (60, "1 min"),
        (3569, "59 min"),
        (3571, "1 h 00 min"),
        (7800, "2 h 10 min"),
        (35_600, "9 h 50 min"),
        (35_900, "10 h"),
        (50_000, "14 h"),
        (216_000, "2.5 days"),
        (None, "unknown"),
        (math.inf, "unknown"),
        (math.nan, "unknown"),
    ],
)
def test_spans_read_as_a_person_would_say_them(seconds, text):
    assert about(seconds) == text


# --------------------------------------------------------------------------------------------------------------------------------- GPUs
def plant_nvidia_smi(script):
    Path("bin").mkdir(exist_ok=True)
    program = Path("bin/nvidia-smi")
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_each_gpu_is_a_line_and_the_query_is_one_of_csv(capsys):
    plant_nvidia_smi('echo "$*" > asked; echo "0, NVIDIA H100 80GB HBM3, 87, 1234, 81559"; echo "1, GRID, A100, [N/A], [N/A], 40960"')
    assert gpus.lines() == ["0  NVIDIA H100 80GB HBM3  87 % busy, 1.2 of 79.6 GiB", "1  GRID, A100  ? % busy, ? of 40.0 GiB"]
    assert Path("asked").read_text() == "--query-gpu=index,name,utilization.gpu,memory.used,memory.total --format=csv,noheader,nounits\n"
    ask(study_on_disk.load())
    assert "GPUs of this machine\n  0  NVIDIA H100 80GB HBM3  87 % busy" in look(capsys)


@pytest.mark.parametrize(
    "script, lines",
    [
        ("exit 0", []),
        ("echo 'NVIDIA-SMI has failed: no driver'; exit 9", ["nvidia-smi: exit code 9: NVIDIA-SMI has failed: no driver"]),
        ("exit 3", ["nvidia-smi: exit code 3: no word"]),
        ("kill -9 $$", ["nvidia-smi: exit code -9: no word"]),
        ("echo hello", ["nvidia-smi: expected index,name,utilization.gpu,memory.used,memory.total, found hello"]),
        ("echo '0, A, nan, inf, 1e999'", ["0  A  ? % busy, ? of ? GiB"]),
    ],
)
def test_an_nvidia_smi_that_is_broken_is_one_note(script, lines):
    plant_nvidia_smi(script)
    assert gpus.lines() == lines


def test_an_nvidia_smi_that_cannot_be_run_or_does_not_answer_is_a_note_and_none_is_nothing(monkeypatch):
    assert gpus.lines() == []
    plant_nvidia_smi("exec sleep 60")
    monkeypatch.setattr(gpus, "_TIMEOUT_S", 0.3)
    monkeypatch.setenv("PATH", f"{Path('bin').absolute()}:/usr/bin:/bin")
    assert gpus.lines() == ["nvidia-smi: no answer in 0 s"]
    Path("bin/nvidia-smi").write_bytes(b"\x7fELF garbage")
    assert gpus.lines() == ["nvidia-smi: Exec format error"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_garbage_of_nvidia_smi_is_a_traceback(garbage):
    Path("garbage").write_bytes(garbage)
    plant_nvidia_smi("/bin/cat garbage")
    assert len(gpus.lines()) <= garbage.count(b"\n") + len(garbage) + 1
