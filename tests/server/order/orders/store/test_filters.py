"""Whatever is asked of a list, it holds what matches in its order, or says that it cannot."""

import random
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from server.kit import errors, postgres
from server.kit.listing import keyset
from server.kit.listing.paging import Sort
from server.order.app import order_store
from server.order.orders.rules import Order, OrderFilters, Status
from server.order.orders.store import SORTABLE
from server.order.orders.store.orders import PostgresOrderStore
from tests.effort import Effort
from tests.server.conftest import NewDatabase
from tests.server.order.conftest import Wakes
from tests.server.order.orders.store.reading import page_of
from tests.server.order.samples import NOW, line, placed

OWNERS = [str(uuid.uuid4()) for _ in range(2)]


def moment(number: int) -> Any:
    return NOW + timedelta(days=number)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store(new_database: NewDatabase) -> AsyncIterator[PostgresOrderStore]:
    async with postgres.connected(await new_database("order")) as pool:
        yield order_store(pool, wake=Wakes())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made(store: PostgresOrderStore) -> Sequence[Order]:
    """Orders whose dates, totals and times have nothing to do with one another."""
    chance = random.Random(1)
    found = []
    for _ in range(60):
        given = placed(
            line(price=f"{chance.randrange(8)}.50"),
            user_id=chance.choice(OWNERS),
            order_date=moment(-chance.randrange(1, 8)),
            now=moment(chance.randrange(8)),
            currency=chance.choice(["GBP", "EUR"]),
        )
        if chance.random() < 0.5:
            unpaid = replace(given.order, status=Status.PENDING, captured=Decimal(0))
            given = given._replace(order=unpaid)
        await store.create(given, None, b"")
        found.append(given.order)
    return found


def asked(chance: random.Random) -> OrderFilters:
    """Some filters by chance."""
    values: dict[str, Any] = {
        "user_id": chance.choice(OWNERS),
        "status": chance.choice([Status.PAID, Status.PENDING, Status.REFUNDED]),
        "placed_after": moment(-chance.randrange(8)),
        "placed_before": moment(-chance.randrange(8)),
        "created_after": moment(chance.randrange(8)),
        "created_before": moment(chance.randrange(8)),
        "min_total": Decimal(chance.randrange(8)),
        "max_total": Decimal(chance.randrange(8)),
        "currency": chance.choice(["GBP", "EUR"]),
    }
    names = chance.sample(sorted(values), chance.randrange(len(values)))
    return OrderFilters(**{name: values[name] for name in names})


def matches(order: Order, filters: OrderFilters) -> bool:
    f = filters
    return (
        (f.user_id is None or order.user_id == f.user_id)
        and (f.status is None or order.status is f.status)
        and (f.placed_after is None or order.order_date >= f.placed_after)
        and (f.placed_before is None or order.order_date < f.placed_before)
        and (f.created_after is None or order.created_at >= f.created_after)
        and (f.created_before is None or order.created_at < f.created_before)
        and (f.min_total is None or order.total_price >= f.min_total)
        and (f.max_total is None or order.total_price <= f.max_total)
        and (f.currency is None or order.currency == f.currency)
    )


async def listed(
    store: PostgresOrderStore, filters: OrderFilters, sort: Sort, per_page: int
) -> tuple[list[Order], set[int]]:
    """All pages, and what their totals are."""
    seen: list[Order] = []
    totals = set()
    after = None
    while True:
        page = await store.list(filters, page_of(sort, per_page=per_page, after=after))
        seen += [each.order for each in page.rows]
        totals |= set() if page.total.is_estimate else {page.total.count}
        after = page.next_after
        if after is None:
            return seen, totals


@pytest.mark.parametrize(
    "bounds", [(1_000, 10_000, 100_000), (3, 8, 30), (3, 8, 10)], ids=["as it is", "small", "tiny"]
)
async def test_a_list_holds_what_matches_in_its_order(
    store: PostgresOrderStore,
    made: Sequence[Order],
    effort: Effort,
    monkeypatch: pytest.MonkeyPatch,
    bounds: tuple[int, int, int],
) -> None:
    for name, value in zip(("FEW_MATCHES", "LOOKED_AT_MAX", "DEPTH_MAX"), bounds, strict=True):
        monkeypatch.setattr(keyset, name, value)
    chance = effort.random("filters")
    refused = 0
    for _ in range(effort.times(60)):
        filters = asked(chance)
        sort = Sort(chance.choice([*SORTABLE]), descending=chance.random() < 0.5)
        by = lambda order: (getattr(order, sort.field), order.id)  # noqa: B023, E731 - used at once
        expected = sorted(
            (each for each in made if matches(each, filters)), key=by, reverse=sort.descending
        )
        try:
            seen, totals = await listed(store, filters, sort, chance.randrange(1, 9))
        except errors.InvalidFilter:
            refused += 1
            continue
        assert seen == expected, (filters, sort)
        assert totals <= {len(expected)}, (filters, sort)
    assert bool(refused) <= (bounds[2] < len(made))
