import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = '''
from emofuse.errors import InputError
from emofuse.stage import run

def main(kind: str) -> None:
    """Do it."""
    if kind == "input":
        raise InputError("a.wav: expected audio, found none; unpack it")
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "bug":
        raise ZeroDivisionError("a bug")

run(main)
'''


@pytest.fixture
def call(tmp_path):
    (tmp_path / "thing.py").write_text(SCRIPT)

    def call(*words):
        return subprocess.run([sys.executable, "thing.py", *words], cwd=tmp_path, capture_output=True, text=True, check=False)

    call.folder = tmp_path
    return call


def test_wrong_input_is_one_line_and_exit_code_1(call):
    done = call("input")
    assert done.returncode == 1 and done.stderr == "thing: a.wav: expected audio, found none; unpack it\n"
    assert "ERROR thing: a.wav" in (call.folder / "logs" / "thing-input.log").read_text()


def test_a_finished_stage_says_how_long_it_took(call):
    done = call("fine")
    assert done.returncode == 0 and done.stderr.startswith("thing: done in ")


def test_wrong_words_show_the_usage(call):
    done = call()
    assert done.returncode == 1 and "usage: python stages/thing.py KIND" in done.stderr


def test_an_interrupt_says_that_what_is_finished_is_kept(call):
    done = call("interrupt")
    assert done.returncode == 130 and "interrupted" in done.stderr and "Traceback" not in done.stderr


def test_a_bug_keeps_its_traceback(call):
    done = call("bug")
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize("script", sorted((Path(__file__).parents[1] / "stages").glob("*.py")), ids=lambda p: p.stem)
def test_every_stage_outside_the_project_says_what_it_misses(script, tmp_path):
    """In an empty folder a stage ends with one line that names a file or its usage, and leaves nothing but its log."""
    words = {
        "extract": ["logmel", "iemocap"],
        "train": ["emotion4", "iemocap", "cnn14"],
        "late_fusion": ["emotion4", "iemocap"],
        "pretrain": ["encoders"],
        "train_emotion": ["attention"],
    }
    one = ["toy_corpora", "audit", "audit_features", "ingest", "ingest_recordings", "cut_windows", "transcribe", "embed_text"]
    arguments = words.get(script.stem, ["iemocap"] if script.stem in one else [])
    done = subprocess.run([sys.executable, str(script), *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert {p.name for p in tmp_path.iterdir()} <= {"logs"}
