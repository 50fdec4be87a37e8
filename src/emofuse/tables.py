"""The tables that carry everything between stages: what one row is, its key, its columns; checked on read and on write.

Every join in the project is by these keys, never by position or file order.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emofuse.errors import InputError

_ARROW = {"str": pa.string(), "float": pa.float64(), "int": pa.int64()}


@dataclass(frozen=True)
class Column:
    """One column: its kind (``str``, ``float`` or ``int``), its meaning with unit, and whether null is allowed."""

    kind: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A named table: one row is ``row``; ``key`` identifies it; ``columns`` are stored in this order."""

    name: str
    row: str
    key: tuple[str, ...]
    columns: dict[str, Column]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the Parquet file."""
        return pa.schema([pa.field(n, _ARROW[c.kind], nullable=c.nullable) for n, c in self.columns.items()])

    def empty(self) -> pd.DataFrame:
        """A frame of no rows with this table's columns."""
        return self.schema.empty_table().to_pandas()


EXAMPLES = Table(
    "Examples",
    "what gets a label: an utterance of a corpus",
    ("example_id",),
    {
        "example_id": Column("str", "<corpus>:<native id>, unique over all corpora"),
        "corpus": Column("str", "name of the corpus, as in params.yaml"),
        "path": Column("str", "audio file, relative to the corpus root, with /"),
        "audio_sha256": Column("str", "SHA-256 of the audio file's bytes"),
        "start_s": Column("float", "start within the audio file, s"),
        "end_s": Column("float", "end within the audio file, s"),
        "speaker": Column("str", "null where unknown", nullable=True),
        "partner": Column("str", "the other speaker of a dyad", nullable=True),
        "gender": Column("str", "female, male or null", nullable=True),
        "session": Column("str", "dialogue, podcast or recording session", nullable=True),
        "split": Column("str", "official split: train, dev, test1, test2 or test3", nullable=True),
        "fold": Column("int", "published fold number, from 1", nullable=True),
        "transcript": Column("str", "text that came with the corpus; null absent, empty present but empty", nullable=True),
        "emotion": Column("str", "harmonised class name; null where raters did not agree", nullable=True),
        "emotion_raw": Column("str", "the corpus' own code", nullable=True),
        "arousal": Column("float", "on the corpus' own scale", nullable=True),
        "valence": Column("float", "on the corpus' own scale", nullable=True),
        "dominance": Column("float", "on the corpus' own scale", nullable=True),
        "scale_min": Column("float", "lowest value of the corpus' rating scale", nullable=True),
        "scale_max": Column("float", "highest value of the corpus' rating scale", nullable=True),
    },
)

TRANSCRIPTS = Table(
    "Transcripts",
    "the text of one example",
    ("example_id",),
    {
        "example_id": Column("str", "key into Examples"),
        "text": Column("str", "as returned by the engine; empty where it heard no words"),
        "confidence": Column("float", "the engine's own figure, natural log; null where it gives none", nullable=True),
        "engine": Column("str", "module of emofuse.transcription"),
        "engine_model": Column("str", "model and version that the engine used"),
    },
)

_RUN = {
    "task": Column("str", "name of the task"),
    "corpus": Column("str", "corpus that the model was trained on"),
    "model": Column("str", "name of the model"),
    "fold": Column("str", "name of the fold"),
    "seed": Column("int", "seed of the run; -1: the seed that was best on dev in this fold (late fusion)"),
}

PREDICTIONS = Table(
    "Predictions",
    "one output of one run for one example",
    ("task", "corpus", "model", "fold", "seed", "partition", "test_corpus", "example_id", "target"),
    {
        **_RUN,
        "partition": Column("str", "dev (used for selection) or test"),
        "test_corpus": Column("str", "corpus that the example belongs to"),
        "example_id": Column("str", "key into Examples"),
        "target": Column("str", "a class of a categorical task, or a dimension"),
        "truth": Column("float", "1 for the labelled class, else 0; or the label on the test corpus' own scale"),
        "prediction": Column("float", "posterior of the class; or the value on the training corpus' own scale", nullable=True),
    },
)

HISTORY = Table(
    "History",
    "one epoch of one run",
    ("task", "corpus", "model", "fold", "seed", "epoch"),
    {
        **_RUN,
        "epoch": Column("int", "from 1"),
        "loss": Column("float", "mean training loss of the epoch"),
        "dev_score": Column("float", "the task's selection score on dev", nullable=True),
        "selected": Column("int", "1 for the epoch whose weights were kept, else 0"),
    },
)

