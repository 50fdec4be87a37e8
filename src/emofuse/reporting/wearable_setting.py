"""Names and order of paper B's models, targets and protocols, and what its report has to know beside the tables."""

from collections.abc import Iterable
from dataclasses import dataclass

TASK = "self_report"
PAPER_PROTOCOL, STRICT_PROTOCOL = "leave_one_subject_out", "leave_one_session_out"
PROTOCOLS = {PAPER_PROTOCOL: "leave-one-subject-out", STRICT_PROTOCOL: "leave-one-session-out"}
TARGETS = {"arousal3": "arousal", "valence3": "valence", "emotion6": "categories"}
METRICS = {"accuracy": "accuracy", "macro_f1": "F1"}
MECHANISMS = ("unweighted", "weighted", "attention")
UNIMODAL = ("speech_only", "wearable_only")
CONTROLS = ("random_encoders", "shuffled_labels", "majority_class")
IN_PAPER = {"wearable_only": "wearable_only_sigrep"}  # quoted there from SigRep, the name in data/paper_values.csv
PAPER_CORPUS = {"kemocon": "k_emocon"}


@dataclass(frozen=True)
class WearableSetting:
    """What the report of paper B has to know: mechanism under study, level of the tests, corpus, and what is not as in the paper.

    ``initial_weight`` is what each scalar of weighted fusion starts from; ``caption`` stands under every table and says where sizes are
    not the paper's, empty if they are.
    """

    fusion: str
    alpha: float
    corpus: str
    initial_weight: float
    caption: str
    deviations: tuple[str, ...]

    @property
    def model(self) -> str:
        """The model under study."""
        return with_training(self.fusion)


def with_training(mechanism: str) -> str:
    """The name of the model of that mechanism that is pretrained on masked signals."""
    return f"{mechanism}_with_fusion_training"


def without_training(mechanism: str) -> str:
    """The name of its twin that is not."""
    return f"{mechanism}_without_fusion_training"


FUSED = (*map(without_training, MECHANISMS), *map(with_training, MECHANISMS))
MODELS = (*UNIMODAL, *FUSED)  # in the order of the paper's Table 1
TWINS = tuple((with_training(m), without_training(m)) for m in MECHANISMS)


def pairs() -> list[tuple[str, str]]:
    """Every (model, reference) that is tested: the three twins, each fused model against unimodal ones, all against the controls."""
    unimodal = [(model, reference) for model in FUSED for reference in UNIMODAL]
    return [*TWINS, *unimodal, *((model, control) for model in MODELS for control in CONTROLS)]


def model_name(model: str) -> str:
    """As in the paper's Table 1, shortened; a control bears the mark that it is ours."""
    mechanism, _, training = model.partition("_with")
    if training in ("_fusion_training", "out_fusion_training"):
        return f"{mechanism} {'w/' if training.startswith('_') else 'w/o'} fusion training"
    return model.replace("_", " ") + (" (control, ours)" if model in CONTROLS else "")


def in_table_order(models: Iterable[str]) -> list[str]:
    """The paper's models in the order of its table, then the controls, then others by name."""
    order = [*MODELS, *CONTROLS]
    return sorted(set(models), key=lambda name: (order.index(name) if name in order else len(order), name))
