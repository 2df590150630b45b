"""What becomes of orders, step by step, beside a model of what must follow.

The model is what the contract says, and no more: of a product how many are on hand and reserved, of
an order its status and what it asks for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.postgres import Pool
from server.order.app import order_store
from server.order.orders import rules
from tests.server.order.doors import (
    HOME,
    Door,
    adjust,
    cancel,
    get,
    item,
    new_product,
    order_of,
    stock_of,
    update,
)
from tests.server.order.samples import new_id
from tests.server.order.stock.ledger import balance
from tests.server.refusals import Refused

DONE = "DONE"
PENDING, PAID, SHIPPED = pb.Order.PENDING, pb.Order.PAID, pb.Order.SHIPPED
DELIVERED, CANCELLED, REFUNDED = pb.Order.DELIVERED, pb.Order.CANCELLED, pb.Order.REFUNDED
Status = pb.Order.Status.ValueType

NEXT: Mapping[int, set[int]] = {
    PENDING: {PAID, CANCELLED},
    PAID: {SHIPPED, REFUNDED},
    SHIPPED: {DELIVERED, REFUNDED},
    DELIVERED: {REFUNDED},
    CANCELLED: set(),
    REFUNDED: set(),
}


@dataclass
class Shop:
    """The service, and the loop in which it runs; the machine runs in a thread."""

    buyer: Door
    staff: Door
    pool: Pool
    loop: asyncio.AbstractEventLoop

    def run(self, work: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(60)

    def call(self, door: Door, name: str, request: Any) -> Any:
        """What the call gave, or how it was refused."""
        try:
            return self.run(door(name, request))
        except grpc.aio.AioRpcError as error:
            return Refused(error)


@dataclass
class Goods:
    """A product in the model."""

    product: Product
    on_hand: int
    reserved: int = 0


@dataclass
class Kept:
    """An order in the model."""

    order: pb.Order
    lines: Mapping[int, int]  # how many of which goods
    status: int = PENDING
    is_deleted: bool = False
    edits: int = field(default=0)


def reason(answer: Any) -> str:
    """Why it was refused; `DONE` when it was not."""
    return answer.reason if isinstance(answer, Refused) else DONE


class Lives(RuleBasedStateMachine):
    """The steps. `shop` is set by a subclass."""

    shop: Shop
    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.goods: list[Goods] = []
        self.known: list[Kept] = []

    @initialize(counts=st.lists(st.integers(1, 9), min_size=2, max_size=2))
    def begin(self, counts: list[int]) -> None:
        for count in counts:
            product = self.shop.call(self.shop.staff, "CreateProduct", new_product())
            self.shop.call(self.shop.staff, "AdjustStock", adjust(product, count))
            self.goods.append(Goods(product, count))

    @rule(target=orders, one=st.integers(0, 4), other=st.integers(0, 4), first=st.booleans())
    def place(self, one: int, other: int, first: bool) -> Kept | MultipleResults[Kept]:
        wanted = {n: count for n, count in enumerate((one, other)) if count}
        if not wanted:
            return multiple()
        lines = [item(self.goods[n].product, count) for n, count in wanted.items()]
        request = order_of(*(lines if first else lines[::-1]))
        found = self.shop.call(self.shop.buyer, "CreateOrder", request)
        goods = self.goods
        if any(goods[n].on_hand - goods[n].reserved < count for n, count in wanted.items()):
            assert reason(found) == "OUT_OF_STOCK"
            return multiple()
        assert reason(found) == DONE
        kept = Kept(found, wanted)
        self.change(kept, reserved=1)
        self.known.append(kept)
        return kept

    @rule(
        kept=orders,
        status=st.sampled_from([*NEXT]),
        restock=st.sampled_from([None, True, False]),
    )
    def move(self, kept: Kept, status: int, restock: bool | None) -> None:
        """As staff do by PATCH."""
        chosen = restock if status == REFUNDED else None
        request = update(kept.order, status=status, restock=chosen)
        found = self.shop.call(self.shop.staff, "UpdateOrder", request)
        if kept.is_deleted:
            assert reason(found) == "ORDER_NOT_FOUND"
        elif status == kept.status:
            assert reason(found) == DONE
        elif status not in NEXT[kept.status]:
            assert reason(found) == "ILLEGAL_STATUS_MOVE"
        else:
            assert (reason(found), found.status) == (DONE, status)
            self.moved(kept, status, chosen)

    def moved(self, kept: Kept, status: int, restock: bool | None) -> None:
        if status == PAID:
            self.change(kept, on_hand=-1, reserved=-1)
        elif status == CANCELLED:
            self.change(kept, reserved=-1)
        elif status == REFUNDED and (kept.status == PAID if restock is None else restock):
            self.change(kept, on_hand=1)
        kept.status = status

    @rule(kept=orders)
    def cancel(self, kept: Kept) -> None:
        """As buyers do."""
        found = self.shop.call(
            self.shop.buyer, "CancelOrder", cancel(kept.order, reason="Too late")
        )
        if kept.is_deleted:
            assert reason(found) == "ORDER_NOT_FOUND"
        elif kept.status == PENDING:
            assert reason(found) == DONE
            self.moved(kept, CANCELLED, None)
        else:
            is_done = kept.status == CANCELLED
            assert reason(found) == (DONE if is_done else "ILLEGAL_STATUS_MOVE")

    @rule(kept=orders)
    def edit(self, kept: Kept) -> None:
        kept.edits += 1
        home = type(HOME)()
        home.CopyFrom(HOME)
        home.street = f"{kept.edits} High Street"
        found = self.shop.call(
            self.shop.buyer, "UpdateOrder", update(kept.order, shipping_address=home)
        )
        if kept.is_deleted:
            assert reason(found) == "ORDER_NOT_FOUND"
        else:
            assert reason(found) == (DONE if kept.status == PENDING else "ORDER_NOT_PENDING")

    @rule(kept=orders)
    def delete(self, kept: Kept) -> None:
        request = pb.DeleteOrderRequest(order_id=kept.order.id)
        found = self.shop.call(self.shop.staff, "DeleteOrder", request)
        if kept.is_deleted:
            assert reason(found) == "ORDER_NOT_FOUND"
        elif kept.status in (PENDING, CANCELLED):
            assert reason(found) == DONE
            if kept.status == PENDING:
                self.change(kept, reserved=-1)
            kept.is_deleted = True
        else:
            assert reason(found) == "ORDER_NOT_DELETABLE"

    @rule(number=st.integers(0, 1), delta=st.integers(-6, 6).filter(bool))
    def adjust(self, number: int, delta: int) -> None:
        goods = self.goods[number]
        found = self.shop.call(self.shop.staff, "AdjustStock", adjust(goods.product, delta))
        if delta < 0 and goods.on_hand + delta < goods.reserved:
            assert reason(found) == "STOCK_TOO_LOW"
        else:
            assert reason(found) == DONE
            goods.on_hand += delta

    @rule()
    def expire(self) -> None:
        """What the job does, some hours later."""
        now = datetime.now(UTC) + timedelta(hours=2)

        def change(order: rules.Order) -> rules.Changed:
            return rules.expired(order, new_id(), now)

        self.shop.run(order_store(self.shop.pool, lambda: None).expire(now, 1_000, change))
        for kept in self.known:
            if kept.status == PENDING and not kept.is_deleted:
                self.moved(kept, CANCELLED, None)

    def change(self, kept: Kept, on_hand: int = 0, reserved: int = 0) -> None:
        for number, count in kept.lines.items():
            self.goods[number].on_hand += on_hand * count
            self.goods[number].reserved += reserved * count

    @invariant()
    def the_stock_is_what_it_must_be(self) -> None:
        for goods in self.goods:
            stock = self.shop.call(self.shop.staff, "GetStock", stock_of(goods.product))
            assert (stock.on_hand, stock.reserved) == (goods.on_hand, goods.reserved)

    def teardown(self) -> None:
        for kept in self.known:
            found = self.shop.call(self.shop.buyer, "GetOrder", get(kept.order))
            expected = "ORDER_NOT_FOUND" if kept.is_deleted else kept.status
            assert (found.reason if kept.is_deleted else found.status) == expected
        for goods in self.goods:
            sums = self.shop.run(balance(self.shop.pool, goods.product.id))
            assert sums == (goods.on_hand, goods.reserved)


Play = Callable[[Lives], None]
