"""What returns ask of orders, in the unit of work that has locked the order."""

from collections.abc import Mapping
from datetime import datetime

from server.kit.postgres.transaction import UnitOfWork

_DELIVERED = """
    SELECT max(occurred_at) AS at FROM order_moves WHERE order_id = $1 AND after = 'DELIVERED'
"""

_LEFT = """
    SELECT position, shipped - in_returns AS count FROM order_items
    WHERE order_id = $1 AND shipped > in_returns
"""


class OrdersToReturn:
    """`returns.store.Sent`: what was sent, and is not back yet."""

    async def delivered_at(self, unit: UnitOfWork, order_id: str) -> datetime | None:
        """When all of the order had arrived; None: it has not."""
        [row] = await unit.fetch(_DELIVERED, order_id)
        at: datetime | None = row["at"]
        return at

    async def left(self, unit: UnitOfWork, order_id: str) -> Mapping[int, int]:
        """How many of each line, by its position, can be sent back, where any can."""
        found = await unit.fetch(_LEFT, order_id)
        return {row["position"]: row["count"] for row in found}
