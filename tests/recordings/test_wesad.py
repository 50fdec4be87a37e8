"""WESAD's reader against small pickles written here, and against the invented corpus."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emofuse import recordings as corpora
from emofuse.errors import InputError
from emofuse.params.wearable import ToySubjects
from emofuse.remarks import Count, LeftOut
from emofuse.signals import Recording
from emofuse.toy import python2_pickle, wesad

SECONDS = 9


def content(subject: str = "S2") -> dict:
    samples = {"ACC": np.tile([0.0, 0.0, 64.0], (32 * SECONDS, 1))}
    samples |= {name: np.linspace(0, 1, rate * SECONDS)[:, None] for name, rate in (("BVP", 64), ("EDA", 4), ("TEMP", 4))}
    labels = np.repeat(np.array([0, 1, 2], np.int32), 700 * SECONDS // 3)
    return {"signal": {"wrist": samples, "chest": {"Temp": np.ones((700 * SECONDS, 1))}}, "label": labels, "subject": subject}


def write(root: Path, subject: str = "S2", change=lambda content: None) -> Path:
    value = content(subject)
    change(value)
    python2_pickle.write(root / subject / f"{subject}.pkl", value)
    return root / subject / f"{subject}.pkl"


def read(root: Path) -> list[Recording]:
    return [one for one in corpora.read("wesad", root, "2018") if isinstance(one, Recording)]


def remarks(root: Path) -> tuple[list[LeftOut], dict[str, tuple[int, int | None, int | None]]]:
    said = [one for one in corpora.read("wesad", root, "2018") if not isinstance(one, Recording)]
    return [one for one in said if isinstance(one, LeftOut)], {c.what: (c.found, c.least, c.most) for c in said if isinstance(c, Count)}


def refusal(root: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def invented(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("wesad") / "wesad"
    wesad.write(root, 5, ToySubjects(subjects=2, duration_s=90))
    return root


def test_acceleration_is_in_g_and_labels_are_on_the_same_clock(tmp_path):
    write(tmp_path)
    (recording,) = read(tmp_path)
    assert (recording.native_id, recording.subject, recording.t0_unix_s, recording.span_s) == ("S2", "S2", None, (0, SECONDS))
    assert np.array_equal(recording.tracks["acc"].samples, np.tile([0, 0, 1], (32 * SECONDS, 1)))
    assert np.array_equal(recording.tracks["bvp"].samples, np.linspace(0, 1, 64 * SECONDS).astype(np.float32))
    assert [(a.start_s, a.end_s, a.name, a.text, a.value) for a in recording.annotations] == [
        (0, 3, "condition", "transient", None),
        (3, 6, "condition", "baseline", None),
        (6, 9, "condition", "stress", None),
    ]


def test_subjects_come_by_number_one_at_a_time(tmp_path):
    for subject in ("S10", "S2", "S3"):
        write(tmp_path / "WESAD", subject)
    (tmp_path / "WESAD" / "S10" / "S10.pkl").write_bytes(b"no pickle")
    some = (one for one in corpora.read("wesad", tmp_path, "2018") if isinstance(one, Recording))
    assert [next(some).native_id, next(some).native_id] == ["S2", "S3"]
    with pytest.raises(InputError, match="S10"):
        next(some)


def test_the_invented_corpus_is_read(invented):
    found = read(invented)
    assert [r.native_id for r in found] == ["S2", "S3"]
    for recording in found:
        assert 0.9 < np.median(np.linalg.norm(recording.tracks["acc"].samples, axis=1)) < 1.1
        assert [a.text for a in recording.annotations] == [
            *("transient", "baseline", "transient", "stress", "transient", "amusement", "transient", "meditation", "ignored")
        ]
        assert all(one.end_s == other.start_s for one, other in pairwise(recording.annotations))
        assert recording.annotations[-1].end_s == 90


def test_signals_that_end_apart_are_used_to_their_common_end(tmp_path):
    def cut(value):
        value["signal"]["wrist"]["EDA"] = value["signal"]["wrist"]["EDA"][:-2]

    write(tmp_path, change=cut)
    assert read(tmp_path)[0].span_s == (0, SECONDS - 0.5)

    def halve(value):
        value["label"] = value["label"][:3500]

    write(tmp_path, change=halve)
    assert read(tmp_path)[0].span_s == (0, 5)


@pytest.mark.parametrize(("seconds", "together"), [(7.9, 0), (8.1, 1), (9.9, 1), (10.1, 0)])
def test_labels_that_end_a_second_off_the_signals_are_left_out_and_said(tmp_path, seconds, together):
    path = write(tmp_path, change=lambda c: c.update(label=np.ones(round(700 * seconds), np.int32)))
    left_out, counts = remarks(tmp_path)
    assert counts["subjects whose labels end with their signals"] == (together, 1, 1)
    said = f"{path}: expected labels as long as the wrist device's signals, 9.0 s, found {seconds:.1f} s: what they share is used"
    assert left_out == ([] if together else [LeftOut("S2", "surplus", said)])


def test_subjects_are_counted_beside_what_is_published(tmp_path):
    write(tmp_path, "S2", lambda c: c["signal"]["chest"].update(ACC=np.ones((6300, 3))))
    write(tmp_path, "S3", lambda c: c["signal"]["chest"].update(ACC=np.ones((6299, 3))))
    write(tmp_path, "S4", lambda c: c["signal"].update(chest=None))
    left_out, counts = remarks(tmp_path)
    assert counts["subjects"] == (3, 15, 15)
    assert counts["subjects with a label for each sample of the chest device"] == (1, 3, 3)
    assert left_out == []


def test_the_wristbands_own_files_change_nothing_zipped_or_not_and_another_pickle_is_left_out(invented, tmp_path):
    assert (invented / "S2" / "S2_E4_Data.zip").is_file() and (invented / "S3" / "S3_E4_Data" / "BVP.csv").is_file()
    assert remarks(invented)[0] == []
    write(tmp_path)
    write(tmp_path / "S2", "S3").rename(tmp_path / "S2" / "S2 (1).pkl")
    (tmp_path / "S2" / "S3").rmdir()
    left_out, _ = remarks(tmp_path)
    assert [(one.item, one.reason) for one in left_out] == [("S2/S2 (1).pkl", "extra_file")]
    assert len(read(tmp_path)) == 1


def wrist(key: str, value: object):
    return lambda content: content["signal"]["wrist"].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(subject="S3"), "expected the signals of subject 'S2', found 'S3'"),
        (lambda c: c.pop("signal"), "signal.wrist.ACC: expected an array, found NoneType"),
        (wrist("ACC", np.ones((9, 1))), "signal.wrist.ACC: expected numbers of shape (sample, 3)"),
        (wrist("ACC", np.full((9, 3), 12.0)), "signal.wrist.ACC: expected acceleration"),
        (wrist("BVP", "text"), "signal.wrist.BVP: expected an array, found str"),
        (wrist("EDA", np.full((36, 1), np.inf)), "signal.wrist.EDA: expected numbers"),
        (wrist("EDA", np.full((36, 1), 1e39)), "signal.wrist.EDA: expected numbers"),  # beyond single precision
        (wrist("TEMP", np.ones((0, 1))), "signal.wrist.TEMP: expected numbers"),
        (lambda c: c["label"].__setitem__(11, 9), "condition: expected codes [0, 1, 2, 3, 4, 5, 6, 7], found 9 at sample 11"),
        (lambda c: c.pop("label"), "label: expected an array, found NoneType"),
    ],
)
def test_a_pickle_of_another_content_is_named(tmp_path, change, message):
    path = write(tmp_path, change=change)
    found = refusal(tmp_path)
    assert found.startswith(str(path)) and message in found


def test_a_subject_that_is_endless_to_print_is_named_by_its_kind(tmp_path):
    path = tmp_path / "S2" / "S2.pkl"
    path.parent.mkdir()
    doubled = b"(lq\0" + b"".join(b"0(h%ch%clq%c" % (k, k, k + 1) for k in range(60))  # 2^60 lists, all the same
    path.write_bytes(b"}U\x07subject" + doubled + b"s.")
    assert f"{path}: expected the signals of subject 'S2', found a list" in refusal(tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bytes_that_flip_are_read_or_refused_in_one_line_that_names_the_file(tmp_path, data):
    path = write(tmp_path)
    content = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        assert [one.native_id for one in read(tmp_path)] == ["S2"]
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)


def test_a_subject_without_pickle_is_named(tmp_path):
    write(tmp_path)
    (tmp_path / "S3").mkdir()
    assert f"{tmp_path}/S3/S3.pkl: expected the subject's signals" in refusal(tmp_path)
    assert "expected WESAD" in refusal(tmp_path / "S2")


def test_a_pickle_that_is_cut_is_named(tmp_path):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    assert f"{path}: expected a whole pickle" in refusal(tmp_path)
