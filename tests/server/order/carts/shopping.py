"""What becomes of carts, step by step, beside a model of what must follow.

The model is what the contract says, and no more: what is in each cart, and what was ordered of it.
Steps come from two tabs at once, at two replicas, and connections break under them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
import grpc
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from emporium.order.v1 import cart_service_pb2 as pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1.catalog_service_pb2 import Product
from tests.server.order.carts.carting import (
    by_secret,
    checkout,
    line,
    lines,
    made,
    merging,
    reading,
)
from tests.server.order.doors import Door
from tests.server.refusals import Refused

Content = dict[str, int]
_KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%carts%'
"""
_UNKNOWN = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CONFLICT"}
_AT_ONCE = 3  # of each step, at each replica


@dataclass
class Shop:
    """Two replicas, whoever kills their connections, and the loop; the machine has a thread."""

    channels: Sequence[grpc.aio.Channel]
    products: Sequence[Product]
    killer: "asyncpg.Connection[asyncpg.Record]"
    loop: asyncio.AbstractEventLoop
    person: Callable[[], Sequence[Door]]  # somebody new, at both

    def run(self, work: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(60)

    async def done(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """What the call came to: it is made again as long as that is not known."""
        for _ in range(100):
            try:
                return await call()
            except grpc.aio.AioRpcError as error:
                if (found := Refused(error)).reason not in _UNKNOWN:
                    return found
        raise AssertionError("it is never known")

    async def kill(self, times: int) -> None:
        for _ in range(times):
            await self.killer.execute(_KILL)

    def together(self, kills: int, *calls: Callable[[], Awaitable[Any]]) -> list[Any]:
        """What all of them came to, at once, while connections break."""

        async def all_of_it() -> list[Any]:
            found = await asyncio.gather(self.kill(kills), *map(self.done, calls))
            return list(found[1:])

        answers: list[Any] = self.run(all_of_it())
        return answers


@dataclass
class Visitor:
    """Whoever has a cart's secret."""

    cart: pb.CreatedCart
    content: Content = field(default_factory=dict)
    is_merged: bool = False


class Carts(RuleBasedStateMachine):
    """One person with two tabs, and visitors' carts that may become the person's."""

    shop: Shop
    visitors: Bundle[Visitor] = Bundle("visitors")
    kills = st.integers(0, 3)
    products = st.integers(0, 3)

    @initialize()
    def begin(self) -> None:
        self.tabs = self.shop.person()
        self.anyone = [Door(each) for each in self.shop.channels]
        self.own: Content = {}
        self.ordered: list[Content] = []
        self.cart = self.shop.run(made(self.tabs[0]))

    @rule(target=visitors)
    def visit(self) -> Visitor:
        return Visitor(self.shop.run(made(self.anyone[0])))

    @rule(product=products, quantity=st.integers(1, 9))
    def put(self, product: int, quantity: int) -> None:
        asked = line(self.cart, self.shop.products[product], quantity)
        self.shop.run(self.tabs[product % 2]("UpdateCartItem", asked))
        self.own[self.shop.products[product].id] = quantity

    @rule(visitor=visitors, product=products, quantity=st.integers(1, 9))
    def put_by_visitor(self, visitor: Visitor, product: int, quantity: int) -> None:
        asked = line(visitor.cart, self.shop.products[product], quantity)
        call = partial(self.anyone[1], "UpdateCartItem", asked, by_secret(visitor.cart))
        found = self.shop.run(self.shop.done(call))
        if visitor.is_merged:
            assert found.reason == "CART_NOT_ACTIVE"
        else:
            visitor.content[self.shop.products[product].id] = quantity

    @rule(visitor=visitors, kills=kills)
    def merge(self, visitor: Visitor, kills: int) -> None:
        asked, secret = merging(visitor.cart), by_secret(visitor.cart)
        calls = [partial(tab, "MergeCart", asked, secret) for tab in self.tabs] * _AT_ONCE
        self.shop.together(kills, *calls)
        self._merged(visitor, self.own)

    @rule(kills=kills, visitor=st.none() | visitors)
    def check_out(self, kills: int, visitor: Visitor | None) -> None:
        """While a visitor's cart is merged: it is in what is ordered, or in the next cart."""
        orders = [partial(tab, "CheckoutCart", checkout(self.cart)) for tab in self.tabs] * _AT_ONCE
        merges = []
        if visitor and not visitor.is_merged and visitor.content:
            asked, secret = merging(visitor.cart), by_secret(visitor.cart)
            merges = [partial(tab, "MergeCart", asked, secret) for tab in self.tabs]
        found = self.shop.together(kills, *merges, *orders)[len(merges) :]
        done = [each for each in found if isinstance(each, order_pb.Order)]
        reasons = {each.reason for each in found if isinstance(each, Refused)}
        assert reasons <= ({"CART_EMPTY"} if not self.own else set())
        if not done:
            assert not self.own
            if visitor and merges:
                self._merged(visitor, self.own)
            return
        assert len({each.id for each in done}) == 1
        ordered = {each.product_id: each.quantity for each in done[0].items}
        if visitor and merges:
            both = dict(self.own)
            was_merged = ordered != self.own
            self._merged(visitor, both)
            assert ordered in (both, self.own)
            self.own = {} if was_merged else dict(visitor.content)
        else:
            assert ordered == self.own
            self.own = {}
        self.ordered.append(ordered)
        self.cart = self.shop.run(made(self.tabs[0]))

    @invariant()
    def carts_and_orders_are_what_they_must_be(self) -> None:
        seen = self.shop.run(self.shop.done(partial(self.tabs[0], "GetCart", reading(self.cart))))
        assert lines(seen) == self.own
        listing = partial(self.tabs[1], "ListOrders", order_pb.ListOrdersRequest(per_page=100))
        orders = self.shop.run(self.shop.done(listing)).orders
        found = [{each.product_id: each.quantity for each in order.items} for order in orders]
        assert found[::-1] == self.ordered

    def _merged(self, visitor: Visitor, into: Content) -> None:
        if not visitor.is_merged:
            for product_id, quantity in visitor.content.items():
                into[product_id] = into.get(product_id, 0) + quantity
        visitor.is_merged = True
