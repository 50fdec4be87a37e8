"""A short fault campaign under real DVC, one fault of each cheap kind; and that the campaign sees what it claims to see."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).parent / "faults"
SHORT = [
    "worker killed",
    "dvc killed",
    "SIGTERM to the group",
    "damaged run",
    "silently damaged features",
    "full disk under the store",
]


@pytest.fixture(scope="module")
def checks():
    sys.path.insert(0, str(FAULTS))
    try:
        import checks

        yield checks
    finally:
        sys.path.remove(str(FAULTS))


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    words = ["--faults", str(len(SHORT)), "--seed", "7", "--kinds", ",".join(SHORT), "--json", str(folder / "outcomes.json")]
    done = subprocess.run([sys.executable, str(FAULTS / "campaign.py"), *words], capture_output=True, text=True, check=False)
    outcomes = json.loads((folder / "outcomes.json").read_text()) if (folder / "outcomes.json").exists() else []
    return done, {outcome["kind"]: outcome for outcome in outcomes}


@pytest.mark.parametrize("kind", SHORT)
def test_a_second_call_finishes_with_the_same_bits_after(campaign, kind):
    done, outcomes = campaign
    if f"NOT PLAYED: {kind}" in done.stdout:
        pytest.skip(next(line for line in done.stdout.splitlines() if line.startswith(f"NOT PLAYED: {kind}")))
    assert kind in outcomes, done.stdout + done.stderr
    assert outcomes[kind]["problems"] == []


def test_the_campaign_ends_well_only_where_nothing_was_lost(campaign):
    done, outcomes = campaign
    assert done.returncode == any(outcome["problems"] for outcome in outcomes.values()), done.stdout + done.stderr


def published_entry(checks, store, inputs, **files):
    import hashlib

    name = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]
    folder = store / "fits" / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text)
    digests = {file: hashlib.sha256(text.encode()).hexdigest() for file, text in files.items()}
    (folder / "manifest.json").write_text(json.dumps({"inputs": inputs, "files": digests}))
    return folder


def test_the_campaign_sees_an_entry_that_is_damaged_misnamed_or_of_another_run(checks, tmp_path):
    undisturbed, store = tmp_path / "undisturbed", tmp_path / "store"
    published_entry(checks, undisturbed, {"seed": 0}, weights="one")
    folder = published_entry(checks, store, {"seed": 0}, weights="one")
    assert checks.wrong(store, undisturbed) == []
    (folder / "weights").write_text("two")
    assert checks.wrong(store, undisturbed) == [f"fits/{folder.name}/weights is damaged"]
    shutil.rmtree(folder)
    folder = published_entry(checks, store, {"seed": 0}, weights="two")
    assert checks.wrong(store, undisturbed) == [f"fits/{folder.name}/weights is a foreign result"]
    folder.rename(folder.with_name("0" * 32))
    assert f"fits/{'0' * 32} goes by the name of other inputs" in checks.wrong(store, undisturbed)


def test_the_campaign_sees_a_run_that_is_lost_or_made_again(checks, tmp_path):
    kept, again, gone = (published_entry(checks, tmp_path, {"seed": n}, weights="one") for n in range(3))
    before = checks.published(tmp_path)
    os.utime(again / "manifest.json", ns=(1, 1))
    shutil.rmtree(gone)
    assert checks.lost(before, checks.published(tmp_path)) == [f"fits/{f.name} is lost" for f in (again, gone)]
    assert len(before) == 3 and kept.is_dir()


def test_the_campaign_takes_one_line_as_told_and_counts_tracebacks(checks):
    texts = ["runs: all is well\nrun 1 was ended by SIGKILL\n", "Traceback (most recent call last):\n  File …\nValueError: 1\n"]
    assert checks.told(texts, "ended by SIGKILL") == "run 1 was ended by SIGKILL"
    assert checks.told(texts, "No space left") == "" and checks.tracebacks(texts) == 1


def test_the_campaign_sees_a_process_that_outlives_its_call_though_it_left_the_group(tmp_path):
    program = f"""
import subprocess, sys
sys.path.insert(0, {str(FAULTS)!r})
import processes
from pathlib import Path
from workspace import Workspace
workspace = Workspace(Path({str(tmp_path)!r}))
child = subprocess.Popen(["setsid", "sleep", "60"], env=workspace.environment, cwd="/")
processes.ORPHAN_S = 0.5
print(processes.orphans(workspace), processes.of(workspace), child.wait())
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.startswith("['other ") and told.strip().endswith("[] -9")


def test_an_unknown_kind_is_refused_with_the_list():
    done = subprocess.run([sys.executable, str(FAULTS / "campaign.py"), "--kinds", "meteor"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "found ['meteor']" in done.stderr and "'worker killed'" in done.stderr
