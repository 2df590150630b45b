"""What of orders is a person's: taken from them when the person is erased, and exported."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from server.kit.exporting import RECORDS_MAX, Held, no_such_page
from server.kit.outbox import Event, containing, of_aggregates, replacing
from server.kit.postgres import DataError, Pool, translated
from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Write
from server.kit.turns import in_turns
from server.order.orders.store import rows

# In the order of an index.
_LOCK = "SELECT id FROM orders WHERE user_id = $1 ORDER BY order_date, id LIMIT $2 FOR UPDATE"

# The country stays, for the books; the other members have to be there.
_ANONYMISE = """
    UPDATE orders SET user_id = NULL, updated_at = now(), shipping_address = CASE
        WHEN shipping_address IS NOT NULL THEN jsonb_build_object(
            'recipient', '', 'street', '', 'city', '', 'postal_code', '',
            'country_code', shipping_address -> 'country_code'
        )
    END
    WHERE id = ANY($1)
"""

# Why an order was moved is somebody's own words, and may be about whoever has bought.
_SILENCE = """
    WITH silenced AS (
        UPDATE order_moves SET reason = '' WHERE order_id = ANY($1) AND reason <> '' RETURNING 1
    )
    SELECT count(*) AS count FROM silenced
"""

# Of whoever has worked in the shop: what was done stays.
_UNNAME = """
    WITH unnamed AS (
        UPDATE order_moves SET actor = NULL
        WHERE (order_id, occurred_at, id) IN (
            SELECT order_id, occurred_at, id FROM order_moves
            WHERE actor_kind = 'STAFF' AND actor = $1 LIMIT $2
        )
        RETURNING 1
    )
    SELECT count(*) AS count FROM unnamed
"""

# Notes on the person's orders, whoever wrote them; and of whoever has worked in the shop the name.
_FORGET = """
    WITH deleted AS (
        DELETE FROM order_notes WHERE order_id = ANY($1) RETURNING 1
    ), unnamed AS (
        UPDATE order_notes SET author = NULL
        WHERE order_id <> ALL($1) AND id IN (
            SELECT id FROM order_notes WHERE author = $2 AND order_id <> ALL($1) LIMIT $3
        )
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM deleted) + (SELECT count(*) FROM unnamed) AS count
"""

_COUNT = "SELECT count(*) FROM orders WHERE user_id = $1"

# Positions count from 1, so the last one is the number of lines. Orders of a thousand lines make
# short pages. Where a page begins the index knows, also when it is the two hundredth.
_LINES_MAX = 1_000
_PAGE = f"""
    WITH found AS (
        SELECT id, order_date,
               (SELECT max(position) FROM order_items WHERE order_id = orders.id) AS lines
        FROM orders
        WHERE user_id = $1 AND (order_date, id) > (
            coalesce((SELECT order_date FROM orders WHERE id = $2), '-infinity'),
            coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
        )
        ORDER BY order_date, id
        LIMIT $3
    ), page AS (
        SELECT id, sum(lines) OVER (ORDER BY order_date, id) - lines AS lines_before FROM found
    )
    SELECT {rows.ORDERS.columns}, ARRAY(
        SELECT {rows.ITEM}
        FROM order_items WHERE order_id = orders.id ORDER BY position
    ) AS items, (SELECT count(*) FROM page) AS found
    FROM page JOIN orders USING (id) WHERE lines_before < {_LINES_MAX}
    ORDER BY order_date, id
"""

_IS_THERE = "SELECT EXISTS (SELECT FROM orders WHERE id = $1 AND user_id = $2)"


class Kept(Protocol):
    """What is kept of events after they were relayed."""

    async def erase(self, unit: UnitOfWork, order_ids: Sequence[object], user_id: str) -> int:
        """Makes the events of the orders anonymous, and others that name the person; how many."""


class PersonalOrders:
    """The orders of persons; `anonymous` gives an event without the buyer, and names its type."""

    def __init__(
        self,
        pool: Pool,
        aggregate_type: str,
        anonymous: Callable[[Event, str], Event],
        kept: Kept,
    ) -> None:
        self._pool = pool
        self._kept = kept
        self._aggregate_type = aggregate_type
        self._anonymous = anonymous

    async def erase(self, unit: UnitOfWork, user_id: str, count_max: int) -> Mapping[str, int]:
        """Makes that many orders of the person anonymous, with their history and events that wait.

        When there is none left, then events of orders that were deleted. And as many moves of
        others' orders, and notes on them, which the person has made as staff, are nobody's.
        """
        found = await unit.lock(rows.ORDERS, _LOCK, user_id, count_max)
        ids = [row["id"] for row in found]
        [unnamed] = await unit.fetch(_UNNAME, user_id, count_max)
        moves = unnamed["count"]
        [notes] = await unit.fetch(_FORGET, ids, user_id, count_max)
        if ids:
            [silenced] = await unit.fetch(_SILENCE, ids)
            moves += silenced["count"]
            unit.write(Write(_ANONYMISE, (ids,)))
            # Read after the lock: who changed an order before has left the event.
            waiting = await of_aggregates(unit, self._aggregate_type, ids)
        else:
            waiting = await containing(unit, [user_id])
        kept = await self._kept.erase(unit, ids, user_id)
        changed = await self._changed(waiting, user_id)
        if changed:
            unit.write(replacing(changed))
        return {
            "orders": len(ids),
            "order_moves": moves,
            "order_notes": notes["count"],
            "waiting_events": len(changed),
            "kept_events": kept,
        }

    async def _changed(self, waiting: Sequence[Event], user_id: str) -> Sequence[Event]:
        after = await in_turns(
            waiting,
            lambda event: self._anonymous(event, user_id),
            lambda event: 1 + len(event.payload) // 50,
        )
        return [event for event, before in zip(after, waiting, strict=True) if event != before]

    async def export(self, user_id: str, page_token: str) -> Held:
        """The person's orders, oldest first. Raises `InvalidPageToken`."""
        after = page_token or None
        with translated():
            count = await self._pool.fetchval(_COUNT, user_id)
            if after and not await self._is_there(after, user_id):
                raise no_such_page()
            found = await self._pool.fetch(_PAGE, user_id, after, RECORDS_MAX + 1)
        orders = await in_turns(
            found[:RECORDS_MAX], rows.to_order, lambda row: 1 + len(row["items"])
        )
        shown = [(order.id, order) for order in orders]
        return Held(shown, count, has_more=bool(found) and found[0]["found"] > len(shown))

    async def _is_there(self, order_id: str, user_id: str) -> bool:
        try:
            found: bool = await self._pool.fetchval(_IS_THERE, order_id, user_id)
        except DataError:
            return False  # no id at all
        return found
