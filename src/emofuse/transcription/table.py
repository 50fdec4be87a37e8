"""Texts that the user brings: a CSV of example ids and texts, from any recogniser or any hand."""

import csv
import hashlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from emofuse import params
from emofuse.errors import InputError
from emofuse.release import regular
from emofuse.transcription.engine import Machine, Recognition

COLUMNS = ("example_id", "text")
_DIGITS = 16  # of the file's SHA-256
log = logging.getLogger("transcribe")


def recognise(examples: pd.DataFrame, root: Path, settings: params.Transcription, machine: Machine) -> Iterator[Recognition]:
    """The text of each example from the CSV of its corpus; InputError where there is none, naming the first and how many."""
    del root, machine
    corpus = str(examples["corpus"].iloc[0])
    if corpus not in settings.table.files:
        raise InputError(
            f"transcription.table.files: expected a CSV of texts for {corpus}, found none; add `{corpus}: <path>` in params.yaml"
        )
    path = Path(settings.table.files[corpus])
    found = texts(path, examples)
    missing = examples.loc[~examples["example_id"].isin(found.index), "example_id"]
    if len(missing):
        raise InputError(
            f"{path}: expected a text for each of {len(examples)} examples, found none for {missing.iloc[0]} and {len(missing) - 1} "
            "others; add them, with an empty text where nothing is said"
        )
    yield from ((text, None) for text in found[examples["example_id"]])


def identity(settings: params.Transcription) -> tuple[str, str]:
    """The files' names; and the beginning of each one's SHA-256."""
    paths = [Path(file) for file in settings.table.files.values()]
    pins = [hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGITS] for path in paths if path.is_file()]
    return ", ".join(path.name for path in paths) or "none", ", ".join(pins) or "none"


def texts(path: Path, examples: pd.DataFrame) -> "pd.Series[str]":
    """Texts of a CSV for those of the examples that it has, by example id, in the order of the examples.

    UTF-8, with or without a byte order mark, commas, a header with the columns ``example_id`` (in full, or without the corpus' name) and
    ``text``; other columns are ignored. Ids of no example are said in the log: the corpus may have left them out. Raises InputError,
    naming the line, for a doubled id, for another form, and where no id is known.
    """
    known = {str(name).split(":", 1)[-1]: str(name) for name in examples["example_id"]} | {str(n): str(n) for n in examples["example_id"]}
    found: dict[str, str] = {}
    unknown: list[str] = []
    for line, name, text in _rows(path):
        if name not in known:
            unknown.append(name)
        elif known[name] in found:
            raise InputError(f"{path}: line {line}: expected one text for {known[name]}, found a second one; keep one of them")
        else:
            found[known[name]] = text
    if unknown and known and not found:
        raise InputError(
            f"{path}: expected ids of examples, such as {examples['example_id'].iloc[0]}, found none of them but {unknown[0]!r:.80}; "
            "correct the column example_id"
        )
    if unknown:
        log.warning("%s: %d ids are of no example, such as %.80r", path, len(unknown), unknown[0])
    ordered = {name: found[name] for name in map(str, examples["example_id"]) if name in found}
    return pd.Series(list(ordered.values()), index=pd.Index(list(ordered), name="example_id", dtype=object), name="text", dtype=object)


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, id and text of each record."""
    rows = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        if any(header.count(name) != 1 for name in COLUMNS):
            raise InputError(
                f"{path}: line 1: expected a header with the columns example_id and text, found {_shown(header)}{_advice(header)}"
            )
        at = [header.index(name) for name in COLUMNS]
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise InputError(
                    f"{path}: line {rows.line_num}: expected {len(header)} fields, found {len(row)}; put a text that has commas in quotes"
                )
            yield rows.line_num, row[at[0]].strip(), row[at[1]]
    except csv.Error as error:
        raise InputError(f"{path}: line {rows.line_num}: expected comma-separated values, found: {error}; correct the quotes") from error


def _decoded(path: Path) -> str:
    try:
        data = regular(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected a CSV of texts, found {error.strerror}; correct its path in params.yaml") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: line {line}: expected UTF-8, found the byte 0x{data[error.start]:02x}, which is not; save the file as UTF-8"
        ) from None


def _shown(header: list[str]) -> str:
    return f"{','.join(header)!r:.80}" if header else "an empty file"


def _advice(header: list[str]) -> str:
    for name, delimiter in (("semicolons", ";"), ("tabs", "\t"), ("bars", "|")):
        if any(delimiter in field for field in header):
            return f"; separate fields by commas, not {name}"
    return "; name the columns so"
