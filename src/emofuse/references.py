"""What was really said: the texts that a recogniser is measured against."""

from pathlib import Path

import pandas as pd

from emofuse import release, tables
from emofuse.transcription import table

INVENTED = "SYNTHETIC_TEXT.csv"  # at the root of an invented corpus: what its synthesiser was told to say


def of_corpus(examples: pd.DataFrame, root: Path) -> pd.DataFrame:
    """The References table of what a corpus brings: of an invented one what was spoken, of a genuine one its transcripts."""
    if release.is_invented(root, root) and (root / INVENTED).is_file():
        said = table.texts(root / INVENTED, examples)
    else:
        said = examples.set_index("example_id")["transcript"].dropna()
    return tables.of_rows(said.rename("text").rename_axis("example_id").reset_index(), tables.REFERENCES, str(root))


def own(path: Path, examples: pd.DataFrame) -> pd.DataFrame:
    """The References table of a CSV of the user's, of the examples that it has; raises InputError as ``transcription.table.texts``."""
    return tables.of_rows(table.texts(path, examples).reset_index(), tables.REFERENCES, str(path))
