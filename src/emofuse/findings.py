"""What the report shows, gathered from the tables of both studies."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from emofuse import published, published_wearable, speech_wearables, study, tables
from emofuse.cells import concatenate
from emofuse.params import Params
from emofuse.pretraining import INPUTS, MECHANISMS
from emofuse.reporting.data_section import DataFindings
from emofuse.reporting.setting import Setting
from emofuse.reporting.wearable_setting import WearableSetting
from emofuse.reporting.writing import SpeechTextFindings, WearableFindings
from emofuse.significance import recompute_paper_fusion_tests, recompute_paper_marks
from emofuse.study import Cell
from emofuse.tables import Table

PARTICIPANTS = 28  # of K-EmoCon in paper B, §4.1: the n of its tests


def speech_text(params: Params, paper_values: pd.DataFrame) -> SpeechTextFindings:
    """Paper A: Predictions are those of each model within its own corpus, all that the figures show."""
    trained = [c for c in study.cells(params) if not study.omitted(params, c)]
    derived = [c for c in study.late_fusion_cells(params) if not study.omitted(params, c)]
    setting = Setting(
        model=params.model,
        **params.baselines.model_dump(),
        alpha=params.significance.alpha,
        caption=published.caption(params),
        deviations=tuple(published.deviations(params)),
    )
    return SpeechTextFindings(
        setting=setting,
        predictions=concatenate([tables.PREDICTIONS.empty(), *(_within_corpus(cell) for cell in [*trained, *derived])]),
        history=_read_all([cell.folder / "history.parquet" for cell in trained], tables.HISTORY),
        paper_marks=recompute_paper_marks(paper_values, params.significance.alpha),
    )


def wearables(params: Params, paper_values: pd.DataFrame) -> WearableFindings:
    """Paper B: scores of subjects, and what its pretraining learnt."""
    wearable = params.wearable
    cells = [speech_wearables.cell(params, model) for model in speech_wearables.configurations(wearable.fusion)]
    setting = WearableSetting(
        fusion=wearable.fusion,
        alpha=params.significance.alpha,
        corpus=wearable.roles.emotion,
        initial_weight=wearable.mechanisms.weighted.initial,
        caption=published_wearable.caption(params),
        deviations=tuple(published_wearable.deviations(params)),
    )
    counts = [study.features_folder("wearables", corpus) / "counts.parquet" for corpus in wearable.corpora]
    pretrained = [study.pretrained_folder(network) / "history.parquet" for network in (*INPUTS, *MECHANISMS)]
    weights = [study.FUSION_WEIGHTS_FILE, *(cell.folder / "fusion_weights.parquet" for cell in cells)]
    return WearableFindings(
        setting=setting,
        claims=recompute_paper_fusion_tests(paper_values, params.significance.alpha, PARTICIPANTS),
        window_counts=_read_all(counts, tables.WINDOW_COUNTS),
        history=_read_all([cell.folder / "history.parquet" for cell in cells], tables.HISTORY),
        pretraining=_read_all(pretrained, tables.PRETRAINING),
        fusion_weights=_read_all(weights, tables.FUSION_WEIGHTS),
        attention=tables.read(study.ATTENTION_FILE, tables.ATTENTION),
    )


def data(params: Params) -> DataFindings:
    """What the audit found in the corpora of both papers, and the word error rates."""
    corpora = (*params.corpora, *params.wearable.corpora)
    audited = [*corpora, "features_corpora", "features_recordings"]
    return DataFindings(
        corpora=corpora,
        audit=_read_all([study.audit_file(name) for name in audited], tables.AUDIT),
        word_errors=tables.read(study.WORD_ERRORS_FILE, tables.WORD_ERRORS),
    )


def _read_all(paths: Sequence[Path], table: Table) -> pd.DataFrame:
    return concatenate([table.empty(), *(tables.read(path, table) for path in paths)])


def _within_corpus(cell: Cell) -> pd.DataFrame:
    rows = tables.read(cell.folder / "predictions.parquet", tables.PREDICTIONS)
    return rows[(rows["partition"] == "test") & (rows["test_corpus"] == cell.corpus)]
