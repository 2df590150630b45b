"""Sends the events of orders to the analytics service: one of the outbox's destinations."""

from collections.abc import Iterable, Iterator, Sequence

import emporium
from server.kit.outbox import Away, Event, Refused
from server.kit.telemetry import brief
from server.kit.wire import timestamp

_TIMEOUT_SECONDS = 5.0

# Of the payloads in one call. A message may have 4 MB: 500 orders of a thousand lines each would
# have far more, a single event never has.
_BYTES_MAX = 1_000_000

# None of these is caused by an event, so none may make it a dead letter: the service cannot be
# reached, or it does not accept our token or our call.
_AWAY = (
    emporium.Unavailable,
    emporium.DeadlineExceeded,
    emporium.RateLimited,
    emporium.Cancelled,
    emporium.Unimplemented,
    emporium.Unauthenticated,
    emporium.PermissionDenied,
)


class AnalyticsDestination:
    """An `outbox.Destination`, through `shop`."""

    name = "analytics"

    def __init__(self, shop: emporium.Emporium) -> None:
        self._shop = shop

    async def send(self, events: Sequence[Event]) -> None:
        """Sends the events in order; those delivered before a failure still count once."""
        try:
            for part in _parts(events):
                await self._shop.events.record_domain_events(part, timeout_seconds=_TIMEOUT_SECONDS)
        except emporium.InvalidRequest as error:
            raise Refused(str(error)) from error
        except _AWAY as error:
            raise Away(f"analytics: {brief(error)}") from error


def _parts(events: Iterable[Event]) -> Iterator[list[emporium.DomainEvent]]:
    part: list[emporium.DomainEvent] = []
    size = 0
    for event in events:
        if part and size + len(event.payload) > _BYTES_MAX:
            yield part
            part, size = [], 0
        part.append(_on_the_wire(event))
        size += len(event.payload)
    if part:
        yield part


def _on_the_wire(event: Event) -> emporium.DomainEvent:
    return emporium.DomainEvent(
        id=event.id,
        aggregate_type=event.aggregate_type,
        aggregate_id=event.aggregate_id,
        aggregate_version=event.aggregate_version,
        type=event.type,
        occurred_at=timestamp(event.occurred_at),
        traceparent=event.traceparent or "",
        payload=event.payload,
    )
