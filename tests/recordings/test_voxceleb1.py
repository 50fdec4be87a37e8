"""VoxCeleb1's reader against a small tree written here; it does not open audio, so the files are empty."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emofuse.errors import InputError
from emofuse.recordings import voxceleb1 as reader
from emofuse.remarks import Count, LeftOut, exactly
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
    return [one for one in reader.read(root, "1") if isinstance(one, Recording)]


def left_out(root: Path) -> list[tuple[str, str]]:
    return [(one.item, one.reason) for one in reader.read(root, "1") if isinstance(one, LeftOut)]


def problem(root: Path, release: str = "1") -> str:
    with pytest.raises(InputError) as error:
        list(reader.read(root, release))
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


def test_an_utterance_that_is_there_twice_counts_once_where_both_are_equal_and_is_refused_else(root: Path) -> None:
    before = [(r.native_id, r.audio) for r in read(root)]
    second = root / "VoxCeleb1/wav/id10001/-zcIwhmdeo4/00001.wav"
    touch(second)
    assert left_out(root) == [("VoxCeleb1/dev/wav/id10001/-zcIwhmdeo4/00001.wav", "copy")]
    assert [r.native_id for r in read(root)] == [name for name, _ in before]
    second.write_bytes(b"RIFF")
    message = problem(root)
    assert "VoxCeleb1/wav/id10001" in message
    assert "VoxCeleb1/dev/wav/id10001" in message


def test_a_speaker_outside_the_list_is_refused_with_the_utterance(root: Path) -> None:
    stranger = root / "VoxCeleb1/dev/wav/id10003/5r0dWxy17C8/00001.wav"
    touch(stranger)
    assert str(stranger) in problem(root)


@pytest.mark.parametrize(
    "name",
    [
        *("id10001/-zcIwhmdeo4/1.wav", "id10001/short/00001.wav", "id10001/with space!/00001.wav", "00001.wav", "other/video/00001.wav"),
        *("id10001/-zcIwhmdeo4/00001.m4a", "id10001/-zcIwhmdeo4/old/00001.wav", "id10001/-zcIwhmdeo4/00001.WAV"),
    ],
)
def test_audio_of_another_name_is_left_out_and_said(root: Path, name: str) -> None:
    before = read(root)
    touch(root / "VoxCeleb1/dev/wav" / name)
    assert left_out(root) == [(f"VoxCeleb1/dev/wav/{name}", "extra_file")]
    assert read(root) == before


def test_flac_counts_as_the_release_of_its_name(root: Path) -> None:
    path = root / "VoxCeleb1" / UTTERANCES[0]
    path.rename(path.with_suffix(".flac"))
    assert [r.audio for r in read(root)][2] == "VoxCeleb1/dev/wav/id10002/_zcIwhmdeo4/00001.flac"


def write_list(root: Path, *utterances: str) -> Path:
    path = root / "VoxCeleb1" / "iden_split.txt"
    path.write_text("".join(f"{1 + k % 3} {name}\n" for k, name in enumerate(utterances)))
    return path


def test_what_the_list_of_utterances_names_and_is_absent_is_said_and_what_it_does_not_is_left_out(root: Path) -> None:
    names = [path.partition("wav/")[2] for path in UTTERANCES]
    path = write_list(root, *names)
    assert (len(read(root)), left_out(root)) == (4, [])
    write_list(root, *names[1:], "id10001/-zcIwhmdeo4/00009.wav")
    assert [r.native_id for r in read(root)] == ["id10001/-zcIwhmdeo4/00001", "id10001/-zcIwhmdeo4/00002", "id10270/5r0dWxy17C8/00003"]
    assert left_out(root) == [
        ("VoxCeleb1/dev/wav/id10002/_zcIwhmdeo4/00001.wav", "extra_file"), ("id10001/-zcIwhmdeo4/00009", "missing_audio"),
    ]  # fmt: skip
    details = [one.detail for one in reader.read(root, "1") if isinstance(one, LeftOut)]
    assert details[1] == f"{path}: expected audio of id10001/-zcIwhmdeo4/00009, found none below {root}"


def test_without_that_list_a_speaker_without_utterances_is_said(root: Path) -> None:
    (root / "VoxCeleb1" / UTTERANCES[3]).unlink()
    assert left_out(root) == [("id10270", "missing_audio")]


@pytest.mark.parametrize("line", ["4 id10001/-zcIwhmdeo4/00002.wav", "1 ../../secret.wav", "1 id10001/-zcIwhmdeo4/00001.wav", "1,x"])
def test_a_damaged_list_of_utterances_is_named_with_its_line(root: Path, line: str) -> None:
    path = write_list(root, "id10001/-zcIwhmdeo4/00001.wav")
    path.write_text(path.read_text() + line + "\n")
    message = problem(root)
    assert f"{path}: line 2: expected" in message and line in message
    path.write_bytes(b"\xff\xfe1")
    assert f"{path}: expected a list of utterances as UTF-8" in problem(root)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("\t", ",", "'VoxCeleb1 ID'"),
        ("Set", "Part", "'Set'"),
        ("\tdev", "\ttrain", "row 2: Set"),
        ("Gender", "Set ", "'Set'"),
        ("id10002", "id10001", "row 3: VoxCeleb1 ID expects each speaker once"),
        ("id10270", "10270", "row 4: VoxCeleb1 ID"),
        ("\tIndia", "\tIndia\tAsia", "row 3: expected 5 fields as in the first row, found 6"),
        ("\tUSA\ttest", "\tUSA", "row 4: expected 5 fields as in the first row, found 4"),
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
        assert [r.split for r in read(root)] == ["dev"]
    except InputError as error:
        assert "\n" not in str(error)
        assert "vox1_meta.csv" in str(error)


def test_a_release_without_audio_or_list_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    assert "vox1_meta.csv" in problem(tmp_path / "lists")
    (tmp_path / "lists" / "vox1_meta.csv").write_text("\n".join(META) + "\n")
    assert "found none" in problem(tmp_path / "lists")
    assert "'2'" in problem(root, release="2")


def test_utterances_and_speakers_are_counted_beside_what_is_published(root: Path) -> None:
    assert [one for one in reader.read(root, "1") if isinstance(one, Count)] == [
        exactly("utterances in dev", 148642, 3), exactly("utterances in test", 4874, 1), exactly("speakers", 1251, 3),
    ]  # fmt: skip
