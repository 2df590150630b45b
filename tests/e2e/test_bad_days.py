"""Databases and services that stop under load, and come back. The cluster is these tests' own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import grpc
import httpx
import psutil
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from server.local.cluster import Cluster
from server.services import SERVICES
from tests.discovery import served_by
from tests.e2e.conftest import CALL_TIMEOUT_SECONDS, Rest, error_of, throwaway_cluster
from tests.e2e.shop import Shop, under_load, worth_trying_again
from tests.waiting import until

# The edge gives a call ten seconds; what is more is for the way there and back on a busy machine.
# What nobody bounds takes longer than this: the drivers' own limits are 30 s and more.
ANSWER_SECONDS_MAX = 20.0

# What `grpc.health.v1` may be asked for.
HEALTH = {service.name: ("", *served_by(service.name)) for service in SERVICES}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fragile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A cluster to break."""
    async with throwaway_cluster(tmp_path_factory.mktemp("fragile")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(fragile: Cluster) -> AsyncIterator[Shop]:
    """The fragile cluster's staff."""
    async with httpx.AsyncClient(base_url=fragile.edge_url, timeout=CALL_TIMEOUT_SECONDS) as client:
        yield Shop(Rest(client, fragile.token("staff", lifetime_seconds=3600)))


async def health_of(cluster: Cluster, service: str) -> set[str]:
    """What a service says of itself and of each of its gRPC services: one word, if they agree."""
    async with grpc.aio.insecure_channel(cluster.record.grpc[service]) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its types know of no methods
        answers = [
            await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
            for name in HEALTH[service]
        ]
    return {health_pb2.HealthCheckResponse.ServingStatus.Name(each.status) for each in answers}


@contextmanager
def hanging(cluster: Cluster, name: str) -> Iterator[None]:
    """A process and all its children stand still while the block runs."""
    pid = next(process.pid for process in cluster.record.processes if process.name == name)
    parent = psutil.Process(pid)
    parent.suspend()  # first, so that it starts no more of them
    processes = [parent, *parent.children(recursive=True)]
    try:
        for process in processes:
            process.suspend()
        yield
    finally:
        for process in processes:
            process.resume()


async def test_orders_go_on_without_mongodb_and_are_counted_once_it_is_back(
    fragile: Cluster, shop: Shop
) -> None:
    async with under_load(shop) as load:
        await fragile.stop_process("mongod")
        await load.until_accepted(100)
        assert error_of(await shop.report(), 503)["code"] == "UNAVAILABLE"
        await fragile.start_process("mongod")
        await load.until_accepted(100)
    assert load.refused == 0
    assert load.slowest_seconds < ANSWER_SECONDS_MAX
    await until(shop.report_agrees)


async def test_a_mongodb_that_hangs_holds_nobody_up(fragile: Cluster, shop: Shop) -> None:
    await until(shop.report_agrees)
    async with under_load(shop) as load:
        with hanging(fragile, "mongod"):
            report = await shop.report()
            assert worth_trying_again(report)
            assert report.elapsed.total_seconds() < ANSWER_SECONDS_MAX
            await load.until_accepted(50)
    assert load.refused == 0
    await until(shop.report_agrees)


async def test_postgresql_may_stop_under_load_and_nobody_hangs(
    fragile: Cluster, shop: Shop
) -> None:
    async with under_load(shop) as load:
        await fragile.stop_process("postgres")
        await load.until_refused(8)
        await fragile.start_process("postgres")
        await load.until_accepted(50)
    assert load.slowest_seconds < ANSWER_SECONDS_MAX
    await until(shop.report_agrees)


async def test_postgresql_may_hang_under_load_and_everybody_is_answered(
    fragile: Cluster, shop: Shop
) -> None:
    async with under_load(shop) as load:
        with hanging(fragile, "postgres"):
            await load.until_refused(16)
            assert await health_of(fragile, "order") == {"NOT_SERVING"}
        await load.until_accepted(50)
    assert load.refusals == {(504, "DEADLINE_EXCEEDED"), (503, "UNAVAILABLE")}
    assert load.slowest_seconds < ANSWER_SECONDS_MAX
    await until(shop.report_agrees)


@pytest.mark.parametrize("service", [each.name for each in SERVICES])
async def test_a_killed_service_is_back_and_loses_nothing(
    service: str, fragile: Cluster, shop: Shop
) -> None:
    async with under_load(shop) as load:
        fragile.kill(service)
        await fragile.until_ready(service)
        await load.until_accepted(50)
    if service == "user":  # who is away for too long holds up what is fresh
        assert load.refusals <= {(503, "UNAVAILABLE")}
    elif service == "analytics":
        assert load.refused == 0
    assert load.slowest_seconds < ANSWER_SECONDS_MAX
    await until(shop.report_agrees)


@pytest.mark.parametrize(
    ("database", "followers"), [("postgres", {"user", "order"}), ("mongod", {"analytics"})]
)
async def test_readiness_follows_a_database_down_and_up(
    database: str, followers: set[str], fragile: Cluster
) -> None:
    async with httpx.AsyncClient(base_url=fragile.edge_url, timeout=5) as http:

        async def says(status: int, health: str) -> bool:
            healths = [await health_of(fragile, each) for each in sorted(followers)]
            ready = (await http.get("/ready")).status_code
            return ready == status and healths == [{health}] * len(healths)

        await until(lambda: says(200, "SERVING"))
        await fragile.stop_process(database)
        await until(lambda: says(503, "NOT_SERVING"))
        for bystander in HEALTH.keys() - followers:
            assert await health_of(fragile, bystander) == {"SERVING"}
        assert (await http.get("/health")).status_code == 200
        await fragile.start_process(database)
        await until(lambda: says(200, "SERVING"))


async def test_a_service_that_is_away_is_told_of_with_503(fragile: Cluster, shop: Shop) -> None:
    await until(shop.accepts_orders)
    order = (await shop.place()).json()["data"]
    await fragile.stop_process("user")
    try:
        # One is made by the order service, the other by the edge.
        for path in (f"/orders/{order['id']}/user", f"/users/{order['user_id']}"):
            answer = await shop.rest("GET", path)
            assert error_of(answer, 503)["code"] == "UNAVAILABLE"
            assert answer.headers["retry-after"] == "1"
    finally:
        await fragile.start_process("user")


async def test_a_defect_is_told_of_with_500_and_keeps_its_secrets(
    fragile: Cluster, shop: Shop
) -> None:
    await until(shop.accepts_orders)
    administrator = fragile.record.postgres["admin_dsn"]
    connection = await asyncpg.connect(administrator, database="emporium_order")
    try:
        await connection.execute("ALTER TABLE products RENAME TO mislaid")
        answer = await shop.rest("GET", "/products")
        error = error_of(answer, 500)
        assert error["code"] == "INTERNAL"
        assert "mislaid" not in answer.text
        assert "products" not in answer.text
    finally:
        await connection.execute("ALTER TABLE mislaid RENAME TO products")
        await connection.close()
