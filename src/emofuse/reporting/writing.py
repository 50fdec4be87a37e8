"""Write the whole report into one folder: tables, figures, plots, metrics.json and index.md."""

import json
import os
import shutil
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from emofuse.reporting import data_section, figure_data, figures, index, paper_tables, summary, wearable_section
from emofuse.reporting.csv_file import write_csv
from emofuse.reporting.data_section import DataFindings
from emofuse.reporting.metrics_file import metrics
from emofuse.reporting.setting import LATE_FUSION, Setting, corpus_name, in_paper_order, of_paper
from emofuse.reporting.wearable_setting import WearableSetting
from emofuse.scores import best_on_dev

_OWNED = ("tables", "figures", "plots", "metrics.json", "index.md")  # what write replaces in the folder; the index last


@dataclass(frozen=True)
class SpeechTextFindings:
    """What paper A's part shows beside the scores: of predictions only test rows within a corpus are used."""

    setting: Setting
    predictions: pd.DataFrame
    history: pd.DataFrame
    paper_marks: pd.DataFrame  # significance.recompute_paper_marks


@dataclass(frozen=True)
class WearableFindings:
    """What paper B's part shows beside the scores."""

    setting: WearableSetting
    claims: pd.DataFrame  # significance.recompute_paper_fusion_tests
    window_counts: pd.DataFrame
    history: pd.DataFrame
    pretraining: pd.DataFrame
    fusion_weights: pd.DataFrame
    attention: pd.DataFrame


