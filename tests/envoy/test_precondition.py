"""What replaces a whole is refused where nothing says what it is made on."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from server.kit import auth
from tests.envoy.conftest import Edge, edge_before, error_of
from tests.envoy.guarded_edge import BELIEVED
from tests.envoy.more_rpcs import source_with
from tests.server.kit.guarded import Guarded, guarded
from tests.server.kit.ping import described

PROTO = Path(__file__).with_name("whole.proto")
SERVICE = described(PROTO.read_text(), PROTO.name)
PATH = "/api/v1/wholes/1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Edge, Guarded]]:
    folder = tmp_path_factory.mktemp("whole")
    source = source_with(PROTO, folder)
    (folder / "edge").mkdir()
    async with (
        guarded(auth.Verifier(BELIEVED), services=[SERVICE]) as inside,
        edge_before(inside, folder / "edge", source=source) as running,
    ):
        yield running, inside


@pytest_asyncio.fixture(loop_scope="session")
async def http(edge: tuple[Edge, Guarded]) -> AsyncIterator[httpx.AsyncClient]:
    running, inside = edge
    inside.entered.clear()
    async with running.rest() as client:
        yield client


async def test_a_whole_is_not_replaced_blindly(
    http: httpx.AsyncClient, edge: tuple[Edge, Guarded]
) -> None:
    error = error_of(await http.put(PATH, json={"text": "a"}), 428, "PRECONDITION_REQUIRED")
    (violation,) = error["details"][0]["field_violations"]
    assert violation["field"] == "etag"
    empty = await http.put(PATH, json={"text": "a", "etag": ""})
    error_of(empty, 412, "ETAG_MISMATCH")
    assert not edge[1].entered


@pytest.mark.parametrize(
    ("headers", "body"),
    [({"if-match": '"7"'}, {}), ({"if-match": "*"}, {}), ({}, {"etag": "7"})],
)
async def test_who_says_what_it_is_made_on_gets_through(
    headers: dict[str, str],
    body: dict[str, str],
    http: httpx.AsyncClient,
    edge: tuple[Edge, Guarded],
) -> None:
    answer = await http.put(PATH, json={"text": "a"} | body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert sum(edge[1].entered.values()) == 1
