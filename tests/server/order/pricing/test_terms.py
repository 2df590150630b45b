"""What is read to price an order: nothing more without codes, and taxes once in some seconds."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from server.kit.postgres import Pool
from server.order.catalog.store.categories import PostgresCategoryStore
from server.order.pricing.rules import TaxRate
from server.order.pricing.store import terms
from server.order.pricing.store.rates import PostgresTaxRateStore
from server.order.pricing.store.terms import KeptTaxes, PostgresTerms
from tests.server.order.samples import NOW, new_id


class Counting:
    """A pool that counts the statements that read rows."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.count = 0

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        self.count += 1
        return await self._pool.fetch(statement, *arguments)


def kept(pool: Any) -> KeptTaxes:
    return KeptTaxes(PostgresTaxRateStore(pool), PostgresCategoryStore(pool))


async def test_an_order_without_codes_asks_nothing_of_the_database(order_pool: Pool) -> None:
    pool: Any = Counting(order_pool)
    prices = PostgresTerms(pool, kept(pool))
    now = datetime.now(UTC)
    await prices.read([], new_id(), now, taxed=False)
    assert pool.count == 0
    await prices.read([], new_id(), now, taxed=True)
    read = pool.count
    assert 1 <= read <= 2  # the rates, and the tree where one is of a category
    for _ in range(20):
        await prices.read([], new_id(), now, taxed=True)
    assert pool.count == read
    await prices.read(["none-such"], new_id(), now, taxed=True)
    assert pool.count == read + 1


async def test_who_ask_for_codes_at_once_share_a_statement(order_pool: Pool) -> None:
    pool: Any = Counting(order_pool)
    prices = PostgresTerms(pool, kept(pool))
    reads = (prices.read([f"none-{n}"], new_id(), NOW, taxed=False) for n in range(20))
    await asyncio.gather(*reads)
    assert pool.count <= 2  # the first one's, and the others'


async def test_another_process_knows_of_a_rate_within_seconds(
    order_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1_000.0
    monkeypatch.setattr(terms, "monotonic", lambda: clock)
    here, there = kept(order_pool), kept(order_pool)
    await here.read()
    await there.read()
    rates = PostgresTaxRateStore(order_pool, here.forget)
    rate = TaxRate(new_id(), "YU", None, "VAT", Decimal(7), False, NOW, NOW, 1)
    await rates.create(rate, None, b"")
    assert ("YU", None) in (await here.read()).rates
    assert ("YU", None) not in (await there.read()).rates
    clock += terms.TAXES_KEPT_SECONDS
    assert ("YU", None) in (await there.read()).rates
    await rates.delete(rate.id, lambda _: None)
    assert ("YU", None) not in (await here.read()).rates


async def test_what_was_read_before_a_change_is_not_kept(order_pool: Pool) -> None:
    """A read that is under way while a rate is changed gives what it has read, and forgets it."""
    changed: list[int] = []

    class Slow(Counting):
        async def fetch(self, statement: str, *arguments: Any) -> Any:
            found = await super().fetch(statement, *arguments)
            if not changed:
                changed.append(1)
                taxes.forget()
            return found

    pool: Any = Slow(order_pool)
    taxes = kept(pool)
    await taxes.read()
    count = pool.count
    await taxes.read()
    assert pool.count > count
