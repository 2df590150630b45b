"""What becomes of orders, step by step, beside a model of what must follow.

The model is what the contract says, and no more: of a product how many are on hand and reserved, of
an order its status, what it asks for, what was paid of it and what was sent. Steps of payments and
of shipments are in `life_of_payments.py`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

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
from server.order.app import order_store
from server.order.orders import rules
from tests.server.order.doors import (
    HOME,
    adjust,
    cancel,
    get,
    item,
    new_product,
    order_of,
    stock_of,
    update,
)
from tests.server.order.orders.life_model import (
    CANCELLED,
    DELIVERED,
    DONE,
    NEXT,
    PAID,
    PENDING,
    REFUNDED,
    SHIPPED,
    Goods,
    Kept,
    Paid,
    Shop,
    reason,
)
from tests.server.order.payments.conftest import as_the_provider_says, unexplained
from tests.server.order.samples import new_id
from tests.server.order.stock.ledger import balance


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
        kept = Kept(found, wanted, sent=[0] * len(wanted))
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
        elif status == PAID and kept.held:
            assert reason(found) == "ORDER_HAS_OPEN_PAYMENT"
        else:
            assert (reason(found), found.status) == (DONE, status)
            if status == PAID and (rest := kept.total - kept.captured):
                kept.payments.append(Paid("external", rest, False, rest))
            for each in kept.payments if status == REFUNDED else ():
                each.refunded = each.captured
            self.moved(kept, status, chosen)
        self.agree(kept)

    def moved(self, kept: Kept, status: int, restock: bool | None) -> None:
        if status == PAID:
            self.change(kept, on_hand=-1, reserved=-1)
        elif status == SHIPPED:
            kept.send_all()
        elif status == DELIVERED:
            kept.arrived, kept.has_arrived = [True] * len(kept.arrived), True
        elif status == CANCELLED:
            self.change(kept, reserved=-1)
            self.undone(kept)
        elif status == REFUNDED and restock is not False:
            back = [line.quantity for line in kept.order.items] if restock else kept.left
            for line, count in zip(kept.order.items, back, strict=True):
                for goods in self.goods:
                    goods.on_hand += count * (goods.product.id == line.product_id)
        kept.status = status

    def undone(self, kept: Kept) -> None:
        """What is held is let go, and what was taken is given back, by the job."""
        self.shop.run(self.shop.payments.processing.work_off())
        for each in kept.payments:
            each.is_held, each.refunded = False, each.captured

    def agree(self, kept: Kept) -> None:
        """The order says what the model does."""
        found = self.shop.call(self.shop.buyer, "GetOrder", get(kept.order))
        if kept.is_deleted:
            assert reason(found) == "ORDER_NOT_FOUND"
            return
        assert found.status == kept.status
        assert (Decimal(found.captured), Decimal(found.refunded)) == (kept.captured, kept.refunded)
        assert [line.shipped_quantity for line in found.items] == kept.sent
        assert found.fulfilment_status == kept.fulfilment

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
        self.agree(kept)

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
        elif kept.status not in (PENDING, CANCELLED) or kept.captured:
            assert reason(found) == "ORDER_NOT_DELETABLE"
        elif kept.held:
            assert reason(found) == "ORDER_HAS_OPEN_PAYMENT"
        else:
            assert reason(found) == DONE
            if kept.status == PENDING:
                self.change(kept, reserved=-1)
            kept.is_deleted = True

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
            is_open = kept.status == PENDING and not kept.is_deleted
            if is_open and kept.held + kept.captured < kept.total:
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
            self.agree(kept)
            told = as_the_provider_says(self.shop.pool, self.shop.sandbox, kept.order.id)
            assert self.shop.run(told)
        assert self.shop.run(unexplained(self.shop.pool)) == set()
        for goods in self.goods:
            sums = self.shop.run(balance(self.shop.pool, goods.product.id))
            assert sums == (goods.on_hand, goods.reserved)


Play = Callable[[Any], None]
