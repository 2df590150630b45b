"""Payments through the gRPC door, at a sandbox that is a process of its own."""

import pytest
from grpc import StatusCode

from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import Order, PaymentProgress
from emporium.order.v1.payment_service_pb2 import ListPaymentsRequest, Payment
from server.kit.postgres import Pool
from tests.server.order.doors import (
    MISSING,
    Door,
    adjust,
    capture,
    get,
    item,
    new_product,
    order_of,
    payment,
    payment_of,
    refund,
    update,
    void,
)
from tests.server.order.payments.conftest import as_the_provider_says, ordered
from tests.server.order.payments.sandboxes import SandboxProcess
from tests.server.order.stock.ledger import balance
from tests.server.refusals import refused

_EVENTS = "SELECT event_type, aggregate_version FROM outbox WHERE aggregate_id = $1 ORDER BY 2"


async def told(pool: Pool, aggregate_id: str) -> list[str]:
    """The events of an aggregate, whose versions leave none out."""
    rows = await pool.fetch(_EVENTS, aggregate_id)
    versions = [row["aggregate_version"] for row in rows]
    assert versions == list(range(1, len(rows) + 1))
    return [row["event_type"].rpartition(".")[2] for row in rows]


async def test_what_is_captured_in_full_pays_the_order(
    ann: Door, order: Order, order_pool: Pool, sandbox: SandboxProcess
) -> None:
    assert order.payment_status == PaymentProgress.UNPAID
    made: Payment = await ann("CreatePayment", payment_of(order))
    assert (made.status, made.amount, made.captured, made.refunded) == (
        Payment.CAPTURED,
        "10.00",
        "10.00",
        "0.00",
    )
    assert (made.currency, made.order_id, made.provider) == ("GBP", order.id, "sandbox")
    assert not made.in_progress
    paid = await ann("GetOrder", get(order))
    assert (paid.status, paid.payment_status) == (Order.PAID, PaymentProgress.PAID)
    assert await ann("GetPayment", payment(made)) == made
    assert await told(order_pool, made.id) == ["PaymentCreated", "PaymentCaptured"]
    assert await told(order_pool, order.id) == ["OrderPlaced", "OrderPaid"]
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_a_decline_is_a_payment_and_another_may_follow(
    ann: Door, order: Order, order_pool: Pool
) -> None:
    declined = await ann("CreatePayment", payment_of(order, "tok_declined"))
    assert (declined.status, declined.decline_reason) == (Payment.DECLINED, "card_declined")
    assert (await ann("GetOrder", get(order))).payment_status == PaymentProgress.UNPAID
    assert await told(order_pool, order.id) == ["OrderPlaced"]
    await ann("CreatePayment", payment_of(order))
    assert (await ann("GetOrder", get(order))).status == Order.PAID
    page = await ann("ListPayments", ListPaymentsRequest(order_id=order.id))
    assert [each.status for each in page.payments] == [Payment.DECLINED, Payment.CAPTURED]
    assert page.meta.total == 2
    assert await told(order_pool, declined.id) == ["PaymentCreated", "PaymentDeclined"]


async def test_several_payments_add_up_to_the_total(ann: Door, order: Order) -> None:
    await ann("CreatePayment", payment_of(order, amount="4.00"))
    paid = await ann("GetOrder", get(order))
    assert (paid.status, paid.payment_status) == (Order.PENDING, PaymentProgress.PARTIALLY_PAID)
    found = await refused(ann("CreatePayment", payment_of(order, amount="6.01")))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "PAYMENT_TOO_LARGE")
    assert found.violations == {"amount": "6.00 GBP is left"}
    rest = await ann("CreatePayment", payment_of(order))
    assert rest.amount == "6.00"
    assert (await ann("GetOrder", get(order))).status == Order.PAID
    assert (await refused(ann("CreatePayment", payment_of(order)))).reason == "ORDER_NOT_PAYABLE"


