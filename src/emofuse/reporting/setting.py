"""What a report has to know beside the tables: the model under study, its baselines, the level, and what is not as in the paper."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

LATE_FUSION = "late_fusion"

_MODEL_NAMES = {LATE_FUSION: "LF"}
_CORPUS_NAMES = {  # the papers' corpora in the order of their tables, then others whose names are not plain capitals
    "msp_podcast": "MSP-Podcast",
    "iemocap": "IEMOCAP",
    "kemocon": "K-EmoCon",
    "verbio": "VerBIO",
    "affective_road": "AffectiveROAD",
    "ppg_dalia": "PPG-DaLiA",
    "voxceleb1": "VoxCeleb1",
    "crema_d": "CREMA-D",
    "emodb": "EmoDB",
    "empatica_e4": "Empatica E4 exports",
}
_METRIC_NAMES = {"uar": "UAR %", "accuracy": "accuracy", "macro_f1": "macro F1", "macro_f1_all": "macro F1, all classes"}

TASKS = ("emotion4", "arousal", "valence", "dominance", "avd")  # of paper A, in the order of its tables
CLASS_TARGET = "emotion"  # the target of emotion4

# the metric that the paper reports: UAR for classes, CCC within a corpus, PCC across corpora, whose rating scales differ (section 4)
IN_DOMAIN_METRICS = ("uar", "ccc")
CROSS_CORPUS_METRICS = ("uar", "pcc")


@dataclass(frozen=True)
class Setting:
    """The model under study, the baselines (audio is marked ∗, text †), the level alpha; caption and deviations as sentences.

    ``caption`` stands under every table and says where sizes are not the paper's; empty if they are.
    """

    model: str
    audio: str
    text: str
    single_stage: str
    alpha: float
    caption: str
    deviations: tuple[str, ...]

    @property
    def models(self) -> list[str]:
        """The models of the study, each once: baselines in the paper's order, late fusion in their midst, the model under study last."""
        return list(dict.fromkeys([self.text, self.audio, LATE_FUSION, self.single_stage, self.model]))

    @property
    def marks(self) -> dict[str, str]:
        """The mark of each unimodal baseline."""
        return {self.text: "†", self.audio: "∗"}


def model_name(model: str) -> str:
    """As the paper prints it."""
    return _MODEL_NAMES.get(model, model.upper())


def corpus_name(corpus: str) -> str:
    """As the paper prints it."""
    return _CORPUS_NAMES.get(corpus, corpus.upper())


def metric_name(metric: str) -> str:
    """As the paper prints it."""
    return _METRIC_NAMES.get(metric, metric.upper())


def in_paper_order(corpora: Iterable[str]) -> list[str]:
    """The paper's corpora first, in the order of its tables, then the others by name."""
    order = list(_CORPUS_NAMES)
    return sorted(set(corpora), key=lambda name: (order.index(name) if name in order else len(order), name))


def of_paper(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of paper A's tasks: other tasks have tables of their own."""
    return frame[frame["task"].isin(TASKS)]


def route_name(corpus: str, test_corpus: str, protocol: str | None = None) -> str:
    """Training and test corpus as the paper prints them, one name where they are one; with a protocol, that too in brackets."""
    route = corpus_name(corpus) if corpus == test_corpus else f"{corpus_name(corpus)} → {corpus_name(test_corpus)}"
    return f"{route} ({protocol.replace('_', ' ')})" if protocol else route


def main_metrics(corpus: str, test_corpus: str) -> tuple[str, ...]:
    """Return the metrics that the paper reports for a model of one corpus on another."""
    return IN_DOMAIN_METRICS if corpus == test_corpus else CROSS_CORPUS_METRICS
