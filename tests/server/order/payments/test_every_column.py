"""What a rule may change of a payment, the store writes, all of it."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emporium.order.v1.order_service_pb2 import Order
from server.kit.postgres import Pool
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.order.events.payments import to_outbox
from server.order.orders.rules import Changed
from server.order.payments.rules import Payment, Status, Step
from server.order.payments.store import rows
from server.order.payments.store.payments import PostgresPaymentStore
from tests.server.order.doors import Door, payment_of

IMMUTABLE = {"id", "order_id", "created_at"}
MONEY = st.integers(0, 10**12).map(lambda units: Decimal(units) / 10_000)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "provider": st.sampled_from(["sandbox", "external"]),
    "status": st.sampled_from(Status),
    "amount": MONEY,
    "captured": MONEY,
    "refunded": MONEY,
    "refunded_externally": MONEY,
    "currency": st.sampled_from(["GBP", "JPY", "KWD"]),
    "captures": st.booleans(),
    "decline_reason": st.sampled_from(["", "card_declined"]),
    "in_progress": st.booleans(),
    "updated_at": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
    "version": st.integers(1, 2**62),
}
MUTABLE = [field.name for field in fields(Payment) if field.name not in IMMUTABLE]
MOST = Decimal(10**8)


def test_every_field_is_tried() -> None:
    assert set(VALUES) == set(MUTABLE)


@pytest.mark.parametrize("name", MUTABLE)
async def test_a_changed_field_is_read_back(
    ann: Door, order: Order, order_pool: Pool, paying_parts: Any, name: str
) -> None:
    made = await ann("CreatePayment", payment_of(order, "tok_declined"))
    store: PostgresPaymentStore = paying_parts.store
    before = await store.get(made.id, None)
    operation = await store.operation(made.id)
    assert operation
    values = []

    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    @given(VALUES[name])
    def gather(value: Any) -> None:
        values.append(value)

    gather()
    # Each amount is within the one before it.
    room = {
        "amount": {},
        "captured": {"amount": MOST},
        "refunded_externally": {"amount": MOST, "captured": MOST, "refunded": MOST},
    }.get(name, {"amount": MOST, "captured": MOST})
    for value in values:
        after = replace(before, **{**room, name: value})
        step = Step(Changed(None, None), after, operation)  # type: ignore[arg-type]  # of no order

        async def work(unit: UnitOfWork, step: Step = step) -> None:
            for each in rows.writes([step], to_outbox):
                unit.write(each)

        await transaction(order_pool, work)
        assert await store.get(made.id, None) == after
    await order_pool.execute("DELETE FROM payments WHERE id = $1", made.id)
