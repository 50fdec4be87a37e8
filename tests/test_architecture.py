"""The rules that keep the project readable: who may import whom, how long a module is, what names are not used."""

import ast
from pathlib import Path

import pytest

from emofuse.code_digest import imports_of

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src" / "emofuse"
MODULES = sorted(SOURCE.rglob("*.py"))

# a part may import parts of the layers above it, and its own members; hence no two parts import each other, not even in a circle
LAYERS = [
    {"errors", "parquet"},
    {"tables", "arrays", "audio", "archive", "params", "isolation", "restricted_pickle", "workbook", "signals"},
    {"remarks", "release"},
    {"corpora", "features", "transcription", "metrics", "word_errors", "protocols", "models", "toy", "tasks", "study", "code_digest"}
    | {"stage"},
    {"recordings", "references", "self_reports", "self_supervision", "objectives", "batches", "optimisers", "scores", "checkpoints"}
    | {"published", "published_wearable"},
    {"track_store", "windows", "window_batches", "training", "supervised", "significance", "late_fusion", "runs"},
    {"jobs", "records", "audit", "reporting"},
    {"execution", "cells", "speech_text", "pretraining"},
    {"unlabelled", "wearable_networks", "speech_wearables"},
    {"recipes", "representations", "findings", "runners", "doctor"},
    {"status"},
]
LAYER = {part: number for number, layer in enumerate(LAYERS) for part in layer}
NARROW = {  # parts that see less than their layer would allow
    "models": {"errors", "models"},
    "toy": {"errors", "params", "isolation", "toy"},
    "corpora": {"errors", "tables", "audio", "remarks", "release", "corpora"},
    "recordings": {"errors", "archive", "audio", "remarks", "release", "restricted_pickle", "workbook", "signals", "recordings"},
    "self_supervision": {"errors", "params", "self_supervision"},
    "reporting": {"errors", "tables", "metrics", "scores", "significance", "reporting"},
    "significance": {"errors", "tables", "metrics", "scores"},
    "metrics": {"errors"},
    "protocols": {"errors"},
    "restricted_pickle": {"errors", "restricted_pickle"},
    "archive": {"errors"},
    "workbook": {"errors"},
    "training": {"errors", "checkpoints"},
    "checkpoints": set(),
    "runners": {"errors", "code_digest", "params", "runs", "records", "training", "jobs", "execution", "runners"},
}
NAMES_RECIPES = {"speech_text", "pretraining", "speech_wearables"}  # a job says by name which recipe a worker process imports


def part_of(module: str) -> str:
    return module.split(".")[1]


def imported_parts(path: Path) -> set[str]:
    imports = imports_of(path)
    return {part_of(m) for m in imports.modules | imports.by_name if m.count(".") and part_of(m) in LAYER}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_imports_point_from_the_particular_to_the_general(path):
    part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if part == "__init__":
        return
    assert part in LAYER, f"{part} is in no layer: put it into LAYERS"
    for other in imported_parts(path) - {part}:
        if other == "recipes" and part in NAMES_RECIPES:
            continue
        assert LAYER[other] < LAYER[part], f"{part} imports {other}"
        assert part not in NARROW or other in NARROW[part], f"{part} imports {other}"


@pytest.mark.parametrize("part", sorted(NAMES_RECIPES))
def test_a_job_names_its_recipe_and_does_not_import_it(part):
    nodes = list(ast.walk(ast.parse((SOURCE / f"{part}.py").read_text(encoding="utf-8"))))
    imported = [f"{n.module}.{a.name}" for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names]
    imported += [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
    assert imported and not [name for name in imported if name.startswith("emofuse.recipes")]
    named = [n.value for n in nodes if isinstance(n, ast.Constant) and str(n.value).startswith("emofuse.recipes.")]
    assert named and all((SOURCE / "recipes" / f"{name.split('.')[-1]}.py").is_file() for name in named)


def test_the_layers_name_parts_that_exist():
    assert {part for part in LAYER if not (SOURCE / part).is_dir() and not (SOURCE / f"{part}.py").is_file()} == set()
    assert sum(len(layer) for layer in LAYERS) == len(LAYER)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_a_module_is_at_most_300_lines_and_has_a_name_of_the_field(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert not {"utils", "helpers", "misc", "common", "core", "base", "manager", "handler"} & set(path.stem.split("_"))


@pytest.mark.parametrize("path", sorted((REPOSITORY / "stages").glob("*.py")), ids=lambda p: p.name)
def test_a_stage_script_is_thin(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


def test_nothing_in_the_package_imports_a_stage():
    assert not [path for path in MODULES if "stages" in imports_of(path).outside]