def write(
    folder: Path,
    *,
    scores: pd.DataFrame,
    comparisons: pd.DataFrame,
    paper_values: pd.DataFrame,
    speech_text: SpeechTextFindings,
    wearables: WearableFindings,
    data: DataFindings,
) -> None:
    """Write tables/, figures/, plots/, metrics.json and index.md below ``folder``; equal input gives equal bytes.

    ``scores`` and ``comparisons`` are those of both studies, empty or partial where cells were not run; ``paper_values`` is
    data/paper_values.csv. Everything is written under a partial name first: an error leaves the old report as it was.
    """
    partial = folder / f".{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    for name in ("tables", "figures", "plots"):
        (partial / name).mkdir(parents=True)
    try:
        own_scores, own_comparisons = of_paper(scores), of_paper(comparisons)
        setting = speech_text.setting
        paper_texts, study_texts = _write_tables(
            partial / "tables", setting, own_scores, own_comparisons, paper_values, speech_text.paper_marks
        )
        drawn = _write_figures(partial, setting, own_scores, of_paper(speech_text.predictions), of_paper(speech_text.history))
        section = wearable_section.write(
            partial, scores=scores, comparisons=comparisons, paper_values=paper_values, **{f: getattr(wearables, f) for f in _FINDINGS}
        )
        data_part = data_section.write(partial, data, own_scores, setting)
        tree = metrics(own_scores, own_comparisons, setting) | wearable_section.metrics(scores, comparisons, wearables.setting)
        tree |= data_section.metrics(data.word_errors)
        (partial / "metrics.json").write_text(json.dumps(tree, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        page = index.page(setting, own_scores, paper_texts, study_texts, drawn, section, data_part)
        (partial / "index.md").write_text(page, encoding="utf-8")
        for name in _OWNED:
            old = folder / name
            if old.is_dir():
                shutil.rmtree(old)
            (partial / name).replace(old)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


_FINDINGS = [field.name for field in fields(WearableFindings)]


def _write_tables(
    folder: Path, setting: Setting, scores: pd.DataFrame, comparisons: pd.DataFrame, paper_values: pd.DataFrame, paper_marks: pd.DataFrame
) -> tuple[list[str], list[str]]:
    paper_texts = []
    for number in paper_tables.TITLES:
        table = paper_tables.paper_table(number, paper_values, scores, comparisons, setting)
        paper_texts.append(paper_tables.markdown(table, setting))
        _save(folder / f"table{number}", table, paper_texts[-1])
    scores_text = summary.scores_markdown(scores, setting)
    _save(folder / "scores", summary.all_scores(scores), scores_text)
    _save(folder / "tests", comparisons, summary.comparisons_markdown(comparisons, setting))
    _save(folder / "paper_marks", paper_marks, summary.paper_marks_markdown(paper_marks, setting.alpha))
    return paper_texts, [
        summary.scores_markdown(scores, setting, main_only=True),
        summary.comparisons_markdown(comparisons, setting, study_only=True),
    ]


def _save(stem: Path, table: pd.DataFrame, text: str) -> None:
    write_csv(table, stem.with_name(f"{stem.name}.csv"))
    stem.with_name(f"{stem.name}.md").write_text(text + "\n", encoding="utf-8")


def _write_figures(
    folder: Path, setting: Setting, scores: pd.DataFrame, predictions: pd.DataFrame, history: pd.DataFrame
) -> dict[str, str]:
    """Draw what the frames allow; returns each figure's path below ``folder``, without suffix, and its caption."""
    best = best_on_dev(scores)
    captions: dict[str, str] = {}
    plotted = pd.DataFrame(columns=["actual", "predicted"])
    for corpus in in_paper_order(scores["corpus"]):
        chosen = figure_data.decisions(predictions, best, corpus)
        models = [m for m in figure_data.order_of(chosen["model"], setting) if m != LATE_FUSION]  # not in the paper's Figure 2
        if models:
            table = figure_data.confusion(chosen, setting)
            write_csv(table, folder / f"figures/confusion_{corpus}.csv")
            figures.save(figures.confusion(table, corpus, models), folder / f"figures/confusion_{corpus}")
            captions[f"figures/confusion_{corpus}"] = _caption(setting, _CONFUSION, corpus)
            if plotted.empty:
                plotted = chosen.loc[chosen["model"] == setting.model, ["actual", "predicted"]]
        lines = figure_data.residual_lines(predictions, best, corpus)
        if len(lines):
            write_csv(lines, folder / f"figures/residuals_{corpus}.csv")
            figures.save(
                figures.residuals(lines, corpus, figure_data.order_of(lines["model"], setting)), folder / f"figures/residuals_{corpus}"
            )
            captions[f"figures/residuals_{corpus}"] = _caption(setting, _RESIDUALS, corpus)
    for task, corpus in history[["task", "corpus"]].drop_duplicates().itertuples(index=False):
        runs = history[(history["task"] == task) & (history["corpus"] == corpus)]
        stem, title = f"figures/training_{task}_{corpus}", f"{task} on {corpus_name(corpus)}"
        figures.save(figures.training(runs, title, figure_data.order_of(runs["model"], setting)), folder / stem)
        captions[stem] = f"Training of {title}. {_TRAINING}"
    write_csv(plotted, folder / "plots/confusion.csv")
    write_csv(_plotted_history(history, setting), folder / "plots/training.csv")
    return captions


def _plotted_history(history: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Of the model under study on its first task and corpus: one curve, as `dvc plots` draws one per experiment."""
    own = history[history["model"] == setting.model]
    task, corpus = own[["task", "corpus"]].iloc[0] if len(own) else ("", "")
    return figure_data.mean_history(history, setting.model, task, corpus)


_CONFUSION = (
    "Figure 2 on {corpus}: confusion matrices of the run of each model that was best on dev; rows are the true classes, shade is the share "
    "of the row; in brackets, for fusion models, the change of the count against {audio}."
)
_RESIDUALS = (
    "Figure 3 on {corpus}: least-squares lines of truth − prediction over truth, multitask runs that were best on dev. A flat line: errors "
    "do not depend on the truth; a rising one: predictions shrink towards the middle of the scale."
)
_TRAINING = "Every run is a line; a ring marks the epoch whose weights were kept."


def _caption(setting: Setting, text: str, corpus: str) -> str:
    return f"{text.format(corpus=corpus_name(corpus), audio=setting.audio.upper())} {setting.caption}".strip()
