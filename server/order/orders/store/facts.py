"""What of orders the reports count, to compare the two; read in the order of the ids."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from server.kit.postgres import Pool, Record, translated
from server.order.orders.rules import Status

_PAGE = 1_000

_COLUMNS = """
    id::text, version, status, user_id::text, total_price, captured, refunded, currency, order_date,
    updated_at,
    (SELECT sum(quantity) FROM order_items WHERE order_id = orders.id) AS units
"""
_NEXT = f"""
    SELECT {_COLUMNS} FROM orders WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT {_PAGE}
"""
_THOSE = f"SELECT {_COLUMNS} FROM orders WHERE id = ANY($1::uuid[])"

# A dead letter waits for an operator.
_WAITING = """
    SELECT DISTINCT aggregate_id::text AS id FROM outbox_deliveries AS delivery
    WHERE destination = $1 AND aggregate_id::text = ANY($2::text[]) AND NOT EXISTS (
        SELECT FROM outbox_blocks AS block
        WHERE block.destination = $1 AND block.state = 'DEAD'
          AND block.aggregate_id = delivery.aggregate_id
    )
"""


@dataclass(frozen=True, slots=True)
class OrderFact:
    """What of an order counts."""

    id: str
    version: int
    status: Status
    user_id: str | None
    total_price: Decimal
    captured: Decimal
    refunded: Decimal
    currency: str
    order_date: datetime
    updated_at: datetime
    units: int


class PostgresOrderFacts:
    """The orders of `emporium_order`. Errors as in `CatalogStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def orders(self) -> AsyncIterator[OrderFact]:
        """All of them, a page in memory."""
        after: str | None = None
        while True:
            with translated():
                page = await self._pool.fetch(_NEXT, after)
            for row in page:
                yield _fact(row)
            if len(page) < _PAGE:
                return
            after = page[-1]["id"]

    async def those(self, order_ids: Collection[str]) -> Mapping[str, OrderFact]:
        """Those of the orders that there are."""
        with translated():
            return {row["id"]: _fact(row) for row in await self._pool.fetch(_THOSE, order_ids)}

    async def waiting(self, destination: str, order_ids: Collection[str]) -> set[str]:
        """Those of which an event is still on its way there."""
        with translated():
            found = await self._pool.fetch(_WAITING, destination, order_ids)
        return {row["id"] for row in found}


def _fact(row: Record) -> OrderFact:
    return OrderFact(**{**dict(row), "status": Status(row["status"])})
