"""Scores, comparisons and predictions to the paper's tables and figures: ``write`` is the one entry."""

from emofuse.reporting.setting import Setting
from emofuse.reporting.writing import write

__all__ = ["Setting", "write"]
