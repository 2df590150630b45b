"""Domain events as dataclasses. No logic but the validation of payloads."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from google.protobuf.message import DecodeError

from emporium.analytics.v1 import domain_event_service_pb2 as pb
from emporium.order.v1 import events_pb2
from emporium.order.v1.order_service_pb2 import Order
from emporium.type.v1.domain_event_pb2 import DomainEvent
from server.analytics.sales.rules import OrderEvent, State
from server.kit import errors
from server.kit.turns import in_turns
from server.kit.wire import moment

T = TypeVar("T")

# Every type of an order's events, so that whichever arrives tells what the order has become. One
# that is added later is ignored until it stands here.
_KNOWN: dict[str, tuple[State, Any]] = {
    message.DESCRIPTOR.full_name: (state, message)
    for message, state in (
        (events_pb2.OrderPlaced, State.PLACED),
        (events_pb2.OrderUpdated, State.PLACED),
        (events_pb2.OrderPaid, State.PLACED),
        (events_pb2.OrderShipped, State.PLACED),
        (events_pb2.OrderDelivered, State.PLACED),
        (events_pb2.OrderCancelled, State.CANCELLED),
        (events_pb2.OrderRefunded, State.REFUNDED),
        (events_pb2.OrderDeleted, State.DELETED),
    )
}

_ENDED = {Order.CANCELLED: State.CANCELLED, Order.REFUNDED: State.REFUNDED}

_is_id = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch
_is_amount = re.compile(r"[0-9]{1,14}(\.[0-9]{1,4})?").fullmatch
_is_currency = re.compile(r"[A-Z]{3}").fullmatch


async def from_domain_events(request: pb.RecordDomainEventsRequest) -> list[OrderEvent]:
    """The events of orders.

    Raises `Invalid`, naming the event, for one whose payload is not a message of its type, or holds
    invalid values.
    """
    known = [
        (sent, f"events[{number}]")
        for number, sent in enumerate(request.events)
        if sent.type in _KNOWN
    ]
    return await in_turns(known, lambda each: _from_domain_event(*each), _lines)


def _lines(known: tuple[DomainEvent, str]) -> int:
    """How many lines the order has, about: a short one is of 50 bytes, and so is all the rest."""
    sent, _ = known
    return 1 + len(sent.payload) // 50


def _from_domain_event(sent: DomainEvent, path: str) -> OrderEvent:
    state, message = _KNOWN[sent.type]
    payload = f"{path}.payload"
    try:
        order: Order = message.FromString(sent.payload).order
    except DecodeError as error:
        raise errors.Invalid(f"no {sent.type}", field=payload) from error
    # What was paid for an order that is cancelled is given back later, by an update of it.
    state = _ENDED.get(order.status, state) if state is State.PLACED else state
    field = f"{payload}.order"
    total = _read(_amount, order.total_price, f"{field}.total_price")
    # What was sent before events told of amounts: a refunded order was paid, and paid back, whole.
    untold = total if state is State.REFUNDED else Decimal(0)
    captured, refunded = (
        _read(_amount, sent_as, f"{field}.{name}") if sent_as else untold
        for name, sent_as in (("captured", order.captured), ("refunded", order.refunded))
    )
    return OrderEvent(
        id=_read(_id, sent.id, f"{path}.id"),
        order_id=_read(_id, order.id, f"{field}.id"),
        version=sent.aggregate_version,
        state=state,
        user_id=_read(_id, order.user_id, f"{field}.user_id") if order.user_id else "",
        order_date=moment(order.order_date, f"{field}.order_date"),
        total_price=total,
        currency=_read(_currency, order.currency, f"{field}.currency"),
        units=_read(_units, order, f"{field}.items"),
        occurred_at=moment(sent.occurred_at, f"{path}.occurred_at"),
        captured=captured,
        refunded=refunded,
    )


def _read(convert: Callable[[Any], T], value: Any, field: str) -> T:
    try:
        return convert(value)
    except ValueError as error:  # its text may repeat the value
        raise errors.Invalid("cannot be read", field=field) from error


def _id(text: str) -> str:
    if not _is_id(text):
        raise ValueError("it is no UUID")
    return text.lower()


def _amount(text: str) -> Decimal:
    if not _is_amount(text):
        raise ValueError("it is no amount")
    return Decimal(text)


def _currency(text: str) -> str:
    if not _is_currency(text):
        raise ValueError("it is no currency")
    return text


def _units(order: Order) -> int:
    """The sum of the quantities of all lines."""
    units = sum(item.quantity for item in order.items)
    if units < 1:
        raise ValueError("they come to nothing")
    return units
