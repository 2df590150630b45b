"""What orders leave in the outbox."""

from collections.abc import Callable, Sequence

from server.kit.postgres.writes import Table, Write, hexadecimal
from server.order.orders.rules import OrderEvent

_OUTBOX = Table("outbox", ("id", "payload"))


def told(events: Sequence[OrderEvent], encode: Callable[[OrderEvent], bytes]) -> Write:
    """Leaves `events` for the relay."""
    return _OUTBOX.insert(
        [{"id": event.id, "payload": hexadecimal(encode(event))} for event in events]
    )
