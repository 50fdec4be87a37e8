import json
import os
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from emofuse.errors import InputError
from emofuse.transcription import journal
from emofuse.transcription.journal import Entry

HEADING = {"engine": "deepspeech", "settings": {"model": "m"}, "code": "c1"}
FIRST, SECOND = Entry("schöne Grüße\n", -1.5, 0.25), Entry("", None, 2.0)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "toy.jsonl"
    with journal.opened(path, HEADING) as kept:
        kept.add("k1", FIRST)
        kept.add("k2", SECOND)
    return path


def entries(path: Path, heading: dict[str, object] = HEADING) -> dict[str, Entry]:
    with journal.opened(path, heading) as kept:
        return dict(kept.entries)


def test_what_was_added_is_found_again(written: Path) -> None:
    assert entries(written) == {"k1": FIRST, "k2": SECOND}


def test_an_entry_is_on_disk_before_add_returns(tmp_path: Path) -> None:
    script = f"""
import os
from pathlib import Path
from emofuse.transcription import journal
with journal.opened(Path({str(tmp_path / "j")!r}), {HEADING!r}) as kept:
    kept.add("k1", journal.Entry("heard", None, 1.0))
    os._exit(9)
"""
    source = Path(journal.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(source)}).returncode == 9
    assert entries(tmp_path / "j") == {"k1": Entry("heard", None, 1.0)}


@hypothesis_settings(deadline=None)
@given(cut=st.integers(1, 400), tail=st.binary(max_size=20))
def test_after_a_cut_or_damage_the_whole_lines_before_it_remain(tmp_path_factory: pytest.TempPathFactory, cut: int, tail: bytes) -> None:
    path = tmp_path_factory.mktemp("j") / "j"
    with journal.opened(path, HEADING) as kept:
        for k in range(4):
            kept.add(f"k{k}", Entry(f"text {k}", -1.0, 1.0))
    data = path.read_bytes()
    damaged = data[:cut] + tail
    path.write_bytes(damaged)
    pairs = zip(damaged.splitlines(keepends=True), data.splitlines(keepends=True), strict=False)
    left = max(0, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)) - 1)
    assert list(entries(path)) == [f"k{k}" for k in range(left)]
    with journal.opened(path, HEADING) as kept:
        kept.add("new", FIRST)
    assert list(entries(path)) == [*(f"k{k}" for k in range(left)), "new"]


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"\xff\xfe",
        b"\0" * 50,
        b"[" * 100000,
        b'{"key": "k3"}',
        b'{"key": 3, "text": "", "confidence": null, "wall_s": 1.0}',
        b'{"key": "k3", "text": "", "confidence": NaN, "wall_s": 1.0}',
        b'{"key": "k3", "text": null, "confidence": null, "wall_s": 1.0}',
    ],
)
def test_a_line_that_is_no_entry_ends_the_journal(line: bytes, written: Path) -> None:
    whole = written.read_bytes()
    written.write_bytes(whole + line + b"\n" + whole.splitlines(keepends=True)[1])
    assert list(entries(written)) == ["k1", "k2"]
    assert written.read_bytes() == whole


@pytest.mark.parametrize("change", [{"engine": "whisper"}, {"settings": {"model": "n"}}, {"code": "c2"}])
def test_a_journal_under_another_heading_is_started_anew(change: dict[str, object], written: Path) -> None:
    assert entries(written, {**HEADING, **change}) == {}
    assert json.loads(written.read_text()) == {**HEADING, **change}


def test_the_key_is_of_the_audio_and_its_part(tmp_path: Path) -> None:
    base = {"example_id": "a:1", "audio_sha256": "00", "start_s": 0.0, "end_s": 1.0}
    frame = pd.DataFrame(
        [base, {**base, "example_id": "b:2"}, {**base, "audio_sha256": "01"}, {**base, "start_s": 0.5}, {**base, "end_s": 1.0000001}]
    )
    keys = journal.keys(frame)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4
    # printf '00 0.0 1.0' | sha256sum
    assert keys[0] == "502b21b0418d2e866c3be8c66ef2b3a2d36b9a3627935de6b81162813ebabde5"


def test_a_second_process_waits_and_finds_it_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script = f"""
import time
from pathlib import Path
from emofuse.transcription import journal
with journal.opened(Path({str(tmp_path / "j")!r}), {HEADING!r}) as kept:
    print("open", flush=True)
    time.sleep(1.5)
    kept.add("k1", journal.Entry("heard", None, 1.0))
"""
    source = Path(journal.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with caplog.at_level("INFO"):
            assert list(entries(tmp_path / "j")) == ["k1"]
    assert [r.message for r in caplog.records].count(f"{tmp_path / 'j'}: another process is transcribing this corpus; waiting for it") == 1


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^\S+/j: what is recognised cannot be kept: Is a directory; .*writable$"):
        (tmp_path / "j").mkdir()
        entries(tmp_path / "j")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device on this system")
def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(InputError, match=r"No space left on device; free space"):
        journal.Journal(tmp_path / "j", {}, full).add("k", FIRST)


def test_deleting_twice_is_no_error(written: Path) -> None:
    journal.delete(written)
    journal.delete(written)
    assert not written.exists()
