"""Nothing is returned twice, and nothing given back twice: many at once, over two replicas."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
import grpc
import pytest

from emporium.order.v1 import return_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import Order
from emporium.order.v1.payment_service_pb2 import ListPaymentsRequest
from server.kit.postgres import Pool
from tests.server.conftest import Token
from tests.server.order.doors import Door, adjust, refund, update
from tests.server.order.payments.conftest import as_the_provider_says
from tests.server.order.payments.sandboxes import SandboxProcess
from tests.server.order.returns.doing import ask, delivered, move, now, one
from tests.server.order.stock.ledger import balance
from tests.server.refusals import Refused

_RETURNED = """
    SELECT coalesce(sum(counted), 0) AS asked, max(shipped) AS shipped
    FROM return_items JOIN order_items USING (order_id, position) WHERE order_id = $1
"""
_MONEY = "SELECT captured, refunded FROM orders WHERE id = $1"


@pytest.fixture
def clerks(replicas: Sequence[grpc.aio.Channel], token: Token, staff: Door) -> Sequence[Door]:
    """The same of staff at each replica."""
    return [Door(each, token("STAFF", staff.user_id), staff.user_id) for each in replicas]


async def outcome(call: Any) -> str:
    """Empty, or how a call was refused."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return Refused(error).reason
    return ""


async def asked_at_once(anns: Sequence[Door], order: Order, count: int) -> Counter[str]:
    calls = (outcome(anns[n % 2]("CreateReturn", ask(order, (1, 1)))) for n in range(count))
    return Counter(await asyncio.gather(*calls))


async def test_of_many_at_once_as_many_are_returned_as_were_sent(
    staff: Door, ann: Door, anns: Sequence[Door], mug: Product, order_pool: Pool
) -> None:
    order = await delivered(staff, ann, (mug, 5))
    found = await asked_at_once(anns, order, 12)
    assert found == {"": 5, "ORDER_NOT_RETURNABLE": 7}
    [row] = await order_pool.fetch(_RETURNED, order.id)
    assert (row["asked"], row["shipped"]) == (5, 5)


