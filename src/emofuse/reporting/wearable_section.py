"""Paper B's part of the report: its tables and figures into one folder, its Markdown section, and its numbers for `dvc metrics`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emofuse.errors import InputError
from emofuse.reporting import figures, numbers, wearable_figures, wearable_tables, wearable_tests
from emofuse.reporting.csv_file import write_csv
from emofuse.reporting.metrics_file import rounded
from emofuse.reporting.setting import corpus_name
from emofuse.reporting.wearable_setting import (
    CONTROLS,
    MODELS,
    PAPER_PROTOCOL,
    PROTOCOLS,
    STRICT_PROTOCOL,
    TASK,
    TWINS,
    UNIMODAL,
    WearableSetting,
    in_table_order,
    model_name,
    pairs,
)

_COLUMNS = {  # of the frames that are no table of emofuse.tables
    "fusion_weights": ("model", "protocol", "fold", "signal", "weight"),
    "attention": ("model", "signal", "query", "key", "weight"),
    "pretraining": ("network", "epoch", "loss", "dev_score", "selected"),
}


def write(
    folder: Path,
    *,
    setting: WearableSetting,
    scores: pd.DataFrame,
    comparisons: pd.DataFrame,
    claims: pd.DataFrame,
    paper_values: pd.DataFrame,
    window_counts: pd.DataFrame,
    history: pd.DataFrame,
    pretraining: pd.DataFrame,
    fusion_weights: pd.DataFrame,
    attention: pd.DataFrame,
) -> str:
    """Write tables/wearable_* and figures/wearable_* below ``folder`` and return the section; equal input gives equal bytes.

    ``scores``, ``comparisons``, ``history`` and ``window_counts`` are the project's tables, empty or partial where cells were not run;
    ``claims`` is significance.recompute_paper_fusion_tests; ``pretraining`` has a row per epoch of each pretrained network (columns
    network, epoch, loss, dev_score, selected), ``fusion_weights`` and ``attention`` the columns that wearable_figures describes.
    InputError where one of the last three lacks a column. The caller gives a folder that it publishes as a whole, as reporting.write does.
    """
    for name, frame in (("fusion_weights", fusion_weights), ("attention", attention), ("pretraining", pretraining)):
        if missing := [c for c in _COLUMNS[name] if c not in frame]:
            raise InputError(f"{name}: expected columns {', '.join(_COLUMNS[name])}, found none named {missing[0]}; run `dvc repro` again")
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    subjects = wearable_tables.subject_scores(scores, setting.corpus)
    tables = [wearable_tables.table1(p, subjects, comparisons, paper_values, claims, setting) for p in (PAPER_PROTOCOL, STRICT_PROTOCOL)]
    difference = wearable_tables.differences(subjects)
    texts = {
        "table1": wearable_tables.table1_markdown(
            tables[0],
            f"Table 1. Accuracy and macro-F1 of three targets on {corpus_name(setting.corpus)}, {PROTOCOLS[PAPER_PROTOCOL]}.",
            setting,
        ),
        "session_out": wearable_tables.table1_markdown(tables[1], f"The same, {PROTOCOLS[STRICT_PROTOCOL]}.", setting),
        "difference": wearable_tables.differences_markdown(difference, setting),
        "tests": wearable_tests.markdown(comparisons, pairs(), "All t-tests over subjects.", setting),
        "claims": "\n\n".join(["**What the paper calls significant, recomputed from its Table 1.**", *_claims(claims, setting.alpha)]),
        "windows": windows_markdown(window_counts),
    }
    frames = [*tables, difference, wearable_tests.over_subjects(comparisons, setting), claims, window_counts]
    for (name, text), frame in zip(texts.items(), frames, strict=True):
        write_csv(frame, folder / f"tables/wearable_{name}.csv")
        (folder / f"tables/wearable_{name}.md").write_text(text + "\n", encoding="utf-8")
    drawn = _draw(folder, setting, subjects, tables, history, pretraining, fusion_weights, attention)
    return section(setting, scores, comparisons, claims, texts, drawn)


def _claims(claims: pd.DataFrame, alpha: float) -> list[str]:
    grids = [wearable_tests.claims_markdown(claims, claim) for claim in ("fusion training", "unimodal")]
    return [
        "With against without fusion training:",
        grids[0],
        "Fused against one modality:",
        grids[1],
        wearable_tests.what_follows(claims, alpha),
    ]


def _draw(
    folder: Path,
    setting: WearableSetting,
    subjects: pd.DataFrame,
    tables: Sequence[pd.DataFrame],
    history: pd.DataFrame,
    pretraining: pd.DataFrame,
    weights: pd.DataFrame,
    attention: pd.DataFrame,
) -> dict[str, str]:
    """Draw what the frames allow; returns each figure's path below ``folder``, without suffix, and its caption."""
    drawn: dict[str, str] = {}

    def keep(name: str, figure: Any, caption: str, data: pd.DataFrame | None = None) -> None:
        figures.save(figure, folder / f"figures/wearable_{name}")
        if data is not None:
            write_csv(data, folder / f"figures/wearable_{name}.csv")
        drawn[f"figures/wearable_{name}"] = caption

    for (protocol, name), table in zip(PROTOCOLS.items(), tables, strict=True):
        own = subjects[(subjects["protocol"] == protocol) & (subjects["metric"] == "macro_f1")]
        if len(own):
            keep(
                f"figure3_{protocol}",
                wearable_figures.performance(subjects, table, protocol, setting.corpus),
                _FIGURE3.format(name, setting.caption).strip(),
                own,
            )
    if len(weights):
        keep(
            "fusion_weights",
            wearable_figures.fusion_weights(weights, setting.initial_weight),
            _WEIGHTS.format(setting.initial_weight),
            weights,
        )
    if len(attention):
        keep("attention", wearable_figures.attention_maps(attention), _ATTENTION)
    if len(pretraining):
        names, title = wearable_figures.NETWORKS, "Pretraining"
        keep(
            "pretraining",
            wearable_figures.curves(pretraining, "network", names, title),
            f"Pretraining of each network. {_RING}",
            pretraining,
        )
    runs = history[(history["task"] == TASK) & (history["corpus"] == setting.corpus)]
    own, name = runs[runs["protocol"] == PAPER_PROTOCOL], PROTOCOLS[PAPER_PROTOCOL]
    if len(own):
        names = {m: model_name(m) for m in in_table_order(own["model"])}
        figure = wearable_figures.curves(own, "model", names, f"Emotion heads, {name}")
        keep("training", figure, f"Training of the emotion heads, {name}: a line per fold and seed. {_RING}")
    return drawn


