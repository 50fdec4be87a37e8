"""Whatever happens to one file of a corpus, its reader returns tables that hold, or one line; and nothing is dropped without a word."""

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module, util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from emofuse import corpora, recordings
from emofuse.errors import InputError
from emofuse.toy import speech


def load(name: str) -> ModuleType:
    spec = util.spec_from_file_location(f"fuzz_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


mutations, reading, small_trees = load("mutations"), load("reading"), load("small_trees")
READERS = small_trees.READERS


def noise(utterances: Sequence[speech.Utterance], title: str) -> Iterator[np.ndarray]:
    for utterance in utterances:
        yield np.random.default_rng(utterance.seed).integers(-9000, 9000, 2000).astype(np.int16)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple]:
    """For the name of an entry of READERS: root, folder for tables, what is read of it undamaged, its files. Each tree is written once."""
    home = tmp_path_factory.mktemp("fuzz")
    written: dict[Callable[[Path], None], Path] = {}

    @cache
    def prepared(name: str) -> tuple:
        tree = READERS[name]
        if tree.write not in written:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(speech, "speak", noise)
                tree.write(home / str(len(written)))
            written[tree.write] = home / str(len(written))
        root, folder = written[tree.write], home / "tables"

        def read() -> object:
            return reading.read(tree.kind, tree.corpus, tree.release, root, folder)

        groups = reading.files(root, read)
        return root, folder, read(), groups

    return prepared


def test_every_release_of_every_reader_has_a_small_tree() -> None:
    known = {
        (kind, name, release)
        for kind, package in (("corpora", corpora), ("recordings", recordings))
        for name in package.known()
        for release in import_module(f"emofuse.{kind}.{name}").RELEASES
    }
    assert {(tree.kind, tree.corpus, tree.release) for tree in READERS.values()} == known
    assert len(READERS) > len(known)  # and some releases lie on disk in several ways


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_gives_valid_tables_or_one_line_and_no_silent_loss(
    name: str, small: Callable[[str], tuple], outcomes: Counter[tuple[str, str]]
) -> None:
    tree = READERS[name]
    root, folder, before, groups = small(name)
    reading.require_valid(tree.kind, tree.corpus, before)

    @settings(settings.get_profile("fuzz"))
    @given(choose=st.randoms(use_true_random=False))
    def holds(choose: random.Random) -> None:
        file = reading.chosen(groups, choose)
        old = file.read_bytes()
        new = mutations.damaged(old, file.name, file.suffix.lower() in reading.BINARY, choose)
        note(f"{file}: {new[:300]!r}")
        with reading.damage(file, new):
            try:
                after = reading.read(tree.kind, tree.corpus, tree.release, root, folder)
            except InputError as error:
                reading.one_line(error, root, f"corpora.{tree.corpus}")
                outcomes[name, "refused"] += 1
                return
            outcomes[name, "read"] += 1
            reading.require_valid(tree.kind, tree.corpus, after)
            content = new if isinstance(new, bytes) else None
            if tree.kind == "recordings":
                reading.require_losses_told(before, after, file, root, tree.names_are_the_list, old, content)
                return
            # the newer release's audio holds turns that the earlier one never listed
            listed = content if tree.variant.startswith("rebuilt") and content is not None else None
            reading.require_nothing_dropped(
                tree.corpus,
                before,
                after,
                file,
                root,
                tree.names_are_the_list,
                lambda stem: listed is None or stem.encode() in listed,
            )

    with reading.looking_once():
        holds()
