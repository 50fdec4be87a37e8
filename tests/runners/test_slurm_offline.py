import json
import os
from pathlib import Path

import pytest

from emofuse import params
from emofuse.errors import InputError
from emofuse.runners import slurm
from emofuse.runners.slurm import array, chunk, queue

REPOSITORY = Path(__file__).parents[2]
EXECUTION = params.load(REPOSITORY / "params.yaml").execution


def settings(**changes):
    own = {key: changes.pop(key) for key in list(changes) if key in type(EXECUTION.slurm).model_fields}
    return EXECUTION.model_copy(update={"slurm": EXECUTION.slurm.model_copy(update=own), **changes})


def program(name, script, folder):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    for name in ("sbatch", "scancel", "srun", "scontrol", "squeue"):
        program(name, "exit 0", folder)
    return folder


def test_a_machine_without_slurm_is_told_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        InputError, match=r"needs Slurm's sbatch, found no such program on this machine; start on a login node .* local or ray"
    ):
        slurm.run([], EXECUTION, lambda errand, problem: True)


def test_a_gpu_that_no_job_asks_for_is_refused(programs):
    with pytest.raises(InputError, match=r"execution.device: 'cuda' was asked for, found execution.slurm.gpus to be 0"):
        slurm.run([], settings(device="cuda"), lambda errand, problem: True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"mem": "3G"}, "'mem' is set by execution.slurm.memory_gb; set it there"),
        ({"array": "1-3"}, "'array' is set by the pipeline itself; remove it"),
        ({"Bad Name": 1}, "'Bad Name' expects the long name of an option of sbatch"),
        ({"comment": "a\nrm -rf x"}, r"'comment' expects .* found 'a\\nrm -rf x'"),
    ],
)
def test_an_option_that_may_not_be_there_is_named(programs, options, told):
    with pytest.raises(InputError, match=f"^execution.slurm.options: {told}") as error:
        slurm.run([], settings(options=options), lambda errand, problem: True)
    assert "\n" not in str(error.value)


def test_the_settings_of_a_job_are_those_of_the_section():
    execution = settings(
        partition="long", cores=3, gpus=2, memory_gb=5, time_limit_min=7, options={"constraint": "a100", "exclusive": ""}, jobs=4
    )
    text = array.submitit.slurm.slurm._make_sbatch_string("true", "/f", map_count=9, **array._parameters("emofuse-1", 9, execution))
    expected = [
        "--partition=long", "--cpus-per-task=3", "--gpus-per-node=2", "--mem=5GB", "--time=7", "--array=0-8%4", "--constraint=a100",
        "--exclusive", "--requeue", "--signal=USR2@30", "--job-name=emofuse-1",
    ]  # fmt: skip
    assert {f"#SBATCH {option}" for option in expected} <= set(text.splitlines()) and "account" not in text and "wckey" not in text
    assert "srun --unbuffered" in text and "--cpus-per-task=3 true" in text


@pytest.mark.parametrize(
    ("gpus", "device", "jobs"), [(0, "auto", 3), (0, "cpu", 3), (2, "auto", 8), (2, "cuda", 8)]
)  # fmt: skip
def test_a_job_executes_as_many_runs_at_a_time_as_it_has_cores_or_places_on_its_gpus(gpus, device, jobs):
    execution = chunk.on_node(settings(gpus=gpus, cores=3, runs_per_gpu=4, device=device, jobs=100))
    assert (execution.jobs, execution.device) == (jobs, device if gpus else "cpu")


def test_runs_are_pinned_only_where_slurm_confines_a_job_to_its_cores(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    for cores, pinned in ((64, False), (4, True)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, cores=cores: set(range(cores)))
        assert chunk.on_node(settings(pin_cores=True, cores=4)).pin_cores is pinned


ANSWER = """a|12|0|RUNNING|n1|None
a|12|1|PENDING||launch failed requeued held
b|13|N/A|NODE_FAIL|n2|NodeDown
"""


def test_one_call_reads_the_state_of_all_jobs_of_all_arrays(programs, tmp_path):
    program("squeue", f"echo \"$@\" >> {tmp_path}/calls; printf '{ANSWER}'", programs)
    states = queue.look(["a", "b"])
    assert {key: (state.number, state.over) for key, state in states.items()} == {
        ("a", 0): ("12_0", False), ("a", 1): ("12_1", True), ("b", 0): ("13", True),
    }  # fmt: skip
    assert str(states["b", 0]) == "Slurm job 13 on n2 ended as NODE_FAIL (NodeDown)"
    assert str(states["a", 1]) == "Slurm job 12_1 is held (launch failed requeued held)"
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert "--name=a,b" in call and "sacct" not in call


def test_a_slurm_that_does_not_answer_is_a_line_and_no_job_is_taken_for_gone(programs):
    program("squeue", "printf 'slurm_load_jobs error:\\n Unable to contact slurm controller' >&2; exit 1", programs)
    assert queue.look(["a"]) == "slurm_load_jobs error: Unable to contact slurm controller"


def test_jobs_that_could_not_be_cancelled_are_told_with_the_command_that_ends_them(programs, caplog):
    program("scancel", "echo 'scancel: error: no contact' >&2; exit 1", programs)
    queue.cancel("emofuse-1", "--state=PENDING")
    assert f"end them with: scancel --user={os.getuid()} --name=emofuse-1 --state=PENDING" in caplog.text


def test_the_folder_of_an_array_whose_call_lives_is_left_alone(tmp_path):
    folder = tmp_path / "emofuse-1"
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps({"settings": {}, "runs": []}))
    mine, other = array.Array(folder, {}), array.Array(folder, {})
    assert mine.adopt() == {"settings": {}, "runs": []}
    assert other.adopt() is None
    mine.forget()
    assert not folder.exists()