_FIGURE3 = (
    "Figure 3, {}: macro-F1 with and without fusion training. Bars: mean over subjects with its standard error; dots: subjects; hollow "
    "diamonds: printed in paper B (leave-one-subject-out only); lines: what the controls reach. {}"
)
_WEIGHTS = (
    "The weight of each signal in weighted fusion, which starts at {:g}: after fusion training on masked signals, and in each fold that "
    "learns it from the labels (dots; the bar is their mean). The next layer can undo a weight, and embeddings differ in scale: compare "
    "the folds of one signal rather than the signals."
)
_ATTENTION = (
    "Attention within the embedding of each signal, mean over heads and windows: the row is the value that asks, the column the value that "
    "is looked at; 1 is even attention. A map of one cell means that the network was given one token, over which attention is always 1."
)
_RING = "Dev score: higher is better. A ring marks the epoch whose weights were kept."


def windows_markdown(counts: pd.DataFrame) -> str:
    """How the signals of each corpus fared when they were cut into windows: counts and shares in %."""
    rows = []
    for r in counts.sort_values(["corpus", "signal"]).to_dict("records"):
        shares = [f"{r[c]} ({100 * r[c] / r['windows']:.1f} %)" if r["windows"] else str(r[c]) for c in ("constant", "incomplete")]
        rows.append([str(r["corpus"]), str(r["signal"]), str(r["windows"]), *shares, str(r["absent"])])
    body = numbers.grid(["corpus", "signal", "windows", "constant", "incomplete", "absent"], rows, text_columns=2) if rows else "None."
    note = (
        "Constant: without variation, became zeros. Incomplete: with lost samples, which became zeros. Absent: windows without the "
        "signal, which was not recorded there or too much of it was lost."
    )
    return "\n\n".join(["**How the signals fared when they were cut into windows.**", body, note])


