"""Databases and services that stop under load, and come back. The cluster is these tests' own."""

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal

import httpx
import pytest
import pytest_asyncio

from server.local.cluster import Cluster
from server.local.options import ClusterOptions
from tests.e2e.conftest import CALL_TIMEOUT_SECONDS, UNLIMITED_PER_MINUTE, Rest, error_of
from tests.waiting import until

# The edge gives a call ten seconds; a little more for the way there and back.
ANSWER_SECONDS_MAX = 12.0
DAY = "2020-02-20"
DAY_AFTER = "2020-02-21"
PRICE = Decimal("1.25")


class Shop:
    """Staff who place historical orders on `DAY`, and compare the books with the report."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    async def place(self) -> httpx.Response:
        item = {"product_name": "Lantern", "unit_price": str(PRICE), "quantity": 1}
        body = {"items": [item], "order_date": f"{DAY}T10:00:00Z"}
        return await self.rest(
            "POST", "/orders", body, headers={"idempotency-key": str(uuid.uuid4())}
        )

    async def accepts_orders(self) -> bool:
        return (await self.place()).status_code == 201

    async def orders_kept(self) -> int:
        """How many orders of `DAY` the order service holds."""
        answer = await self.rest(
            "GET", f"/orders?placed_after={DAY}&placed_before={DAY_AFTER}&per_page=1"
        )
        assert answer.status_code == 200, answer.text
        total: int = answer.json()["meta"]["total"]
        return total

    async def report_agrees(self) -> bool:
        """Whether the report has counted every order once, to the penny."""
        answer = await self.rest("GET", f"/reports/sales?from={DAY}&to={DAY}")
        if answer.status_code != 200:
            return False
        total = answer.json()["data"]["total"]
        kept = await self.orders_kept()
        return (total["orders"], Decimal(total["gross"])) == (kept, kept * PRICE)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fragile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A cluster to break."""
    options = ClusterOptions(
        home=tmp_path_factory.mktemp("fragile"),
        edge_port=0,
        ephemeral=True,
        rate_limit_per_minute=UNLIMITED_PER_MINUTE,
        login_limit_per_minute=UNLIMITED_PER_MINUTE,
    )
    async with Cluster(options) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(fragile: Cluster) -> AsyncIterator[Shop]:
    """The fragile cluster's staff."""
    async with httpx.AsyncClient(base_url=fragile.edge_url, timeout=CALL_TIMEOUT_SECONDS) as client:
        yield Shop(Rest(client, fragile.token("staff", lifetime_seconds=3600)))


async def test_orders_go_on_without_mongodb_and_are_counted_once_it_is_back(
    fragile: Cluster, shop: Shop
) -> None:
    kept = await shop.orders_kept()
    await fragile.stop_process("mongod")
    began = time.monotonic()
    answers = await asyncio.gather(*(shop.place() for _ in range(40)))
    assert [answer.status_code for answer in answers] == [201] * 40
    report = await shop.rest("GET", "/reports/sales")
    assert report.status_code in {503, 504}
    assert time.monotonic() - began < ANSWER_SECONDS_MAX

    await fragile.start_process("mongod")
    await until(shop.report_agrees)
    assert await shop.orders_kept() == kept + 40


async def test_a_mongodb_that_hangs_holds_nobody_up(fragile: Cluster, shop: Shop) -> None:
    await until(shop.report_agrees)
    fragile.kill("mongod", signal.SIGSTOP)
    try:
        began = time.monotonic()
        report, *orders = await asyncio.gather(
            shop.rest("GET", "/reports/sales"), *(shop.place() for _ in range(10))
        )
        assert time.monotonic() - began < ANSWER_SECONDS_MAX
        assert error_of(report, report.status_code)["code"] in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
        assert [answer.status_code for answer in orders] == [201] * 10
    finally:
        fragile.kill("mongod", signal.SIGCONT)
    await until(shop.report_agrees)


async def test_postgresql_may_stop_under_load_and_nobody_hangs(
    fragile: Cluster, shop: Shop
) -> None:
    kept = await shop.orders_kept()
    load = _Load(shop)
    buyers = [asyncio.create_task(load.keep_ordering()) for _ in range(8)]
    await load.until_accepted(50)
    await fragile.stop_process("postgres")
    await load.until_refused(8)
    await fragile.start_process("postgres")
    await load.until_accepted(load.accepted + 50)
    load.is_over = True
    slowest = max(await asyncio.gather(*buyers))

    assert slowest < ANSWER_SECONDS_MAX
    # An answer that was lost with its connection may stand for an order that was kept, so there may
    # be more orders than answers; the report must agree with the orders all the same.
    assert await shop.orders_kept() >= kept + load.accepted
    await until(shop.report_agrees)


class _Load:
    """Buyers who order without a pause."""

    def __init__(self, shop: Shop) -> None:
        self.accepted = 0
        self.refused = 0
        self.is_over = False
        self._shop = shop
        self._news = asyncio.Condition()

    async def keep_ordering(self) -> float:
        """Orders until the load is over; the seconds that the slowest answer took."""
        slowest = 0.0
        while not self.is_over:
            began = time.monotonic()
            answer = await self._shop.place()
            slowest = max(slowest, time.monotonic() - began)
            if answer.status_code != 201:
                code = error_of(answer, answer.status_code)["code"]
                assert code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}, answer.text
            async with self._news:
                self.accepted += answer.status_code == 201
                self.refused += answer.status_code != 201
                self._news.notify_all()
        return slowest

    async def until_accepted(self, count: int) -> None:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: self.accepted >= count)

    async def until_refused(self, count: int) -> None:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: self.refused >= count)


async def test_readiness_follows_a_database_down_and_up(fragile: Cluster) -> None:
    async with httpx.AsyncClient(base_url=fragile.edge_url, timeout=5) as http:

        async def is_ready() -> bool:
            return (await http.get("/ready")).status_code == 200

        async def is_not_ready() -> bool:
            return (await http.get("/ready")).status_code == 503

        await until(is_ready)
        await fragile.stop_process("postgres")
        await until(is_not_ready)
        assert (await http.get("/health")).status_code == 200
        await fragile.start_process("postgres")
        await until(is_ready)


@pytest.mark.parametrize("service", ["user", "order", "analytics"])
async def test_a_killed_service_is_back_and_loses_nothing(
    service: str, fragile: Cluster, shop: Shop
) -> None:
    await until(shop.accepts_orders)
    placed = await asyncio.gather(*(shop.place() for _ in range(5)))
    fragile.kill(service)
    assert [answer.status_code for answer in placed] == [201] * 5
    await fragile.until_up(service)
    await until(shop.accepts_orders)
    await until(shop.report_agrees)
