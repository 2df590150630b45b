"""Tells the analytics service what became of orders: the far end of the outbox."""

from collections.abc import Sequence

import emporium
from server.kit.outbox import Away, Event, Refused, Send

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


def sender(shop: emporium.Emporium) -> Send:
    """Sends a batch of the outbox through `shop`."""

    async def send(events: Sequence[Event]) -> None:
        told = [emporium.OrderEvent.FromString(event.payload) for event in events]
        try:
            await shop.events.record_order_events(told, timeout_seconds=_TIMEOUT_SECONDS)
        except emporium.InvalidRequest as error:
            raise Refused(str(error)) from error
        except _AWAY as error:
            raise Away(f"analytics: {error}") from error

    return send
