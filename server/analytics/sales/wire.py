"""Domain events as dataclasses. No logic but the validation of payloads."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.message import DecodeError

from emporium.analytics.v1 import domain_event_service_pb2 as pb
from emporium.order.v1 import events_pb2
from emporium.order.v1.order_service_pb2 import Order
from emporium.type.v1.domain_event_pb2 import DomainEvent
from server.analytics.sales.rules import Kind, OrderEvent
from server.kit import errors
from server.kit.wire import moment

T = TypeVar("T")

# The types that have an effect here; the other events of orders change no figure.
_KNOWN: dict[str, tuple[Kind, Any]] = {
    message.DESCRIPTOR.full_name: (kind, message)
    for kind, message in (
        (Kind.PLACED, events_pb2.OrderPlaced),
        (Kind.CANCELLED, events_pb2.OrderCancelled),
        (Kind.REFUNDED, events_pb2.OrderRefunded),
        (Kind.DELETED, events_pb2.OrderDeleted),
    )
}

_is_amount = re.compile(r"[0-9]{1,14}(\.[0-9]{1,4})?").fullmatch
_is_currency = re.compile(r"[A-Z]{3}").fullmatch


def from_domain_events(request: pb.RecordDomainEventsRequest) -> list[OrderEvent]:
    """The events that have an effect here.

    Raises `Invalid`, naming the event, for one whose payload is not a message of its type, or holds
    invalid values.
    """
    return [
        _from_domain_event(sent, f"events[{number}]")
        for number, sent in enumerate(request.events)
        if sent.type in _KNOWN
    ]


def _from_domain_event(sent: DomainEvent, path: str) -> OrderEvent:
    kind, message = _KNOWN[sent.type]
    payload = f"{path}.payload"
    try:
        order: Order = message.FromString(sent.payload).order
    except DecodeError as error:
        raise errors.Invalid(f"no {sent.type}", field=payload) from error
    field = f"{payload}.order"
    return OrderEvent(
        id=UUID(sent.id),
        kind=kind,
        order_id=_read(UUID, order.id, f"{field}.id"),
        user_id=_read(UUID, order.user_id, f"{field}.user_id"),
        order_date=moment(order.order_date, f"{field}.order_date"),
        total_price=_read(_amount, order.total_price, f"{field}.total_price"),
        currency=_read(_currency, order.currency, f"{field}.currency"),
        units=_read(_units, order, f"{field}.items"),
        was_cancelled=kind is Kind.DELETED and order.status == Order.CANCELLED,
        occurred_at=moment(sent.occurred_at, f"{path}.occurred_at"),
    )


def _read(convert: Callable[[Any], T], value: Any, field: str) -> T:
    try:
        return convert(value)
    except ValueError as error:
        # What the error says of the value may be long, and is the caller's own.
        raise errors.Invalid("cannot be read", field=field) from error


def _amount(text: str) -> Decimal:
    if not _is_amount(text):
        raise ValueError("no amount")
    return Decimal(text)


def _currency(text: str) -> str:
    if not _is_currency(text):
        raise ValueError("no currency")
    return text


def _units(order: Order) -> int:
    """The sum of the quantities of all lines."""
    units = sum(item.quantity for item in order.items)
    if units < 1:
        raise ValueError("they come to nothing")
    return units
