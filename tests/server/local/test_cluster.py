"""A whole cluster and its failures. These tests break it, so they share it with no others."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from server.local.cluster import Cluster
from server.local.errors import LocalError
from server.local.home.credentials import service_mongodb_uri
from server.local.options import ClusterOptions
from server.local.preparation.seed import seed
from server.local.progress import Silent
from server.services import ANALYTICS
from tests.waiting import until


class Reports(Silent):
    """Collects what is reported."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def reported(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture(scope="module")
def reports() -> Reports:
    return Reports()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(
    reports: Reports, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    """Two processes of each service, on a RAM disk."""
    options = ClusterOptions(
        home=tmp_path_factory.mktemp("home"), edge_port=0, ephemeral=True, workers=2
    )
    async with Cluster(options, reports) as running:
        yield running
    assert not running.home.data.exists()
    assert not running.home.record_file.exists()


async def total(cluster: Cluster, what: str) -> int:
    """How many there are, as the edge answers the admin; -1 when it reaches no service."""
    async with httpx.AsyncClient(base_url=f"{cluster.edge_url}/api/v1") as http:
        answer = await http.get(
            f"/{what}", headers={"authorization": f"Bearer {cluster.token('admin')}"}
        )
        if answer.status_code == 503:
            return -1
        assert answer.status_code == 200, answer.text
        found: int = answer.json()["meta"]["total"]
        return found


async def until_the_edge_reaches(cluster: Cluster, what: str) -> None:
    """Until the edge has noticed that services are back, which it looks for every second."""

    async def answers() -> bool:
        return await total(cluster, what) > 0

    await until(answers)


async def test_the_record_is_private_and_says_what_runs(cluster: Cluster) -> None:
    file = cluster.home.record_file
    record = json.loads(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600
    assert record["state"] == "ready"
    assert [each["name"] for each in record["processes"]] == [
        "postgres",
        "mongod",
        "user-1",
        "user-2",
        "order-1",
        "order-2",
        "analytics-1",
        "analytics-2",
        "limits-1",
        "limits-2",
        "sandbox",
        "envoy",
    ]
    assert {login["role"] for login in record["logins"]} == {"admin", "staff", "customer"}


async def test_the_demo_logins_sign_in(cluster: Cluster) -> None:
    async with httpx.AsyncClient(base_url=cluster.edge_url) as http:
        for login in cluster.logins:
            answer = await http.post(
                "/api/v1/auth/login", json={"email": login.email, "password": login.password}
            )
            assert answer.status_code == 200, answer.text


def products_listed(metrics: str) -> float:
    """How many ListProducts calls a process has had."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "grpc_server_started_total"
        and sample.labels["grpc_method"] == "ListProducts"
    )


async def test_the_edge_gives_every_worker_its_share(cluster: Cluster) -> None:
    async with httpx.AsyncClient(base_url=cluster.edge_url) as http:
        for _ in range(40):
            answer = await http.get("/api/v1/products")
            assert answer.status_code == 200
        served = [
            products_listed((await http.get(cluster.record.metrics[name])).text)
            for name in ("order-1", "order-2")
        ]
    assert min(served) >= 10, served


async def test_seeding_again_doubles_nothing(cluster: Cluster) -> None:
    before = [await total(cluster, what) for what in ("users", "products", "orders")]
    assert before == [9, 12, 24]
    await seed(cluster.record)
    assert [await total(cluster, what) for what in ("users", "products", "orders")] == before


async def test_a_killed_service_is_reported_and_restarted(
    cluster: Cluster, reports: Reports
) -> None:
    reports.texts.clear()
    cluster.kill("order", signal.SIGKILL)
    await asyncio.wait_for(cluster.until_ready("order"), 20)
    await until_the_edge_reaches(cluster, "orders")
    assert await total(cluster, "orders") == 24
    assert any("order-1 ended with signal 9" in text for text in reports.texts)
    assert any("order-2 is ready again" in text for text in reports.texts)


async def test_one_worker_can_be_killed_alone(cluster: Cluster, reports: Reports) -> None:
    reports.texts.clear()
    cluster.kill("user-2", signal.SIGKILL)
    await asyncio.wait_for(cluster.until_ready("user-2"), 20)
    assert not any("user-1" in text for text in reports.texts)


async def test_a_killed_database_comes_back_with_its_data(cluster: Cluster) -> None:
    cluster.kill("postgres", signal.SIGKILL)
    await asyncio.wait_for(cluster.until_ready("postgres"), 20)
    connection = await asyncpg.connect(cluster.record.postgres["user"])
    try:
        assert await connection.fetchval("SELECT count(*) FROM users") == 9
    finally:
        await connection.close()


async def test_analytics_may_write_but_not_drop_nor_see_other_databases(cluster: Cluster) -> None:
    uri = service_mongodb_uri(cluster.record.mongodb_uri, ANALYTICS, cluster.home)
    async with AsyncMongoClient[dict[str, Any]](uri) as client:
        database = client[ANALYTICS.mongo]
        assert await database.orders.count_documents({}) > 0
        with pytest.raises(OperationFailure, match="not authorized"):
            await database.command("collMod", "orders", validator={})
        with pytest.raises(OperationFailure, match="not authorized"):
            await database.orders.drop()
        with pytest.raises(OperationFailure, match="not authorized"):
            await client.elsewhere.words.insert_one({})


async def test_what_is_stopped_stays_down_until_it_is_started(cluster: Cluster) -> None:
    await cluster.stop_process("mongod")
    names = [each["name"] for each in json.loads(cluster.home.record_file.read_text())["processes"]]
    assert "mongod" not in names
    await cluster.start_process("mongod")
    names = [each["name"] for each in json.loads(cluster.home.record_file.read_text())["processes"]]
    assert "mongod" in names


async def test_an_unknown_part_is_an_error(cluster: Cluster) -> None:
    with pytest.raises(LookupError, match="no process nonsense"):
        cluster.kill("nonsense")


async def test_a_second_cluster_in_the_same_home_is_refused(cluster: Cluster) -> None:
    with pytest.raises(LocalError, match="already runs"):
        async with Cluster(cluster.options):
            pass


async def test_a_cluster_that_does_not_come_up_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "shouting")
    refused = Cluster(ClusterOptions(home=tmp_path, edge_port=0, ephemeral=True, seed="none"))
    with pytest.raises(LocalError, match="LOG_LEVEL"):
        async with refused:
            pass
    assert refused.record.processes == []
    assert not refused.home.data.exists()
