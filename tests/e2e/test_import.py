"""Real orders through the whole system, with services killed on the way: the totals agree."""

import asyncio
import csv
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from server.importing.files import COLUMNS
from server.kit import postgres
from server.local.cluster import Cluster
from server.order.app import order_store
from server.order.jobs.expiring import expire_orders
from server.settings import Postgres
from tests.e2e.conftest import CALL_TIMEOUT_SECONDS, Rest, throwaway_cluster
from tests.waiting import until

INVOICES = 900
CUSTOMERS = range(17000, 17400)
PRODUCTS = range(22000, 22400)
# A service that is killed may hold events of the report back for 15 s, until its lease ends.
IMPORT_SECONDS_MAX = 50

# Whom to kill, and by what it is seen that the import has gone on since the kill before.
KILLS = (("user", "users"), ("order", "products"), ("analytics", "orders"), ("order", "orders"))

Sales = dict[str, Decimal]  # by day


def write_invoices(file: Path) -> Sales:
    """Writes many small invoices over three days, and gives their sales by day."""
    chance = random.Random(2010)
    sales: Sales = defaultdict(Decimal)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for number in range(INVOICES):
            day = f"2010-12-0{1 + number * 3 // INVOICES}"
            customer = f"{chance.choice(CUSTOMERS)}.0"
            for code in chance.sample(PRODUCTS, chance.randint(1, 5)):
                quantity, price = chance.randint(1, 20), Decimal(chance.randint(1, 2000)) / 100
                sales[day] += quantity * price
                line = (code, f"THING {code}", quantity, f"{day} 09:30:00", price, customer, "EIRE")
                writer.writerow((536000 + number, *line))
    return dict(sales)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def books(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A cluster without any orders."""
    async with throwaway_cluster(tmp_path_factory.mktemp("books"), seed="none") as running:
        yield running


async def run_import(cluster: Cluster, file: Path, *options: str) -> asyncio.subprocess.Process:
    """Starts `emporium import` as an operator does."""
    return await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("emporium")),
        "import",
        str(file),
        "--home",
        str(cluster.options.home),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def finish(importing: asyncio.subprocess.Process) -> str:
    """What the import printed; it must have succeeded."""
    try:
        async with asyncio.timeout(IMPORT_SECONDS_MAX):
            output, _ = await importing.communicate()
    finally:
        if importing.returncode is None:
            importing.kill()
    assert importing.returncode == 0, output.decode()
    return output.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(books: Cluster) -> AsyncIterator[Rest]:
    """The edge, for an admin, who may read everything."""
    async with httpx.AsyncClient(base_url=books.edge_url, timeout=CALL_TIMEOUT_SECONDS) as client:
        yield Rest(client, books.token("admin"))


async def kept(door: Rest, what: str) -> int:
    """How many `users`, `products` or `orders` there are; 0 as well while nobody answers."""
    answer = await door("GET", f"/{what}?per_page=1")
    return int(answer.json()["meta"]["total"]) if answer.is_success else 0


async def has_grown(door: Rest, what: str, count: int) -> bool:
    return await kept(door, what) > count


@pytest.mark.timeout(120)
async def test_an_import_survives_every_service_being_killed_and_agrees_to_the_penny(
    books: Cluster, door: Rest, tmp_path: Path
) -> None:
    file = tmp_path / "invoices.csv"
    expected = write_invoices(file)

    importing = await run_import(books, file, "--concurrency", "3")
    counts = {what: await kept(door, what) for _, what in KILLS}
    for service, what in KILLS:
        await until(partial(has_grown, door, what, counts[what]))
        assert importing.returncode is None, f"the import was over before {service} was killed"
        counts[what] = await kept(door, what)
        books.kill(service)
        await books.until_ready(service)
    assert importing.returncode is None, f"the import was over when {service} was back"
    printed = await finish(importing)
    once = await door.data("GET", "/reports/sales")
    assert {each["day"]: Decimal(each["sales"]["gross"]) for each in once["days"]} == expected
    assert once["total"]["orders"] == INVOICES
    assert Decimal(once["total"]["net"]) == sum(expected.values())
    assert f"{sum(expected.values()):,.2f}" in printed

    counts = {what: await kept(door, what) for what in counts}
    await finish(await run_import(books, file))
    assert await door.data("GET", "/reports/sales") == once
    assert {what: await kept(door, what) for what in counts} == counts

    # What was imported is paid, and never expires.
    settings = Postgres(database_url=books.record.postgres["order"])
    async with postgres.connected(settings) as pool:
        assert await expire_orders(order_store(pool, lambda: None)) == 0
        statuses = await pool.fetch("SELECT DISTINCT status, captured = total_price FROM orders")
        assert [tuple(row) for row in statuses] == [("PAID", True)]
        assert await pool.fetchval("SELECT sum(amount) FROM ledger_entries") == 0
    assert await door.data("GET", "/reports/sales") == once
