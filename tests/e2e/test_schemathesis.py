"""Schemathesis, which others wrote, calls REST as its document says and otherwise: no finding.

It has a cluster of its own, because it changes and deletes what it comes across.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.local.cluster import Cluster
from tests.e2e.conftest import throwaway_cluster
from tests.effort import Effort

PROGRAM = Path(sys.executable).with_name("schemathesis")
EXPLAINED = Path(__file__).with_name("schemathesis.toml")
HOOKS = "tests.e2e.schemathesis_hooks"
ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "envoy/generated/openapi.json"
DOCUMENT = "/api/openapi.json"
CASES = 4  # by chance, of each operation; those at the ends of its schemas come on top
TOKEN_SECONDS = 7200
CHEAPEST_BCRYPT = "4"

# Operations that none of its calls succeeds with.
UNREACHED = {
    "Document": "it is what schemathesis has read all this from, and leaves out",
    "ReceivePaymentNotice": "its signature is the provider's (tests/e2e/test_payments.py)",
    "ResetPassword": "its token comes by mail (tests/e2e/test_mail.py)",
    "VerifyEmail": "its token comes by mail",
}


@dataclass(frozen=True)
class Ended:
    """How a run ended, what it said, and which operations it was answered by, and how."""

    code: int
    said: str
    answers: frozenset[tuple[str, str]]


@pytest_asyncio.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setenv("BCRYPT_COST", CHEAPEST_BCRYPT)
    async with throwaway_cluster(tmp_path / "home") as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(3_600)
async def test_it_finds_nothing_that_is_not_explained(
    cluster: Cluster, tmp_path: Path, effort: Effort
) -> None:
    lying = tmp_path / "lying.json"
    lying.write_text(json.dumps(lie(json.loads(GENERATED.read_text()))))
    only = ("--include-operation-id", "GetKeySet")
    found = await run(str(lying), cluster, tmp_path, effort, *only)
    assert found.code == 1, found.said
    assert "Response violates schema" in found.said

    ended = await run(f"{cluster.edge_url}{DOCUMENT}", cluster, tmp_path, effort)
    assert ended.code == 0, ended.said
    succeeded = {name for name, status in ended.answers if status.startswith("2")}
    assert offered() - succeeded == UNREACHED.keys()


def lie(document: Any) -> Any:
    """The document, with a member that no key set has."""
    document["components"]["schemas"]["KeySet"]["required"].append("nonsense")
    return document


def offered() -> set[str]:
    """All operations of the document."""
    paths = json.loads(GENERATED.read_text())["paths"].values()
    return {operation["operationId"] for verbs in paths for operation in verbs.values()}


async def run(document: str, cluster: Cluster, folder: Path, effort: Effort, *more: str) -> Ended:
    """Runs it against the edge, by the document."""
    answers = folder / "answers.txt"
    answers.write_text("")
    options = {
        "--url": cluster.edge_url,
        "--phases": "examples,coverage,fuzzing,stateful",
        "--max-examples": str(effort.times(CASES)),
        "--seed": str(effort.seed),
        "--generation-database": "none",
    }
    named = [word for option in options.items() for word in option]
    scene = {
        "SCENE_EDGE": cluster.edge_url,
        "SCENE_HOME": str(cluster.home.directory),
        "SCENE_DATA": str(cluster.home.data),
        "SCENE_TOKEN": cluster.token("admin", TOKEN_SECONDS),
        "SCENE_ANSWERS": str(answers),
    }
    process = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), "--config-file", str(EXPLAINED), "run", document, *more, *named),
        "--no-color",
        cwd=folder,
        env=os.environ | scene | {"SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    pairs = (line.split() for line in answers.read_text().splitlines())
    seen = frozenset((name, status) for name, status in pairs)
    return Ended(process.returncode or 0, output.decode(), seen)
