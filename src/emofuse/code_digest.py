"""Which code each stage runs: one small file per stage that changes when, and only when, its code does.

DVC does not follow imports. For each stage script this module walks its imports inside the project and writes one line per module: its
name and the digest of its syntax tree without docstrings, so that comments, docstrings and formatting re-run nothing. Where code imports a
module by a name it is given, ``import_module(f"emofuse.corpora.{name}")``, the stage's own file covers the whole package, and
``<stage>-<member>.txt`` only that member of it. The pinned versions of the libraries that can change a number are lines as well.
"""

import ast
import hashlib
import re
from collections.abc import Callable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from emofuse.errors import InputError

PACKAGE = "emofuse"
SOURCE = Path(__file__).parents[1]
LOCK = SOURCE.parent / "requirements.lock"
CODE = Path("build/code")
NUMERICS = (
    "torch",
    "torchaudio",
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "transformers",
    "pocketsphinx",
    "espeakng-loader",
    "matplotlib",
    "pandas",
    "pytorch-metric-learning",
    "openpyxl",
    "jiwer",
    "faster-whisper",
    "ctranslate2",
)


@dataclass
class Imports:
    """What one module imports: project modules, outside packages, and packages whose members are imported by name."""

    modules: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    by_name: set[str] = field(default_factory=set)


def write(stages: Path, source: Path, lock: Path, out: Path) -> None:
    """Write ``out/<stage>.txt`` and ``out/<stage>-<member>.txt`` for every script in ``stages``."""
    versions = pinned_versions(lock)
    out.mkdir(parents=True, exist_ok=True)
    for script in sorted(stages.glob("*.py")):
        _write_digest(out / f"{script.stem}.txt", script, source, None, versions)
        for member in sorted({m for package in dynamic_packages(script, source) for m in members(source, package)}):
            _write_digest(out / f"{script.stem}-{member}.txt", script, source, member, versions)


def of_recipe(recipe: str, network: str, source: Path = SOURCE, lock: Path = LOCK) -> str:
    """Digests of the code that a run executes, one line for each module and library: its recipe's closure, with one of the networks.

    What only starts, places and collects runs is not in it: that changes no result.
    """
    file = _file(source, recipe)
    if file is None:
        raise InputError(f"{recipe}: expected a module below {source}, found none; run from the project's folder")
    package = recipe.rpartition(".")[0]
    others = {f"{package}.{name}" for name in members(source, package)} - {recipe}  # jobs name all recipes, a run executes its own
    modules, outside = closure(file, source, network, others)
    lines = [f"{tree_digest(path)} {name}" for name, path in sorted({recipe: file, **modules}.items())]
    return "\n".join([*lines, *_versions_of(outside, pinned_versions(lock))]) + "\n"


def of_stage(stage: str, member: str | None = None, code: Path = CODE) -> str:
    """The digests of the code that a stage runs (for one member), as the ``code`` stage wrote them; InputError where it has not run."""
    path = code / (f"{stage}-{member}.txt" if member else f"{stage}.txt")
    if not path.is_file():
        raise InputError(f"{path}: expected the digest of the stage's code, found no file; run `dvc repro`, or `dvc repro code` first")
    return path.read_text(encoding="utf-8")


def of_runs(stage: str, code: Path = CODE) -> Callable[[str, str], str]:
    """A function from recipe and network to ``of_recipe``, for the runs of a stage.

    It raises InputError where the ``code`` stage has not yet seen the code as it now is: results would go by the name of other code.
    """

    @cache
    def of_run(recipe: str, network: str) -> str:
        known = of_stage(stage, network if (code / f"{stage}-{network}.txt").is_file() else None, code)
        digest = of_recipe(recipe, network)
        changed = sorted(set(digest.splitlines()) - set(known.splitlines()))
        if changed:
            raise InputError(
                f"{code}: expected the digests of the code as it is, found {changed[0].split()[-1]} changed; call `dvc repro` again"
            )
        return digest

    return of_run


def of_package(source: Path = SOURCE) -> dict[str, str]:
    """Digest of every module of the package by its name."""
    found = {}
    for file in sorted((source / PACKAGE).rglob("*.py")):
        with suppress(SyntaxError):  # of a module that is being written, which no run of now has loaded
            found[".".join(file.relative_to(source).with_suffix("").parts).removesuffix(".__init__")] = tree_digest(file)
    return found


