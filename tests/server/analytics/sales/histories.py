"""Generated events of orders, and the figures that must follow from them."""

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from server.analytics.sales.rules import Figures, Kind, OrderEvent

FIRST = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


def placed(currency: str, total: str = "10.00", units: int = 2, days: int = 0) -> OrderEvent:
    """The event of a new order, `days` after the first."""
    moment = FIRST + timedelta(days=days)
    return OrderEvent(
        id=uuid.uuid4(),
        kind=Kind.PLACED,
        order_id=uuid.uuid4(),
        user_id=uuid.uuid4(),
        order_date=moment,
        total_price=Decimal(total),
        currency=currency,
        units=units,
        was_cancelled=False,
        occurred_at=moment,
    )


# What may happen to an order after it was placed, as (kind, was_cancelled).
LIVES = (
    (),
    ((Kind.CANCELLED, False),),
    ((Kind.REFUNDED, False),),
    ((Kind.DELETED, False),),
    ((Kind.CANCELLED, False), (Kind.DELETED, True)),
)


@st.composite
def lives(draw: st.DrawFn) -> list[OrderEvent]:
    """All events of some orders; in the currency `???`, which stands for any."""
    events: list[OrderEvent] = []
    for life in draw(st.lists(st.sampled_from(LIVES), max_size=8)):
        pennies = draw(st.integers(0, 10**14 - 1))
        first = placed(
            "???",
            total=f"{pennies // 100}.{pennies % 100:02}",
            units=draw(st.integers(1, 10_000)),
            days=draw(st.integers(0, 2)),
        )
        events.append(first)
        events += [_then(first, kind, was_cancelled) for kind, was_cancelled in life]
    return events


def _then(first: OrderEvent, kind: Kind, was_cancelled: bool) -> OrderEvent:
    return OrderEvent(
        uuid.uuid4(),
        kind,
        first.order_id,
        first.user_id,
        first.order_date,
        first.total_price,
        first.currency,
        first.units,
        was_cancelled,
        first.occurred_at + timedelta(hours=1),
    )


def folded(events: Iterable[OrderEvent]) -> dict[date, Figures]:
    """The figures of each day, computed order by order, independently of the rules."""
    orders: dict[uuid.UUID, list[OrderEvent]] = {}
    for event in events:
        orders.setdefault(event.order_id, []).append(event)
    days: dict[date, Figures] = {}
    for life in orders.values():
        kinds = {event.kind for event in life}
        if Kind.DELETED in kinds:
            continue
        first = life[0]
        day, total = first.order_date.date(), first.total_price
        so_far = days.get(day, Figures())
        days[day] = Figures(
            so_far.orders + 1,
            so_far.units + first.units,
            so_far.gross + total,
            so_far.cancelled_orders + (Kind.CANCELLED in kinds),
            so_far.cancelled + total * (Kind.CANCELLED in kinds),
            so_far.refunded_orders + (Kind.REFUNDED in kinds),
            so_far.refunded + total * (Kind.REFUNDED in kinds),
        )
    return days
