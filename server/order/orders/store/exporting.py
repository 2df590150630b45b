"""What belongs to the orders of a person, and is no line of them: handed out in pages."""

from typing import Any

from server.kit.exporting import RECORDS_MAX, Held, no_such_page
from server.kit.postgres import DataError, Pool, Record, translated

# By order, and then as it happened; `{at}` is when. A page begins behind a record, by its id.
_PAGE = """
    SELECT {columns} FROM {table} JOIN orders ON orders.id = order_id
    WHERE user_id = $1 AND ($2::uuid IS NULL OR (order_id, {at}, {table}.id) > (
        SELECT order_id, {at}, id FROM {table} WHERE id = $2
    ))
    ORDER BY order_id, {at}, {table}.id LIMIT $3
"""
_COUNT = """
    SELECT count(*) FROM {table} JOIN orders ON orders.id = order_id WHERE user_id = $1
"""
_IS_THERE = """
    SELECT EXISTS (
        SELECT FROM {table} JOIN orders ON orders.id = order_id
        WHERE user_id = $1 AND {table}.id = $2
    )
"""


class _OfOrders:
    """An `ExportStore` of one table whose rows belong to orders."""

    def __init__(self, pool: Pool, table: str, at: str, columns: str) -> None:
        names = {"table": table, "at": at, "columns": columns}
        self._pool = pool
        self._page, self._count, self._is_there = (
            each.format(**names) for each in (_PAGE, _COUNT, _IS_THERE)
        )

    async def export(self, user_id: str, page_token: str) -> Held:
        """A page of them. Raises `InvalidPageToken`."""
        after = page_token or None
        with translated():
            count = await self._pool.fetchval(self._count, user_id)
            if after and not await self._is_known(user_id, after):
                raise no_such_page()
            found = await self._pool.fetch(self._page, user_id, after, RECORDS_MAX + 1)
        shown = [(str(row["id"]), _plain(row)) for row in found[:RECORDS_MAX]]
        return Held(shown, count, has_more=len(found) > RECORDS_MAX)

    async def _is_known(self, user_id: str, record_id: str) -> bool:
        try:
            found: bool = await self._pool.fetchval(self._is_there, user_id, record_id)
        except DataError:
            return False  # no id at all
        return found


def history_of(pool: Pool) -> _OfOrders:
    """The moves of a person's orders, with whether the person has made them; not who else has."""
    columns = """order_moves.id, order_id, before AS from_status, after AS to_status,
        actor_kind, reason, occurred_at"""
    return _OfOrders(pool, "order_moves", "occurred_at", columns)


def notes_of(pool: Pool) -> _OfOrders:
    """All notes on a person's orders, also what staff wrote for themselves; not who of them has."""
    columns = """order_notes.id, order_id, author_kind, text,
        NOT is_internal AS visible_to_buyer, order_notes.created_at"""
    return _OfOrders(pool, "order_notes", "order_notes.created_at", columns)


def _plain(row: Record) -> dict[str, Any]:
    ids = ("id", "order_id")
    return {name: str(row[name]) if name in ids else row[name] for name in row.keys()}  # noqa: SIM118 - a record iterates over its values
