"""What is told, and whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from uuid_utils import uuid7

from server.kit.postgres.writes import Table, Write, hexadecimal

_OUTBOX = Table(
    "outbox",
    (
        "id",
        "aggregate_type",
        "aggregate_id",
        "aggregate_version",
        "event_type",
        "payload",
        "traceparent",
        "occurred_at",
    ),
)


def new_id() -> str:
    """The id of an event that a store tells of by itself: a UUIDv7."""
    return str(uuid7())


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened to an aggregate.

    Its `aggregate_version` counts the events of its aggregate from 1 and leaves none out. It is
    written in the transaction that makes the change, under the lock of the aggregate's row, so
    events of one aggregate commit in the order of their versions.
    """

    id: str  # UUIDv7
    aggregate_type: str  # such as "order"
    aggregate_id: str
    aggregate_version: int
    type: str  # the full name of the payload's message
    payload: bytes
    occurred_at: datetime
    traceparent: str | None = None  # W3C trace context of the call that made it happen


class Refused(Exception):
    """The batch holds an event that the destination will never take."""


class Away(Exception):
    """The destination cannot be reached, whatever the batch holds."""


class Destination(Protocol):
    """Somebody who wants to be told every event."""

    name: str
    """What its deliveries are kept under: never changed once it has been deployed."""

    async def send(self, events: Sequence[Event]) -> None:
        """Hands on a batch, whole or not at all; returns when it has arrived.

        A batch holds the events of an aggregate by rising version. It may have been sent before, so
        whoever takes it counts each `Event.id` once.

        Raises `Refused` when an event of the batch can never be taken, `Away` when nobody is there
        to take anything, and what it likes for all else: that is tried again, but an event is given
        up after `Pace.attempts_max` while others arrive.
        """


def append(events: Sequence[Event]) -> Write:
    """Leaves `events` for every destination.

    A unit of work leaves all events of an aggregate by one write, because several writes of one
    statement happen in no particular order.
    """
    return _OUTBOX.insert(
        [_to_row(event) for event in sorted(events, key=lambda event: event.aggregate_version)]
    )


def replacing(events: Sequence[Event]) -> Write:
    """Puts `events` in the place of those with their ids; one that was sent meanwhile is gone."""
    return _OUTBOX.update([_to_row(event) for event in events])


def _to_row(event: Event) -> dict[str, object]:
    return {
        "id": event.id,
        "aggregate_type": event.aggregate_type,
        "aggregate_id": event.aggregate_id,
        "aggregate_version": event.aggregate_version,
        "event_type": event.type,
        "payload": hexadecimal(event.payload),
        "traceparent": event.traceparent,
        "occurred_at": event.occurred_at,
    }