def closure(script: Path, source: Path, member: str | None = None, without: Set[str] = frozenset()) -> tuple[dict[str, Path], set[str]]:
    """Project modules that the script can import, by name, and the outside packages that they import.

    With ``member``, packages imported by name count only that module where they have it. Modules of ``without`` are not followed.
    """
    found: dict[str, Path] = {}
    outside: set[str] = set()
    pending = [(script.stem, script)]
    while pending:
        _, path = pending.pop()
        imports = imports_of(path)
        outside |= imports.outside
        modules = set(imports.modules)
        for package in imports.by_name:
            names = members(source, package)
            modules |= {f"{package}.{n}" for n in names if member not in names or n == member}
        for module in sorted(modules):
            for part in _with_parents(module):
                file = _file(source, part)
                if file is not None and part not in found and part not in without:
                    found[part] = file
                    pending.append((part, file))
    return found, outside


def dynamic_packages(script: Path, source: Path) -> set[str]:
    """Packages of which some module reachable from the script imports a member by name."""
    files = [script, *closure(script, source)[0].values()]
    return {package for file in files for package in imports_of(file).by_name}


def imports_of(path: Path) -> Imports:
    """The imports anywhere in a file; InputError where a module is imported by a name that cannot be followed."""
    return _imports_in(path.read_text(encoding="utf-8"), path)


@cache  # every stage's closure comes by the same modules
def _imports_in(text: str, path: Path) -> Imports:
    imports = Imports()
    for node in ast.walk(ast.parse(text)):
        for name in _imported(node):
            if name.split(".")[0] == PACKAGE:
                imports.modules.add(name)
            else:
                imports.outside.add(name.split(".")[0])
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "import_module":
            package = _package_prefix(node.args[0])
            if package is None:
                raise InputError(
                    f'{path}:{node.lineno}: expected import_module(f"{PACKAGE}.<package>.{{name}}"), found {ast.unparse(node)}'
                )
            imports.by_name.add(package)
    return imports


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(rf"{PACKAGE}(\.\w+)+", node.value):
        yield node.value  # a module named in a string, such as the one a fork server preloads


def _package_prefix(argument: ast.expr) -> str | None:
    if isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        prefix = str(argument.values[0].value)
        if prefix.startswith(f"{PACKAGE}.") and prefix.endswith("."):
            return prefix[:-1]
    return None


def members(source: Path, package: str) -> set[str]:
    """Names of a package's modules."""
    return {file.stem for file in (source / package.replace(".", "/")).glob("*.py") if file.stem != "__init__"}


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _file(source: Path, module: str) -> Path | None:
    path = source / module.replace(".", "/")
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def tree_digest(path: Path) -> str:
    """Digest of the syntax tree without docstrings: blind to comments, docstrings and formatting."""
    return _tree_digest_of(path.read_text(encoding="utf-8"))


@cache
def _tree_digest_of(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def pinned_versions(lock: Path) -> dict[str, str]:
    """Requirement line of each numerics package in requirements.lock, by import name."""
    if not lock.is_file():
        raise InputError(f"{lock}: expected the pinned requirements, found no file; run from the project's folder")
    text = lock.read_text(encoding="utf-8")
    found = {}
    for package in NUMERICS:
        lines = re.findall(rf"^{re.escape(package)}==[^\\\n]+", text, flags=re.MULTILINE)
        if not lines:
            raise InputError(f"{lock}: expected a pinned version of {package}, found none; run `make lock`")
        found[package.replace("-", "_")] = " | ".join(line.strip() for line in lines)
    return found


def _versions_of(packages: set[str], versions: dict[str, str]) -> list[str]:
    return [line for name, line in sorted(versions.items()) if name in packages]


def _write_digest(path: Path, script: Path, source: Path, member: str | None, versions: dict[str, str]) -> None:
    modules, outside = closure(script, source, member)
    lines = [f"{tree_digest(script)} stages/{script.name}"]
    lines += [f"{tree_digest(file)} {name}" for name, file in sorted(modules.items())]
    lines += _versions_of(outside, versions)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
