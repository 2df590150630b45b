"""Returns through the gRPC door: asked for, judged, given back, and put back into the stock."""

from decimal import Decimal

import pytest
from grpc import StatusCode

from emporium.order.v1 import return_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import Order, PaymentProgress
from server.kit.postgres import Pool
from server.order.orders.rules import Item
from server.order.returns.rules.judging import worth
from tests.server.order.doors import Door, adjust, cancel, item, order_of, payment_of, update
from tests.server.order.returns.doing import ask, delivered, judged, move, now, one, returns_of
from tests.server.order.stock.ledger import balance
from tests.server.refusals import refused

_EVENTS = """
    SELECT event_type FROM outbox WHERE aggregate_type = 'return' AND aggregate_id = $1::uuid
    ORDER BY aggregate_version
"""
_VERSIONS = """
    SELECT aggregate_version FROM outbox
    WHERE aggregate_type = 'return' AND aggregate_id = $1::uuid ORDER BY aggregate_version
"""


async def test_a_return_from_its_request_to_its_refund(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 10))
    order = await delivered(staff, ann, (mug, 3), (mug, 1))  # 2.55 each
    assert await balance(order_pool, mug.id) == (6, 0)
    asked = await ann("CreateReturn", ask(order, (1, 2), comment="too small"))
    assert (asked.status, asked.reason, asked.comment) == (
        pb.Return.REQUESTED,
        pb.Return.UNWANTED,
        "too small",
    )
    assert [(each.position, each.quantity) for each in asked.items] == [(1, 2)]
    assert (asked.refundable, asked.refunded, asked.currency) == ("0.00", "0.00", "GBP")

    approved = await staff("UpdateReturn", move(asked, "APPROVED", reason="send it to us"))
    came = [judged(1, 1, 1, restock=True)]
    received = await staff("UpdateReturn", move(approved, "RECEIVED", items=came))
    [line] = received.items
    assert (line.accepted_quantity, line.refused_quantity, line.restocked_quantity) == (1, 1, 1)
    assert (received.refundable, received.refunded) == ("2.55", "0.00")
    assert await balance(order_pool, mug.id) == (7, 0)
    whole = await now(ann, order)
    assert [each.returned_quantity for each in whole.items] == [1, 0]
    assert (whole.status, whole.etag != order.etag) == (Order.DELIVERED, True)

    done = await staff("UpdateReturn", move(received, "REFUNDED"))
    assert (done.status, done.refunded, done.refund_in_progress) == (
        pb.Return.REFUNDED,
        "2.55",
        False,
    )
    paid = await now(ann, order)
    assert paid.payment_status == PaymentProgress.PARTIALLY_REFUNDED
    assert paid.status == Order.DELIVERED
    read = await ann("GetReturn", one(asked))
    assert [(each.to_status, each.reason) for each in read.history] == [
        (pb.Return.REQUESTED, ""),
        (pb.Return.APPROVED, "send it to us"),
        (pb.Return.RECEIVED, ""),
        (pb.Return.REFUNDED, ""),
    ]
    assert read.history[0].actor.user_id == ann.user_id
    assert {each.actor.user_id for each in read.history[1:]} == {""}
    told = await staff("GetReturn", one(asked))
    assert {each.actor.user_id for each in told.history[1:]} == {staff.user_id}
    found = await order_pool.fetch(_EVENTS, asked.id)
    events = [row["event_type"].rpartition(".")[2] for row in found]
    assert events == [
        "ReturnRequested",
        "ReturnApproved",
        "ReturnReceived",
        "ReturnUpdated",
        "ReturnRefunded",
    ]
    versions = [row["aggregate_version"] for row in await order_pool.fetch(_VERSIONS, asked.id)]
    assert versions == [1, 2, 3, 4, 5]


async def test_what_is_there_already_is_no_move(staff: Door, ann: Door, mug: Product) -> None:
    order = await delivered(staff, ann, (mug, 1))
    asked = await ann("CreateReturn", ask(order, request_id="once"))
    assert await ann("CreateReturn", ask(order, request_id="once")) == asked
    await staff("UpdateReturn", move(asked, "RECEIVED"))
    done = await staff("UpdateReturn", move(asked, "REFUNDED"))
    assert await staff("UpdateReturn", move(asked, "REFUNDED")) == done
    assert (await now(ann, order)).status == Order.REFUNDED  # all that was paid was given back


