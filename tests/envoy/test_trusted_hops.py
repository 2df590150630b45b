"""Whose word on who calls is taken: the connection's, or that of so many proxies in front."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from server.local.engines.edge import HEAP_MB
from server.local.options import ClusterOptions
from tests.envoy.conftest import Edge, edge_before, signed
from tests.envoy.upstream import Upstream

FORGED = "198.51.100.1"
CALLER = "203.0.113.7"
BALANCER = "192.0.2.9"
PATH = "/api/v1/users/1"


async def told(edge: Edge, forwarded_for: str) -> tuple[str, str]:
    """The address that a service is told, and the one that the log has; of a call by a proxy."""
    async with edge.rest(signed()) as client:
        answer = await client.get(PATH, headers={"x-forwarded-for": forwarded_for})
    assert answer.status_code == 200, answer.text
    line = await edge.logged(answer.headers["x-request-id"])
    return edge.upstream.last().metadata["x-forwarded-for"], line["client"]


@pytest_asyncio.fixture(params=[1, 2], scope="module", loop_scope="session")
async def behind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Edge, int]]:
    """An edge behind so many proxies; three calls a minute of one address."""
    hops: int = request.param
    folder: Path = tmp_path_factory.mktemp(f"behind-{hops}")
    async with Upstream() as upstream:
        await upstream.serving(True)
        async with edge_before(upstream, folder, per_minute=3, trusted_hops=hops) as edge:
            yield edge, hops


def as_written(hops: int, caller: str, *, forged: str = FORGED) -> str:
    """What arrives: each proxy has added whom it was called by."""
    return ", ".join([forged, caller, BALANCER][: hops + 1])


async def test_with_nobody_in_front_no_header_is_believed(running: Edge) -> None:
    service, log = await told(running, f"{FORGED}, {CALLER}")
    assert service == log
    assert service.startswith("127.0.")


async def test_the_first_proxy_says_who_calls(behind: tuple[Edge, int]) -> None:
    edge, hops = behind
    assert await told(edge, as_written(hops, CALLER)) == (CALLER, CALLER)


async def test_who_comes_around_the_proxies_is_who_he_is(behind: tuple[Edge, int]) -> None:
    edge, _ = behind
    async with edge.rest(signed()) as client:
        assert (await client.get(PATH)).status_code == 200
    assert edge.upstream.last().metadata["x-forwarded-for"].startswith("127.0.")


async def test_callers_behind_one_proxy_are_counted_apart(behind: tuple[Edge, int]) -> None:
    edge, hops = behind
    statuses: dict[str, list[int]] = {"203.0.113.20": [], "203.0.113.21": []}
    async with edge.rest() as client:
        for n in range(6):
            for caller, answered in statuses.items():
                sent = as_written(hops, caller, forged=f"198.51.100.{n}")
                answer = await client.get("/api/v1/products", headers={"x-forwarded-for": sent})
                answered.append(answer.status_code)
    for answered in statuses.values():
        assert answered[:3] == [200, 200, 200]
        assert 429 in answered, "what a caller writes in front buys calls"


def test_the_default_is_the_one_of_the_command() -> None:
    assert (ClusterOptions().trusted_hops, ClusterOptions().edge_heap_mb) == (0, HEAP_MB)
