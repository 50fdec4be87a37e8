"""A Git and DVC workspace with a small genuine study: the repository's code, its train stage as it is, and features of a few examples."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SEEDS = [0, 1, 2]
EPOCHS = 16
CELLS = {"cnn14": "train@emotion4-msp_podcast-cnn14", "mfcnn14": "train@emotion4-msp_podcast-mfcnn14"}
MARK = "EMOFUSE_FAULTS"  # an environment variable that every process of a workspace inherits
_FEATURES = """
import sys
sys.path.insert(0, "tests")
import study_on_disk
study_on_disk.write()
"""


class Call:
    """One ``dvc repro`` in a process group of its own, its output in a file."""

    def __init__(self, words: list[str], folder: Path, environment: dict[str, str], output: Path) -> None:
        self.output, self.started = output, time.monotonic()
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def wait(self, timeout_s: float) -> int | None:
        """The exit code, or None where it has not ended by then."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")


@dataclass
class Workspace:
    """A folder in which DVC is called; ``variables`` are added to the environment of every call."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        names = {f"GIT_{who}_{what}": "fault@campaign" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            **names,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "OMP_NUM_THREADS": "1",
            "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc" / "site"),  # what DVC remembers of files goes with the workspace
            MARK: self.mark,
            **self.variables,
        }

    def start(self, *cells: str) -> Call:
        """Call ``dvc repro`` for these cells and return at once."""
        targets = [CELLS[cell] for cell in cells or ("cnn14",)]
        outputs = self.folder.with_name(f"{self.folder.name}-calls")  # beside it: in the workspace a full disk may hit them
        outputs.mkdir(exist_ok=True)
        output = outputs / f"{len(list(outputs.iterdir()))}.txt"
        return Call(["dvc", "repro", *targets], self.folder, self.environment, output)

    def run(self, *words: str) -> str:
        done = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def set(self, **execution: object) -> None:
        """Change keys of the section ``execution`` of params.yaml."""
        path = self.folder / "params.yaml"
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        data["execution"] |= execution
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")

    @property
    def store(self) -> Path:
        return self.folder / "runs"

    def copy_to(self, folder: Path) -> "Workspace":
        """The same workspace elsewhere, with its files' times, under a mark of its own."""
        for old in (folder, folder.with_name(f"{folder.name}-calls")):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workspace(folder)


def make(folder: Path) -> Workspace:
    """A workspace that has its features and has trained nothing."""
    for name in ("src", "stages"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("requirements.lock", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore", "tests/study_on_disk.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)
    shutil.copy(REPOSITORY / "params.yaml", folder)
    (folder / "logs").mkdir()
    (folder / "tests" / "features.py").write_text(_FEATURES, encoding="utf-8")
    _write_params(folder)
    _write_pipeline(folder)
    workspace = Workspace(folder)
    workspace.run("git", "init", "-q")
    workspace.run("dvc", "repro", "code", "features")
    workspace.run("git", "add", ".")
    workspace.run("git", "commit", "-qm", "a small study")
    return workspace


def _write_params(folder: Path) -> None:
    spec = importlib.util.spec_from_file_location("study_on_disk", folder / "tests" / "study_on_disk.py")
    assert spec and spec.loader
    study = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(study)
    data = study.load(epochs=EPOCHS).model_dump(mode="json")
    data["seeds"]["toy"] = SEEDS
    data["baselines"]["single_stage"] = "mfcnn14"  # DVC collapses equal entries of a matrix
    data["execution"]["checkpoint_every_s"] = 0.0
    (folder / "params.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def _write_pipeline(folder: Path) -> None:
    """The stages ``code`` and ``train`` as they are, and before them one stage that writes tables and features."""
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    train = stages["train"]
    train["deps"] = [dep for dep in train["deps"] if not dep.startswith("data/audited")]
    made = [dep for dep in train["deps"] if dep.startswith("data/")]
    features = {"cmd": "python tests/features.py", "deps": ["tests"], "params": ["tasks"], "outs": made}
    pipeline = {"stages": {"code": stages["code"], "features": features, "train": train}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False), encoding="utf-8")
