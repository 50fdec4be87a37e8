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


RECIPES = sorted(file.stem for file in (REPOSITORY / "src/emofuse/recipes").glob("[!_]*.py"))
NETWORK_OF = {"speech_text": "cnn14", "emotion": "fusion", "masked_statistics": "fusion", "contrast": "signal_encoder"}


def modules_of(recipe, network):
    """Digests of a run's modules by name; the lines of libraries are left out."""
    lines = code_digest.of_recipe(f"emofuse.recipes.{recipe}", network).splitlines()
    return {module: digest for digest, module in (line.split() for line in lines if "==" not in line)}


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_code_of_a_run_is_its_own_recipe_without_what_starts_places_and_shows_runs(recipe):
    found = modules_of(recipe, NETWORK_OF.get(recipe, "speech_autoencoder"))
    assert [module for module in found if module.startswith("emofuse.recipes.")] == [f"emofuse.recipes.{recipe}"]
    assert {"emofuse.training", "emofuse.checkpoints", "emofuse.execution", "emofuse.runs"} <= set(found)
    assert not {m for m in found if m.split(".")[1:2] in (["runners"], ["stage"], ["status"], ["records"], ["code_digest"])}


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_code_of_a_run_covers_every_module_that_its_process_really_imports(recipe):
    network = NETWORK_OF.get(recipe, "speech_autoencoder")
    program = f"import sys; import emofuse.recipes.{recipe}, emofuse.models.{network}; print('\\n'.join(m for m in sys.modules))"
    imported = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()
    own = {module for module in imported if module.split(".")[0] == "emofuse"}
    assert own and own <= set(modules_of(recipe, network))


def test_runs_of_one_recipe_differ_by_their_network_alone():
    audio, text = (set(modules_of("speech_text", network)) for network in ("cnn14", "bert"))
    assert (audio - text, text - audio) == ({"emofuse.models.cnn14"}, {"emofuse.models.bert"})
    assert "torch==" in code_digest.of_recipe("emofuse.recipes.speech_text", "cnn14")


def test_a_recipe_that_does_not_exist_is_one_line():
    with pytest.raises(InputError, match=r"emofuse\.recipes\.none: expected a module below .*, found none") as error:
        code_digest.of_recipe("emofuse.recipes.none", "cnn14")
    assert "\n" not in str(error.value)


@pytest.fixture
def code(tmp_path):
    """What the ``code`` stage writes of the repository."""
    code_digest.write(REPOSITORY / "stages", REPOSITORY / "src", REPOSITORY / "requirements.lock", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("stage", "recipe", "network"),
    [
        *(("train", "speech_text", network) for network in ("cnn14", "sfcnn14", "mfcnn14", "bert")),
        ("pretrain", "reconstruction", "speech_autoencoder"),
        ("pretrain", "contrast", "signal_encoder"),
        ("pretrain", "masked_statistics", "fusion"),
        ("train_emotion", "emotion", "emotion_heads"),
    ],
)
def test_the_code_of_a_stages_runs_is_part_of_the_stages_own(code, stage, recipe, network):
    assert code_digest.of_runs(stage, code)(f"emofuse.recipes.{recipe}", network) == code_digest.of_recipe(
        f"emofuse.recipes.{recipe}", network
    )


def test_code_that_has_changed_since_the_stages_digest_was_written_is_one_line(code):
    file = code / "train-cnn14.txt"
    digest = code_digest.tree_digest(REPOSITORY / "src/emofuse/training.py")
    file.write_text(file.read_text().replace(f"{digest} emofuse.training", f"{'0' * 16} emofuse.training"))
    of_run = code_digest.of_runs("train", code)
    with pytest.raises(InputError, match=r"found emofuse\.training changed; call `dvc repro` again") as error:
        of_run("emofuse.recipes.speech_text", "cnn14")
    assert "\n" not in str(error.value)
    of_run("emofuse.recipes.speech_text", "bert")  # whose digest is right


def test_a_stage_whose_digest_was_never_written_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match=r"train\.txt: expected the digest of the stage's code, found no file; run `dvc repro`"):
        code_digest.of_runs("train", tmp_path)("emofuse.recipes.speech_text", "cnn14")


def test_every_module_of_the_package_has_a_digest_that_its_comments_do_not_change(project):
    before = code_digest.of_package(project / "src")
    assert set(before) == {f"emofuse{m}" for m in ("", ".a", ".b", ".c", ".kinds", ".kinds.one", ".kinds.two")}
    b = project / "src/emofuse/b.py"
    b.write_text("# why\n" + b.read_text())
    assert code_digest.of_package(project / "src") == before
    b.write_text(b.read_text().replace("+ 1", "+ 2"))
    after = code_digest.of_package(project / "src")
    assert {module for module in before if before[module] != after[module]} == {"emofuse.b"}


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
