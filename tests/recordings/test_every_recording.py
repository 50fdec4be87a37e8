"""What holds for every corpus in emofuse.recordings; a new module is under test as soon as conftest.py can write a small one."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emofuse import params, recordings, tables, track_store, windows
from emofuse.arrays import ArrayCache
from emofuse.errors import InputError
from emofuse.remarks import Count, LeftOut
from emofuse.signals import SIGNALS, Recording

REPOSITORY = Path(__file__).parents[2]
Releases = Callable[[str], tuple[Path, str]]
Read = Callable[[str], list[Recording]]
ReadAll = Callable[[str], list[Recording | recordings.Remark]]
every_corpus = pytest.mark.parametrize("name", recordings.known())
counted = pytest.mark.parametrize("name", [name for name in recordings.known() if name != "empatica_e4"])  # anybody's own exports
UNITS = {"acc": (0.5, 2), "bvp": (-1e4, 1e4), "eda": (0, 100), "temp": (10, 45)}  # g, a.u., uS, degC


def read(name: str, root: Path, release: str) -> list[Recording]:
    return [one for one in recordings.read(name, root, release) if isinstance(one, Recording)]


def problem(name: str, root: Path, release: str) -> str:
    with pytest.raises(InputError) as error:
        read(name, root, release)
    assert "\n" not in str(error.value)
    return str(error.value)


def content(found: list[Recording], root: Path) -> list[Any]:
    """All that was read, comparable; audio as its bytes, so that where it lies does not count."""
    plain = []
    for recording in found:
        tracks = {signal: (t.rate_hz, t.start_s, t.samples.shape, t.samples.tobytes()) for signal, t in recording.tracks.items()}
        speech = None if recording.audio is None else (root / recording.audio).read_bytes()
        plain.append((asdict(replace(recording, tracks={}, audio=None)), tracks, speech))
    return plain


def end_s(recording: Recording) -> float:
    return max((t.start_s + len(t.samples) / t.rate_hz for t in recording.tracks.values()), default=0.0)


def test_the_known_corpora_are_the_modules_of_the_folder() -> None:
    assert recordings.known() == [
        *("affective_road", "case", "clas", "empatica_e4", "kemocon", "ppg_dalia", "verbio", "voxceleb1", "wesad")
    ]


def test_an_unknown_corpus_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    message = problem("kemcon", tmp_path, "1.0.0")
    assert "'kemcon'" in message
    assert "'kemocon'" in message


@every_corpus
def test_ids_are_unique_and_without_spaces(name: str, read_release: Read) -> None:
    found = read_release(name)
    names = [recording.native_id for recording in found]
    assert len(names) > 1
    assert len(set(names)) == len(names)
    for recording in found:
        assert not set(" \t\n:") & set(recording.native_id)
        assert recording.subject
        assert recording.tracks or recording.audio
    assert len({recording.subject for recording in found}) > 1
    assert not {recording.partner for recording in found} - {None} - {recording.subject for recording in found}


@every_corpus
def test_signals_have_their_unit_shape_and_rate(name: str, read_release: Read) -> None:
    for recording in read_release(name):
        for signal, track in recording.tracks.items():
            assert signal in SIGNALS
            assert track.rate_hz > 0
            assert track.samples.dtype == np.float32
            assert track.samples.shape[1:] == ((3,) if signal == "acc" else ())
            assert len(track.samples) > 2 * track.rate_hz
            low, high = UNITS[signal]
            magnitude = np.linalg.norm(track.samples, axis=1) if signal == "acc" else track.samples
            assert low < np.nanmedian(magnitude) < high, signal
            assert not np.isinf(track.samples).any()
            assert np.isnan(track.samples).mean() < 0.5


@every_corpus
def test_annotations_lie_within_their_recording(name: str, read_release: Read) -> None:
    for recording in read_release(name):
        last = max(end_s(recording), (recording.span_s or (0.0, 0.0))[1]) or np.inf  # of audio alone the reader knows no length
        for annotation in recording.annotations:
            assert -1 <= annotation.start_s <= annotation.end_s <= last + 10, annotation  # a surplus row is kept here, and cut later
            assert annotation.name
            assert annotation.value is None or np.isfinite(annotation.value)
        if recording.span_s is not None:
            assert 0 <= recording.span_s[0] < recording.span_s[1]


@every_corpus
def test_reading_twice_gives_equal_bytes(name: str, invented_release: Releases, read_release: Read) -> None:
    root, release = invented_release(name)
    assert content(read(name, root, release), root) == content(read_release(name), root)


def own_folders(root: Path) -> int:
    """How many folders, one in the other, a release has around it already."""
    (folder, *others) = [child for child in root.iterdir() if child.is_dir()]
    return 0 if others else 1 + own_folders(folder)


@every_corpus
def test_a_doubled_folder_and_what_archives_leave_behind_change_nothing(
    name: str, invented_release: Releases, read_release: Read, tmp_path: Path
) -> None:
    root, release = invented_release(name)
    below = Path(*[name] * (2 - own_folders(root)))
    doubled = Path(shutil.copytree(root, tmp_path / "X" / below))
    for path in [path for path in doubled.rglob("*") if not path.name.startswith("._")]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7")
    shutil.copytree(root, tmp_path / "X" / "__MACOSX" / name)
    found = read(name, tmp_path / "X", release)
    if name == "empatica_e4":  # there the path below the root is the name
        found = [replace(recording, native_id=recording.native_id.removeprefix(f"{below.as_posix()}/")) for recording in found]
    assert content(found, tmp_path / "X") == content(read_release(name), root)


_heard: list[tuple[str, tuple[Any, ...]]] | None = None
_FOREIGN = ("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "socket.", "tempfile.", "pickle.find_class")


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _heard is not None:
        _heard.append((event, arguments))


@pytest.fixture(scope="module")
def audit() -> Iterator[None]:
    """Python's own record of what is opened and started; such a hook can be silenced, not removed."""
    sys.addaudithook(_hear)
    yield