async def test_the_database_refuses_more_than_was_sent_if_the_rule_does_not(
    staff: Door,
    ann: Door,
    anns: Sequence[Door],
    mug: Product,
    order_pool: Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = await delivered(staff, ann, (mug, 5))
    _unguarded(monkeypatch)
    found = await asked_at_once(anns, order, 12)
    assert found["INTERNAL"]  # some may run into their deadline, where the machine is busy
    [row] = await order_pool.fetch(_RETURNED, order.id)
    assert found[""] <= row["asked"] <= 5


async def test_without_either_more_would_be_returned(
    staff: Door,
    ann: Door,
    anns: Sequence[Door],
    mug: Product,
    order_pool: Pool,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of both: the same calls return too much, and the tests above would see it."""
    order = await delivered(staff, ann, (mug, 5))
    _unguarded(monkeypatch)
    constraint = "order_items_in_returns_was_shipped"
    await owner.execute(f"ALTER TABLE order_items DROP CONSTRAINT {constraint}")
    try:
        found = await asked_at_once(anns, order, 12)
        [row] = await order_pool.fetch(_RETURNED, order.id)
        assert row["asked"] >= found[""] > 5
    finally:
        # So that the constraint can be back: nobody looks at this order any more.
        await owner.execute("UPDATE order_items SET in_returns = 0 WHERE in_returns > shipped")
        await owner.execute(
            f"ALTER TABLE order_items ADD CONSTRAINT {constraint}"
            " CHECK (in_returns BETWEEN 0 AND shipped)"
        )


def _unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules believe that there is always something left."""
    moving = "server.order.returns.rules.moving"
    monkeypatch.setattr(f"{moving}._check_left", lambda parts, left: None)
    monkeypatch.setattr(f"{moving}._check_order", lambda *args, **kinds: None)


async def test_a_return_that_is_judged_at_once_goes_into_the_stock_once(
    staff: Door, ann: Door, clerks: Sequence[Door], mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 10))
    order = await delivered(staff, ann, (mug, 4))
    asked = await ann("CreateReturn", ask(order, (1, 4)))
    calls = [
        outcome(clerks[n % 2]("UpdateReturn", move(asked, "RECEIVED", restock=True)))
        for n in range(10)
    ]
    assert await asyncio.gather(*calls) == [""] * 10
    assert await balance(order_pool, mug.id) == (10, 0)
    assert [each.returned_quantity for each in (await now(ann, order)).items] == [4]


async def test_refunds_of_returns_payments_and_orders_at_once_give_back_what_was_paid(
    staff: Door,
    ann: Door,
    clerks: Sequence[Door],
    mug: Product,
    order_pool: Pool,
    sandbox: SandboxProcess,
) -> None:
    """Each of them alone would give back all of it."""
    await staff("AdjustStock", adjust(mug, 100))
    for turn in range(6):
        order = await delivered(staff, ann, (mug, 4), amounts=("5.00",))
        asked = await ann("CreateReturn", ask(order, (1, 4)))
        await staff("UpdateReturn", move(asked, "RECEIVED", restock=True))
        paid = await staff("ListPayments", ListPaymentsRequest(order_id=order.id))
        calls = [clerks[n % 2]("UpdateReturn", move(asked, "REFUNDED")) for n in range(4)]
        calls += [
            clerks[n % 2]("RefundPayment", refund(each)) for n, each in enumerate(paid.payments)
        ]
        whole = update(order, status=Order.REFUNDED, restock=True)
        calls.insert(turn, clerks[turn % 2]("UpdateOrder", whole))
        found = Counter(await asyncio.gather(*map(outcome, calls)))
        assert set(found) <= {
            "",
            "PAYMENT_IN_PROGRESS",
            "RETURN_REFUND_IN_PROGRESS",
            "ILLEGAL_PAYMENT_MOVE",
            "ILLEGAL_STATUS_MOVE",
            "PAYMENT_TOO_LARGE",
        }
        done = await staff("UpdateReturn", move(asked, "REFUNDED"))
        assert (done.status, done.refund_in_progress) == (pb.Return.REFUNDED, False)
        for each in paid.payments:
            await outcome(staff("RefundPayment", refund(each)))
        [row] = await order_pool.fetch(_MONEY, order.id)
        assert row["captured"] == row["refunded"]
        assert (await now(ann, order)).status == Order.REFUNDED
        assert await balance(order_pool, mug.id) == (100, 0)
        assert (await ann("GetReturn", one(asked))).refunded in {"10.20", "5.00", "5.20", "0.00"}
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_an_answer_that_is_lost_refunds_the_return_later(
    staff: Door,
    ann: Door,
    mug: Product,
    sandbox: SandboxProcess,
    paying_parts: Any,
    order_pool: Pool,
) -> None:
    order = await delivered(staff, ann, (mug, 2))
    asked = await ann("CreateReturn", ask(order, (1, 1)))
    await staff("UpdateReturn", move(asked, "RECEIVED"))
    sandbox.pause()
    try:
        pending = await staff("UpdateReturn", move(asked, "REFUNDED"))
        assert (pending.status, pending.refund_in_progress) == (pb.Return.RECEIVED, True)
        again = await outcome(staff("UpdateReturn", move(asked, "REFUNDED")))
        assert again == "RETURN_REFUND_IN_PROGRESS"
    finally:
        sandbox.go_on()
    await order_pool.execute(
        "UPDATE payment_operations SET due_at = now() WHERE return_id = $1", asked.id
    )
    await paying_parts.processing.work_off()
    done = await ann("GetReturn", one(asked))
    assert (done.status, done.refunded, done.refund_in_progress) == (
        pb.Return.REFUNDED,
        "2.55",
        False,
    )
    assert await as_the_provider_says(order_pool, sandbox, order.id)


@pytest.mark.parametrize("count", ["-1", "shipped + 1"])
async def test_a_line_has_not_been_returned_more_often_than_it_was_sent(
    staff: Door, ann: Door, mug: Product, order_pool: Pool, count: str
) -> None:
    order = await delivered(staff, ann, (mug, 2))
    with pytest.raises(asyncpg.CheckViolationError):
        await order_pool.execute(
            f"UPDATE order_items SET in_returns = {count} WHERE order_id = $1", order.id
        )
