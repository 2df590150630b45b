"""What becomes of payments when their order is moved by other means than a payment."""

from collections.abc import Sequence

from server.kit.outbox import new_id
from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Write
from server.order.orders.rules import Order, OrderEvent, Placed
from server.order.payments.rules import followed, recorded
from server.order.payments.store import Encode, rows

_OF_ORDER = f"SELECT {rows.PAYMENTS.columns} FROM payments WHERE order_id = $1 ORDER BY id"


class FollowingPayments:
    """`orders.store.Payments`; `encode` puts an event into the outbox's envelope."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def placed(self, orders: Sequence[Placed]) -> Sequence[Write]:
        steps = []
        for order, event, _ in orders:
            if order.captured:
                assert event.move is not None
                actor, at = event.move.actor, event.occurred_at
                trace = event.traceparent
                steps.append(recorded(order, order.captured, actor, at, new_id, trace))
        return rows.writes(steps, self._encode)

    async def follow(self, unit: UnitOfWork, before: Order, event: OrderEvent) -> None:
        order = event.order
        has_some = before.payments_pending or before.authorized or before.captured
        if event.move is None or not (has_some or order.captured):
            return
        found = await unit.fetch(_OF_ORDER, order.id) if has_some else []
        payments = [rows.to_payment(row) for row in found]
        for write in rows.writes([*followed(before, event, payments, new_id)], self._encode):
            unit.write(write)
