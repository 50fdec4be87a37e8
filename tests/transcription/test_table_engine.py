from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from emofuse import params
from emofuse.errors import InputError
from emofuse.transcription import table
from emofuse.transcription.engine import Machine, Recognition

EXAMPLES = pd.DataFrame({"example_id": ["toy:b", "toy:a", "toy:c"], "corpus": "toy"})
GOOD = "example_id,text\ntoy:a,first\nb,second\nc,\n"
Read = Callable[[str | bytes], "pd.Series[str]"]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def call(content: str | bytes) -> "pd.Series[str]":
        (tmp_path / "texts.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        return table.texts(tmp_path / "texts.csv", EXAMPLES)

    return call


@pytest.fixture
def recognise(tmp_path: Path, settings: params.Transcription, machine: Machine) -> Callable[[str], list[Recognition]]:
    def call(content: str) -> list[Recognition]:
        (tmp_path / "texts.csv").write_text(content, encoding="utf-8")
        own = settings.model_copy(update={"table": params.OwnTexts(files={"toy": str(tmp_path / "texts.csv")})})
        return list(table.recognise(EXAMPLES, tmp_path, own, machine))

    return call


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_texts_come_in_the_order_of_the_examples_whole_ids_or_native(recognise: Callable[[str], list[Recognition]]) -> None:
    assert recognise(GOOD) == [("second", None), ("first", None), ("", None)]


def test_a_missing_text_is_named_with_the_number_of_others(recognise: Callable[[str], list[Recognition]]) -> None:
    message = refusal(lambda: recognise("example_id,text\na,only\n"))
    assert "texts.csv" in message and "none for toy:b and 1 others" in message


def test_a_corpus_without_a_file_is_named(tmp_path: Path, settings: params.Transcription, machine: Machine) -> None:
    own = settings.model_copy(update={"table": params.OwnTexts(files={})})
    assert "CSV of texts for toy" in refusal(lambda: list(table.recognise(EXAMPLES, tmp_path, own, machine)))
    assert table.identity(own) == ("none", "none")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    assert "gone.csv: expected a CSV of texts, found No such file" in refusal(lambda: table.texts(tmp_path / "gone.csv", EXAMPLES))
    assert "expected a file, found a folder" in refusal(lambda: table.texts(tmp_path, EXAMPLES))


def test_identity_is_the_name_and_the_content(tmp_path: Path, settings: params.Transcription) -> None:
    (tmp_path / "mine.csv").write_text(GOOD)
    own = settings.model_copy(update={"table": params.OwnTexts(files={"toy": str(tmp_path / "mine.csv")})})
    name, version = table.identity(own)
    assert name == "mine.csv" and len(version) == 16
    (tmp_path / "mine.csv").write_text(GOOD + "d,x\n")
    assert table.identity(own)[1] != version


def test_references_may_miss_some(read: Read) -> None:
    assert read("example_id,text\nc,said\n").to_dict() == {"toy:c": "said"}


def test_other_columns_their_order_quotes_and_blank_lines_do_not_matter(read: Read) -> None:
    assert read('speaker, text ,example_id\r\n\r\n1,"one, ""two""\nthree",a\r\n').to_dict() == {"toy:a": 'one, "two"\nthree'}


def test_a_line_separator_within_a_text_is_no_end_of_line(read: Read) -> None:
    assert read("example_id,text\na,one\u2028two\x85three\n").to_dict() == {"toy:a": "one\u2028two\x85three"}


def test_a_byte_order_mark_is_read_over(read: Read) -> None:
    assert read(b"\xef\xbb\xbf" + GOOD.encode())["toy:a"] == "first"


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [("example_id,text\na,schön\n".encode("latin-1"), 2, "0xf6"), (GOOD.encode("utf-16"), 1, "0xff")],
)
def test_another_encoding_is_refused_with_its_line(content: bytes, line: int, byte: str, read: Read) -> None:
    assert f"texts.csv: line {line}: expected UTF-8, found the byte {byte}" in refusal(lambda: read(content))


def test_unknown_ids_are_said_and_not_used(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    assert list(read(GOOD + "x\ny,1\nz,2\n".replace("x\ny", '"x\ny"')).index) == ["toy:b", "toy:a", "toy:c"]
    assert [record.getMessage().split(": ", 1)[1] for record in caplog.records] == ["2 ids are of no example, such as 'x\\ny'"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (GOOD + "toy:b,again\n", "line 5: expected one text for toy:b"),
        ("example_id,text\nx,1\ny,2\n", "found none of them but 'x'"),
        (GOOD.replace(",", ";"), "commas, not semicolons"),
        (GOOD.replace(",", "\t"), "commas, not tabs"),
        ("id,words\na,b\n", "found 'id,words'"),
        ("example_id,text,text\n", "expected a header"),
        ("", "found an empty file"),
        ("example_id,text\na,one, two\n", "line 2: expected 2 fields, found 3"),
        ("example_id,text\na\n", "line 2: expected 2 fields, found 1"),
        ('example_id,text\na,"open\n', "line 2: expected comma-separated values"),
        ('example_id,text\na,"open" shut\n', "correct the quotes"),
        ("example_id,text\na," + "x" * 200000, "field larger than field limit"),
    ],
)
def test_what_cannot_be_understood_is_one_line_that_says_where(content: str, expected: str, read: Read) -> None:
    message = refusal(lambda: read(content))
    assert "texts.csv: " in message and expected in message


@hypothesis_settings(deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=80), st.text(alphabet='abct,;"\n\r\t :\u2028é', max_size=60).map(lambda t: GOOD.encode() + t.encode())
    )
)
def test_any_file_gives_texts_of_examples_or_one_line(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    try:
        found = table.texts(path, EXAMPLES)
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and len(str(error).splitlines()) == 1
    else:
        assert set(found.index) <= set(EXAMPLES["example_id"])
        assert all(isinstance(text, str) for text in found)
