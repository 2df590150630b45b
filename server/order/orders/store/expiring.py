"""Cancels the orders that were not paid in time."""

from collections.abc import Callable
from datetime import datetime

from server.kit.outbox import append
from server.kit.postgres.transaction import UnitOfWork
from server.kit.turns import in_turns
from server.order.orders.rules import Changed, Order, claim_of, ends_uses, step_of
from server.order.orders.store import Belongings, Encode, rows

# By an index of those that may expire. What somebody else changes at this moment, such as an order
# that is being paid, is left for the next time; what has been changed meanwhile is looked at again.
# One with a payment that is under way is left until its outcome is known; one that has all it costs
# authorized waits for the shop. What a part was paid of is given back, as when somebody cancels.
_DUE = f"""
    SELECT {rows.ORDERS.columns}, ARRAY(
        SELECT {rows.ITEM}
        FROM order_items WHERE order_id = orders.id ORDER BY position
    ) AS items
    FROM orders WHERE status = 'PENDING' AND expires_at <= $1
        AND payments_pending = 0
        AND (authorized + captured < total_price OR total_price = 0)
    ORDER BY expires_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
"""


async def expire(
    unit: UnitOfWork,
    now: datetime,
    count_max: int,
    change: Callable[[Order], Changed],
    encode: Encode,
    belongings: Belongings,
) -> list[str]:
    """The ids of those that were looked at; see `OrderStore.expire`."""
    found = await unit.lock(rows.ORDERS, _DUE, now, count_max)
    due = await in_turns(found, rows.to_order, lambda row: 1 + len(row["items"]))
    changes = [change(order) for order in due]
    events = [event for _, event in changes if event]
    if events:
        unit.write(rows.update([after for after, _ in changes]))
        for each in rows.moves(events):
            unit.write(each)
        unit.write(append([encode(event) for event in events]))
    for order, event in zip(due, events, strict=True):
        await belongings.payments.follow(unit, order, event)
    if freed := [event.order.id for event in events if ends_uses(event)]:
        await belongings.promotions.give_back(unit, freed)
    steps = [(claim_of(event), step) for event in events if (step := step_of(event))]
    await belongings.stocks.settle(unit, steps)
    return [order.id for order in due]
