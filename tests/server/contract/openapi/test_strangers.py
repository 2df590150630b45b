"""What others have written to judge OpenAPI documents finds nothing; and finds what is planted."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
import pytest_asyncio

from tests.node import Ended, ended, installed

TOOLS = Path(__file__).parent / "node"
Document = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    await installed(TOOLS, folder)
    return folder


def without_summary(document: Document) -> None:
    del document["paths"]["/api/v1/users"]["post"]["summary"]


def without_example(document: Document) -> None:
    del document["components"]["responses"]["RATE_LIMITED"]["content"]["application/json"][
        "examples"
    ]


def without_description(document: Document) -> None:
    del document["components"]["schemas"]["User"]["description"]


def with_dangling_reference(document: Document) -> None:
    del document["components"]["schemas"]["User"]


def without_paths_parameter(document: Document) -> None:
    document["paths"]["/api/v1/users/{user_id}"]["get"]["parameters"] = []


def without_title(document: Document) -> None:
    del document["info"]["title"]


def test_a_validator_in_python_finds_nothing(made: Document) -> None:
    openapi_spec_validator.validate(made)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (without_title, '"title" is a required'),
        (without_paths_parameter, "Path parameter 'user_id'"),
        (with_dangling_reference, "/components/schemas/User"),
    ],
)
def test_it_finds_what_is_planted(
    made: Document, spoil: Callable[[Document], None], named: str
) -> None:
    with pytest.raises(Exception, match=named):
        openapi_spec_validator.validate(spoilt(made, spoil))


@pytest.mark.timeout(180)
async def test_a_validator_in_javascript_finds_nothing(made: Document, tools: Path) -> None:
    assert json.loads((await validated(made, tools)).output) == {"valid": True}
    wrong = spoilt(made, without_title)
    assert json.loads((await validated(wrong, tools)).output)["valid"] is False


@pytest.mark.timeout(180)
async def test_the_linter_finds_nothing(made: Document, tools: Path) -> None:
    said = await linted(made, tools)
    assert said.code == 0, said.output
    assert "No results" in said.output


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (without_summary, "emporium-operation-summary"),
        (without_example, "emporium-refusal-has-examples"),
        (without_description, "emporium-schema-described"),
        (with_dangling_reference, "invalid-ref"),
    ],
)
async def test_the_linter_finds_what_is_planted(
    made: Document, tools: Path, spoil: Callable[[Document], None], rule: str
) -> None:
    said = await linted(spoilt(made, spoil), tools)
    assert said.code != 0
    assert rule in said.output


def spoilt(document: Document, spoil: Callable[[Document], None]) -> Document:
    changed = copy.deepcopy(document)
    spoil(changed)
    return changed


async def validated(document: Document, tools: Path) -> Ended:
    path = tools / "document.json"
    path.write_text(json.dumps(document))
    return await ended("node_modules/.bin/validate-api", str(path), folder=tools)


async def linted(document: Document, tools: Path) -> Ended:
    path = tools / "document.json"
    path.write_text(json.dumps(document))
    rules = ("--ruleset", "rules.yaml", "--fail-severity", "hint")
    return await ended("node_modules/.bin/spectral", "lint", str(path), *rules, folder=tools)