async def test_a_return_is_the_buyers_and_staffs_alone(
    staff: Door, ann: Door, bob: Door, mug: Product
) -> None:
    order = await delivered(staff, ann, (mug, 2))
    error = await refused(bob("CreateReturn", ask(order)))
    assert (error.code, error.reason) == (StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
    asked = await ann("CreateReturn", ask(order, (1, 1)))
    for call in (
        bob("GetReturn", one(asked)),
        bob("UpdateReturn", move(asked, "CANCELLED")),
    ):
        assert (await refused(call)).reason == "RETURN_NOT_FOUND"
    assert (await refused(bob("ListReturns", returns_of(order)))).reason == "ORDER_NOT_FOUND"
    for status in ("APPROVED", "RECEIVED", "REFUNDED", "REJECTED"):
        error = await refused(ann("UpdateReturn", move(asked, status)))
        assert (error.reason, error.fields) == ("STAFF_ONLY_FIELD", ["status"])
    listed = await ann("ListReturns", returns_of(order))
    assert ([each.id for each in listed.returns], listed.meta.total) == ([asked.id], 1)
    assert (await ann("UpdateReturn", move(asked, "CANCELLED"))).status == pb.Return.CANCELLED


async def test_only_what_was_delivered_is_returned(staff: Door, ann: Door, mug: Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug, 2)))
    for by in (ann, staff):
        error = await refused(by("CreateReturn", ask(order)))
        assert error.reason == "ORDER_NOT_RETURNABLE"
    await ann("CreatePayment", payment_of(order))
    assert (await refused(staff("CreateReturn", ask(order)))).reason == "ORDER_NOT_RETURNABLE"
    await staff("UpdateOrder", update(order, status=Order.SHIPPED))
    assert (await refused(ann("CreateReturn", ask(order)))).reason == "ORDER_NOT_RETURNABLE"
    await staff("CreateReturn", ask(order, (1, 1)))  # it was refused at the door
    await staff("UpdateOrder", update(order, status=Order.DELIVERED))
    whole = await ann("CreateReturn", ask(order))
    assert [(each.position, each.quantity) for each in whole.items] == [(1, 1)]
    cancelled = await ann("CreateOrder", order_of(item(mug)))
    await ann("CancelOrder", cancel(cancelled))
    error = await refused(staff("CreateReturn", ask(cancelled)))
    assert error.reason == "ORDER_NOT_RETURNABLE"


