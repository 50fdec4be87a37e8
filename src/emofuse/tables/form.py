"""What a table is: named, keyed, with columns of known kind and meaning."""

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

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
