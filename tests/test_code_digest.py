import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from emofuse import code_digest
from emofuse.errors import InputError

REPOSITORY = Path(__file__).parents[1]
SCRIPTS = sorted((REPOSITORY / "stages").glob("*.py"))


@pytest.fixture
def project(tmp_path):
    """A stage that imports a.py, which imports b.py; c.py is imported by nobody; members of emofuse.kinds are imported by name."""
    package = tmp_path / "src" / "emofuse"
    (package / "kinds").mkdir(parents=True)
    (tmp_path / "stages").mkdir()
    for name in ("__init__", "c", "kinds/__init__", "kinds/one", "kinds/two"):
        (package / f"{name}.py").write_text("")
    (package / "a.py").write_text('"""Doc."""\nfrom emofuse.b import f  # why\n')
    (package / "b.py").write_text("import numpy\n\ndef f(x: int) -> int:\n    return x + 1\n")
    (tmp_path / "stages" / "s.py").write_text(
        'from importlib import import_module\nfrom emofuse import a\ndef main(k):\n    import_module(f"emofuse.kinds.{k}")\n'
    )
    (tmp_path / "lock").write_text("".join(f"{p}==1.0 \\\n    --hash=sha256:0\n" for p in code_digest.NUMERICS))
    return tmp_path


def digests(project):
    out = project / "out"
    code_digest.write(project / "stages", project / "src", project / "lock", out)
    return {file.name: file.read_text() for file in out.iterdir()}


def test_a_comment_a_docstring_or_blank_lines_change_nothing(project):
    before = digests(project)
    b = project / "src/emofuse/b.py"
    b.write_text('"""Module."""\n\nimport numpy\n# a comment\n\n\ndef f(x: int) -> int:\n    """Add."""\n    return x + 1\n')
    assert digests(project) == before


def test_a_change_two_imports_away_changes_the_stage(project):
    before = digests(project)
    b = project / "src/emofuse/b.py"
    b.write_text(b.read_text().replace("+ 1", "+ 2"))
    after = digests(project)
    assert all(after[name] != before[name] for name in before)


def test_an_unrelated_module_changes_nothing(project):
    before = digests(project)
    (project / "src/emofuse/c.py").write_text("y = 2\n")
    assert digests(project) == before


def test_a_member_imported_by_name_changes_its_own_digest_and_the_whole_stages(project):
    before = digests(project)
    (project / "src/emofuse/kinds/one.py").write_text("y = 2\n")
    after = digests(project)
    assert {name for name in before if after[name] != before[name]} == {"s.txt", "s-one.txt"}


def test_a_new_numpy_changes_a_stage_that_imports_it(project):
    before = digests(project)
    lock = project / "lock"
    lock.write_text(lock.read_text().replace("numpy==1.0", "numpy==2.0"))
    assert digests(project)["s.txt"] != before["s.txt"]


def test_an_import_that_cannot_be_followed_is_refused(project):
    (project / "src/emofuse/b.py").write_text("from importlib import import_module\nimport_module(name)\n")
    with pytest.raises(InputError, match=r"b\.py:2"):
        digests(project)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.stem)
def test_the_digest_covers_every_module_that_the_stage_really_imports(script):
    covered, _ = code_digest.closure(script, REPOSITORY / "src")
    program = (
        f"import runpy, sys; runpy.run_path({str(script)!r}); print('\\n'.join(m for m in sys.modules if m.split('.')[0] == 'emofuse'))"
    )
    imported = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()
    assert imported and set(imported) <= set(covered)


def test_every_stage_depends_on_the_digest_of_its_own_script():
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    scripts = set()
    for name, stage in stages.items():
        stage = stage.get("do", stage)
        script = stage["cmd"].split()[1]
        scripts.add(script)
        assert (REPOSITORY / script).is_file()
        stem = Path(script).stem
        if name != "code":
            own = {f"build/code/{stem}.txt", *(f"build/code/{stem}-{word}.txt" for word in stage["cmd"].split()[2:])}
            assert any(d in own or d.startswith(f"build/code/{stem}-${{") for d in stage["deps"]), name
    assert scripts == {f"stages/{s.name}" for s in SCRIPTS}
