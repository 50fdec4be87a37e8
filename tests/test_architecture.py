"""The rules that keep the project readable: who may import whom, how long a module is, what names are not used."""

from pathlib import Path

import pytest

from emofuse.code_digest import imports_of

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src" / "emofuse"
MODULES = sorted(SOURCE.rglob("*.py"))

# each layer may import those above it, and its own members
LAYERS = [
    {"errors"},
    {"tables", "arrays", "audio", "params", "isolation"},
    {"corpora", "features", "transcription", "metrics", "protocols", "models", "toy", "tasks", "study", "code_digest", "stage"},
    {"objectives", "batches", "optimisers", "scores", "published"},
    {"training", "significance", "late_fusion", "runs"},
    {"jobs", "reporting"},
    {"execution", "cells"},
    {"runners"},
]
LAYER = {part: number for number, layer in enumerate(LAYERS) for part in layer}
NARROW = {  # parts that see less than their layer would allow
    "models": {"errors", "models"},
    "toy": {"errors", "params", "isolation", "toy"},
    "reporting": {"errors", "tables", "metrics", "scores", "significance", "reporting"},
    "significance": {"errors", "tables", "metrics", "scores"},
    "metrics": {"errors"},
    "protocols": {"errors"},
}


def part_of(module: str) -> str:
    return module.split(".")[1]


def imported_parts(path: Path) -> set[str]:
    imports = imports_of(path)
    return {part_of(m) for m in imports.modules | imports.by_name if m.count(".") and part_of(m) in LAYER}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_imports_point_from_the_particular_to_the_general(path):
    relative = path.relative_to(SOURCE)
    part = relative.parts[0].removesuffix(".py")
    if part == "__init__":
        return
    assert part in LAYER, f"{part} is in no layer: put it into LAYERS"
    for other in imported_parts(path) - {part}:
        assert LAYER[other] < LAYER[part] or (LAYER[other] == LAYER[part] and other not in NARROW.get(part, {other})), (
            f"{part} imports {other}"
        )
        assert part not in NARROW or other in NARROW[part], f"{part} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_a_module_is_at_most_300_lines_and_has_a_name_of_the_field(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert not {"utils", "helpers", "misc", "common", "core", "base", "manager", "handler"} & set(path.stem.split("_"))


@pytest.mark.parametrize("path", sorted((REPOSITORY / "stages").glob("*.py")), ids=lambda p: p.name)
def test_a_stage_script_is_thin(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


def test_nothing_in_the_package_imports_a_stage():
    assert not [path for path in MODULES if "stages" in imports_of(path).outside]
