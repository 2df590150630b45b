"""What the documents for contributors say, compared with the repository."""

import re
from importlib.metadata import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted(page for page in DECISIONS.glob("*.md") if page.name != "README.md")
PROSE = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "tests" / "README.md"])
SECTIONS = ["Context", "Decision", "Alternatives", "Consequences", "When to reconsider"]


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


def test_a_commit_is_checked_by_what_make_check_runs_in_the_same_order() -> None:
    makefile = (ROOT / "Makefile").read_text()
    check = re.search(r"^check:([^#\n]*)", makefile, re.MULTILINE)
    assert check
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert [hook["entry"] for hook in hooks] == [f"make {word}" for word in check[1].split()]
    for hook in hooks:
        assert hook["always_run"], "a check is of the whole tree, not of the files in the commit"
        assert not hook["pass_filenames"]


def test_hooks_are_fetched_from_nowhere() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    assert {hook["language"] for hook in config["repos"][0]["hooks"]} == {"system"}


def test_the_package_says_the_licence_that_the_tree_holds() -> None:
    package = metadata("emporium")
    assert package["License-Expression"] == "Apache-2.0"
    assert (
        "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text()
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_a_decision_says_all_that_one_has_to_say(page: Path) -> None:
    assert headings(page.read_text()) == SECTIONS


def test_the_index_of_decisions_lists_every_page() -> None:
    listed = re.findall(r"\]\((\d\d-[a-z-]+\.md)\)", (DECISIONS / "README.md").read_text())
    assert listed == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    for link in links:
        assert "://" in link or (page.parent / link).exists(), link
