"""Whatever a single file holds, what reads it returns something that can be used, or one line that names the file."""

import io
import random
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from importlib import util
from pathlib import Path
from types import ModuleType

import numpy as np
import openpyxl
import pandas as pd
import pytest
import soundfile
import yaml
from hypothesis import given, note, settings
from hypothesis import strategies as st

from emofuse import archive, arrays, audio, params, restricted_pickle, tables, workbook
from emofuse.errors import InputError
from emofuse.toy import meld, python2_pickle
from emofuse.transcription import table

REPOSITORY = Path(__file__).parents[2]
IDS = tuple(f"corpus:clip {k}" for k in range(8))
TREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


def load(name: str) -> ModuleType:
    spec = util.spec_from_file_location(f"fuzz_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


mutations, reading = load("mutations"), load("reading")


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def workbook_bytes() -> bytes:
    book = openpyxl.Workbook()
    for row in (["Time (s)", "EDA", "R 1"], *([k / 4, 0.5 + k, None if k == 3 else "word"] for k in range(12))):
        book.active.append(row)
    return saved(book.save)


def zip_bytes() -> bytes:
    def write(buffer: io.BytesIO) -> None:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("S01/ACC.csv", "1560000000, 1560000000, 1560000000\n" * 50)
            file.writestr("S01/tags.csv", "")

    return saved(write)


def sound(kind: str) -> bytes:
    tone = (0.3 * np.sin(np.arange(4000) / 5)).astype(np.float32)
    return saved(lambda buffer: soundfile.write(buffer, np.stack([tone, tone], axis=1), 16000, format=kind))


def examples_frame() -> pd.DataFrame:
    known = {"example_id": IDS, "corpus": "corpus", "start_s": 0.0, "end_s": 1.5, "transcript": "a text", "arousal": 3.5, "fold": 1}
    return pd.DataFrame(known).reindex(columns=list(tables.EXAMPLES.columns))


def written(write: Callable[[Path], object], folder: Path) -> bytes:
    write(folder / "whole")
    return (folder / "whole").read_bytes()


def read_texts(path: Path) -> None:
    found = table.texts(path, examples_frame())
    assert set(found.index) <= set(IDS)
    assert found.index.is_unique
    assert all(isinstance(text, str) for text in found)


def read_workbook(path: Path) -> None:
    found = workbook.read(path)
    assert len(set(found.columns)) == len(found.columns) > 0
    assert all(isinstance(name, str) for name in found)


def read_sound(path: Path) -> None:
    found, samples = audio.inspect(path), audio.read(path)
    assert 0 < found.duration_s <= audio.LONGEST_S
    assert 0 <= found.peak < np.inf
    assert np.isfinite(samples).all()
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(found.duration_s * audio.SAMPLE_RATE_HZ, abs=2)


def read_zip(path: Path) -> None:
    for name in archive.names(path):
        assert len(archive.content(path, name, 100)) <= 100


def read_table(path: Path) -> None:
    found = tables.read(path, tables.EXAMPLES)
    assert tables.check(found, tables.EXAMPLES, str(path)).equals(found)
    tables.write(found, path.with_name("again.parquet"), tables.EXAMPLES)


def read_cache(path: Path) -> None:
    """``path`` is one of the two files of a cache."""
    cache = arrays.ArrayCache(path.parent)
    for key in cache:
        assert len(cache[key]) == cache.length(key)


PARSERS: dict[str, tuple[str, Callable[[Path], bytes], Callable[[Path], object]]] = {  # file name, its bytes, what reads it
    "texts": ("texts.csv", lambda _: ("example_id,text,more\n" + "".join(f'{i},"said, {i}",1\n' for i in IDS)).encode(), read_texts),
    "params": ("params.yaml", lambda _: (REPOSITORY / "params.yaml").read_bytes(), params.load),
    "pickle": (
        "S2.pkl",
        lambda folder: written(lambda p: python2_pickle.write(p, {"a": {"ACC": np.ones((40, 3))}, "s": "S2", "l": [1, 2.5, None]}), folder),
        restricted_pickle.load,
    ),
    "workbook": ("book.xlsx", lambda _: workbook_bytes(), read_workbook),
    "zip": ("session.zip", lambda _: zip_bytes(), read_zip),
    "wav": ("clip.wav", lambda _: sound("WAV"), read_sound),
    "flac": ("clip.flac", lambda _: sound("FLAC"), read_sound),
    "ogg": ("clip.ogg", lambda _: sound("OGG"), read_sound),
    "mp3": ("clip.mp3", lambda _: sound("MP3"), read_sound),
    "table": ("examples.parquet", lambda folder: written(lambda p: tables.write(examples_frame(), p, tables.EXAMPLES), folder), read_table),
    "array index": ("index.parquet", lambda folder: cache_file(folder, "index.parquet"), read_cache),
    "arrays": ("frames.npy", lambda folder: cache_file(folder, "frames.npy"), read_cache),
}


def cache_file(folder: Path, name: str) -> bytes:
    arrays.write(folder / "cache", ((i, np.full((k + 1, 2), k, np.float32)) for k, i in enumerate(IDS)))
    return (folder / "cache" / name).read_bytes()


@pytest.mark.parametrize("parser", PARSERS)
def test_a_damaged_file_is_read_or_refused_in_one_line_that_names_it(
    parser: str, tmp_path: Path, outcomes: Counter[tuple[str, str]]
) -> None:
    name, write, read = PARSERS[parser]
    whole = write(tmp_path)
    folder = tmp_path / "cache" if (tmp_path / "cache").is_dir() else tmp_path
    path = folder / name
    path.write_bytes(whole)
    read(path)  # which is not refused
    binary = parser not in ("texts", "params")

    @settings(settings.get_profile("fuzz"), max_examples=3 * settings.get_profile("fuzz").max_examples)
    @given(choose=st.randoms(use_true_random=False))
    def holds(choose: random.Random) -> None:
        changed = mutations.damaged(whole, name, binary, choose)
        note(f"{changed[:500]!r}")
        with reading.damage(path, changed), reading.limited(parser):
            try:
                read(path)
                outcomes[parser, "read"] += 1
            except InputError as error:
                reading.one_line(error, path, path.parent)
                outcomes[parser, "refused"] += 1

    holds()


@pytest.mark.parametrize("member", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"])
def test_a_workbook_of_damaged_xml_is_read_or_refused(member: str, tmp_path: Path, outcomes: Counter[tuple[str, str]]) -> None:
    with zipfile.ZipFile(io.BytesIO(workbook_bytes())) as book:
        members = {name: book.read(name) for name in book.namelist()}
    path = tmp_path / "book.xlsx"

    @settings(settings.get_profile("fuzz"))
    @given(choose=st.randoms(use_true_random=False))
    def holds(choose: random.Random) -> None:
        changed = mutations.damaged(members[member], member, False, choose)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
            for name, content in members.items():
                if name != member:
                    book.writestr(name, content)
                elif isinstance(changed, bytes):
                    book.writestr(name, changed)
        with reading.limited(member):
            try:
                read_workbook(path)
                outcomes["XML of a workbook", "read"] += 1
            except InputError as error:
                reading.one_line(error, path)
                outcomes["XML of a workbook", "refused"] += 1

    holds()


def test_a_damaged_clip_of_a_film_is_decoded_or_refused(tmp_path: Path, outcomes: Counter[tuple[str, str]]) -> None:
    meld.write(tmp_path / "meld", 1)
    path = next((tmp_path / "meld").rglob("dia0_utt1.mp4"))
    whole = path.read_bytes()
    read_sound(path)

    @settings(settings.get_profile("fuzz"))
    @given(choose=st.randoms(use_true_random=False))
    def holds(choose: random.Random) -> None:
        with reading.damage(path, mutations.damaged(whole, path.name, True, choose)), reading.limited("mp4"):
            try:
                read_sound(path)
                outcomes["mp4", "read"] += 1
            except InputError as error:
                reading.one_line(error, path)
                outcomes["mp4", "refused"] += 1

    holds()


@settings(settings.get_profile("fuzz"), max_examples=5 * settings.get_profile("fuzz").max_examples)
@given(choose=st.randoms(use_true_random=False), value=TREE)
def test_another_value_anywhere_in_the_parameters_is_accepted_or_refused_by_its_key(choose: random.Random, value: object) -> None:
    data = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    place, key, path = data, choose.choice(list(data)), []
    while True:
        path.append(str(key))
        inner = place[key]
        if not isinstance(inner, dict) or not inner or choose.randrange(4) == 0:
            break
        place, key = inner, choose.choice(list(inner))
    place[key] = value
    note(f"{'.'.join(path)}: {value!r}")
    try:
        params.parse(data)
    except InputError as error:
        reading.one_line(error, path[0])
