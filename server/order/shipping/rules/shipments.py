"""Shipments: what may be sent of an order, and what is heard of it then."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from server.kit import errors
from server.kit.errors import Violation

CLEARABLE = frozenset({"tracking_number"})

SHIPMENTS_MAX = 100
"""How many shipments an order may have; the last takes all that is left."""

TRACKING_EVENTS_MAX = 100
"""How many tracking events a shipment may have."""

LISTED_ITEMS_MAX = 20
"""How many items of each shipment a list shows."""

PAGE_ITEMS_MAX = 500
"""How many items of all its shipments a page shows."""


class ShipmentNotFound(errors.NotFound):
    """No such shipment, or not the caller's to see."""

    reason = "SHIPMENT_NOT_FOUND"


class ExceedsOrder(errors.Conflict):
    """More of a line is to be sent than is left of it."""

    reason = "SHIPMENT_EXCEEDS_ORDER"


class TooManyShipments(errors.Conflict):
    """The next shipment of the order has to take all that is left."""

    reason = "TOO_MANY_SHIPMENTS"


class TooManyTrackingEvents(errors.Conflict):
    """The shipment has as many tracking events as one may have."""

    reason = "TOO_MANY_TRACKING_EVENTS"


class Status(StrEnum):
    """Where a shipment is."""

    SENT = "SENT"
    IN_TRANSIT = "IN_TRANSIT"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    DELIVERY_FAILED = "DELIVERY_FAILED"
    DELIVERED = "DELIVERED"


class EventType(StrEnum):
    """What happened to a shipment."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELIVERED = "DELIVERED"


class Part(NamedTuple):
    """So many of a line of an order; positions count from 1."""

    position: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A shipment as the caller asks for it."""

    parts: Sequence[Part] = ()  # none: all that is left
    shipping_method_id: str | None = None
    tracking_number: str = ""


@dataclass(frozen=True, slots=True)
class Tracking:
    """Something that was heard of a shipment."""

    id: str
    status: Status
    location: str
    note: str
    occurred_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Shipment:
    """What of an order was sent together."""

    id: str
    order_id: str
    user_id: str | None  # the buyer; None once erased
    shipping_method_id: str | None
    status: Status
    items: Sequence[Part]
    tracking_number: str
    tracking: Sequence[Tracking]  # as it occurred
    delivered_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def etag(self) -> str:
        """Changes with every change; to be anonymous has no version, because it has no event."""
        return f"{self.version}-anonymous" if self.user_id is None else str(self.version)


class ListedShipment(NamedTuple):
    """A shipment as a list shows it."""

    shipment: Shipment  # its `items` are the first, as many as `listed_items` says at most
    item_count: int


@dataclass(frozen=True, slots=True)
class ShipmentEvent:
    """One change of a shipment. Its version is `shipment.version`."""

    type: EventType
    shipment: Shipment
    occurred_at: datetime
    traceparent: str | None
    tracking: Tracking | None = None  # what was heard


class ShipmentChanged(NamedTuple):
    """A shipment after a change, and the event of it; None when nothing was changed."""

    shipment: Shipment
    event: ShipmentEvent | None


@dataclass(frozen=True, slots=True)
class ShipmentEdit:
    """Fields to set, by name; None clears."""

    fields: Mapping[str, Any]
    etag: str  # empty: whatever the etag is


@dataclass(frozen=True, slots=True)
class Doing:
    """By whom and when something is done, and the id that it gets."""

    id: str
    caller_id: str
    at: datetime
    traceparent: str | None = None


