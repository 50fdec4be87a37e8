"""The worker runs in this Python, on a stand-in for the package with the interface of release 0.9.3 and many ways to fail."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofuse import params
from emofuse.errors import InputError
from emofuse.transcription import deepspeech
from emofuse.transcription.engine import Machine, Recognition

Make = Callable[..., pd.DataFrame]
Recognise = Callable[..., list[Recognition]]
STAND_IN = """
import os, signal, subprocess, sys, time
from types import SimpleNamespace

def version():
    return "VERSION"

class Model:
    def __init__(self, path):
        os.write(1, b"TensorFlow: v2.3.0\\n")
        if b"broken" in open(path, "rb").read():
            raise RuntimeError("Error reading the proto buffer model file.")
        self.scored = False

    def enableExternalScorer(self, path):
        if b"broken" in open(path, "rb").read():
            raise RuntimeError("Invalid scorer file.")
        self.scored = True

    def sampleRate(self):
        return RATE

    def sttWithMetadata(self, samples, num_results=1):
        assert samples.ndim == 1 and samples.dtype.name == "int16"
        code = int(samples[0])
        if code == 1001:
            print("the end is near", file=sys.stderr)
            raise SystemExit(3)
        if code == 1002:
            os.kill(os.getpid(), signal.SIGSEGV)
        if code == 1003:
            child = subprocess.Popen(["sleep", "600"])
            open(os.environ["PIDS"], "w").write("%d %d" % (os.getpid(), child.pid))
            time.sleep(600)
        if code == 1004:
            os.write(1, b'{"text": "from the library", "confidence": 1.0}\\n')
            print("garbage")
        if code == 1005:
            sys.stderr.write("z" * 300000 + "\\nthe last line\\n")
            sys.stderr.flush()
        if code == 1006:
            os._exit(4)
        if code == 1007:
            time.sleep(0.4)
        text = "" if not samples.any() else "heard %d up to %d%s" % (len(samples), samples.max(), " with scorer" if self.scored else "")
        tokens = [SimpleNamespace(text=c, timestep=k, start_time=0.02 * k) for k, c in enumerate(text)]
        return SimpleNamespace(transcripts=[SimpleNamespace(tokens=tokens, confidence=float("nan") if code == 1008 else -12.5)])
