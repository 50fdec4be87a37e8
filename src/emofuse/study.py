"""What params.yaml asks for: the cells (task, corpus, model) of both studies, and where everything keeps its tables."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from emofuse.errors import InputError
from emofuse.params import Params

CELLS = Path("results/cells")
WORD_ERRORS_FILE = Path("results/word_errors.parquet")
SCORES_FILE = Path("results/scores.parquet")
COMPARISONS_FILE = Path("results/comparisons.parquet")
FUSION_WEIGHTS_FILE = Path("results/fusion_weights.parquet")  # of the pretraining; those of the folds are in their cells
ATTENTION_FILE = Path("results/attention.parquet")
LATE_FUSION = "late_fusion"


@dataclass(frozen=True, order=True)
class Cell:
    """All runs of one model on one task of one corpus."""

    task: str
    corpus: str
    model: str

    @property
    def folder(self) -> Path:
        """Where the cell's Predictions and History are."""
        return CELLS / self.task / self.corpus / self.model

    @property
    def name(self) -> str:
        """task/corpus/model."""
        return f"{self.task}/{self.corpus}/{self.model}"


def models(params: Params) -> list[str]:
    """The model under study and its baselines, each once, in that order."""
    return list(dict.fromkeys([params.model, params.baselines.audio, params.baselines.text, params.baselines.single_stage]))


def cells(params: Params) -> list[Cell]:
    """Every trained cell of the study, those that are omitted too: the matrix of the train stage in dvc.yaml."""
    return [Cell(task, corpus, model) for task in params.tasks for corpus in params.corpora for model in models(params)]


def cell(params: Params, task: str, corpus: str, model: str) -> Cell:
    """The cell of these names; InputError where params.yaml does not ask for it."""
    found = Cell(task, corpus, model)
    if found not in cells(params):
        raise InputError(
            f"{found.name}: expected a cell of the study, with a task of {params.tasks}, a corpus of {list(params.corpora)} and a model of "
            f"{models(params)}; correct the name, or add it in params.yaml"
        )
    return found


def late_fusion_cells(params: Params) -> list[Cell]:
    """The derived cells: the matrix of the late_fusion stage."""
    return [Cell(task, corpus, LATE_FUSION) for task in params.tasks for corpus in params.corpora]


def omitted(params: Params, cell: Cell) -> bool:
    """True if a pattern of ``omit`` leaves the cell out."""
    return any(fnmatchcase(cell.name, pattern) for pattern in params.omit)


def examples_file(corpus: str) -> Path:
    """The Examples table of a corpus."""
    return Path("data/examples") / f"{corpus}.parquet"


def left_out_file(corpus: str) -> Path:
    """The LeftOut table of a corpus: what it lists and the Examples table does not hold."""
    return Path("data/left_out") / f"{corpus}.parquet"


def counts_file(corpus: str) -> Path:
    """The Counts table of a corpus, beside what was published of its release."""
    return Path("data/counts") / f"{corpus}.parquet"


def references_file(corpus: str) -> Path:
    """What was really said, as far as the corpus brings it."""
    return Path("data/references") / f"{corpus}.parquet"


def audit_file(corpus: str) -> Path:
    """What the audit found in a corpus."""
    return Path("data/audit") / f"{corpus}.parquet"


def audited_file(kind: str, corpus: str) -> Path:
    """The mark of a corpus (``kind``: corpora or recordings) that passed the audit; constant, so that a new warning re-runs nothing."""
    return Path("data/audited") / kind / f"{corpus}.txt"


def recognition_file(corpus: str) -> Path:
    """How a corpus was transcribed, and how fast."""
    return Path("results/recognition") / f"{corpus}.parquet"


def transcripts_file(corpus: str) -> Path:
    """The Transcripts table of a corpus."""
    return Path("data/transcripts") / f"{corpus}.parquet"


def examples_of(params: Params, corpus: str) -> Path:
    """The Examples table of a corpus of either paper."""
    return windows_file(corpus) if corpus in params.wearable.corpora else examples_file(corpus)


def recordings_folder(corpus: str) -> Path:
    """The Recordings and Annotations tables of a corpus, and the samples of its signals."""
    return Path("data/recordings") / corpus


def windows_file(corpus: str) -> Path:
    """The Examples table of a corpus of recordings: one row for every window, without labels."""
    return Path("data/windows") / f"{corpus}.parquet"


def self_reports_file(corpus: str) -> Path:
    """The same with the labels that subjects gave."""
    return Path("data/self_reports") / f"{corpus}.parquet"


def pretrained_folder(network: str) -> Path:
    """Weights and history of a pretrained network: speech, a signal, or a fusion mechanism."""
    return Path("results/pretrained") / network


def weights_file(network: str) -> Path:
    """The weights of a pretrained network."""
    return pretrained_folder(network) / "weights.safetensors"


def features_folder(feature: str, corpus: str) -> Path:
    """The cache of one feature of a corpus."""
    return Path("data/features") / feature / corpus
