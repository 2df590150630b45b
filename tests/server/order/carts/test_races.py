"""Carts from two tabs, over two replicas, on connections that break: ordered and merged once."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import asyncpg
import grpc
import pytest

from emporium.order.v1 import cart_service_pb2 as pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.postgres import Pool
from server.kit.postgres.transaction import UnitOfWork
from server.order.carts import service
from server.settings import Postgres
from tests.server.order.carts.carting import (
    by_secret,
    checkout,
    line,
    lines,
    made,
    merging,
    reading,
)
from tests.server.order.doors import Door, adjust, new_product, settings_of
from tests.server.order.stock.ledger import balance
from tests.server.refusals import Refused

ROUNDS = 5
_KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%carts%'
"""


async def outcome(call: Awaitable[Any]) -> Any:
    """What a call gave, or how it was refused."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        return Refused(error)


async def filled(tab: Door, *products: Product) -> pb.CreatedCart:
    """The caller's cart, with two of each."""
    cart = await made(tab)
    for each in products:
        await tab("UpdateCartItem", line(cart, each, 2))
    return cart


async def orders_of(tab: Door) -> Sequence[order_pb.Order]:
    answer = await tab("ListOrders", order_pb.ListOrdersRequest())
    orders: Sequence[order_pb.Order] = answer.orders
    return orders


async def checked_out_by_all(tabs: Sequence[Door], cart: Any) -> list[Any]:
    calls = (outcome(tabs[n % 2]("CheckoutCart", checkout(cart))) for n in range(10))
    found = await asyncio.gather(*calls)
    assert [vars(each) for each in found if isinstance(each, Refused)] == []
    return [*found]


