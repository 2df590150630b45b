"""What a list reads of the database, and what one statement writes, however long the orders are."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from server.kit.postgres import Pool, Record
from server.order.app import order_store
from server.order.orders.rules import (
    LISTED_ITEMS_MAX,
    PAGE_ITEMS_MAX,
    Line,
    OrderFilters,
    Placed,
    listed_items,
)
from server.order.orders.store import rows
from server.order.orders.store.orders import PostgresOrderStore
from server.order.orders.store.placing import Placing
from tests.server.order.orders.store.reading import page_of
from tests.server.order.samples import line, placed

LONG = 1_000


class Recording:
    """A pool that remembers every row it gives, and what it is given to write."""

    def __init__(self, pool: Pool) -> None:
        self.rows: list[Record] = []
        self.written: list[Sequence[Any]] = []
        self._pool = pool

    async def fetch(self, statement: str, *arguments: Any) -> list[Record]:
        rows = await self._pool.fetch(statement, *arguments)
        self.rows += rows
        return rows

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        return await self._pool.fetchval(statement, *arguments)

    async def execute(self, statement: str, *arguments: Any) -> str:
        self.written.append(arguments)
        return await self._pool.execute(statement, *arguments)


def store_on(pool: Any) -> PostgresOrderStore:
    return order_store(pool, lambda: None)


def lines(count: int) -> list[Line]:
    return [line(f"Line {n}") for n in range(count)]


@pytest.mark.parametrize(
    ("per_page", "shown"),
    [(1, LISTED_ITEMS_MAX), (25, LISTED_ITEMS_MAX), (26, 19), (99, 5), (100, 5)],
)
def test_a_page_shows_so_many_lines_of_each_order_that_it_has_500_at_most(
    per_page: int, shown: int
) -> None:
    assert listed_items(per_page) == shown
    assert per_page * shown <= PAGE_ITEMS_MAX == 500


async def test_a_large_page_reads_fewer_lines_of_each_order(order_pool: Pool) -> None:
    owner = str(uuid.uuid4())
    recording = Recording(order_pool)
    store = store_on(recording)
    await store.create(placed(*lines(LONG), user_id=owner), None, b"")
    page = await store.list(OrderFilters(user_id=owner), page_of(per_page=100))
    [listed] = page.rows
    assert (len(listed.order.items), listed.item_count) == (5, LONG)
    assert [len(row["items"]) for row in recording.rows if "items" in row] == [5]


@pytest.mark.parametrize("count", [1, LISTED_ITEMS_MAX, LISTED_ITEMS_MAX + 1, LONG])
async def test_a_list_reads_the_first_lines_and_counts_them_all(
    order_pool: Pool, count: int
) -> None:
    owner = str(uuid.uuid4())
    made = [placed(*lines(count), user_id=owner) for _ in range(3)]
    recording = Recording(order_pool)
    store = store_on(recording)
    for each in made:
        await store.create(each, None, b"")

    page = await store.list(OrderFilters(user_id=owner), page_of(per_page=2))
    orders = {each.order.id: each.order for each in made}
    assert len(page.rows) == 2
    for listed in page.rows:
        assert listed.item_count == count
        assert listed.order.items == orders[listed.order.id].items[:LISTED_ITEMS_MAX]

    read = [len(row["items"]) for row in recording.rows if "items" in row]
    assert read == [min(count, LISTED_ITEMS_MAX)] * 2
    assert len(recording.rows) == 2 + 2 + 1  # the page, its orders, and one row to see the next


async def test_orders_that_are_written_together_have_as_many_lines_as_one_may_have(
    order_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    together: list[int] = []

    def noted(orders: Sequence[Any]) -> Any:
        together.append(sum(len(order.items) for order in orders))
        return inserts(orders)

    inserts = rows.inserts
    monkeypatch.setattr(rows, "inserts", noted)
    store = store_on(order_pool)
    made: list[Placed] = [placed(*lines(20)) for _ in range(102)]
    await asyncio.gather(*(store.create(each, None, b"") for each in made))
    assert together == [LONG, LONG, 40]


async def test_nobody_waits_for_a_long_order_of_another(
    order_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_on(order_pool)
    held = asyncio.Event()
    begun = asyncio.Event()
    insert = Placing._insert

    async def slow(placing: Placing, batch: Sequence[Any]) -> Sequence[Any]:
        if any(len(new.placed.order.items) == LONG for new in batch):
            begun.set()
            await held.wait()
        return await insert(placing, batch)

    monkeypatch.setattr(Placing, "_insert", slow)
    long = asyncio.create_task(store.create(placed(*lines(LONG)), None, b""))
    await begun.wait()
    async with asyncio.timeout(10):
        await store.create(placed(*lines(2)), None, b"")
    assert not long.done()
    held.set()
    await long
