"""Carts that nobody has changed for long: deleted by the clock, and told of."""

from datetime import UTC, datetime

import structlog

from server.order.carts.store import CartStore

_BATCH_MAX = 100  # carts in one transaction, of a hundred lines at most each

_log = structlog.get_logger()


async def abandon_carts(carts: CartStore, batch_max: int = _BATCH_MAX) -> int:
    """Deletes all carts that have expired by now; gives their number."""
    total, now = 0, datetime.now(UTC)
    while True:
        count = await carts.abandon(now, batch_max)
        total += count
        if count < batch_max:
            if total:
                _log.info("carts.abandoned", count=total)
            return total