async def test_two_tabs_order_once(
    buyers: Sequence[Door], staff: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("UpdateStock", settings_of(mug, tracked=True))
    await staff("AdjustStock", adjust(mug, 100))
    for rounds in range(1, ROUNDS + 1):
        cart = await filled(buyers[0], mug)
        found = await checked_out_by_all(buyers, cart)
        assert {each.id for each in found} == {(await orders_of(buyers[0]))[0].id}
        assert len(await orders_of(buyers[0])) == rounds
        assert await balance(order_pool, mug.id) == (100, 2 * rounds)


async def raced_with_a_change(tabs: Sequence[Door], one: Product, two: Product) -> None:
    """What is put in while it is ordered is in the order, or refused: nothing is between."""
    cart = await filled(tabs[0], one)
    order, put = await asyncio.gather(
        outcome(tabs[0]("CheckoutCart", checkout(cart))),
        outcome(tabs[1]("UpdateCartItem", line(cart, two, 7))),
    )
    assert isinstance(order, order_pb.Order), vars(order)
    is_in = isinstance(put, pb.CartItem)
    assert is_in or put.reason == "CART_NOT_ACTIVE"
    ordered = {each.product_id: each.quantity for each in order.items}
    assert ordered == {one.id: 2} | ({two.id: 7} if is_in else {})
    assert lines(await tabs[0]("GetCart", reading(cart))) == ordered


async def test_a_change_while_it_is_ordered_is_in_it_or_refused(
    buyers: Sequence[Door], staff: Door
) -> None:
    one, two = [await staff("CreateProduct", new_product()) for _ in range(2)]
    for _ in range(ROUNDS):
        await raced_with_a_change(buyers, one, two)


async def merged_by_all(
    tabs: Sequence[Door], anyone: Door, one: Product, two: Product
) -> dict[str, int]:
    """Both tabs merge, and put something into each of the carts; what is in the one in the end."""
    mine, other = await filled(tabs[0], one), await made(anyone)
    for product in (one, two):
        await anyone("UpdateCartItem", line(other, product, 3), by_secret(other))
    tasks = [outcome(tabs[n % 2]("MergeCart", merging(other), by_secret(other))) for n in range(6)]
    *answers, put, late = await asyncio.gather(
        *tasks,
        outcome(tabs[1]("UpdateCartItem", line(mine, two, 10))),
        outcome(anyone("UpdateCartItem", line(other, two, 5), by_secret(other))),
    )
    assert [vars(each) for each in answers if isinstance(each, Refused)] == []
    assert {each.id for each in answers} == {mine.id}
    assert isinstance(put, pb.CartItem)
    assert isinstance(late, pb.CartItem) or late.reason == "CART_NOT_ACTIVE"
    found = lines(await tabs[0]("GetCart", reading(mine)))
    theirs = 5 if isinstance(late, pb.CartItem) else 3
    # Before the merge, or after it.
    assert found in ({one.id: 5, two.id: 10 + theirs}, {one.id: 5, two.id: 10})
    await tabs[0]("DeleteCart", pb.DeleteCartRequest(cart_id=mine.id))
    return found


async def test_what_is_merged_at_once_is_merged_once(
    buyers: Sequence[Door], anyone: Door, staff: Door
) -> None:
    one, two = [await staff("CreateProduct", new_product()) for _ in range(2)]
    for _ in range(ROUNDS):
        await merged_by_all(buyers, anyone, one, two)


async def test_a_merge_while_the_own_cart_is_ordered_loses_nothing(
    buyers: Sequence[Door], anyone: Door, staff: Door
) -> None:
    one, two = [await staff("CreateProduct", new_product()) for _ in range(2)]
    for _ in range(ROUNDS):
        mine, other = await filled(buyers[0], one), await made(anyone)
        await anyone("UpdateCartItem", line(other, two, 3), by_secret(other))
        order, merged = await asyncio.gather(
            buyers[0]("CheckoutCart", checkout(mine)),
            buyers[1]("MergeCart", merging(other), by_secret(other)),
        )
        ordered = {each.product_id: each.quantity for each in order.items}
        left = {} if merged.id == mine.id else lines(merged)
        assert (ordered, left) in (({one.id: 2}, {two.id: 3}), ({one.id: 2, two.id: 3}, {}))
        if left:
            await buyers[0]("DeleteCart", pb.DeleteCartRequest(cart_id=merged.id))


async def until_it_is_done(call: Callable[[], Awaitable[Any]]) -> Any:
    """Asks again as long as it is not known."""
    while isinstance(found := await outcome(call()), Refused):
        assert found.reason in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CONFLICT"), found.message
    return found


async def test_connections_that_break_order_once_and_merge_once(
    buyers: Sequence[Door], anyone: Door, staff: Door, order_database: Postgres
) -> None:
    one, two = [await staff("CreateProduct", new_product()) for _ in range(2)]
    killer = await asyncpg.connect(order_database.database_url)

    async def kill() -> None:
        for _ in range(20):
            await killer.execute(_KILL)
            await asyncio.sleep(0.005)  # the pace of the kills, and nothing to wait for

    for rounds in range(1, ROUNDS + 1):
        mine, other = await filled(buyers[0], one), await made(anyone)
        await anyone("UpdateCartItem", line(other, two, 3), by_secret(other))
        merges = [partial(tab, "MergeCart", merging(other), by_secret(other)) for tab in buyers]
        await asyncio.gather(kill(), *map(until_it_is_done, merges))
        orders = [partial(tab, "CheckoutCart", checkout(mine)) for tab in buyers]
        _, *found = await asyncio.gather(kill(), *map(until_it_is_done, orders * 2))
        assert len({each.id for each in found}) == 1
        ordered = {each.product_id: each.quantity for each in found[0].items}
        assert ordered == {one.id: 2, two.id: 3}
        assert len(await until_it_is_done(partial(orders_of, buyers[0]))) == rounds
    await killer.close()


def unlocked(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """A defence switched off: no row is locked. Gives when something has been read."""
    has_read = asyncio.Event()

    async def read(self: UnitOfWork, table: Any, statement: str, *arguments: Any) -> Any:
        found = await self.fetch(statement.replace("FOR UPDATE", ""), *arguments)
        has_read.set()
        await asyncio.sleep(0.1)  # so that the others have read, too
        return found

    monkeypatch.setattr(UnitOfWork, "lock", read)
    return has_read


async def test_without_the_lock_a_change_is_lost(
    buyers: Sequence[Door], anyone: Door, staff: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = [await staff("CreateProduct", new_product()) for _ in range(2)]
    mine, other = await filled(buyers[0], one), await made(anyone)
    await anyone("UpdateCartItem", line(other, two, 3), by_secret(other))
    has_read = unlocked(monkeypatch)
    merge = asyncio.create_task(buyers[0]("MergeCart", merging(other), by_secret(other)))
    await has_read.wait()
    await buyers[1]("UpdateCartItem", line(mine, one, 10))
    await merge
    assert lines(await buyers[0]("GetCart", reading(mine))) == {one.id: 2, two.id: 3}
    has_read.clear()
    order = asyncio.create_task(buyers[0]("CheckoutCart", checkout(mine)))
    await has_read.wait()
    assert (await buyers[1]("UpdateCartItem", line(mine, one, 10))).quantity == 10
    assert {each.product_id: each.quantity for each in (await order).items} == {
        one.id: 2,
        two.id: 3,
    }


async def test_without_the_lock_the_key_holds_and_without_both_nothing(
    buyers: Sequence[Door], mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlocked(monkeypatch)
    found = await checked_out_by_all(buyers, await filled(buyers[0], mug))
    assert len({each.id for each in found}) == 1
    monkeypatch.setattr(service, "_key_of", lambda _: None)
    found = await checked_out_by_all(buyers, await filled(buyers[0], mug))
    assert len({each.id for each in found}) > 1


async def test_without_the_key_the_lock_holds(
    buyers: Sequence[Door], mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_key_of", lambda _: None)
    found = await checked_out_by_all(buyers, await filled(buyers[0], mug))
    assert len({each.id for each in found}) == 1


async def test_a_hundred_carts_at_once_from_one_address_are_fifty(anyone: Door) -> None:
    home = ("x-forwarded-for", f"10.{uuid.uuid4().int % 250}.{uuid.uuid4().int % 250}.1")
    calls = (outcome(anyone("CreateCart", pb.CreateCartRequest(), home)) for _ in range(100))
    found = await asyncio.gather(*calls)
    assert sum(isinstance(each, pb.CreatedCart) for each in found) == 50
