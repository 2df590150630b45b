"""Tells the analytics service what became of orders: one of the outbox's destinations."""

from collections.abc import Iterable, Iterator, Sequence

import emporium
from server.kit.outbox import Away, Event, Refused
from server.kit.wire import timestamp

_TIMEOUT_SECONDS = 5.0

# Of the payloads in one call, which may hold 4 MB: one of 500 orders of a thousand lines each would
# be far above. No single event is.
_BYTES_MAX = 1_000_000

# None of these is the fault of an event, so none may cost one: nobody is there, or there is
# somebody who does not know us.
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
        """Sends the events in order; what has arrived before a failure counts once all the same."""
        try:
            for part in _parts(events):
                await self._shop.events.record_domain_events(part, timeout_seconds=_TIMEOUT_SECONDS)
        except emporium.InvalidRequest as error:
            raise Refused(str(error)) from error
        except _AWAY as error:
            raise Away(f"analytics: {error}") from error


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
