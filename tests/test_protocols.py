"""Folds: who is trained on, selected on and tested on."""

from collections.abc import Mapping, Sequence
from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from emofuse.errors import InputError
from emofuse.protocols import Fold, check, folds, select

quick = settings(max_examples=40, deadline=None)  # a loaded machine is no failure


def table(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Examples of which only what protocols look at is filled in."""
    frame = pd.DataFrame(rows).reindex(columns=["example_id", "speaker", "partner", "split", "fold"])
    return frame.assign(example_id=[f"toy:{i:03}" for i in range(len(frame))])


def dyads(sizes: list[tuple[int, int]]) -> pd.DataFrame:
    """Sessions of two speakers who say so many utterances each."""
    rows = []
    for session, numbers in enumerate(sizes, 1):
        for number, (speaker, partner) in zip(numbers, (("F", "M"), ("M", "F")), strict=True):
            rows += [{"speaker": f"Ses{session:02}{speaker}", "partner": f"Ses{session:02}{partner}"}] * number
    return table(rows)


sessions = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=2, max_size=5).map(dyads)
published_folds = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=3, max_size=6).map(
    lambda fold_sizes: table(
        [
            {"speaker": f"{k}-{s}", "fold": float(k)}
            for k, speakers in enumerate(fold_sizes, 1)
            for s, n in enumerate(speakers)
            for _ in range(n)
        ]
    )
)
official_splits = st.lists(st.tuples(st.sampled_from(["train", "dev", "test1", "test2"]), st.booleans()), max_size=20).map(
    lambda rows: table(
        [{"split": s, "speaker": f"{s}-{i}"} for i, s in enumerate(("train", "dev", "test1"))]
        + [{"split": split, "speaker": f"{split}-0" if known else None} for split, known in rows]
    )
)
every_protocol = st.one_of(
    sessions.map(lambda examples: ("leave_one_speaker_out", examples)),
    published_folds.map(lambda examples: ("speaker_folds", examples)),
    official_splits.map(lambda examples: ("official", examples)),
)


@quick
@given(every_protocol)
def test_no_example_and_no_known_speaker_is_on_two_sides(case: tuple[str, pd.DataFrame]) -> None:
    protocol, examples = case
    speaker = examples.set_index("example_id")["speaker"]
    for fold in folds(protocol, examples):
        sides = [set(fold.train), set(fold.dev), set(fold.test)]
        assert all(sides)
        assert len(set.union(*sides)) == sum(len(side) for side in sides) == len(fold.train + fold.dev + fold.test)
        heard = [set(speaker[sorted(side)].dropna()) for side in sides]
        assert len(set.union(*heard)) == sum(len(h) for h in heard)


@quick
@given(st.one_of(sessions.map(lambda e: ("leave_one_speaker_out", e)), published_folds.map(lambda e: ("speaker_folds", e))))
def test_cross_validation_partitions_and_tests_each_example_once(case: tuple[str, pd.DataFrame]) -> None:
    protocol, examples = case
    found = folds(protocol, examples)
    assert sorted(i for fold in found for i in fold.test) == sorted(examples["example_id"])
    assert sorted(i for fold in found for i in fold.dev) == sorted(examples["example_id"])
    assert all(sorted(fold.train + fold.dev + fold.test) == sorted(examples["example_id"]) for fold in found)


@quick
@given(every_protocol, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(case: tuple[str, pd.DataFrame], random: Random) -> None:
    protocol, examples = case
    order = list(range(len(examples)))
    random.shuffle(order)
    assert folds(protocol, examples.iloc[order]) == folds(protocol, examples)


@quick
@given(sessions)
def test_the_partner_is_dev_and_the_session_is_not_trained_on(examples: pd.DataFrame) -> None:
    rows = examples.set_index("example_id")
    for fold in folds("leave_one_speaker_out", examples):
        assert set(rows.loc[list(fold.test), "speaker"]) == {fold.name}
        assert set(rows.loc[list(fold.dev), "speaker"]) == set(rows.loc[list(fold.test), "partner"])
        assert not rows.loc[list(fold.train), "speaker"].str.startswith(fold.name[:5]).any()


def test_ten_speakers_make_ten_folds_in_order() -> None:
    found = folds("leave_one_speaker_out", dyads([(2, 2)] * 5))
    assert [fold.name for fold in found] == [f"Ses{s:02}{letter}" for s in range(1, 6) for letter in "FM"]


def test_published_folds_follow_each_other_as_dev() -> None:
    examples = table([{"speaker": f"s{k}", "fold": k} for k in (1, 2, 3)])
    assert folds("speaker_folds", examples) == [
        Fold("fold1", ("toy:002",), ("toy:001",), ("toy:000",)),
        Fold("fold2", ("toy:000",), ("toy:002",), ("toy:001",)),
        Fold("fold3", ("toy:001",), ("toy:000",), ("toy:002",)),
    ]


def test_the_official_fold_leaves_the_further_test_sets_out() -> None:
    examples = table([{"split": s, "speaker": None} for s in ("train", "dev", "test1", "test2", "test3", None)])
    assert folds("official", examples) == [Fold("official", ("toy:000",), ("toy:001",), ("toy:002",))]


def test_folds_leave_the_table_as_it_was() -> None:
    examples = dyads([(1, 2), (2, 1)]).iloc[::-1]
    before = examples.copy()
    folds("leave_one_speaker_out", examples)
    assert_frame_equal(examples, before)


def test_chosen_folds_keep_their_order() -> None:
    found = folds("leave_one_speaker_out", dyads([(1, 1)] * 2))
    assert [fold.name for fold in select(found, ["Ses02F", "Ses01M"])] == ["Ses01M", "Ses02F"]
    assert select(found, None) == found


@pytest.mark.parametrize("names", [["Ses09F"], []])
def test_choosing_an_unknown_fold_or_none_lists_those_that_exist(names: list[str]) -> None:
    with pytest.raises(InputError, match=r"'Ses01F', 'Ses01M'.*(Ses09F|none)"):
        select(folds("leave_one_speaker_out", dyads([(1, 1)] * 2)), names)


def test_an_unknown_protocol_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'oficial'.*'official'"):
        folds("oficial", dyads([(1, 1)]))


def test_a_speaker_on_two_sides_is_named() -> None:
    examples = table([{"split": s, "speaker": n} for s, n in (("train", "7"), ("dev", "8"), ("test1", "7"))])
    with pytest.raises(InputError, match="fold official: speaker 7 expects one side, found on train and test"):
        folds("official", examples)


def test_an_example_on_two_sides_or_twice_on_one_is_named() -> None:
    examples = table([{"speaker": None}] * 3)
    for train in (("toy:000", "toy:001"), ("toy:000", "toy:000")):
        with pytest.raises(InputError, match=r"example toy:00[01] expects one side"):
            check(Fold("x", train, ("toy:001",), ("toy:002",)), examples)


def test_an_example_that_is_not_in_the_table_is_named() -> None:
    with pytest.raises(InputError, match="fold x: dev has example toy:009"):
        check(Fold("x", ("toy:000",), ("toy:009",), ("toy:001",)), table([{"speaker": None}] * 2))


@pytest.mark.parametrize("side", ["train", "dev", "test1"])
def test_an_empty_side_is_named(side: str) -> None:
    examples = table([{"split": s, "speaker": s} for s in ("train", "dev", "test1") if s != side])
    with pytest.raises(InputError, match=f"fold official: {side.removesuffix('1')} expects at least one example"):
        folds("official", examples)


def test_a_lone_session_has_nobody_to_train_on() -> None:
    with pytest.raises(InputError, match="fold Ses01F: train expects at least one example"):
        folds("leave_one_speaker_out", dyads([(1, 1)]))


@pytest.mark.parametrize(
    ("protocol", "column"), [("leave_one_speaker_out", "speaker"), ("leave_one_speaker_out", "partner"), ("speaker_folds", "fold")]
)
def test_an_example_without_what_the_protocol_needs_is_named(protocol: str, column: str) -> None:
    examples = dyads([(1, 1), (1, 1), (1, 1)]).assign(fold=[1.0, 1.0, 2.0, 2.0, 3.0, 3.0])
    examples.loc[3, column] = None
    with pytest.raises(InputError, match=f"toy:003: {protocol} expects a {column}"):
        folds(protocol, examples)


def test_a_speaker_with_two_partners_is_named() -> None:
    examples = dyads([(2, 1), (1, 1)])
    examples.loc[0, "partner"] = "Ses02F"
    with pytest.raises(InputError, match="speaker Ses01F"):
        folds("leave_one_speaker_out", examples)
