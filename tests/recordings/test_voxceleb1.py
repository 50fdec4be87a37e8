"""VoxCeleb1's reader against a small tree written here; it does not open audio, so the files are empty."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse.errors import InputError
from emofuse.recordings import voxceleb1 as reader
from emofuse.signals import Recording

META = (
    "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet",
    "id10001\tA._Person\tm\tIreland\tdev",
    'id10002\tThe_"Quoted_Person\tf\tIndia\tdev',
    "id10270\tA_Third_Person\tf\tUSA\ttest",
)
UTTERANCES = (
    "dev/wav/id10002/_zcIwhmdeo4/00001.wav",
    "dev/wav/id10001/-zcIwhmdeo4/00002.wav",
    "dev/wav/id10001/-zcIwhmdeo4/00001.wav",
    "test/wav/id10270/5r0dWxy17C8/00003.wav",
)


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    release = tmp_path / "VoxCeleb1"
    for path in UTTERANCES:
        touch(release / path)
    touch(release / "dev/wav/id10001/-zcIwhmdeo4/._00001.wav")
    touch(release / "dev/wav/id10001/-zcIwhmdeo4/notes.txt")
    (release / "vox1_meta.csv").write_text("\n".join(META) + "\n")
    return tmp_path


def read(root: Path) -> list[Recording]:
    return list(reader.read(root, "1", False))


def problem(root: Path, check_counts: bool = False, release: str = "1") -> str:
    with pytest.raises(InputError) as error:
        list(reader.read(root, release, check_counts))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_each_utterance_is_a_recording_of_its_speaker_and_video(root: Path) -> None:
    assert read(root) == [
        Recording(name, name.split("/")[0], {}, session=name.split("/")[1], audio=f"VoxCeleb1/{split}/wav/{name}.wav", split=split)
        for name, split in (
            ("id10001/-zcIwhmdeo4/00001", "dev"),
            ("id10001/-zcIwhmdeo4/00002", "dev"),
            ("id10002/_zcIwhmdeo4/00001", "dev"),
            ("id10270/5r0dWxy17C8/00003", "test"),
        )
    ]


def test_one_merged_folder_gives_the_same_utterances(root: Path) -> None:
    before = [(r.native_id, r.split) for r in read(root)]
    release = root / "VoxCeleb1"
    (release / "dev" / "wav").rename(release / "wav")
    (release / "test" / "wav" / "id10270").rename(release / "wav" / "id10270")
    assert [(r.native_id, r.split) for r in read(root)] == before
    assert [(r.native_id, r.split) for r in read(release)] == before
    assert read(release)[0].audio == "wav/id10001/-zcIwhmdeo4/00001.wav"


def test_an_utterance_that_is_there_twice_is_refused(root: Path) -> None:
    touch(root / "VoxCeleb1/wav/id10001/-zcIwhmdeo4/00001.wav")
    message = problem(root)
    assert "VoxCeleb1/wav/id10001" in message
    assert "VoxCeleb1/dev/wav/id10001" in message


def test_a_speaker_outside_the_list_is_refused_with_the_utterance(root: Path) -> None:
    stranger = root / "VoxCeleb1/dev/wav/id10003/5r0dWxy17C8/00001.wav"
    touch(stranger)
    assert str(stranger) in problem(root)


@pytest.mark.parametrize("name", ["id10001/-zcIwhmdeo4/1.wav", "id10001/short/00001.wav", "id10001/with space!/00001.wav"])
def test_a_name_outside_the_grammar_is_refused(root: Path, name: str) -> None:
    touch(root / "VoxCeleb1/dev/wav" / name)
    assert str(root / "VoxCeleb1/dev/wav" / name) in problem(root)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("\t", ",", "'VoxCeleb1 ID'"),
        ("Set", "Part", "'Set'"),
        ("\tdev", "\ttrain", "row 2: Set"),
        ("id10002", "id10001", "row 3: VoxCeleb1 ID expects each speaker once"),
        ("id10270", "10270", "row 4: VoxCeleb1 ID"),
    ],
)
def test_a_damaged_list_of_speakers_is_named_with_its_row(root: Path, old: str, new: str, expected: str) -> None:
    meta = root / "VoxCeleb1" / "vox1_meta.csv"
    meta.write_text(meta.read_text().replace(old, new))
    message = problem(root)
    assert str(meta) in message
    assert expected in message


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_as_list_of_speakers_are_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    root = tmp_path_factory.mktemp("vox")
    touch(root / "wav/id10001/-zcIwhmdeo4/00001.wav")
    (root / "vox1_meta.csv").write_bytes(META[0].encode() + b"\nid10001\tA\tm\tB\tdev\n" + data)
    try:
        assert [r.split for r in reader.read(root, "1", False)] == ["dev"]
    except InputError as error:
        assert "\n" not in str(error)
        assert "vox1_meta.csv" in str(error)


def test_a_release_without_audio_or_list_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    assert "vox1_meta.csv" in problem(tmp_path / "lists")
    (tmp_path / "lists" / "vox1_meta.csv").write_text("\n".join(META) + "\n")
    assert "found none" in problem(tmp_path / "lists")
    assert "'2'" in problem(root, release="2")


def test_the_published_numbers_are_asked_for(root: Path) -> None:
    assert "148642 utterances in dev, found 3" in problem(root, check_counts=True)
    (root / "SYNTHETIC_README.txt").touch()
    assert len(list(reader.read(root, "1", True))) == 4
