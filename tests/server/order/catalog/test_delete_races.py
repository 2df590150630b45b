"""Products are deleted while they are ordered, adjusted and edited, over two replicas."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from emporium.order.v1 import catalog_service_pb2 as pb
from server.kit.postgres import Pool
from server.kit.postgres.transaction import LockOrder, UnitOfWork, transaction
from server.order.catalog.store import rows
from tests.effort import Effort
from tests.server.order.doors import Door, adjust, item, order_of
from tests.server.order.stock.conftest import buyers, replicas
from tests.server.order.stock.test_races import deadlocks, outcome, products

__all__ = ["buyers", "replicas"]  # fixtures

REFUSALS = {"PRODUCT_NOT_FOUND", "OUT_OF_STOCK", "CONFLICT", "ETAG_MISMATCH"}


async def test_whoever_deletes_a_product_meets_buyers_in_no_deadlock(
    staff: Door, buyers: Sequence[Door], order_pool: Pool, effort: Effort
) -> None:
    chance = random.Random(effort.seed)
    before = await deadlocks(order_pool)
    found: Counter[str] = Counter()
    for _ in range(effort.times(3)):
        shelf = await products(staff, 6, 50)
        calls: list[Any] = [staff("DeleteProduct", delete(each)) for each in shelf]
        for n in range(60):
            lines = [item(each) for each in chance.sample(shelf, chance.choice([2, 5]))] * 5
            calls.append(buyers[n % 2]("CreateOrder", order_of(*lines)))
        calls += [staff("AdjustStock", adjust(each, 5)) for each in shelf * 3]
        calls += [
            staff("UpdateProduct", pb.UpdateProductRequest(product_id=each.id, name=f"Mug {n}"))
            for n, each in enumerate(shelf * 3)
        ]
        chance.shuffle(calls)
        for each in await asyncio.gather(*map(outcome, calls)):
            found[getattr(each, "reason", "")] += 1
    assert set(found) <= {"", *REFUSALS}
    assert found[""]
    assert await deadlocks(order_pool) == before


def delete(product: pb.Product) -> pb.DeleteProductRequest:
    return pb.DeleteProductRequest(product_id=product.id)


async def test_the_other_order_of_locks_is_refused(staff: Door, order_pool: Pool) -> None:
    """The control: what locked the product first would be found by the first call of it."""
    [product] = await products(staff, 1, 5)

    async def the_wrong_way(unit: UnitOfWork) -> None:
        await unit.lock(rows.PRODUCTS, rows.LOCK, product.id)
        await unit.lock(rows.STOCK, rows.LOCK_STOCK, product.id)

    with pytest.raises(LockOrder):
        await transaction(order_pool, the_wrong_way)
