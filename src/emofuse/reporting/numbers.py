"""Numbers and grids as Markdown text, in the paper's typography."""

from collections.abc import Sequence

import pandas as pd

NOT_RUN = "not run"
UNDEFINED = "undefined"


def value(metric: str, number: float) -> str:
    """Write a metric as its paper prints it: UAR in % with one digit, accuracy and F1 as 0.8152, MSE as 0.617, correlations as .617."""
    if metric == "uar":
        return f"{100 * number:.1f}"
    if metric in ("accuracy", "macro_f1", "macro_f1_all"):
        return f"{number:.4f}"
    text = f"{number:.3f}"
    return text if metric == "mse" else text.replace("0.", ".", 1)


def score(metric: str, mean: float | None, sd: float | None, marks: str = "") -> str:
    """Write mean (standard deviation) and marks; 'not run' where ``mean`` is None, 'undefined' where it is NaN."""
    if mean is None:
        return NOT_RUN
    if pd.isna(mean):
        return UNDEFINED
    spread = "" if sd is None or pd.isna(sd) else f" ({value(metric, sd)})"
    return f"{value(metric, mean)}{spread}{marks}"


def p_value(p: float) -> str:
    """Write three digits; '<.001' below; a dash where the test is not defined."""
    if pd.isna(p):
        return "–"
    return "<.001" if p < 0.001 else f"{p:.3f}".replace("0.", ".", 1)


def number(x: float, digits: int = 2) -> str:
    """Write fixed digits, or a dash for NaN."""
    return "–" if pd.isna(x) else f"{x:.{digits}f}"


def grid(header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int) -> str:
    """Return a Markdown table, padded so that it reads as plain text too; the first ``text_columns`` are left-aligned, the others right."""
    widths = [max(3, len(h), *(len(row[i]) for row in rows)) if rows else max(3, len(h)) for i, h in enumerate(header)]

    def line(cells: Sequence[str]) -> str:
        padded = (c.ljust(w) if i < text_columns else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True)))
        return "| " + " | ".join(padded) + " |"

    ruler = ("-" * w if i < text_columns else "-" * (w - 1) + ":" for i, w in enumerate(widths))
    return "\n".join([line(header), "| " + " | ".join(ruler) + " |", *(line(row) for row in rows)])
