"""How many inputs are tried: few, and the same each time; with EMOFUSE_FUZZ=<number> that many of each kind, others each time, counted."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

CAMPAIGN = int(os.environ.get("EMOFUSE_FUZZ", "0"))
EXAMPLES = 6
settings.register_profile(
    "fuzz",
    max_examples=CAMPAIGN or EXAMPLES,
    derandomize=not CAMPAIGN,
    database=None,
    deadline=None,
    suppress_health_check=[*HealthCheck],
    report_multiple_bugs=bool(CAMPAIGN),
)
_outcomes: Counter[tuple[str, str]] = Counter()


@pytest.fixture(scope="session")
def outcomes() -> Counter[tuple[str, str]]:
    """How many inputs of each kind were read, and how many refused."""
    return _outcomes


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if CAMPAIGN:
        for (what, outcome), number in sorted(_outcomes.items()):
            terminalreporter.write_line(f"fuzz: {what}: {outcome} {number}")
        for outcome in sorted({outcome for _, outcome in _outcomes}):
            terminalreporter.write_line(f"fuzz: all: {outcome} {sum(n for (_, o), n in _outcomes.items() if o == outcome)}")
