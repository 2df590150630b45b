"""Real orders through the whole system, with services killed on the way: the totals agree."""

import asyncio
import csv
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from server.local.cluster import Cluster
from server.local.options import ClusterOptions
from tests.e2e.conftest import CALL_TIMEOUT_SECONDS, UNLIMITED_PER_MINUTE, Rest

COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
INVOICES = 900
IMPORT_SECONDS_MAX = 50

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
            customer = f"{17000 + chance.randrange(40)}.0"
            for code in chance.sample(range(22000, 22100), chance.randint(1, 5)):
                quantity, price = chance.randint(1, 20), Decimal(chance.randint(1, 2000)) / 100
                sales[day] += quantity * price
                line = (code, f"THING {code}", quantity, f"{day} 09:30:00", price, customer, "EIRE")
                writer.writerow((536000 + number, *line))
    return dict(sales)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def books(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A cluster without any orders."""
    options = ClusterOptions(
        home=tmp_path_factory.mktemp("books"),
        edge_port=0,
        ephemeral=True,
        seed="none",
        rate_limit_per_minute=UNLIMITED_PER_MINUTE,
        login_limit_per_minute=UNLIMITED_PER_MINUTE,
    )
    async with Cluster(options) as running:
        yield running


async def run_import(cluster: Cluster, file: Path) -> asyncio.subprocess.Process:
    """Starts `emporium import` as an operator does."""
    return await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("emporium")),
        "import",
        str(file),
        "--home",
        str(cluster.options.home),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def finish(importing: asyncio.subprocess.Process) -> str:
    """What the import printed; it must have succeeded."""
    async with asyncio.timeout(IMPORT_SECONDS_MAX):
        output, _ = await importing.communicate()
    assert importing.returncode == 0, output.decode()
    return output.decode()


async def report(cluster: Cluster) -> dict[str, Any]:
    """The sales report through the edge."""
    async with httpx.AsyncClient(base_url=cluster.edge_url, timeout=CALL_TIMEOUT_SECONDS) as client:
        staff = Rest(client, cluster.token("staff"))
        found: dict[str, Any] = await staff.data("GET", "/reports/sales")
        return found


async def test_an_import_survives_every_service_being_killed_and_agrees_to_the_penny(
    books: Cluster, tmp_path: Path
) -> None:
    file = tmp_path / "invoices.csv"
    expected = write_invoices(file)

    importing = await run_import(books, file)
    killed = []
    for service in ("order", "user", "analytics", "order"):
        if importing.returncode is None:
            books.kill(service)
            await books.until_up(service)
            killed.append(service)
    printed = await finish(importing)
    assert {"order", "user", "analytics"} <= set(killed), "the import was over too soon"
    once = await report(books)
    assert {each["day"]: Decimal(each["sales"]["gross"]) for each in once["days"]} == expected
    assert once["total"]["orders"] == INVOICES
    assert Decimal(once["total"]["net"]) == sum(expected.values())
    assert f"{sum(expected.values()):,.2f}" in printed

    await finish(await run_import(books, file))
    assert await report(books) == once