async def test_authorized_and_then_captured_in_part(
    ann: Door, staff: Door, order: Order, order_pool: Pool, sandbox: SandboxProcess
) -> None:
    held = await ann("CreatePayment", payment_of(order, capture=False))
    assert (held.status, held.captured) == (Payment.AUTHORIZED, "0.00")
    now = await ann("GetOrder", get(order))
    assert (now.status, now.payment_status) == (Order.PENDING, PaymentProgress.AUTHORIZED)
    assert now.etag != order.etag
    assert (await refused(ann("CreatePayment", payment_of(order)))).reason == "ORDER_NOT_PAYABLE"
    found = await refused(staff("CapturePayment", capture(held, amount="10.01")))
    assert found.reason == "PAYMENT_TOO_LARGE"
    taken = await staff("CapturePayment", capture(held, amount="7.50"))
    assert (taken.status, taken.amount, taken.captured) == (Payment.CAPTURED, "10.00", "7.50")
    now = await ann("GetOrder", get(order))
    assert now.payment_status == PaymentProgress.PARTIALLY_PAID
    assert (await ann("CreatePayment", payment_of(order))).amount == "2.50"
    assert (await ann("GetOrder", get(order))).status == Order.PAID
    for again in (capture(held), void(held)):
        name = "CapturePayment" if "Capture" in type(again).__name__ else "VoidPayment"
        assert (await refused(staff(name, again))).reason == "ILLEGAL_PAYMENT_MOVE"
    assert await told(order_pool, held.id) == [
        "PaymentCreated",
        "PaymentAuthorized",
        "PaymentCaptured",
    ]
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_voided_it_may_be_paid_anew(
    ann: Door, staff: Door, order: Order, order_pool: Pool, sandbox: SandboxProcess
) -> None:
    held = await ann("CreatePayment", payment_of(order, capture=False))
    gone = await staff("VoidPayment", void(held))
    assert gone.status == Payment.VOIDED
    assert (await ann("GetOrder", get(order))).payment_status == PaymentProgress.UNPAID
    assert await as_the_provider_says(order_pool, sandbox, order.id)
    assert (await ann("CreatePayment", payment_of(order))).status == Payment.CAPTURED


async def test_refunds_in_part_and_whole(
    ann: Door, staff: Door, order: Order, order_pool: Pool, sandbox: SandboxProcess
) -> None:
    made = await ann("CreatePayment", payment_of(order))
    first = await staff("RefundPayment", refund(made, amount="3.00", reason="A dent."))
    assert (first.status, first.refunded) == (Payment.PARTIALLY_REFUNDED, "3.00")
    now = await ann("GetOrder", get(order))
    assert (now.status, now.payment_status) == (Order.PAID, PaymentProgress.PARTIALLY_REFUNDED)
    found = await refused(staff("RefundPayment", refund(made, amount="7.01")))
    assert found.violations == {"amount": "7.00 GBP is left"}
    last = await staff("RefundPayment", refund(made, reason="All of it."))
    assert (last.status, last.refunded) == (Payment.REFUNDED, "10.00")
    now = await ann("GetOrder", get(order))
    assert (now.status, now.payment_status) == (Order.REFUNDED, PaymentProgress.REFUNDED)
    assert (await refused(staff("RefundPayment", refund(made)))).reason == "ILLEGAL_PAYMENT_MOVE"
    assert (await told(order_pool, order.id))[-1] == "OrderRefunded"
    assert (await told(order_pool, made.id))[-2:] == ["PaymentRefunded", "PaymentRefunded"]
    assert await as_the_provider_says(order_pool, sandbox, order.id)


@pytest.mark.parametrize("status", [Order.SHIPPED, Order.DELIVERED])
async def test_what_was_sent_may_be_refunded(
    ann: Door, staff: Door, order: Order, status: Order.Status.ValueType
) -> None:
    made = await ann("CreatePayment", payment_of(order))
    for each in (Order.SHIPPED, Order.DELIVERED)[: status - Order.SHIPPED + 1]:
        await staff("UpdateOrder", update(order, status=each))
    await staff("RefundPayment", refund(made))
    assert (await ann("GetOrder", get(order))).status == Order.REFUNDED


