"""Generated events of orders, and the figures that must follow from them."""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from server.analytics.sales.rules import Figures, OrderEvent, State

FIRST = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


def placed(currency: str, total: str = "10.00", units: int = 2, days: int = 0) -> OrderEvent:
    """The event of a new order, `days` after the first."""
    moment = FIRST + timedelta(days=days)
    return OrderEvent(
        id=str(uuid.uuid4()),
        order_id=str(uuid.uuid4()),
        version=1,
        state=State.PLACED,
        user_id=str(uuid.uuid4()),
        order_date=moment,
        total_price=Decimal(total),
        currency=currency,
        units=units,
        occurred_at=moment,
    )


def became(order: OrderEvent, state: State) -> OrderEvent:
    """The event after `order`, of the same order; what is refunded was paid before."""
    after = replace(order, id=str(uuid.uuid4()), version=order.version + 1, state=state)
    if state is not State.REFUNDED:
        return after
    return replace(after, captured=after.total_price, refunded=after.total_price)


# What may happen to an order after it was placed. What leaves it PLACED is an edit, a payment, ...
LIVES = (
    (),
    (State.PLACED, State.PLACED, State.PLACED),
    (State.CANCELLED,),
    (State.PLACED, State.REFUNDED),
    (State.DELETED,),
    (State.PLACED, State.CANCELLED, State.DELETED),
)


@st.composite
def lives(draw: st.DrawFn) -> list[OrderEvent]:
    """All events of some orders; in the currency `???`, which stands for any.

    Each event may change what the order comes to: whatever is edited, the last one decides.
    """
    events: list[OrderEvent] = []
    for life in draw(st.lists(st.sampled_from(LIVES), max_size=8)):
        event = draw(edited(placed("???")))
        events.append(event)
        for state in life:
            event = draw(edited(became(event, state)))
            events.append(event)
    return events


@st.composite
def edited(draw: st.DrawFn, event: OrderEvent) -> OrderEvent:
    """`event` with other amounts, other units and another day."""
    pennies = draw(st.integers(0, 10**14 - 1))
    captured = draw(st.integers(0, pennies))
    refunded = draw(st.integers(0, captured))
    return replace(
        event,
        total_price=Decimal(pennies).scaleb(-2),
        captured=Decimal(captured).scaleb(-2),
        refunded=Decimal(refunded).scaleb(-2),
        units=draw(st.integers(1, 10_000)),
        order_date=FIRST + timedelta(days=draw(st.integers(0, 2))),
    )


def folded(events: Iterable[OrderEvent]) -> dict[date, Figures]:
    """The figures of each day, from the last version of each order, independently of the rules."""
    last: dict[str, OrderEvent] = {}
    for event in sorted(events, key=lambda event: event.version):
        last[event.order_id] = event
    days: dict[date, Figures] = {}
    for event in last.values():
        if event.state is State.DELETED:
            continue
        day, total = event.order_date.date(), event.total_price
        so_far = days.get(day, Figures())
        is_cancelled, is_refunded = event.state is State.CANCELLED, event.state is State.REFUNDED
        days[day] = Figures(
            so_far.orders + 1,
            so_far.units + event.units,
            so_far.gross + total,
            so_far.cancelled_orders + is_cancelled,
            so_far.cancelled + total * is_cancelled,
            so_far.refunded_orders + is_refunded,
            so_far.refunded + event.refunded * (not is_cancelled),
            so_far.captured + event.captured,
            so_far.paid_back + event.refunded,
        )
    return days