SCORES = Table(
    "Scores",
    "one metric of one seed on one corpus",
    ("task", "corpus", "model", "seed", "partition", "test_corpus", "target", "metric", "pooling"),
    {
        **{n: c for n, c in _RUN.items() if n != "fold"},
        "partition": Column("str", "dev or test"),
        "test_corpus": Column("str", "corpus that the scored examples belong to"),
        "target": Column("str", "a dimension; or 'emotion' for a categorical task"),
        "metric": Column("str", "uar, ccc, pcc or mse"),
        "pooling": Column("str", "pooled: one metric over all folds' examples; folds: mean of the folds' metrics"),
        "value": Column("float", "null where the metric is not defined", nullable=True),
        "n_examples": Column("int", "scored examples, each once per fold that predicted it"),
        "n_folds": Column("int", "folds that went in"),
    },
)

COMPARISONS = Table(
    "Comparisons",
    "a two-sided independent t-test of one model against a reference, over seeds",
    ("task", "corpus", "test_corpus", "target", "metric", "model", "reference"),
    {
        "task": Column("str", "name of the task"),
        "corpus": Column("str", "corpus that both models were trained on"),
        "test_corpus": Column("str", "corpus that both were tested on"),
        "target": Column("str", "a dimension; or 'emotion'"),
        "metric": Column("str", "uar, ccc, pcc or mse"),
        "model": Column("str", "model under test"),
        "reference": Column("str", "model it is compared with"),
        "mean": Column("float", "of the model over seeds", nullable=True),
        "sd": Column("float", "of the model over seeds, ddof 1", nullable=True),
        "n": Column("int", "seeds of the model"),
        "reference_mean": Column("float", "of the reference", nullable=True),
        "reference_sd": Column("float", "of the reference, ddof 1", nullable=True),
        "reference_n": Column("int", "seeds of the reference"),
        "t": Column("float", "pooled-variance t statistic", nullable=True),
        "df": Column("float", "degrees of freedom", nullable=True),
        "p": Column("float", "two-sided p, pooled variance", nullable=True),
        "p_welch": Column("float", "two-sided p, unequal variances", nullable=True),
        "hedges_g": Column("float", "standardised difference, small-sample corrected", nullable=True),
    },
)


def check(frame: pd.DataFrame, table: Table, where: str) -> pd.DataFrame:
    """Return ``frame`` with the table's columns in order, sorted by key; raise InputError naming the first bad record."""
    missing = [c for c in table.columns if c not in frame.columns]
    extra = [c for c in frame.columns if c not in table.columns]
    if missing or extra:
        raise InputError(f"{where}: {table.name} expects columns {list(table.columns)}; missing {missing}, unknown {extra}")
    frame = frame[list(table.columns)].sort_values(list(table.key), kind="stable").reset_index(drop=True)
    for name, column in table.columns.items():
        null = frame[name].isna()
        if not column.nullable and null.any():
            raise InputError(f"{where}: {table.name}.{name} may not be null; it is for {_record(frame, table, null)}")
    double = frame.duplicated(list(table.key))
    if double.any():
        raise InputError(f"{where}: {table.name} expects one row per {table.key}; found two for {_record(frame, table, double)}")
    return frame


def _record(frame: pd.DataFrame, table: Table, where: "pd.Series[bool]") -> str:
    return "/".join(str(v) for v in frame.loc[where, list(table.key)].iloc[0])


def write(frame: pd.DataFrame, path: Path, table: Table) -> None:
    """Check and write the table as Parquet; the file appears whole or not at all, and equal frames give equal bytes."""
    frame = check(frame, table, str(path))
    try:
        arrow = pa.Table.from_pandas(frame, schema=table.schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"{path}: {table.name} has a value of the wrong kind: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        pq.write_table(arrow.replace_schema_metadata(None), partial, compression="zstd")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path, table: Table) -> pd.DataFrame:
    """Read and check a table that ``write`` wrote; raises InputError if it is absent, unreadable or of other columns."""
    try:
        arrow = pq.read_table(path)
    except FileNotFoundError:
        raise InputError(f"{path}: expected the {table.name} table, found no file; run `dvc repro` to make it") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{path}: expected the {table.name} table, found an unreadable file ({error}); delete it and run `dvc repro`"
        ) from error
    return check(arrow.to_pandas(), table, str(path))