def section(
    setting: WearableSetting,
    scores: pd.DataFrame,
    comparisons: pd.DataFrame,
    claims: pd.DataFrame,
    texts: Mapping[str, str],
    drawn: Mapping[str, str],
) -> str:
    """Return paper B's part of the index as Markdown; ``texts`` are the tables by name, ``drawn`` maps figures to captions."""
    others = [(setting.model, other) for other in (*UNIMODAL, *CONTROLS)] + [(model, control) for model in UNIMODAL for control in CONTROLS]
    under_study = model_name(setting.model)
    parts = [
        "# Paper B, reproduced",
        f"Model under study: **{under_study}**. {setting.caption}".strip(),
        "## What was run",
        _what_was_run(scores, setting),
        "## The paper's table",
        texts["table1"],
        "## When partners are kept apart",
        *(texts[name] for name in ("session_out", "difference")),
        "## Tests",
        wearable_tests.short_markdown(comparisons, TWINS, "With against without fusion training: nine pairs.", setting, counted=True),
        wearable_tests.short_markdown(comparisons, others, "Against one modality, and against the controls.", setting, counted=False),
        "More: [all t-tests](tables/wearable_tests.md)",
        "## What follows from the paper's printed numbers",
        wearable_tests.what_follows(claims, setting.alpha),
        wearable_tests.claims_markdown(claims, "fusion training"),
        "More: [with fused against one modality](tables/wearable_claims.md)",
        "## Figures of paper B",
        *(f"![{path.rpartition('/')[2].replace('_', ' ')}]({path}.svg)\n\n{caption}" for path, caption in drawn.items()),
        "" if drawn else "None: nothing that a figure shows is part of this study.",
        "## Windows of paper B",
        texts["windows"],
        "## What differs from paper B",
        "\n".join(f"* {sentence}" for sentence in setting.deviations) or "Nothing that was stated to this report.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what_was_run(scores: pd.DataFrame, setting: WearableSetting) -> str:
    lines = []
    own = scores[(scores["task"] == TASK) & (scores["corpus"] == setting.corpus) & (scores["partition"] == "test")]
    own = own[own["pooling"] == "subject"]
    for protocol in [p for p in PROTOCOLS if p in set(own["protocol"])]:
        cell = own[own["protocol"] == protocol]
        examples = cell.drop_duplicates("subject")["n_examples"].sum()
        missing = [model_name(m) for m in (*MODELS, *CONTROLS) if m not in set(cell["model"])]
        size = f"{cell['subject'].nunique()} subjects, {cell['seed'].nunique()} seed(s), {examples} test windows"
        lines.append(
            f"* {PROTOCOLS[protocol]}: {cell['model'].nunique()} models, {size}" + (f"; not run: {', '.join(missing)}" if missing else "")
        )
    return "\n".join(lines) or "Nothing."


def metrics(scores: pd.DataFrame, comparisons: pd.DataFrame, setting: WearableSetting) -> dict[str, Any]:
    """Nest the subjects' mean scores for `dvc metrics`: task, corpus, protocol, target, model, {accuracy, macro_f1, n}.

    A model with fusion training also has ``p_paired`` against its twin without, for each metric. Five digits; undefined is null.
    """
    subjects = wearable_tables.subject_scores(scores, setting.corpus)
    tests = wearable_tests.over_subjects(comparisons, setting)
    twins = dict(TWINS)
    tree: dict[str, Any] = {}
    for key, rows in subjects.groupby(["protocol", "target", "model", "metric"], sort=True):
        protocol, target, model, metric = (str(part) for part in key)
        branch = tree
        for name in (TASK, setting.corpus, protocol, target, model):
            branch = branch.setdefault(name, {})
        branch |= {metric: rounded(wearable_tables.mean_se(rows["value"])[0]), "n": len(rows)}
        keep = (tests["protocol"] == protocol) & (tests["target"] == target) & (tests["metric"] == metric) & (tests["model"] == model)
        test = tests[keep & (tests["reference"] == twins.get(model))]
        if len(test):
            branch.setdefault("p_paired", {})[metric] = rounded(test["p_paired"].iloc[0])
    return tree
