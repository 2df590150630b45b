"""Payments through the gRPC door: what they and orders do to each other, and card numbers."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from emporium.order.v1.order_service_pb2 import DeleteOrderRequest, Order, PaymentProgress
from emporium.order.v1.payment_service_pb2 import ListPaymentsRequest, Payment
from server.kit.postgres import Pool
from server.order.app.payments import Payments
from tests.server.order.doors import (
    Door,
    cancel,
    get,
    payment,
    payment_of,
    refund,
    update,
    void,
)
from tests.server.order.payments.conftest import ordered
from tests.server.order.payments.test_service import told
from tests.server.order.payments.test_service_lost import work_off
from tests.server.refusals import refused


async def test_staff_record_what_was_paid_and_given_back_elsewhere(
    ann: Door, staff: Door, order: Order, order_pool: Pool
) -> None:
    await ann("CreatePayment", payment_of(order, amount="4.00"))
    paid = await staff("UpdateOrder", update(order, status=Order.PAID))
    assert paid.payment_status == PaymentProgress.PAID
    page = await staff("ListPayments", ListPaymentsRequest(order_id=order.id))
    assert [(each.provider, each.captured) for each in page.payments] == [
        ("sandbox", "4.00"),
        ("external", "6.00"),
    ]
    given = await staff("UpdateOrder", update(order, status=Order.REFUNDED))
    assert given.payment_status == PaymentProgress.REFUNDED
    page = await staff("ListPayments", ListPaymentsRequest(order_id=order.id))
    assert {each.status for each in page.payments} == {Payment.REFUNDED}
    # The provider was not asked: what it has is still with it.
    kept = await order_pool.fetchval(
        "SELECT sum(amount) FROM ledger_entries WHERE order_id = $1 AND provider = 'sandbox'"
        " AND account = 'PROVIDER_BALANCE'",
        order.id,
    )
    assert kept == 4


async def test_no_status_alone_while_a_payment_is_open(
    ann: Door, staff: Door, order: Order
) -> None:
    held = await ann("CreatePayment", payment_of(order, capture=False))
    found = await refused(staff("UpdateOrder", update(order, status=Order.PAID)))
    assert found.reason == "ORDER_HAS_OPEN_PAYMENT"
    gone = DeleteOrderRequest(order_id=order.id)
    assert (await refused(ann("DeleteOrder", gone))).reason == "ORDER_HAS_OPEN_PAYMENT"
    await staff("VoidPayment", void(held))
    await ann("DeleteOrder", gone)


async def test_what_was_paid_is_not_deleted(ann: Door, order: Order, staff: Door) -> None:
    await ann("CreatePayment", payment_of(order, amount="1.00"))
    found = await refused(staff("DeleteOrder", DeleteOrderRequest(order_id=order.id)))
    assert found.reason == "ORDER_NOT_DELETABLE"


async def test_of_a_pending_order_nothing_is_given_back_but_all(
    ann: Door, staff: Door, order: Order, order_pool: Pool, paying_parts: Payments
) -> None:
    """Else what was captured and given back would pay for it, too."""
    made = await ann("CreatePayment", payment_of(order, amount="9.99"))
    found = await refused(staff("RefundPayment", refund(made, amount="9.98")))
    assert found.reason == "ILLEGAL_PAYMENT_MOVE"
    await ann("CancelOrder", cancel(order))
    await work_off(order_pool, paying_parts, made)
    assert (await ann("GetPayment", payment(made))).status == Payment.REFUNDED


async def test_what_was_paid_elsewhere_is_given_back_elsewhere(
    ann: Door, staff: Door, order: Order
) -> None:
    await staff("UpdateOrder", update(order, status=Order.PAID))
    [made] = (await ann("ListPayments", ListPaymentsRequest(order_id=order.id))).payments
    part = await staff("RefundPayment", refund(made, amount="4.00"))
    assert (part.status, part.in_progress) == (Payment.PARTIALLY_REFUNDED, False)
    whole = await staff("RefundPayment", refund(made))
    assert (whole.status, whole.refunded) == (Payment.REFUNDED, "10.00")
    assert (await ann("GetOrder", get(order))).status == Order.REFUNDED


async def test_no_reason_is_added_once_the_buyer_was_erased(
    ann: Door, staff: Door, order: Order, order_pool: Pool
) -> None:
    made = await ann("CreatePayment", payment_of(order))
    other = await ordered(staff, ann.user_id)
    await order_pool.execute("UPDATE orders SET user_id = NULL WHERE user_id = $1", ann.user_id)
    for call, request in (
        ("RefundPayment", refund(made, reason="Ann's dent")),
        ("CancelOrder", cancel(other, reason="Ann's wish")),
    ):
        assert (await refused(staff(call, request))).reason == "ORDER_ANONYMOUS"
    await staff("RefundPayment", refund(made))
    await staff("CancelOrder", cancel(other))


async def test_a_historical_order_is_paid(staff: Door, ann: Door, order_pool: Pool) -> None:
    then = Timestamp(seconds=1_291_191_960)
    order = await ordered(staff, ann.user_id, order_date=then)
    assert (order.status, order.payment_status) == (Order.PAID, PaymentProgress.PAID)
    page = await ann("ListPayments", ListPaymentsRequest(order_id=order.id))
    [made] = page.payments
    assert (made.provider, made.status, made.captured) == ("external", Payment.CAPTURED, "10.00")
    assert await told(order_pool, order.id) == ["OrderPlaced"]
    assert await told(order_pool, made.id) == ["PaymentCaptured"]
    assert (await refused(ann("CancelOrder", cancel(order)))).reason == "ILLEGAL_STATUS_MOVE"
    gone = await staff("UpdateOrder", update(order, status=Order.CANCELLED))
    assert (gone.status, gone.payment_status) == (Order.CANCELLED, PaymentProgress.REFUNDED)


@pytest.mark.parametrize("call", ["UpdateOrder", "CancelOrder"])
async def test_staff_cancel_what_they_bought_themselves_long_ago(staff: Door, call: str) -> None:
    then = Timestamp(seconds=1_291_191_960)
    order = await ordered(staff, "", order_date=then)
    asked = cancel(order) if call == "CancelOrder" else update(order, status=Order.CANCELLED)
    gone = await staff(call, asked)
    assert (gone.status, gone.payment_status) == (Order.CANCELLED, PaymentProgress.REFUNDED)
    [made] = (await staff("ListPayments", ListPaymentsRequest(order_id=order.id))).payments
    assert (made.status, made.refunded, made.in_progress) == (Payment.REFUNDED, "10.00", False)


async def test_what_was_given_back_elsewhere_is_told_apart(
    ann: Door, staff: Door, order: Order
) -> None:
    made = await ann("CreatePayment", payment_of(order))
    await staff("RefundPayment", refund(made, amount="4.00"))
    by_provider = await ann("GetPayment", payment(made))
    assert (by_provider.refunded, by_provider.refunded_externally) == ("4.00", "0.00")
    await staff("UpdateOrder", update(order, status=Order.REFUNDED))
    whole = await ann("GetPayment", payment(made))
    assert (whole.refunded, whole.refunded_externally) == ("10.00", "6.00")


async def test_a_repeat_gets_the_payment_and_makes_no_other(
    ann: Door, staff: Door, order: Order
) -> None:
    request = payment_of(order, amount="10.00", request_id="pay-5")
    first = await ann("CreatePayment", request)
    assert await ann("CreatePayment", request) == first
    other = payment_of(order, amount="4.00", request_id="pay-5")
    assert (await refused(ann("CreatePayment", other))).reason == "IDEMPOTENCY_KEY_REUSED"
    back = refund(first, amount="1.00", request_id="back-1")
    given = [await staff("RefundPayment", back) for _ in range(3)]
    assert {each.refunded for each in given} == {"1.00"}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("provider_token", payment_of),
        ("request_id", lambda order, text: payment_of(order, request_id=text.replace(" ", ""))),
    ],
)
@pytest.mark.parametrize(
    "number", ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005"]
)
async def test_card_numbers_are_refused(
    ann: Door, order: Order, name: str, make: Any, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = await refused(ann("CreatePayment", make(order, number)))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, "CARD_NUMBER_REFUSED")
    assert list(found.violations) == [name]
    assert number not in found.message
    assert number not in caplog.text


async def test_a_card_number_in_a_reason(ann: Door, staff: Door, order: Order) -> None:
    made = await ann("CreatePayment", payment_of(order))
    asked = refund(made, reason="To 5555 5555 5555 4444, please.")
    assert (await refused(staff("RefundPayment", asked))).reason == "CARD_NUMBER_REFUSED"
    assert (await ann("GetPayment", payment(made))).refunded == "0.00"


async def test_why_something_was_given_back_goes_with_the_buyer(
    ann: Door, staff: Door, order: Order, order_pool: Pool
) -> None:
    made = await ann("CreatePayment", payment_of(order))
    await staff("RefundPayment", refund(made, amount="1.00", reason="Ann's dent"))
    reasons = "SELECT array_agg(reason ORDER BY kind) FROM payment_operations WHERE order_id = $1"
    assert await order_pool.fetchval(reasons, order.id) == ["", "Ann's dent"]
    await order_pool.execute("UPDATE orders SET user_id = NULL WHERE id = $1", order.id)
    assert await order_pool.fetchval(reasons, order.id) == ["", ""]
