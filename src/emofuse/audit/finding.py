"""What a check says: how grave, of what, how many records, and in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from emofuse.remarks import Severity

_NAMED = 3  # records that a sentence names; the tables that were audited hold the rest


@dataclass(frozen=True)
class Finding:
    """One fault of one kind. ``members`` are what it concerns, one at least: records, files, folds, or the name of a count.

    ``says`` is expected, found, what to do; ``records`` how many records it concerns, where that is not the number of members.
    """

    check: str
    severity: Severity
    says: str
    members: tuple[str, ...]
    records: int | None = None

    @property
    def item(self) -> str:
        """The first of what it concerns, which together with the check identifies the finding."""
        return self.members[0]

    @property
    def number(self) -> int:
        """How many records it concerns."""
        return len(self.members) if self.records is None else self.records

    @property
    def detail(self) -> str:
        """The sentence, with the first of what it concerns where that is more than one."""
        return self.says if len(self.members) == 1 else f"{self.says} ({named(self.members)})"


def named(names: Sequence[str], most: int = _NAMED) -> str:
    """The first names and how many more there are, such as ``a, b, c and 4 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def of_records(check: str, severity: Severity, says: str, names: Sequence[str]) -> list[Finding]:
    """One finding for all records of the same fault, none where there is no record; ``{n}`` in ``says`` is their number."""
    return [Finding(check, severity, says.replace("{n}", f"{len(names):,}"), tuple(names))] if len(names) else []


def native(example_id: str) -> str:
    """The corpus' own id: what follows the corpus' name."""
    return example_id.partition(":")[2]