@pytest.mark.parametrize(("restock", "on_hand"), [(None, 5), (True, 5), (False, 3)])
async def test_paid_takes_the_stock_and_a_refund_may_put_it_back(
    ann: Door, staff: Door, order_pool: Pool, restock: bool | None, on_hand: int
) -> None:
    mug: Product = await staff("CreateProduct", new_product())
    await staff("AdjustStock", adjust(mug, 5))
    order = await ann("CreateOrder", order_of(item(mug, 2)))
    made = await ann("CreatePayment", payment_of(order))
    assert await balance(order_pool, mug.id) == (3, 0)
    if restock is not None:
        part = refund(made, amount="1.00", restock=restock)
        found = await refused(staff("RefundPayment", part))
        assert found.violations == {"restock": "goes with the refund of all that is left"}
    await staff("RefundPayment", refund(made, restock=restock))
    assert await balance(order_pool, mug.id) == (on_hand, 0)


@pytest.mark.parametrize(
    ("amount", "problem"),
    [
        ("0.00", "must be more than 0"),
        ("1.005", "may have 2 decimals at most in GBP"),
        ("-1", "must be 0 to 99999999999999.9999, with four decimals at most"),
    ],
)
async def test_amounts_that_are_none(ann: Door, order: Order, amount: str, problem: str) -> None:
    found = await refused(ann("CreatePayment", payment_of(order, amount=amount)))
    assert found.code == StatusCode.INVALID_ARGUMENT
    assert found.violations == {"amount": problem}


async def test_an_order_that_costs_nothing_is_paid_without_a_provider(
    ann: Door, staff: Door, order_pool: Pool
) -> None:
    order = await ordered(staff, ann.user_id, "0.00")
    assert order.payment_status == PaymentProgress.UNPAID
    made = await ann("CreatePayment", payment_of(order))
    assert (made.status, made.provider, made.amount) == (Payment.CAPTURED, "external", "0.00")
    paid = await ann("GetOrder", get(order))
    assert (paid.status, paid.payment_status) == (Order.PAID, PaymentProgress.PAID)
    assert await told(order_pool, made.id) == ["PaymentCaptured"]


async def test_whose_payments_they_are(ann: Door, bob: Door, staff: Door, order: Order) -> None:
    made = await ann("CreatePayment", payment_of(order))
    assert (await refused(bob("CreatePayment", payment_of(order)))).reason == "ORDER_NOT_FOUND"
    assert (await refused(bob("GetPayment", payment(made)))).reason == "PAYMENT_NOT_FOUND"
    listing = ListPaymentsRequest(order_id=order.id)
    assert (await refused(bob("ListPayments", listing))).reason == "ORDER_NOT_FOUND"
    found = await refused(ann("RefundPayment", refund(made)))
    assert found.code == StatusCode.PERMISSION_DENIED
    assert await staff("GetPayment", payment(made)) == made
    missing = Payment(id=MISSING)
    assert (await refused(staff("GetPayment", payment(missing)))).reason == "PAYMENT_NOT_FOUND"
    assert (await refused(staff("RefundPayment", refund(missing)))).reason == "PAYMENT_NOT_FOUND"


async def test_a_refusal_of_the_provider_changes_nothing(
    ann: Door, staff: Door, order: Order
) -> None:
    held = await ann("CreatePayment", payment_of(order, "tok_expires", capture=False))
    found = await refused(staff("CapturePayment", capture(held)))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "PAYMENT_REFUSED")
    assert "authorization_expired" in found.message
    still = await ann("GetPayment", payment(held))
    assert (still.status, still.in_progress) == (Payment.AUTHORIZED, False)
    assert (await staff("VoidPayment", void(held))).status == Payment.VOIDED
