"""Answers that are lost, a provider that is killed, and what comes late: nothing is lost by it."""

import asyncio
from typing import Any

import pytest

from emporium.order.v1.order_service_pb2 import Order, PaymentProgress
from emporium.order.v1.payment_service_pb2 import Payment
from server.kit import background
from server.kit.postgres import Pool
from server.kit.postgres.advisory_lock import AdvisoryLock
from server.order.app import order_store
from server.order.app.payments import Payments, paying
from server.order.jobs.expiring import expire_orders
from server.order.jobs.paying import payment_settlement
from server.order.neighbours.payments import ProviderSilent
from server.order.neighbours.sandbox import Sandbox
from server.order.orders.store import expiring
from server.order.orders.store.orders import PostgresOrderStore
from server.settings import Postgres, Shop
from tests.server.order.doors import Door, cancel, capture, get, payment, payment_of, refund, void
from tests.server.order.payments.conftest import as_the_provider_says, ordered
from tests.server.order.payments.sandboxes import SandboxProcess
from tests.server.refusals import refused
from tests.waiting import until

_DUE = "UPDATE payment_operations SET due_at = now() WHERE status = 'OPEN' AND payment_id = $1"

_MADE = "SELECT count(*) FROM payments WHERE order_id = $1"


async def work_off(pool: Pool, parts: Payments, made: Payment) -> None:
    """As if it were time to ask what has become of the payment."""
    await pool.execute(_DUE, made.id)
    await parts.processing.work_off()