@every_corpus
def test_nothing_outside_the_root_is_read_and_nothing_is_written_or_started(
    name: str, audit: None, invented_release: Releases, read_release: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    global _heard
    root, release = invented_release(name)
    monkeypatch.chdir(tmp_path)
    read_release(name)  # what is imported is imported here
    before = {path: path.stat() for path in root.rglob("*")}
    _heard = []
    try:
        read(name, root, release)
        heard = _heard
    finally:
        _heard = None
    opened = [(Path(os.fsdecode(a[0])).resolve(), a[2]) for event, a in heard if event == "open" and isinstance(a[0], str | bytes | Path)]
    assert "os.listdir" in {event for event, _ in heard}
    assert [path for path, flags in opened if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)] == []
    assert [path for path, _ in opened if not path.is_relative_to(root.resolve())] == []
    assert [(event, a) for event, a in heard if event.startswith(_FOREIGN)] == []
    assert [event for event, _ in heard if event in {"os.remove", "os.rename", "os.mkdir", "os.link", "os.symlink", "shutil.rmtree"}] == []
    after = {path: path.stat() for path in root.rglob("*")}
    assert {path: (s.st_mtime_ns, s.st_size) for path, s in after.items()} == {
        path: (s.st_mtime_ns, s.st_size) for path, s in before.items()
    }
    assert list(tmp_path.iterdir()) == []


@every_corpus
def test_recordings_reach_windows_with_finite_samples(name: str, invented_release: Releases, read_release: Read, tmp_path: Path) -> None:
    settings = params.load(REPOSITORY / "params.yaml").wearable.windows
    there = {f"{name}:{r.native_id}": set(r.tracks) | ({"speech"} if r.audio else set()) for r in read_release(name)}
    track_store.write(name, read_release(name), invented_release(name)[0], tmp_path / name)
    table, _, samples = track_store.read(tmp_path / name)
    assert {recording: set(rows["signal"]) for recording, rows in table.groupby("recording")} == there
    examples = windows.examples(table, settings)
    tables.write(examples, tmp_path / "examples.parquet", tables.EXAMPLES)
    counts = windows.write(tmp_path / "windows", name, table, samples, examples, settings).set_index("signal")
    assert len(examples) > 0
    assert counts["windows"].max() > 0 or not any(signals & set(SIGNALS) for signals in there.values())
    for signal in SIGNALS:
        cache = ArrayCache(tmp_path / "windows" / signal)
        assert len(cache) == counts.loc[signal, "windows"]
        assert np.isfinite(cache.frames).all()
        assert set(cache) <= set(examples["example_id"])
        assert (len(cache) == 0) == (signal not in set.union(*there.values()))


@every_corpus
def test_what_is_left_out_names_something_of_the_corpus_and_says_expected_and_found(
    name: str, invented_release: Releases, read_all: ReadAll
) -> None:
    names = {one.native_id for one in read_all(name) if isinstance(one, Recording)}
    for one in read_all(name):
        if isinstance(one, LeftOut):
            assert "\n" not in one.detail
            assert "expected" in one.detail and "found" in one.detail, one
            path = invented_release(name)[0] / one.item.partition(":")[0]
            assert path.exists() or any(one.item.startswith(f"{native}/") or one.item == native for native in names), one


@every_corpus
def test_what_is_counted_is_counted_once(name: str, read_all: ReadAll) -> None:
    counts = [one for one in read_all(name) if isinstance(one, Count)]
    assert counts
    assert len({one.what for one in counts}) == len(counts)
    assert all(one.found >= 0 for one in counts)


def published(folder: Path) -> list[bool]:
    _, counts = track_store.remarks(folder)
    assert ((counts["least"] <= counts["most"]) | counts["least"].isna()).all()
    return counts["most"].notna().tolist()


