"""Many payments of one order at once, over two replicas: never more than its total."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import grpc
import pytest

from emporium.order.v1.order_service_pb2 import Order, PaymentProgress
from emporium.order.v1.payment_service_pb2 import Payment
from server.kit.postgres import Pool
from server.order.orders.store.orders import PostgresOrderStore
from tests.server.order.doors import Door, capture, get, payment, payment_of, refund, void
from tests.server.order.payments.conftest import as_the_provider_says
from tests.server.order.payments.sandboxes import SandboxProcess
from tests.server.refusals import Refused

_SUM = """
    SELECT coalesce(sum(CASE WHEN status = 'AUTHORIZED' THEN amount ELSE captured END), 0)
    FROM payments WHERE order_id = $1
"""

_ASKED = "SELECT sum(amount) FROM payments WHERE order_id = $1"


async def outcome(call: Any) -> Any:
    """What a call gave, or how it was refused."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        return Refused(error)


@pytest.mark.parametrize("takes", [True, False])
async def test_twenty_payments_at_once_are_never_above_the_total(
    anns: Sequence[Door], order: Order, order_pool: Pool, sandbox: SandboxProcess, takes: bool
) -> None:
    asked = [payment_of(order, amount="3.00", capture=takes)] * 20
    found = await asyncio.gather(
        *(outcome(anns[n % 2]("CreatePayment", each)) for n, each in enumerate(asked))
    )
    made = [each for each in found if isinstance(each, Payment)]
    assert len(made) == 3
    assert {each.reason for each in found if isinstance(each, Refused)} == {"PAYMENT_TOO_LARGE"}
    assert await order_pool.fetchval(_SUM, order.id) == 9
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_one_of_many_that_pay_all_of_it(
    anns: Sequence[Door], order: Order, order_pool: Pool
) -> None:
    found = await asyncio.gather(
        *(outcome(anns[n % 2]("CreatePayment", payment_of(order))) for n in range(20))
    )
    assert sum(isinstance(each, Payment) for each in found) == 1
    paid = await anns[0]("GetOrder", get(order))
    assert (paid.status, paid.payment_status) == (Order.PAID, PaymentProgress.PAID)


async def test_one_key_fifty_times_is_one_payment(
    anns: Sequence[Door], order: Order, order_pool: Pool, sandbox: SandboxProcess
) -> None:
    request = payment_of(order, amount="1.00", request_id="once")
    found = await asyncio.gather(*(anns[n % 2]("CreatePayment", request) for n in range(50)))
    assert all(each == found[0] for each in found)
    assert found[0].status == Payment.CAPTURED
    assert await order_pool.fetchval(_SUM, order.id) == 1
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_refunds_at_once_are_never_above_what_was_captured(
    ann: Door, staff: Door, order: Order, order_pool: Pool, sandbox: SandboxProcess
) -> None:
    made = await ann("CreatePayment", payment_of(order))
    for _ in range(3):
        found = await asyncio.gather(
            *(outcome(staff("RefundPayment", refund(made, amount="4.00"))) for _ in range(10))
        )
        refusals = {each.reason for each in found if isinstance(each, Refused)}
        assert refusals <= {"PAYMENT_IN_PROGRESS", "PAYMENT_TOO_LARGE"}
    now = await ann("GetPayment", payment(made))
    assert now.refunded == "8.00"
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_of_capture_and_void_at_once_one_wins(
    ann: Door, staff: Door, order: Order, order_pool: Pool, sandbox: SandboxProcess
) -> None:
    held = await ann("CreatePayment", payment_of(order, capture=False))
    found = await asyncio.gather(
        *(outcome(staff("CapturePayment", capture(held))) for _ in range(5)),
        *(outcome(staff("VoidPayment", void(held))) for _ in range(5)),
    )
    assert sum(isinstance(each, Payment) for each in found) == 1
    assert await as_the_provider_says(order_pool, sandbox, order.id)


async def test_without_the_lock_of_the_order_the_database_would_refuse(
    anns: Sequence[Door], order: Order, order_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the order is read and not locked, by two who then write over each other."""
    met = asyncio.Barrier(2)
    reads = 0

    async def unlocked(self: Any, unit: Any, order_id: str, owner_scope: str | None) -> Any:
        nonlocal reads
        reads += 1
        is_first = reads <= 2
        found = await self.get(order_id, owner_scope)
        if is_first:
            await met.wait()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(PostgresOrderStore, "lock", unlocked)
        asked = payment_of(order, amount="6.00", capture=False)
        found = await asyncio.gather(*(outcome(each("CreatePayment", asked)) for each in anns))
    made = [each for each in found if isinstance(each, Payment)]
    assert len(made) == 2 or "INTERNAL" in {getattr(each, "reason", "") for each in found}
    assert await order_pool.fetchval(_ASKED, order.id) == 12, "more than the total of 10"
    # What the test has broken is put right, so that the books of others can be looked at.
    await order_pool.execute("DELETE FROM payments WHERE order_id = $1", order.id)
    await order_pool.execute(
        "UPDATE orders SET payments_pending = 0, authorized = 0 WHERE id = $1", order.id
    )


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("captured = 11", "orders_are_paid_once"),
        ("payments_pending = 4, authorized = 4, captured = 4", "orders_are_paid_once"),
        ("authorized = -1", "orders_are_paid_once"),
        ("captured = 5, refunded = 6", "orders_refund_what_was_captured"),
    ],
)
async def test_the_database_holds_when_the_code_is_wrong(
    order: Order, order_pool: Pool, change: str, constraint: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as raised:
        await order_pool.execute(f"UPDATE orders SET {change} WHERE id = $1", order.id)
    assert raised.value.constraint_name == constraint


async def test_entries_that_do_not_add_up_are_refused(
    ann: Door, order: Order, order_pool: Pool
) -> None:
    made = await ann("CreatePayment", payment_of(order))
    for change in (
        "UPDATE ledger_entries SET amount = amount + 1 WHERE payment_id = $1 AND amount > 0",
        "DELETE FROM ledger_entries WHERE payment_id = $1 AND amount > 0",
    ):
        with pytest.raises(asyncpg.CheckViolationError) as raised:
            await order_pool.execute(change, made.id)
        assert raised.value.constraint_name == "ledger_is_balanced"
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await order_pool.execute("DELETE FROM payments WHERE id = $1", made.id)
