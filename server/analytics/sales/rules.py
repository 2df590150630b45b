"""Events of orders, the daily figures that follow from them, and the days that a report covers.

Pure: time and ids are arguments.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Self


class State(StrEnum):
    """What has become of an order, as far as sales are concerned."""

    PLACED = "PLACED"  # and perhaps paid, sent and delivered
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"
    DELETED = "DELETED"


# An order never goes back to a state before its own, whatever versions say: those of events that
# were written before there were versions are guesses.
_FINALITY = {State.PLACED: 0, State.CANCELLED: 1, State.REFUNDED: 1, State.DELETED: 2}


class SalesKey(NamedTuple):
    """What figures are grouped by: a currency, and the UTC day of the order's date."""

    currency: str
    day: date


@dataclass(frozen=True, slots=True)
class Figures:
    """Sales figures. Addition is exact, commutative and associative."""

    orders: int = 0
    units: int = 0
    gross: Decimal = Decimal(0)
    cancelled_orders: int = 0
    cancelled: Decimal = Decimal(0)
    refunded_orders: int = 0
    refunded: Decimal = Decimal(0)  # given back of what was not cancelled
    captured: Decimal = Decimal(0)
    paid_back: Decimal = Decimal(0)  # of that, cancelled orders' too

    @property
    def net(self) -> Decimal:
        """The gross without what was cancelled and refunded."""
        return self.gross - self.cancelled - self.refunded

    def __add__(self, other: Self) -> "Figures":
        return Figures(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: Self) -> "Figures":
        return Figures(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def __bool__(self) -> bool:
        """Whether any figure is not zero; all are zero when a day's orders have been deleted."""
        return self != Figures()


def summed(figures: Sequence[Figures]) -> Figures:
    """All of them added up, a field at a time: a tenth of what adding pairs costs."""
    nothing: dict[str, Any] = asdict(Figures())
    return Figures(
        **{
            name: sum((getattr(each, name) for each in figures), start)
            for name, start in nothing.items()
        }
    )


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One change of an order, with the whole order as it was then.

    So the last event of an order tells all that counts, whichever arrived before it. Ids are UUIDs
    as text, in lower case.
    """

    id: str
    order_id: str
    version: int  # numbers the changes of one order from 1
    state: State
    user_id: str  # empty: the buyer was erased
    order_date: datetime
    total_price: Decimal
    currency: str
    units: int
    occurred_at: datetime
    captured: Decimal = Decimal(0)  # what was taken of it
    refunded: Decimal = Decimal(0)  # how much of that was given back

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands among the events of its order: the last has the greatest."""
        return _FINALITY[self.state], self.version

    @property
    def key(self) -> SalesKey:
        """What the order counts towards."""
        return SalesKey(self.currency, self.order_date.astimezone(UTC).date())

    @property
    def figures(self) -> Figures:
        """What the order counts for, in this state."""
        total = self.total_price
        if self.state is State.DELETED:
            return Figures()
        is_cancelled = self.state is State.CANCELLED
        return Figures(
            orders=1,
            units=self.units,
            gross=total,
            cancelled_orders=int(is_cancelled),
            cancelled=total if is_cancelled else Decimal(0),
            refunded_orders=int(self.state is State.REFUNDED),
            # Of a cancelled order nothing was sold: what is given back of it is no loss.
            refunded=Decimal(0) if is_cancelled else self.refunded,
            captured=self.captured,
            paid_back=self.refunded,
        )


Orders = Mapping[str, OrderEvent]
"""The last event that is known of each order, by the order's id."""


def news(events: Iterable[OrderEvent], known: Orders) -> Sequence[OrderEvent]:
    """Those of `events` that come after what is known of their orders, each once."""
    by_id = {event.id: event for event in events}
    return [
        event
        for event in by_id.values()
        if event.order_id not in known or event.place > known[event.order_id].place
    ]


def anonymous(events: Sequence[OrderEvent], erased: Collection[str]) -> Sequence[OrderEvent]:
    """`events` without the ids of buyers who were `erased`."""
    return [replace(each, user_id="") if each.user_id in erased else each for each in events]


def last_of_each(events: Iterable[OrderEvent]) -> Orders:
    """The last event of each order."""
    last: dict[str, OrderEvent] = {}
    for event in events:
        so_far = last.get(event.order_id)
        if so_far is None or event.place > so_far.place:
            last[event.order_id] = event
    return last


def differences(before: Orders, after: Orders) -> dict[SalesKey, Figures]:
    """What changes in the figures when the orders `after` take the place of those `before`."""
    were = _by_key(before[order_id] for order_id in after if order_id in before)
    are = _by_key(after.values())
    found = {key: summed(are.get(key, ())) - summed(were.get(key, ())) for key in {*were, *are}}
    return {key: figures for key, figures in found.items() if figures}


def _by_key(events: Iterable[OrderEvent]) -> dict[SalesKey, list[Figures]]:
    found: dict[SalesKey, list[Figures]] = {}
    for event in events:
        found.setdefault(event.key, []).append(event.figures)
    return found


@dataclass(frozen=True, slots=True)
class Period:
    """Days to report; both ends are included, and None is open."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class SalesDay:
    """One day's figures."""

    day: date
    sales: Figures