async def test_an_answer_that_is_lost_is_asked_for_and_not_charged_again(
    ann: Door, order: Order, order_pool: Pool, paying_parts: Payments, sandbox: SandboxProcess
) -> None:
    made = await ann("CreatePayment", payment_of(order, "tok_reply_lost", request_id="lost"))
    assert (made.status, made.in_progress) == (Payment.PENDING, True)
    assert (await ann("GetOrder", get(order))).payment_status == PaymentProgress.UNPAID
    assert (await refused(ann("CreatePayment", payment_of(order)))).reason == "ORDER_NOT_PAYABLE"
    await work_off(order_pool, paying_parts, made)
    now = await ann("GetPayment", payment(made))
    assert (now.status, now.in_progress) == (Payment.CAPTURED, False)
    assert (await ann("GetOrder", get(order))).status == Order.PAID
    assert await ann("CreatePayment", payment_of(order, "tok_reply_lost", request_id="lost")) == now
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_a_charge_that_never_came_is_given_up_with_the_providers_word(
    ann: Door, order: Order, order_pool: Pool, paying_parts: Payments, sandbox: SandboxProcess
) -> None:
    made = await ann("CreatePayment", payment_of(order, "tok_timeout"))
    assert made.status == Payment.PENDING
    await work_off(order_pool, paying_parts, made)
    now = await ann("GetPayment", payment(made))
    assert (now.status, now.decline_reason) == (Payment.DECLINED, "not_received")
    assert (await ann("CreatePayment", payment_of(order))).status == Payment.CAPTURED
    # Should the charge come yet, it is refused: the provider has the key.
    async with paying(
        order_pool,
        order_store(order_pool, lambda: None),
        Shop(sandbox_url=sandbox.url),
    ) as others:
        provider: Any = others.processing._providers["sandbox"]
        late = await provider.charge(made.id, "tok_approved", 10, "GBP", captures=True)
    assert (late.is_done, late.reason) == (False, "not_received")
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_without_asking_a_lost_payment_would_stay_open(
    ann: Door,
    order: Order,
    order_pool: Pool,
    paying_parts: Payments,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: a provider that is not asked by our key."""

    async def silent(self: Any, key: str) -> Any:
        raise ProviderSilent

    made = await ann("CreatePayment", payment_of(order, "tok_reply_lost"))
    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "find", silent)
        await work_off(order_pool, paying_parts, made)
        assert (await ann("GetPayment", payment(made))).status == Payment.PENDING
    await work_off(order_pool, paying_parts, made)
    assert (await ann("GetPayment", payment(made))).status == Payment.CAPTURED


async def test_later_answers_are_lost_too(
    ann: Door,
    staff: Door,
    order: Order,
    order_pool: Pool,
    paying_parts: Payments,
    sandbox: SandboxProcess,
) -> None:
    asked = payment_of(order, "tok_later_replies_lost", capture=False)
    held = await ann("CreatePayment", asked)
    taken = await staff("CapturePayment", capture(held, amount="10.00"))
    assert (taken.status, taken.in_progress) == (Payment.AUTHORIZED, True)
    assert taken.etag != held.etag
    found = await refused(staff("VoidPayment", void(held)))
    assert found.reason == "PAYMENT_IN_PROGRESS"
    await work_off(order_pool, paying_parts, held)
    taken = await staff("GetPayment", payment(held))
    assert (taken.status, taken.captured, taken.in_progress) == (Payment.CAPTURED, "10.00", False)
    await staff("RefundPayment", refund(held, amount="1.00"))
    await work_off(order_pool, paying_parts, held)
    assert (await staff("GetPayment", payment(held))).refunded == "1.00"
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_a_provider_that_is_killed_in_between(
    ann: Door,
    staff: Door,
    order: Order,
    order_pool: Pool,
    paying_parts: Payments,
    sandbox: SandboxProcess,
) -> None:
    """Whatever it had done by then: money, ledger and provider say the same in the end."""
    calls = [
        asyncio.create_task(ann("CreatePayment", payment_of(order, amount="0.50")))
        for _ in range(20)
    ]

    async def some_are_made() -> bool:
        return bool(await order_pool.fetchval(_MADE, order.id))

    await until(some_are_made)
    await sandbox.kill()
    made = await asyncio.gather(*calls)
    await sandbox.start()
    for each in made:
        await order_pool.execute(_DUE, each.id)
    await paying_parts.processing.work_off()
    states = [(await ann("GetPayment", payment(each))).status for each in made]
    assert set(states) <= {Payment.CAPTURED, Payment.DECLINED}
    paid = await order_pool.fetchval("SELECT captured FROM orders WHERE id = $1", order.id)
    assert paid * 2 == states.count(Payment.CAPTURED)
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_a_provider_that_is_down_is_asked_when_it_is_back(
    ann: Door, order: Order, order_pool: Pool, paying_parts: Payments, sandbox: SandboxProcess
) -> None:
    await sandbox.kill()
    made = await ann("CreatePayment", payment_of(order))
    assert made.status == Payment.PENDING
    await work_off(order_pool, paying_parts, made)
    assert (await ann("GetPayment", payment(made))).status == Payment.PENDING
    await sandbox.start()
    await work_off(order_pool, paying_parts, made)
    now = await ann("GetPayment", payment(made))
    assert (now.status, now.decline_reason) == (Payment.DECLINED, "not_received")


async def test_cancelling_lets_go_what_is_authorized(
    ann: Door, order: Order, order_pool: Pool, paying_parts: Payments, sandbox: SandboxProcess
) -> None:
    held = await ann("CreatePayment", payment_of(order, amount="4.00", capture=False))
    taken = await ann("CreatePayment", payment_of(order, amount="3.00"))
    pending = await ann("CreatePayment", payment_of(order, "tok_reply_lost", amount="2.00"))
    await ann("CancelOrder", cancel(order))
    await paying_parts.processing.work_off()
    await work_off(order_pool, paying_parts, pending)
    # What was captured meanwhile is given back by a second step.
    await paying_parts.processing.work_off()
    states = [await ann("GetPayment", payment(each)) for each in (held, taken, pending)]
    assert [each.status for each in states] == [
        Payment.VOIDED,
        Payment.REFUNDED,
        Payment.REFUNDED,
    ]
    now = await ann("GetOrder", get(order))
    assert (now.status, now.payment_status) == (Order.CANCELLED, PaymentProgress.REFUNDED)
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_an_order_with_an_open_payment_does_not_expire(
    staff: Door,
    ann: Door,
    order_pool: Pool,
    orders: PostgresOrderStore,
    paying_parts: Payments,
) -> None:
    held, pending, unpaid, part = [await ordered(staff, ann.user_id) for _ in range(4)]
    taken = await ann("CreatePayment", payment_of(part, amount="4.00"))
    await ann("CreatePayment", payment_of(held, capture=False))
    lost = await ann("CreatePayment", payment_of(pending, "tok_reply_lost"))
    await order_pool.execute(
        "UPDATE orders SET expires_at = now() - interval '1 hour' WHERE id = ANY($1)",
        [each.id for each in (held, pending, unpaid, part)],
    )
    await expire_orders(orders)
    all_ = [await ann("GetOrder", get(each)) for each in (held, pending, unpaid, part)]
    assert [each.status for each in all_] == [Order.PENDING] * 2 + [Order.CANCELLED] * 2
    await work_off(order_pool, paying_parts, taken)
    assert (await ann("GetPayment", payment(taken))).status == Payment.REFUNDED
    await work_off(order_pool, paying_parts, lost)
    assert (await ann("GetOrder", get(pending))).status == Order.PAID


async def test_the_job_does_it_by_itself(
    ann: Door, order: Order, order_database: Postgres, paying_parts: Payments, order_pool: Pool
) -> None:
    made = await ann("CreatePayment", payment_of(order, "tok_reply_lost"))
    await order_pool.execute(_DUE, made.id)
    lock = AdvisoryLock(order_database.database_url)
    async with background.running(payment_settlement(paying_parts.processing, lock, 0.05)):

        async def is_paid() -> bool:
            found: Payment = await ann("GetPayment", payment(made))
            return found.status == Payment.CAPTURED

        await until(is_paid)


async def test_without_looking_at_payments_what_is_being_paid_would_expire(
    ann: Door,
    order: Order,
    order_pool: Pool,
    orders: PostgresOrderStore,
    paying_parts: Payments,
    monkeypatch: pytest.MonkeyPatch,
    sandbox: SandboxProcess,
) -> None:
    """The control; and even then what comes late is given back."""
    looks = "AND payments_pending = 0"
    assert looks in expiring._DUE
    lost = await ann("CreatePayment", payment_of(order, "tok_reply_lost"))
    await order_pool.execute("UPDATE orders SET expires_at = now() WHERE id = $1", order.id)
    with monkeypatch.context() as patched:
        patched.setattr(expiring, "_DUE", expiring._DUE.replace(looks, ""))
        await expire_orders(orders)
    assert (await ann("GetOrder", get(order))).status == Order.CANCELLED
    await work_off(order_pool, paying_parts, lost)
    await paying_parts.processing.work_off()
    assert (await ann("GetPayment", payment(lost))).status == Payment.REFUNDED
    assert await as_the_provider_says(order_pool, sandbox, order.id)
