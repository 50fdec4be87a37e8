"""Recordings on disk: what a reader yields comes back, and what fails leaves nothing behind."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emofuse import track_store
from emofuse.errors import InputError
from emofuse.remarks import Count, LeftOut
from emofuse.signals import Annotation, Recording, Track


def track(seconds: float, rate_hz: float, start_s: float = 0.0, axes: tuple[int, ...] = ()) -> Track:
    samples = np.random.default_rng(round(seconds * rate_hz)).normal(size=(round(seconds * rate_hz), *axes))
    return Track(rate_hz, start_s, samples.astype(np.float32))


def recording(native_id: str = "P1", **changes: Any) -> Recording:
    tracks = {"acc": track(10, 32, axes=(3,)), "bvp": track(10, 64), "eda": track(10, 4)}
    rated = (Annotation(0.0, 5.0, "arousal", 3.0), Annotation(5.0, 10.0, "arousal"), Annotation(0.0, 10.0, "activity", text="walking"))
    known = Recording(native_id, native_id.partition("/")[0], tracks, "p1.p2", "P2", "A013E1", 1.5e9, split="dev", annotations=rated)
    return replace(known, **changes)


def write(tmp_path: Path, *recordings: Recording | LeftOut | Count) -> Path:
    track_store.write("toy", iter(recordings), tmp_path, tmp_path / "recordings" / "toy")
    return tmp_path / "recordings" / "toy"


def problem(tmp_path: Path, *recordings: Recording | LeftOut | Count) -> str:
    with pytest.raises(InputError) as error:
        write(tmp_path, *recordings)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "recordings").exists() or list((tmp_path / "recordings").iterdir()) == []
    return str(error.value)


def test_every_sample_and_every_field_comes_back(tmp_path: Path) -> None:
    first, second = recording("P1/PRE"), recording("P2/PRE", tracks={"temp": track(30, 4, 0.25)}, partner=None, annotations=())
    table, annotations, samples = track_store.read(write(tmp_path, first, second))
    assert list(zip(table["recording"], table["signal"], strict=True)) == [
        *[("toy:P1/PRE", signal) for signal in ("acc", "bvp", "eda")],
        ("toy:P2/PRE", "temp"),
    ]
    for row in table.itertuples():
        origin = {"toy:P1/PRE": first, "toy:P2/PRE": second}[row.recording]
        expected = origin.tracks[row.signal]
        assert np.array_equal(samples[f"{row.recording}/{row.signal}"].reshape(expected.samples.shape), expected.samples)
        assert (row.rate_hz, row.start_s, row.samples, row.lost) == (expected.rate_hz, expected.start_s, len(expected.samples), 0)
        assert row.unit == {"acc": "g", "bvp": "a.u.", "eda": "uS", "temp": "degC"}[row.signal]
        assert (row.subject, row.session, row.device, row.split, row.t0_unix_s) == (origin.subject, "p1.p2", "A013E1", "dev", 1.5e9)
    assert table["partner"].isna().tolist() == [False, False, False, True]
    assert table["path"].isna().all()
    found = [tuple(row) for row in annotations.astype(object).where(annotations.notna(), None).itertuples(index=False)]
    assert found == [
        ("toy:P1/PRE", 0.0, 10.0, "activity", None, "walking"),
        ("toy:P1/PRE", 0.0, 5.0, "arousal", 3.0, None),
        ("toy:P1/PRE", 5.0, 10.0, "arousal", None, None),
    ]


def test_lost_samples_stay_lost_and_are_counted_by_instant(tmp_path: Path) -> None:
    acc, eda = track(10, 32, axes=(3,)), track(10, 4)
    acc.samples[5, 1] = acc.samples[9] = np.nan
    eda.samples[:7] = np.nan
    table, _, samples = track_store.read(write(tmp_path, recording(tracks={"acc": acc, "eda": eda})))
    assert table["lost"].tolist() == [2, 7]
    np.testing.assert_array_equal(samples["toy:P1/acc"].reshape(-1, 3), acc.samples)
    np.testing.assert_array_equal(samples["toy:P1/eda"], eda.samples)


def test_without_a_span_that_of_all_signals_and_the_audio_is_used(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", np.full(8000 * 9, 0.01), 8000)
    tracks = {"bvp": track(10, 64, start_s=1.5), "eda": track(6, 4, start_s=0.5)}
    folder = write(
        tmp_path,
        recording("a", tracks=tracks),
        recording("b", tracks=tracks | {"eda": track(20, 4)}, audio="talk.wav"),
        recording("c", tracks=tracks, span_s=(0.0, 3.0)),
        recording("d", tracks=tracks | {"temp": track(3, 4, start_s=30)}),
    )
    table, _, _ = track_store.read(folder)
    spans = {name: set(zip(rows["span_start_s"], rows["span_end_s"], strict=True)) for name, rows in table.groupby("recording")}
    assert spans == {"toy:a": {(1.5, 6.5)}, "toy:b": {(1.5, 9.0)}, "toy:c": {(0.0, 3.0)}, "toy:d": {(30.0, 30.0)}}


def test_partners_share_one_audio_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "p1.p2.wav", np.random.default_rng(0).uniform(-0.5, 0.5, (8000 * 10, 2)), 8000)
    table, _, samples = track_store.read(write(tmp_path, recording("P1", audio="p1.p2.wav"), recording("P2", tracks={}, audio="p1.p2.wav")))
    speech = table[table["signal"] == "speech"]
    assert speech["recording"].tolist() == ["toy:P1", "toy:P2"]
    assert set(speech["audio_sha256"]) == {hashlib.sha256((tmp_path / "p1.p2.wav").read_bytes()).hexdigest()}
    assert set(zip(speech["path"], speech["rate_hz"], speech["samples"], strict=True)) == {("p1.p2.wav", 8000.0, 80000)}
    assert sorted(samples) == ["toy:P1/acc", "toy:P1/bvp", "toy:P1/eda"]


def test_a_corpus_of_audio_alone_has_an_empty_cache(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(8000, 0.01), 8000)
    table, annotations, samples = track_store.read(write(tmp_path, recording(tracks={}, audio="a.wav", annotations=())))
    assert (len(table), len(annotations), len(samples)) == (1, 0, 0)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("stop", [InputError("x.csv: line 7: expected a number"), Stopped(), KeyboardInterrupt()])
def test_a_reader_that_fails_half_way_leaves_nothing_behind(tmp_path: Path, stop: BaseException) -> None:
    def failing() -> Iterator[Recording]:
        yield recording("P1")
        assert list((tmp_path / "recordings").iterdir()), "something is on its way to the disk"
        raise stop

    with pytest.raises(type(stop)):
        track_store.write("toy", failing(), tmp_path, tmp_path / "recordings" / "toy")
    assert list((tmp_path / "recordings").iterdir()) == []


def test_what_was_there_before_stays_until_the_new_is_whole(tmp_path: Path) -> None:
    folder = write(tmp_path, recording("P1"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError):
        write(tmp_path, recording("P2"), recording("P3", tracks={"ecg": track(1, 4)}))
    assert {path: path.read_bytes() for path in (tmp_path / "recordings").rglob("*") if path.is_file()} == before
    write(tmp_path, recording("P2"))
    assert set(track_store.read(folder)[0]["recording"]) == {"toy:P2"}
    assert [path.name for path in (tmp_path / "recordings").iterdir()] == ["toy"]


def test_what_an_earlier_call_left_when_it_was_killed_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "recordings" / ".toy.partial" / "samples").mkdir(parents=True)
    (tmp_path / "recordings" / ".toy.partial" / "samples" / "frames.npy").write_bytes(b"half")
    assert len(track_store.read(write(tmp_path, recording()))[2]) == 3
    assert [path.name for path in (tmp_path / "recordings").iterdir()] == ["toy"]


@pytest.mark.parametrize(
    ("signal", "wrong"),
    [
        ("ecg", track(1, 4)),
        ("acc", track(1, 32)),
        ("acc", track(1, 32, axes=(2,))),
        ("bvp", track(1, 64, axes=(1,))),
        ("eda", replace(track(1, 4), rate_hz=0.0)),
        ("eda", replace(track(1, 4), rate_hz=float("nan"))),
    ],
)
def test_a_track_that_cannot_be_is_named(tmp_path: Path, signal: str, wrong: Track) -> None:
    assert problem(tmp_path, recording("P1"), recording("P7", tracks={signal: wrong})).startswith(f"toy:P7/{signal}: expected")


def test_an_infinite_sample_is_named(tmp_path: Path) -> None:
    bad = track(1, 64)
    bad.samples[3] = np.inf
    assert problem(tmp_path, recording(tracks={"bvp": bad})).startswith("toy:P1/bvp")


def test_two_recordings_of_one_name_are_refused(tmp_path: Path) -> None:
    assert "toy:P1/acc" in problem(tmp_path, recording("P1"), recording("P1"))
    soundfile.write(tmp_path / "a.wav", np.full(8000, 0.01), 8000)
    alone = recording("P9", tracks={}, audio="a.wav", annotations=())
    assert "toy:P9" in problem(tmp_path, alone, alone)


def test_a_corpus_without_a_recording_is_refused_with_its_root(tmp_path: Path) -> None:
    assert problem(tmp_path).startswith(f"{tmp_path}: expected recordings of toy")


def unusable(path: Path, reason: str) -> None:
    if reason == "silent_audio":
        soundfile.write(path, np.zeros(8000), 8000)
    elif reason == "damaged_audio":
        path.write_bytes(b"RIFF no audio")


REASONS = ["missing_audio", "damaged_audio", "silent_audio"]


@pytest.mark.parametrize("reason", REASONS)
def test_audio_that_cannot_be_used_is_left_out_and_the_signals_stay(tmp_path: Path, reason: str) -> None:
    unusable(tmp_path / "talk.wav", reason)
    folder = write(tmp_path, recording("P1", audio="talk.wav"), recording("P2", audio="talk.wav", tracks={}), recording("P3"))
    table, annotations, samples = track_store.read(folder)
    assert sorted(samples) == [f"toy:{name}/{signal}" for name in ("P1", "P3") for signal in ("acc", "bvp", "eda")]
    assert set(table["recording"]) == set(annotations["recording"]) == {"toy:P1", "toy:P3"}
    left_out, _ = track_store.remarks(folder)
    assert list(zip(left_out["item"], left_out["reason"], strict=True)) == [("P1", reason), ("P2", reason)]
    assert all(detail.startswith("talk.wav: ") for detail in left_out["detail"])  # wherever the corpus lies


@pytest.mark.parametrize("reason", REASONS)
def test_where_no_recording_can_be_used_the_first_reason_is_named(tmp_path: Path, reason: str) -> None:
    unusable(tmp_path / "talk.wav", reason)
    said = problem(tmp_path, recording(audio="talk.wav", tracks={}))
    assert said.startswith(f"{tmp_path}: expected recordings of toy, found none that can be used: {tmp_path / 'talk.wav'}: ")


def test_a_recording_of_nothing_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path, recording("P1"), recording("P2", tracks={}))
    left_out, _ = track_store.remarks(folder)
    assert left_out[["item", "reason"]].to_numpy().tolist() == [["P2", "missing_signal"]]


def test_what_a_reader_leaves_out_and_counts_comes_back(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        Count("people", 1, 4, 5),
        LeftOut("P9", "malformed", "P9: expected this, found that"),
        recording("P1"),
        LeftOut("P2/eda", "missing_signal", "a"),
        LeftOut("P2/eda", "missing_signal", "b"),
        LeftOut("P2/eda", "lost_rows", "c"),
        Count("files", 7, None, None),
    )
    left_out, counts = track_store.remarks(folder)
    assert left_out.to_numpy().tolist() == [
        ["toy", "lost_rows", "P2/eda", "c"],
        ["toy", "malformed", "P9", "P9: expected this, found that"],
        ["toy", "missing_signal", "P2/eda", "a; b"],
    ]
    assert counts.astype(object).where(counts.notna(), None).to_numpy().tolist() == [
        ["toy", "files", 7, None, None],
        ["toy", "people", 1, 4, 5],
    ]
    assert list(track_store.read(folder)[0]["recording"].unique()) == ["toy:P1"]


def test_nothing_left_out_and_nothing_counted_are_empty_tables(tmp_path: Path) -> None:
    assert [len(table) for table in track_store.remarks(write(tmp_path, recording()))] == [0, 0]


def test_remarks_alone_are_no_corpus(tmp_path: Path) -> None:
    assert "found none; unpack" in problem(tmp_path, Count("people", 0, 4, 4))
    assert "found none that can be used: the first" in problem(tmp_path, LeftOut("a", "malformed", "the first"), LeftOut("b", "copy", "b"))


@pytest.mark.parametrize(
    ("marker", "beside", "published"),
    [
        (None, None, True),
        (".", None, False),
        ("a", None, False),
        ("a/b", None, False),
        ("a/b/c", None, True),
        ("a", "genuine", True),
        ("a", "__MACOSX", False),
        ("a/b", "a/genuine", True),
    ],
)
def test_what_is_published_does_not_apply_to_an_invented_corpus(
    tmp_path: Path, marker: str | None, beside: str | None, published: bool
) -> None:
    root = tmp_path / "corpora"
    for folder in (marker or ".", beside or "."):
        (root / folder).mkdir(parents=True, exist_ok=True)
    if marker:
        (root / marker / "SYNTHETIC_README.txt").write_text("invented")
    track_store.write("toy", [recording(), Count("people", 1, 4, 5)], root, tmp_path / "store")
    _, counts = track_store.remarks(tmp_path / "store")
    assert (counts["most"].tolist() == [5.0]) == published
    assert counts["found"].tolist() == [1]
