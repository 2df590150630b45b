"""Tells the analytics service what became of orders: a destination of the outbox."""

from collections.abc import Sequence

import emporium
from server.kit.outbox import Away, Event, Refused

_TIMEOUT_SECONDS = 5.0

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
    """Sends the events of the outbox through `shop`."""

    name = "analytics"

    def __init__(self, shop: emporium.Emporium) -> None:
        self._shop = shop

    async def send(self, events: Sequence[Event]) -> None:
        """See `Destination.send`."""
        told = [emporium.OrderEvent.FromString(event.payload) for event in events]
        try:
            await self._shop.events.record_order_events(told, timeout_seconds=_TIMEOUT_SECONDS)
        except emporium.InvalidRequest as error:
            raise Refused(str(error)) from error
        except _AWAY as error:
            raise Away(f"analytics: {error}") from error
