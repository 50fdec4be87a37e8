"""Folds: who is trained on, selected on and tested on."""

from collections.abc import Mapping, Sequence
from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from emofuse.errors import InputError
from emofuse.protocols import Draw, Fold, check, folds, select

quick = settings(max_examples=40, deadline=None)  # a loaded machine is no failure


def table(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Examples of which only what protocols look at is filled in."""
    frame = pd.DataFrame(rows).reindex(columns=["example_id", "speaker", "partner", "session", "split", "fold", "transcript"])
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


DRAWING = ("leave_one_subject_out", "leave_one_session_out")


def debates(sizes: Sequence[Sequence[int]], first: int = 1) -> pd.DataFrame:
    """Sessions of one or two subjects, who have so many windows each; subjects are numbered on from ``first``."""
    rows: list[dict[str, object]] = []
    for session, numbers in enumerate(sizes, first):
        names = [f"P{2 * session - 1 + i}" for i in range(len(numbers))]
        for name, other, number in zip(names, names[::-1], numbers, strict=True):
            rows += [{"speaker": name, "partner": other if other != name else None, "session": f"D{session}"}] * number
    return table(rows)


some_debates = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=2), min_size=4, max_size=8).map(debates)
draws = st.builds(Draw, st.integers(1, 2), st.integers(0, 1000))


@quick
@given(st.sampled_from(DRAWING), some_debates, draws)
def test_every_window_is_tested_once_and_no_subject_is_on_two_sides(protocol: str, examples: pd.DataFrame, draw: Draw) -> None:
    rows = examples.set_index("example_id")
    found = folds(protocol, examples, draw)
    assert sorted(i for fold in found for i in fold.test) == sorted(rows.index)
    for fold in found:
        assert sorted(fold.train + fold.dev + fold.test) == sorted(rows.index)
        subjects = [set(rows.loc[list(side), "speaker"]) for side in (fold.train, fold.dev, fold.test)]
        assert all(subjects) and len(set.union(*subjects)) == sum(len(s) for s in subjects)


@quick
@given(some_debates, draws)
def test_the_test_subjects_partner_is_trained_on_and_never_selects(examples: pd.DataFrame, draw: Draw) -> None:
    rows = examples.set_index("example_id")
    for fold in folds("leave_one_subject_out", examples, draw):
        (partner,) = set(rows.loc[list(fold.test), "partner"])
        assert set(rows.loc[list(fold.test), "speaker"]) == {fold.name}
        assert rows.loc[list(fold.dev), "speaker"].nunique() == draw.count
        assert partner not in set(rows.loc[list(fold.dev), "speaker"])
        assert pd.isna(partner) or partner in set(rows.loc[list(fold.train), "speaker"])


@quick
@given(some_debates, draws)
def test_a_session_is_never_on_two_sides_of_leave_one_session_out(examples: pd.DataFrame, draw: Draw) -> None:
    session = examples.set_index("example_id")["session"]
    for fold in folds("leave_one_session_out", examples, draw):
        sides = [set(session[list(side)]) for side in (fold.train, fold.dev, fold.test)]
        assert sides[2] == {fold.name} and len(sides[1]) == draw.count
        assert len(set.union(*sides)) == sum(len(s) for s in sides)


@quick
@given(st.sampled_from(DRAWING), some_debates, draws, st.randoms(use_true_random=False))
def test_a_draw_does_not_depend_on_row_order(protocol: str, examples: pd.DataFrame, draw: Draw, random: Random) -> None:
    order = list(range(len(examples)))
    random.shuffle(order)
    assert folds(protocol, examples.iloc[order], draw) == folds(protocol, examples, draw)


@quick
@given(st.sampled_from(DRAWING), some_debates, draws)
def test_one_debate_more_displaces_others_only_where_it_is_drawn_itself(protocol: str, examples: pd.DataFrame, draw: Draw) -> None:
    more = examples["session"].nunique() + 1
    added = debates([[1, 1]], more).assign(example_id=["toy:900", "toy:901"])
    after = {fold.name: fold for fold in folds(protocol, pd.concat([examples, added], ignore_index=True), draw)}
    for fold in folds(protocol, examples, draw):
        old, new = set(fold.dev), set(after[fold.name].dev)
        assert new <= old | {"toy:900", "toy:901"}
        assert new == old or new & {"toy:900", "toy:901"}


@pytest.mark.parametrize("protocol", DRAWING)
def test_one_debate_more_leaves_most_folds_of_a_corpus_as_they_were(protocol: str) -> None:
    before = {fold.name: fold.dev for fold in folds(protocol, debates([[1, 1]] * 11), Draw(1, 0))}
    after = {fold.name: fold.dev for fold in folds(protocol, debates([[1, 1]] * 12), Draw(1, 0))}
    assert sum(after[name] == dev for name, dev in before.items()) > 0.7 * len(before)


@pytest.mark.parametrize("protocol", DRAWING)
def test_another_seed_draws_others_and_folds_do_not_all_draw_the_same(protocol: str) -> None:
    examples = debates([[1, 1]] * 11)
    drawn = [[fold.dev for fold in folds(protocol, examples, Draw(1, seed))] for seed in (0, 1)]
    assert drawn[0] != drawn[1] and all(len(set(d)) > len(d) / 3 for d in drawn)


def test_subjects_alone_in_their_session_make_both_protocols_alike() -> None:
    examples = debates([[2], [1], [3], [2]])
    by_subject, by_session = (folds(protocol, examples, Draw(1, 0)) for protocol in DRAWING)
    assert [fold.test for fold in by_subject] == [fold.test for fold in by_session]


@pytest.mark.parametrize(("protocol", "fold"), [(DRAWING[0], "P1"), (DRAWING[1], "D1")])
def test_too_few_to_draw_from_is_one_line_that_names_the_fold(protocol: str, fold: str) -> None:
    with pytest.raises(InputError, match=f"{protocol}: fold {fold}: expected more than 2 others .*, found 2; use more subjects") as error:
        folds(protocol, debates([[1], [1], [1]]), Draw(2, 0))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("protocol", "column"), [(DRAWING[0], "speaker"), (DRAWING[1], "session")])
def test_a_window_without_what_the_drawing_protocol_needs_is_named(protocol: str, column: str) -> None:
    examples = debates([[1, 1]] * 4)
    examples.loc[3, column] = None
    with pytest.raises(InputError, match=f"toy:003: {protocol} expects a {column}"):
        folds(protocol, examples, Draw(1, 0))


def test_a_subject_in_two_sessions_cannot_be_left_out_by_session() -> None:
    examples = debates([[2, 1]] * 4)
    examples.loc[0, "session"] = "D2"
    with pytest.raises(InputError, match=r"speaker P1 expects one side, found on \w+ and \w+"):
        folds("leave_one_session_out", examples, Draw(1, 0))


def test_a_drawing_protocol_without_a_draw_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="leave_one_subject_out needs a draw"):
        folds("leave_one_subject_out", debates([[1, 1]] * 4))


def test_an_unknown_protocol_is_answered_with_the_drawing_ones_too() -> None:
    with pytest.raises(InputError, match=r"'leave_one_session_out'.*'leave_one_subject_out'"):
        folds("leave_one_debate_out", debates([[1, 1]] * 4))


two_actors = st.integers(5, 40).map(
    lambda words: table(
        [{"speaker": who, "transcript": f"say the word {w}"} for who in ("OAF", "YAF") for w in range(words) for _ in range(2)]
    )
)


@quick
@given(two_actors)
def test_of_two_speakers_each_is_tested_alone_and_a_fifth_of_the_others_sentences_selects(examples: pd.DataFrame) -> None:
    rows = examples.set_index("example_id")
    found = folds("two_speakers", examples)
    assert [fold.name for fold in found] == ["OAF", "YAF"]
    for fold in found:
        sides = {side: rows.loc[list(getattr(fold, side))] for side in ("train", "dev", "test")}
        assert sum(len(side) for side in sides.values()) == len(rows)
        assert set(sides["test"]["speaker"]) == {fold.name}
        assert fold.name not in {*sides["train"]["speaker"], *sides["dev"]["speaker"]}
        assert not set(sides["train"]["transcript"]) & set(sides["dev"]["transcript"])
        assert 0.2 <= len(sides["dev"]) / (len(sides["dev"]) + len(sides["train"])) < 0.4
    assert {rows.loc[i, "transcript"] for i in found[0].dev} == {rows.loc[i, "transcript"] for i in found[1].dev}


def test_two_speakers_are_not_three() -> None:
    examples = table([{"speaker": s, "transcript": t} for s in "abc" for t in ("yes", "no")])
    with pytest.raises(InputError, match="expected two speakers, found 3"):
        folds("two_speakers", examples)


def test_official_parts_may_share_speakers_only_where_the_protocol_says_so() -> None:
    examples = table([{"split": split, "speaker": "Joey"} for split in ("train", "dev", "test1")])
    fold = folds("official_shared_speakers", examples)[0]
    assert (fold.train, fold.dev, fold.test) == (("toy:000",), ("toy:001",), ("toy:002",))
    with pytest.raises(InputError, match="speaker Joey expects one side"):
        folds("official", examples)