def listed_items(per_page: int) -> int:
    """How many items of each shipment a page of so many shows."""
    return min(LISTED_ITEMS_MAX, PAGE_ITEMS_MAX // per_page)


def packed(left: Sequence[int], parts: Sequence[Part]) -> Sequence[Part]:
    """What is sent of lines of which so many are left: all of it where `parts` says nothing.

    Raises `Invalid` for lines that are not there or named twice, and
    `ExceedsOrder`.
    """
    if not parts:
        return [Part(position, count) for position, count in enumerate(left, 1) if count]
    errors.Invalid.check(_misnamed(len(left), parts))
    short = [
        Violation(f"items[{index}].quantity", f"{left[at - 1]} left to send of position {at}")
        for index, (at, quantity) in enumerate(parts)
        if quantity > left[at - 1]
    ]
    if short:
        more = f", and {len(short) - 1} more items" if len(short) > 1 else ""
        raise ExceedsOrder(f"{short[0].field}: {short[0].description}{more}", violations=short)
    return parts


def check_room(count: int, *, takes_all: bool) -> None:
    """Raises `TooManyShipments` for one more shipment of an order that has so many."""
    if count >= SHIPMENTS_MAX - 1 and not takes_all:
        raise TooManyShipments(
            f"items: an order may have {SHIPMENTS_MAX} shipments; the last takes all that is left",
            field="items",
        )


def created(shipment: Shipment, traceparent: str | None) -> ShipmentEvent:
    """The event of a new shipment."""
    return ShipmentEvent(EventType.CREATED, shipment, shipment.created_at, traceparent)


def edited(shipment: Shipment, edit: ShipmentEdit, doing: Doing) -> ShipmentChanged:
    """`shipment` after `edit`. Raises `Outdated` or `NothingToUpdate`."""
    if not edit.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    errors.Outdated.check(edit.etag, shipment.etag, "shipment")
    after = replace(shipment, tracking_number=edit.fields["tracking_number"] or "")
    if after == shipment:
        return ShipmentChanged(shipment, None)
    return _stamped(after, EventType.UPDATED, doing.at, doing.traceparent)


def heard(shipment: Shipment, tracking: Tracking, doing: Doing) -> ShipmentChanged:
    """`shipment` after something was heard of it. Raises `TooManyTrackingEvents`.

    What it is depends on all that was heard, and not on the order in which it came here.
    """
    if len(shipment.tracking) >= TRACKING_EVENTS_MAX:
        raise TooManyTrackingEvents(f"a shipment may have {TRACKING_EVENTS_MAX} tracking events")
    all_ = sorted([*shipment.tracking, tracking], key=lambda each: (each.occurred_at, each.id))
    after = replace(shipment, tracking=tuple(all_))
    if shipment.status is not Status.DELIVERED:
        after = replace(after, status=tracking.status if tracking is all_[-1] else shipment.status)
        if tracking.status is Status.DELIVERED:
            after = replace(after, status=Status.DELIVERED, delivered_at=tracking.occurred_at)
    arrives = after.delivered_at != shipment.delivered_at
    type_ = EventType.DELIVERED if arrives else EventType.UPDATED
    return _stamped(after, type_, doing.at, doing.traceparent, tracking)


def arrived(shipment: Shipment, at: datetime, traceparent: str | None) -> ShipmentChanged:
    """`shipment` after staff have said that its order arrived; one that is there stays as it is."""
    if shipment.status is Status.DELIVERED:
        return ShipmentChanged(shipment, None)
    after = replace(shipment, status=Status.DELIVERED, delivered_at=at)
    return _stamped(after, EventType.DELIVERED, at, traceparent)


def _stamped(
    shipment: Shipment,
    type_: EventType,
    at: datetime,
    traceparent: str | None,
    tracking: Tracking | None = None,
) -> ShipmentChanged:
    at = max(at, shipment.updated_at)
    after = replace(shipment, updated_at=at, version=shipment.version + 1)
    return ShipmentChanged(after, ShipmentEvent(type_, after, at, traceparent, tracking))


def _misnamed(lines: int, parts: Sequence[Part]) -> Iterator[Violation]:
    seen: dict[int, int] = {}
    for index, (position, _) in enumerate(parts):
        field = f"items[{index}].position"
        if position > lines:
            yield Violation(field, f"the order has {lines} lines")
        elif seen.setdefault(position, index) != index:
            yield Violation(field, f"items[{seen[position]}] names it already")