@counted
def test_published_counts_are_those_of_genuine_releases_and_not_of_invented_ones(
    name: str, invented_release: Releases, tmp_path: Path
) -> None:
    root, release = invented_release(name)
    genuine = Path(shutil.copytree(root, tmp_path / "genuine" / name))
    (genuine / "SYNTHETIC_README.txt").unlink()
    for folder in (root, genuine):
        track_store.write(name, recordings.read(name, folder, release), folder, tmp_path / "store" / folder.parent.name)
    assert not any(published(tmp_path / "store" / root.parent.name))
    assert any(published(tmp_path / "store" / "genuine"))
    nested = tmp_path / "downloads"
    shutil.copytree(root, nested / "unpacked")
    found = (one for one in recordings.read(name, nested, release)) if own_folders(root) < 2 else recordings.read(name, root, release)
    track_store.write(name, found, nested, tmp_path / "store" / "nested")
    assert not any(published(tmp_path / "store" / "nested"))


def kinds(root: Path) -> list[Path]:
    """One file of each kind, which is its name without numbers and sessions."""
    found: dict[str, Path] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith(("._", "SYNTHETIC"))):
        found.setdefault(re.sub(r"\d+|PRE|TEST", "#", path.name), path)
    return list(found.values())


@every_corpus
def test_no_file_can_vanish_without_a_word(name: str, invented_release: Releases, read_all: ReadAll, tmp_path: Path) -> None:
    """What is read without a file is what was read with it, or an error, or there is a remark more."""
    root, release = invented_release(name)
    copy = Path(shutil.copytree(root, tmp_path / name))
    before = content([one for one in read_all(name) if isinstance(one, Recording)], root)
    said = {shown(one, root) for one in read_all(name) if not isinstance(one, Recording)}
    for path in kinds(copy):
        aside = path.rename(tmp_path / "aside")
        try:
            found = list(recordings.read(name, copy, release))
        except InputError as error:
            assert "\n" not in str(error)
            continue
        finally:
            aside.rename(path)
        now = {shown(one, copy) for one in found if not isinstance(one, Recording)}
        without = [one for one in found if isinstance(one, Recording)]
        kept = {one.audio for one in without} - {path.relative_to(copy).as_posix()}  # absent audio is for the store to say
        if len(kept) == len({one.audio for one in without}):
            assert content(without, copy) == before or now - said, path


def shown(remark: recordings.Remark | Recording, root: Path) -> str:
    return str(remark).replace(str(root), "")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, "missing_audio") for name in ("kemocon", "voxceleb1")),  # VerBIO does not say which audio there must be
        *((name, damage) for name in ("kemocon", "verbio", "voxceleb1") for damage in ("damaged_audio", "silent_audio")),
    ],
)
def test_audio_that_cannot_be_used_is_left_out_and_the_signals_stay(
    name: str, damage: str, invented_release: Releases, read_release: Read, tmp_path: Path
) -> None:
    root, release = invented_release(name)
    copy = Path(shutil.copytree(root, tmp_path / name))
    chosen = next(one.audio for one in read_release(name) if one.audio)
    path, data = copy / chosen, (copy / chosen).read_bytes()
    path.unlink()
    if damage == "damaged_audio":
        path.write_bytes(data[: len(data) // 2])
    if damage == "silent_audio":
        path.write_bytes(data[:44] + bytes(len(data) - 44))
    track_store.write(name, recordings.read(name, copy, release), copy, tmp_path / "store")
    left_out, _ = track_store.remarks(tmp_path / "store")
    table, _, _ = track_store.read(tmp_path / "store")
    mute = [one for one in read_release(name) if one.audio == chosen]
    assert left_out.loc[left_out["reason"] == damage, "item"].tolist() == sorted(one.native_id for one in mute)
    there = table.groupby("recording")["signal"].agg(set).to_dict()
    for one in read_release(name):
        expected = set(one.tracks) | ({"speech"} if one.audio and one.audio != chosen else set())
        assert there.get(f"{name}:{one.native_id}", set()) == expected


@every_corpus
def test_an_unknown_release_is_answered_with_the_known_ones(name: str, invented_release: Releases) -> None:
    root, release = invented_release(name)
    message = problem(name, root, "0.1")
    assert f"wearable.corpora.{name}.release" in message
    assert f"'{release}'" in message


@every_corpus
def test_a_missing_root_is_named_with_what_to_do(name: str, invented_release: Releases, tmp_path: Path) -> None:
    message = problem(name, tmp_path / "nowhere", invented_release(name)[1])
    assert message.startswith(str(tmp_path / "nowhere"))
    assert f"wearable.corpora.{name}.root" in message


@every_corpus
def test_a_root_that_is_something_else_is_named_with_what_to_do(name: str, invented_release: Releases, tmp_path: Path) -> None:
    (tmp_path / "Holiday").mkdir()
    message = problem(name, tmp_path, invented_release(name)[1])
    assert message.startswith(str(tmp_path))
    assert f"wearable.corpora.{name}.root" in message


@counted
def test_another_corpus_is_not_taken_for_this_one(name: str, invented_release: Releases) -> None:
    for other in recordings.known():
        if other != name:
            root, _ = invented_release(other)
            assert str(root) in problem(name, root, invented_release(name)[1])
