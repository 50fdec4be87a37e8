"""What the documentation says is there is there."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from emofuse import corpora

REPOSITORY = Path(__file__).parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", "data/README.md", "docs/many-machines.md", "docs/scale.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (REPOSITORY / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_no_placeholder_is_left(page):
    assert not re.search(r"@[A-Z0-9_]+@|TODO|FIXME", (REPOSITORY / page).read_text(encoding="utf-8"))


def test_every_parameter_that_the_readme_sets_exists():
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    words = re.findall(r"-S '?([a-z0-9_.]+)=", (REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert len(words) > 10
    for word in words:
        section = params
        for part in word.split("."):
            assert part in section, word
            section = section[part]


def test_every_make_target_that_the_words_name_exists():
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {t for page in PAGES for t in re.findall(r"make ([a-z-]+)", (REPOSITORY / page).read_text(encoding="utf-8"))}
    assert named <= targets | {"sure"}


def test_every_table_of_data_readme_is_an_output_of_the_pipeline():
    pipeline = (REPOSITORY / "dvc.yaml").read_text(encoding="utf-8")
    for name in (
        "data/examples/",
        "data/transcripts/",
        "data/features/",
        "data/recordings/",
        "data/windows/",
        "data/self_reports/",
        "results/pretrained/",
        "results/scores.parquet",
        "results/comparisons.parquet",
        "data/toy/",
    ):
        assert name in pipeline and name.removeprefix("data/") in (REPOSITORY / "data" / "README.md").read_text(encoding="utf-8")


def test_every_corpus_that_the_readme_enters_has_that_release_and_protocol():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    entries = re.findall(r'`(\w+): \{(?:root: …, )?release: "?([\w.]+)"?, protocol: (\w+)', text)
    assert {name for name, _, _ in entries} == set(corpora.known()) - {"msp_podcast", "iemocap"}
    for name, release, protocol in entries:
        module = import_module(f"emofuse.corpora.{name}")
        assert release in module.RELEASES and protocol == module.PROTOCOL, name
