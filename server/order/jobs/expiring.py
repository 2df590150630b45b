"""Orders that are not paid in time: cancelled by the clock, and their stock released."""

from datetime import UTC, datetime

import structlog
from uuid_utils import uuid7

from server.kit.background import Job, Lock, Work
from server.order.orders import rules
from server.order.orders.store import OrderStore

_INTERVAL_SECONDS = 15.0
_BATCH_MAX = 20  # orders in one transaction, of a thousand lines at most each

_log = structlog.get_logger()


def order_expiry(
    orders: OrderStore, lock: Lock, every_seconds: float = _INTERVAL_SECONDS, *more: Work
) -> Job:
    """Cancels them every 15 s, in one of the processes that share `lock`; then does `more`."""

    async def work() -> None:
        await expire_orders(orders)
        for each in more:
            await each()

    return Job("order_expiry", work, every_seconds, lock)


async def expire_orders(orders: OrderStore, batch_max: int = _BATCH_MAX) -> int:
    """Cancels all orders that should have been paid by now; gives their number."""
    total, now = 0, datetime.now(UTC)

    def change(order: rules.Order) -> rules.Changed:
        return rules.expired(order, str(uuid7()), now)

    while True:
        count = await orders.expire(now, batch_max, change)
        total += count
        if count < batch_max:
            if total:
                _log.info("orders.expired", count=total)
            return total