"""


def install(folder: Path, module: str = "deepspeech", version: str = "0.9.3", rate: str = "16000") -> None:
    (folder / "package").mkdir(exist_ok=True)
    (folder / "package" / f"{module}.py").write_text(STAND_IN.replace("VERSION", version).replace("RATE", rate))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "package"))
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))
    for name in ("m.pbmm", "m.scorer"):
        (tmp_path / name).write_bytes(b"weights")
    speak(tmp_path, a=[5, 100, -7], b=[300, -20], silence=[0] * 8)
    return tmp_path


def speak(folder: Path, **clips: list[int]) -> None:
    for name, samples in clips.items():
        soundfile.write(folder / f"{name}.wav", np.array(samples, np.int16), 16000, subtype="PCM_16")


def set_to(settings: params.Transcription, folder: Path, **changes: object) -> params.Transcription:
    own = {"python": sys.executable, "model": str(folder / "m.pbmm"), "scorer": str(folder / "m.scorer"), "timeout_s": 20.0, **changes}
    return settings.model_copy(update={"deepspeech": params.DeepSpeech.model_validate(own)})


@pytest.fixture
def recognise(folder: Path, make_examples: Make, settings: params.Transcription) -> Recognise:
    def call(*names: str, jobs: int = 1, **changes: object) -> list[Recognition]:
        examples = make_examples(folder, [f"{name}.wav" for name in names])
        return list(deepspeech.recognise(examples, folder, set_to(settings, folder, **changes), Machine(jobs, "cpu")))

    return call


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def no_more(pids: list[int]) -> bool:
    end = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(map(alive, pids))


def test_samples_reach_the_model_as_they_are_in_the_file(recognise: Recognise) -> None:
    assert recognise("a", "b") == [("heard 3 up to 100 with scorer", -12.5), ("heard 2 up to 300 with scorer", -12.5)]


def test_silence_is_kept_with_empty_text(recognise: Recognise) -> None:
    assert recognise("silence") == [("", -12.5)]


def test_the_scorer_can_be_left_out(recognise: Recognise) -> None:
    assert recognise("a", scorer=None) == [("heard 3 up to 100", -12.5)]


def test_identity_names_the_files_the_package_and_the_content(folder: Path, settings: params.Transcription) -> None:
    model, version = deepspeech.identity(set_to(settings, folder))
    assert model == "m.pbmm + m.scorer"
    assert version == "deepspeech 0.9.3, model 9a129038d9a00aed, scorer 9a129038d9a00aed"  # printf weights | sha256sum
    assert deepspeech.identity(set_to(settings, folder, scorer=None)) == ("m.pbmm", "deepspeech 0.9.3, model 9a129038d9a00aed")


def test_the_fork_serves_where_deepspeech_is_absent(folder: Path, recognise: Recognise, settings: params.Transcription) -> None:
    (folder / "package" / "deepspeech.py").unlink()
    install(folder, "stt", "1.4.0")
    assert deepspeech.identity(set_to(settings, folder, scorer=None))[1].startswith("stt 1.4.0, ")
    assert recognise("b", scorer=None) == [("heard 2 up to 300", -12.5)]


def test_workers_in_parallel_keep_the_order(folder: Path, recognise: Recognise) -> None:
    speak(folder, slow=[1007], **{f"c{k}": [k + 1] * (k + 1) for k in range(6)})
    found = recognise("slow", *(f"c{k}" for k in range(6)), jobs=3)
    assert [text.split()[1] for text, _ in found] == ["1", "1", "2", "3", "4", "5", "6"]


def test_a_clip_longer_than_any_pipe_is_heard_whole(folder: Path, recognise: Recognise) -> None:
    soundfile.write(folder / "long.wav", np.ones(120 * 16000, np.int16), 16000, subtype="PCM_16")
    assert recognise("long", scorer=None) == [("heard 1920000 up to 1", -12.5)]


def test_what_the_library_prints_is_no_answer(folder: Path, recognise: Recognise) -> None:
    speak(folder, loud=[1004, 1])
    assert [text for text, _ in recognise("loud", "a", scorer=None)] == ["heard 2 up to 1004", "heard 3 up to 100"]


def test_what_the_interpreter_prints_at_its_start_is_no_answer(folder: Path, recognise: Recognise) -> None:
    (folder / "package" / "sitecustomize.py").write_text("print('Welcome!'); print('[1]'); print('\\x00\\xff')")
    assert recognise("a", scorer=None) == [("heard 3 up to 100", -12.5)]


def test_an_undefined_confidence_is_none(folder: Path, recognise: Recognise) -> None:
    speak(folder, vague=[1008])
    assert recognise("vague", scorer=None) == [("heard 1 up to 1008", None)]


def test_absent_interpreter_is_named(recognise: Recognise) -> None:
    message = refusal(lambda: recognise("a", python="no-such-python"))
    assert message.startswith("transcription.deepspeech.python: ") and "'no-such-python'" in message


def test_an_interpreter_that_fails_says_why_in_its_own_words(folder: Path, recognise: Recognise) -> None:
    shim = folder / "python3.9"
    shim.write_text(
        "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x >&2\necho >&2\necho 'shim: python3.9: command not found' >&2\nexit 127\n"
    )
    shim.chmod(0o755)
    message = refusal(lambda: recognise("a", python=str(shim)))
    assert "exit code 127: shim: python3.9: command not found" in message and len(message) < 700


def test_a_file_that_cannot_be_run_is_named(folder: Path, recognise: Recognise) -> None:
    (folder / "python3.9").write_bytes(b"\x00 no program")
    (folder / "python3.9").chmod(0o755)
    assert "python3.9 cannot be run" in refusal(lambda: recognise("a", python=str(folder / "python3.9")))


def test_a_program_that_is_no_python_is_refused(recognise: Recognise) -> None:
    assert "exit code 0" in refusal(lambda: recognise("a", python="cat"))


@pytest.mark.parametrize(("key", "name"), [("model", "m.pbmm"), ("scorer", "m.scorer")])
def test_absent_files_are_named(key: str, name: str, folder: Path, recognise: Recognise, settings: params.Transcription) -> None:
    (folder / name).unlink()
    message = refusal(lambda: recognise("a"))
    assert message.startswith(f"transcription.deepspeech.{key}: ") and name in message
    assert refusal(lambda: deepspeech.identity(set_to(settings, folder))) == message


@pytest.mark.parametrize(("key", "name", "reason"), [("model", "m.pbmm", "proto buffer"), ("scorer", "m.scorer", "Invalid scorer")])
def test_refused_files_give_deepspeechs_reason(key: str, name: str, reason: str, folder: Path, recognise: Recognise) -> None:
    (folder / name).write_bytes(b"broken")
    message = refusal(lambda: recognise("a"))
    assert message.startswith(f"transcription.deepspeech.{key}: ") and reason in message


def test_interpreter_without_the_package_says_what_to_install(folder: Path, recognise: Recognise) -> None:
    (folder / "package" / "deepspeech.py").unlink()
    assert "cannot import deepspeech or stt; install deepspeech==0.9.3 and numpy<2" in refusal(lambda: recognise("a"))


def test_a_package_that_cannot_be_loaded_gives_the_reason(folder: Path, recognise: Recognise) -> None:
    (folder / "package" / "deepspeech.py").write_text("raise ImportError('numpy.core.multiarray failed to import')")
    assert "cannot import deepspeech (numpy.core.multiarray failed to import)" in refusal(lambda: recognise("a"))


@pytest.mark.parametrize(("module", "version"), [("deepspeech", "0.6.1"), ("stt", "0.10.0a5")])
def test_another_release_is_refused_by_name(
    module: str, version: str, folder: Path, recognise: Recognise, settings: params.Transcription
) -> None:
    (folder / "package" / "deepspeech.py").unlink()
    install(folder, module, version)
    assert f"found {module} {version}" in refusal(lambda: recognise("a"))
    assert f"found {module} {version}" in refusal(lambda: deepspeech.identity(set_to(settings, folder)))


def test_model_of_another_rate_is_refused(folder: Path, recognise: Recognise) -> None:
    install(folder, rate="8000")
    assert "16000 Hz, found 8000" in refusal(lambda: recognise("a"))


@pytest.mark.parametrize(
    ("code", "reason"), [(1001, "exit code 3: TensorFlow: v2.3.0 the end is near"), (1002, "killed by SIGSEGV"), (1006, "exit code 4")]
)
def test_a_process_that_dies_names_the_example_and_how(code: int, reason: str, folder: Path, recognise: Recognise) -> None:
    speak(folder, fatal=[code, 1])
    message = refusal(lambda: recognise("a", "fatal", "b", jobs=2))
    assert message.startswith("test:fatal: ") and reason in message


def test_a_full_standard_error_stops_nothing(folder: Path, recognise: Recognise) -> None:
    speak(folder, talkative=[1005])
    assert [text for text, _ in recognise("talkative", "a", scorer=None)] == ["heard 1 up to 1005", "heard 3 up to 100"]


def test_a_process_that_hangs_is_killed_with_its_children(folder: Path, recognise: Recognise) -> None:
    speak(folder, hang=[1003])
    message = refusal(lambda: recognise("a", "hang", timeout_s=1.5))
    assert message.startswith("test:hang: ") and "within 1.5 s" in message and "timeout_s" in message
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    assert len(pids) == 2 and no_more(pids)


def test_a_caller_that_stops_early_leaves_no_process(folder: Path, make_examples: Make, settings: params.Transcription) -> None:
    speak(folder, hang=[1003])
    results = deepspeech.recognise(make_examples(folder, ["a.wav", "hang.wav"]), folder, set_to(settings, folder), Machine(2, "cpu"))
    next(results)
    while not (folder / "pids").exists() or len((folder / "pids").read_text().split()) < 2:
        time.sleep(0.02)
    results.close()  # type: ignore[attr-defined]
    assert no_more([int(pid) for pid in (folder / "pids").read_text().split()])


def test_an_interrupt_leaves_no_process(folder: Path, repository: Path) -> None:
    speak(folder, hang=[1003])
    script = f"""
import pandas as pd
from pathlib import Path
from emofuse import params
from emofuse.transcription import deepspeech
from emofuse.transcription.engine import Machine
settings = params.load(Path({str(repository / "params.yaml")!r})).transcription
own = params.DeepSpeech(python={sys.executable!r}, model={str(folder / "m.pbmm")!r}, scorer=None, timeout_s=100.0)
settings = settings.model_copy(update=dict(deepspeech=own))
examples = pd.DataFrame([dict(example_id="test:hang", path="hang.wav", start_s=0.0, end_s=1 / 16000)])
list(deepspeech.recognise(examples, Path({str(folder)!r}), settings, Machine(1, "cpu")))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repository / "src"), str(folder / "package")])}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE)
    while process.poll() is None and (not (folder / "pids").exists() or len((folder / "pids").read_text().split()) < 2):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors
    assert no_more([int(pid) for pid in (folder / "pids").read_text().split()])


def test_no_examples_start_no_process(recognise: Recognise) -> None:
    assert recognise(python="no-such-python") == []
