"""Two clusters side by side on one machine: nothing of one is the other's, not even its limits."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from server.local.cluster import Cluster
from server.local.options import ClusterOptions

RATE_LIMIT, LOGIN_LIMIT = 9, 2  # small enough to be met, and not regained within a test


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clusters(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Cluster, Cluster]]:
    """One with small limits, and one with the usual ones."""
    options = ClusterOptions(
        home=tmp_path_factory.mktemp("usual"), edge_port=0, ephemeral=True, seed="none"
    )
    small = replace(
        options,
        home=tmp_path_factory.mktemp("strict"),
        rate_limit_per_minute=RATE_LIMIT,
        login_limit_per_minute=LOGIN_LIMIT,
    )
    async with Cluster(small) as strict, Cluster(options) as usual:
        yield strict, usual


def calling(cluster: Cluster, address: str) -> httpx.AsyncClient:
    """A client at an `address` of its own, because limits count by address."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    return httpx.AsyncClient(base_url=f"{cluster.edge_url}/api/v1", transport=transport)


def require_limited(answer: httpx.Response) -> None:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"]) == (429, "error")
    assert body["error"]["code"] == "RATE_LIMITED"
    assert body["request_id"] == answer.headers["x-request-id"]
    wait = int(answer.headers["retry-after"])
    assert 1 <= wait <= 60
    assert body["error"]["message"] == f"try again in {wait} s"


async def test_one_client_has_as_many_calls_as_its_cluster_allows(
    clusters: tuple[Cluster, Cluster],
) -> None:
    strict, usual = clusters
    async with calling(strict, "127.0.0.2") as http:
        answers = [await http.get("/products") for _ in range(RATE_LIMIT + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {200}
    require_limited(answers[-1])
    async with calling(usual, "127.0.0.2") as http:
        answers = [await http.get("/products") for _ in range(RATE_LIMIT + 1)]
    assert {answer.status_code for answer in answers} == {200}


async def test_one_address_has_as_many_logins_as_its_cluster_allows(
    clusters: tuple[Cluster, Cluster],
) -> None:
    strict, _ = clusters
    guess = {"email": strict.login("admin").email, "password": "a guess, and a wrong one"}
    async with calling(strict, "127.0.0.3") as http:
        answers = [await http.post("/auth/login", json=guess) for _ in range(LOGIN_LIMIT + 1)]
    assert [answer.status_code for answer in answers[:-1]] == [401] * LOGIN_LIMIT
    require_limited(answers[-1])


async def test_a_token_is_good_in_its_own_cluster_alone(clusters: tuple[Cluster, Cluster]) -> None:
    for mine, other in (clusters, clusters[::-1]):
        token = {"authorization": f"Bearer {mine.token('admin')}"}
        for cluster, status in ((mine, 200), (other, 401)):
            async with calling(cluster, "127.0.0.4") as http:
                assert (await http.get("/users", headers=token)).status_code == status


async def test_they_share_neither_processes_nor_ports_nor_passwords(
    clusters: tuple[Cluster, Cluster],
) -> None:
    strict, usual = (cluster.record for cluster in clusters)
    assert not {each.pid for each in strict.processes} & {each.pid for each in usual.processes}
    assert not set(strict.grpc.values()) & set(usual.grpc.values())
    assert not set(strict.postgres.values()) & set(usual.postgres.values())
    assert not {each.password for each in strict.logins} & {each.password for each in usual.logins}