async def test_a_buyer_returns_within_some_days(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    order = await delivered(staff, ann, (mug, 2))
    await order_pool.execute(
        "UPDATE order_moves SET occurred_at = occurred_at - interval '30 days 1 minute'"
        " WHERE order_id = $1",
        order.id,
    )
    error = await refused(ann("CreateReturn", ask(order)))
    assert (error.reason, error.message) == (
        "RETURN_TOO_LATE",
        "returns are taken for 30 days after delivery",
    )
    await staff("CreateReturn", ask(order, (1, 1)))
    await order_pool.execute(
        "UPDATE order_moves SET occurred_at = occurred_at + interval '2 minutes'"
        " WHERE order_id = $1",
        order.id,
    )
    await ann("CreateReturn", ask(order))


async def test_more_than_was_sent_is_refused_by_line(staff: Door, ann: Door, mug: Product) -> None:
    order = await delivered(staff, ann, (mug, 3), (mug, 2))
    first = await ann("CreateReturn", ask(order, (1, 2)))
    error = await refused(ann("CreateReturn", ask(order, (1, 2), (2, 3))))
    assert (error.reason, error.fields) == (
        "RETURN_EXCEEDS_SHIPPED",
        ["items[0].quantity", "items[1].quantity"],
    )
    assert error.violations["items[0].quantity"] == "1 left to return of position 1"
    for parts, field in (([(3, 1)], "items[0].position"), ([(1, 1), (1, 1)], "items[1].position")):
        error = await refused(ann("CreateReturn", ask(order, *parts)))
        assert (error.reason, error.fields) == ("VALIDATION_FAILED", [field])
    await ann("UpdateReturn", move(first, "CANCELLED"))
    whole = await ann("CreateReturn", ask(order))
    assert [(each.position, each.quantity) for each in whole.items] == [(1, 3), (2, 2)]
    # What did not come may be returned later; what came and was refused may not.
    came = [judged(1, 1, 1)]
    await staff("UpdateReturn", move(whole, "RECEIVED", items=came))
    later = await ann("CreateReturn", ask(order))
    assert [(each.position, each.quantity) for each in later.items] == [(1, 1), (2, 2)]


async def test_what_came_is_no_more_than_was_asked_for(
    staff: Door, ann: Door, mug: Product
) -> None:
    order = await delivered(staff, ann, (mug, 3), (mug, 2))
    asked = await ann("CreateReturn", ask(order, (1, 2)))
    for items, field in (
        ([judged(1, 2, 1)], "items[0].accepted_quantity"),
        ([judged(2, 1)], "items[0].position"),
    ):
        error = await refused(staff("UpdateReturn", move(asked, "RECEIVED", items=items)))
        assert error.fields == [field]
    for fields in ({"items": [judged(1, 1)]}, {"restock": True}):
        error = await refused(staff("UpdateReturn", move(asked, "APPROVED", **fields)))
        assert error.fields == [*fields]
    error = await refused(staff("UpdateReturn", move(asked, "RECEIVED", refund_amount="1.00")))
    assert error.fields == ["refund_amount"]


async def test_a_return_is_moved_as_the_table_says(staff: Door, ann: Door, mug: Product) -> None:
    order = await delivered(staff, ann, (mug, 5))
    asked = await ann("CreateReturn", ask(order, (1, 1)))
    error = await refused(staff("UpdateReturn", move(asked, "REFUNDED")))
    assert (error.reason, error.message) == (
        "ILLEGAL_RETURN_MOVE",
        "REQUESTED cannot become REFUNDED",
    )
    rejected = await staff("UpdateReturn", move(asked, "REJECTED", reason="worn"))
    error = await refused(staff("UpdateReturn", move(asked, "RECEIVED")))
    assert error.reason == "ILLEGAL_RETURN_MOVE"
    error = await refused(ann("UpdateReturn", move(asked, "CANCELLED", etag="1")))
    assert error.reason == "ETAG_MISMATCH"
    assert rejected.etag == "2"
    # What was refused as a whole is rejected; what was accepted is not.
    whole = await ann("CreateReturn", ask(order, (1, 5)))
    await staff("UpdateReturn", move(whole, "RECEIVED", items=[judged(1, 0, 2)]))
    error = await refused(ann("UpdateReturn", move(whole, "CANCELLED")))
    assert error.reason == "ILLEGAL_RETURN_MOVE"
    await staff("UpdateReturn", move(whole, "REJECTED"))
    kept = await ann("CreateReturn", ask(order))
    assert [each.quantity for each in kept.items] == [3]
    await staff("UpdateReturn", move(kept, "RECEIVED"))
    error = await refused(staff("UpdateReturn", move(kept, "REJECTED")))
    assert error.reason == "ILLEGAL_RETURN_MOVE"


async def test_a_refund_takes_as_many_payments_as_it_needs(
    staff: Door, ann: Door, mug: Product
) -> None:
    order = await delivered(staff, ann, (mug, 4), amounts=("3.00", "3.00"))  # and 4.20
    asked = await ann("CreateReturn", ask(order, (1, 3)))  # 7.65
    await staff("UpdateReturn", move(asked, "RECEIVED"))
    for amount, left in (("7.66", "7.65"), ("0.001", "")):
        error = await refused(staff("UpdateReturn", move(asked, "REFUNDED", refund_amount=amount)))
        assert error.fields == ["refund_amount"]
        assert left in error.message
    done = await staff("UpdateReturn", move(asked, "REFUNDED"))
    assert (done.status, done.refunded) == (pb.Return.REFUNDED, "7.65")
    last = await ann("CreateReturn", ask(order))
    await staff("UpdateReturn", move(last, "RECEIVED"))
    done = await staff("UpdateReturn", move(last, "REFUNDED", refund_amount="2.00"))
    assert (done.status, done.refundable, done.refunded) == (pb.Return.REFUNDED, "2.55", "2.00")
    assert (await now(ann, order)).payment_status == PaymentProgress.PARTIALLY_REFUNDED


async def test_no_more_is_given_back_than_was_paid(staff: Door, ann: Door, mug: Product) -> None:
    order = await delivered(staff, ann, (mug, 2))
    asked = await ann("CreateReturn", ask(order, (1, 2)))
    await staff("UpdateReturn", move(asked, "RECEIVED"))
    await staff("UpdateOrder", update(order, status=Order.REFUNDED))
    error = await refused(staff("UpdateReturn", move(asked, "REFUNDED", refund_amount="0.01")))
    assert (error.reason, error.message) == (
        "RETURN_REFUND_TOO_LARGE",
        "refund_amount: 0.00 GBP can be given back",
    )
    done = await staff("UpdateReturn", move(asked, "REFUNDED"))
    assert (done.status, done.refunded) == (pb.Return.REFUNDED, "0.00")


async def test_what_a_return_put_into_the_stock_is_not_put_back_again(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 10))
    order = await delivered(staff, ann, (mug, 4))
    asked = await ann("CreateReturn", ask(order, (1, 3)))
    await staff("UpdateReturn", move(asked, "RECEIVED", items=[judged(1, 2)], restock=True))
    assert await balance(order_pool, mug.id) == (8, 0)
    await staff("UpdateOrder", update(order, status=Order.REFUNDED, restock=True))
    assert await balance(order_pool, mug.id) == (10, 0)


async def test_staff_may_pay_back_what_was_paid_outside_of_any_provider(
    staff: Door, ann: Door, mug: Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug, 2)))
    for status in (Order.PAID, Order.SHIPPED, Order.DELIVERED):
        await staff("UpdateOrder", update(order, status=status))
    asked = await ann("CreateReturn", ask(order, (1, 1)))
    await staff("UpdateReturn", move(asked, "RECEIVED"))
    done = await staff("UpdateReturn", move(asked, "REFUNDED", reason="by transfer"))
    assert (done.status, done.refunded) == (pb.Return.REFUNDED, "2.55")
    assert done.history[-1].reason == "by transfer"


@pytest.mark.parametrize("quantity", [1, 3, 7, 1000])
def test_all_that_comes_back_is_worth_what_the_line_cost(quantity: int) -> None:
    line = Item(None, "Mug", Decimal("1.00"), quantity, Decimal("0.10"), Decimal("0.05"))
    worths = [worth(line, count, "GBP") for count in range(quantity + 1)]
    assert worths == sorted(worths)
    assert (worths[0], worths[-1]) == (Decimal(0), line.cost)
    assert {each.as_tuple().exponent for each in worths} <= {-2}
