"""The audit: what could be wrong with a corpus, looked for before anything is trained on it.

Each module holds checks of one kind, from tables to findings; ``CHECKS`` says of each what it expects. An error stops the pipeline unless
``audit.accept`` of params.yaml names it; what is accepted stays in the report.
"""

from collections.abc import Collection, Mapping
from typing import get_args

import pandas as pd

from emofuse import corpora, recordings, study, tasks
from emofuse.arrays import ArrayCache
from emofuse.audit import accepting, clocks, devices, durations, files, folds, labels, statistics, texts
from emofuse.audit.accepting import by_weight, near, stopping
from emofuse.audit.finding import Finding
from emofuse.audit.statistics import computed_again
from emofuse.errors import InputError
from emofuse.params import Params
from emofuse.params.speech_text import ModelName
from emofuse.protocols import Draw, Fold

__all__ = [
    "CHECKS",
    "FEATURE_CHECKS",
    "RECORDING_CHECKS",
    "UTTERANCE_CHECKS",
    "Finding",
    "audit_features",
    "audit_recordings",
    "audit_utterances",
    "by_weight",
    "computed_again",
    "near",
    "refuse",
    "stopping",
]

UTTERANCE_CHECKS = {**files.CHECKS, **labels.CHECKS, **durations.CHECKS, **texts.CHECKS, **folds.CHECKS, **accepting.CHECKS}
RECORDING_CHECKS = {
    **files.CHECKS,
    **labels.CHECKS,
    **folds.CHECKS,
    **clocks.CHECKS,
    **devices.CHECKS,
    **statistics.STATIC_CHECKS,
    **accepting.CHECKS,
}
FEATURE_CHECKS = statistics.CHECKS
CHECKS = {**UTTERANCE_CHECKS, **RECORDING_CHECKS, **FEATURE_CHECKS}
_SELF_REPORT = "self_report"  # the task of paper B


def audit_utterances(
    params: Params,
    corpus: str,
    protocol: str,
    examples: pd.DataFrame,
    left_out: pd.DataFrame,
    counts: pd.DataFrame,
    others: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """The Audit table of a corpus of utterances: its Examples, LeftOut and Counts tables, and the Examples of the study's ``others``.

    A corpus that the study does not name is asked only for the tasks that it has labels for. Raises InputError for an entry of
    ``audit.accept`` that names no corpus or no check.
    """
    section = params.corpora.get(corpus)
    asked = _asked(params, corpus, examples)
    own, found = folds.of_protocol(protocol, examples, names=params.at_scale(params.folds).get(corpus) if section else None)
    engine = params.at_scale(section.transcripts) if section else None
    by_protocol = {protocol: own}
    findings = [
        *files.counts(counts),
        *files.left_out(left_out),
        *files.duplicates(examples, by_protocol),
        *files.shared_with(examples, others),
        *labels.find(examples, asked),
        *durations.find(examples, params.audit.shortest_s, params.audit.longest_s),
        *texts.find(examples, by_protocol, params.audit.parallel_text_share, engine),
        *found,
        *folds.find(protocol, own, examples, asked),
    ]
    return _weighed(params, corpus, findings, UTTERANCE_CHECKS)


def audit_recordings(
    params: Params,
    corpus: str,
    table: pd.DataFrame,
    samples: ArrayCache,
    examples: pd.DataFrame,
    left_out: pd.DataFrame,
    counts: pd.DataFrame,
    others: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """The Audit table of a corpus of recordings: its Recordings table and samples, and its windows, ``examples``.

    The windows have labels where the corpus is tested on. ``others`` are the windows of the study's other corpora.
    Raises InputError as ``audit_utterances``.
    """
    wearable = params.wearable
    by_protocol: dict[str, list[Fold]] = {}
    found: list[Finding] = []
    asked: list[str] = []
    if corpus == wearable.roles.emotion and len(examples):
        labelled = tasks.truth(tasks.TASKS[_SELF_REPORT], examples)
        asked = [_SELF_REPORT]
        examples = examples[examples["example_id"].isin(labelled.index)] if len(labelled) else examples
        draws = {"leave_one_subject_out": wearable.validation.subjects, "leave_one_session_out": wearable.validation.sessions}
        for protocol in wearable.protocols:
            by_protocol[protocol], refused = folds.of_protocol(protocol, examples, Draw(draws[protocol], wearable.validation.seed))
            found += [*refused, *folds.find(protocol, by_protocol[protocol], examples, asked)]
    findings = [
        *files.counts(counts),
        *files.left_out(left_out),
        *files.duplicates(devices.audio_of(table), {}),
        *(labels.find(examples, asked) if asked else []),
        *found,
        *clocks.find(table, wearable.windows.length_s, wearable.windows.largest_lost_share),
        *devices.find(table, samples),
        *statistics.pretraining(corpus, examples, wearable.roles, others),
    ]
    return _weighed(params, corpus, findings, RECORDING_CHECKS)


def audit_features(params: Params, corpus: str, findings: Collection[Finding]) -> pd.DataFrame:
    """The Audit table of what ``statistics.alone`` found in the features of a corpus."""
    return _weighed(params, corpus, findings, FEATURE_CHECKS)


def refuse(found: pd.DataFrame, page: str) -> None:
    """Raise InputError naming the first error that is not accepted, how many there are, and the ``page`` that lists them."""
    errors = stopping(found)
    if errors.empty:
        return
    first = errors.iloc[0]
    more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    own = errors.loc[errors["corpus"] == first["corpus"], "check"]
    checks = [check for check in dict.fromkeys(own) if check not in accepting.NOT_ACCEPTED]
    accept = f", or accept it as audit.accept.{first['corpus']}: [{', '.join(checks)}] in params.yaml" if checks else ""
    raise InputError(f"{first['corpus']}: {first['check']}: {first['detail']}{more}; see {page}, then correct it{accept}")


def _weighed(params: Params, corpus: str, findings: Collection[Finding], checks: Collection[str]) -> pd.DataFrame:
    accept = params.audit.accept
    accepting.require(accept, {*corpora.known(), *recordings.known()}, CHECKS)
    return accepting.weigh(list(findings), corpus, accept.get(corpus, ()), checks)


def _asked(params: Params, corpus: str, examples: pd.DataFrame) -> list[str]:
    """Tasks of the study that are trained on the corpus; for a corpus outside of the study those that it has labels for."""
    if corpus not in params.corpora:
        return [task for task in params.tasks if len(tasks.truth(tasks.TASKS[task], examples))]
    named = get_args(ModelName)  # all that can be trained, so that the audit does not depend on which one is studied
    cells = {task: [study.Cell(task, corpus, model) for model in named] for task in params.tasks}
    return [task for task in params.tasks if not all(study.omitted(params, cell) for cell in cells[task])]
