"""What of carts is a person's: erased with them, and exported."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from server.kit.exporting import RECORDS_MAX, Held, no_such_page
from server.kit.outbox import Event, containing, replacing
from server.kit.postgres import DataError, Pool, translated
from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Write
from server.order.carts.store import rows

_LOCK = "SELECT id FROM carts WHERE user_id = $1 ORDER BY id LIMIT $2 FOR UPDATE"
_DELETE = "DELETE FROM carts WHERE id = ANY($1)"
_COUNT = "SELECT count(*) FROM carts WHERE user_id = $1"
_PAGE_MAX = 100  # of a hundred lines at most each
_PAGE = f"""
    SELECT {rows.CARTS.columns} FROM carts WHERE user_id = $1 AND id > coalesce(
        $2::uuid, '00000000-0000-0000-0000-000000000000'
    )
    ORDER BY id LIMIT $3
"""
_IS_THERE = "SELECT EXISTS (SELECT FROM carts WHERE id = $1 AND user_id = $2)"


class PersonalCarts:
    """The carts of persons; `anonymous` gives an event without the owner."""

    def __init__(self, pool: Pool, anonymous: Callable[[Event, str], Event]) -> None:
        self._pool = pool
        self._anonymous = anonymous

    async def erase(self, unit: UnitOfWork, user_id: str, count_max: int) -> Mapping[str, int]:
        """Deletes that many of the person's; when there is none left, events that wait."""
        found = await unit.lock(rows.CARTS, _LOCK, user_id, count_max)
        changed = []
        if found:
            unit.write(Write(_DELETE, ([row["id"] for row in found],)))
        else:
            waiting = await containing(unit, [user_id])
            after = [self._anonymous(event, user_id) for event in waiting]
            changed = [event for event, was in zip(after, waiting, strict=True) if event != was]
        if changed:
            unit.write(replacing(changed))
        return {"carts": len(found), "waiting_cart_events": len(changed)}

    async def export(self, user_id: str, page_token: str) -> Held:
        """The person's carts, oldest first. Raises `InvalidPageToken`."""
        after = page_token or None
        page_max = min(RECORDS_MAX, _PAGE_MAX)
        with translated():
            count = await self._pool.fetchval(_COUNT, user_id)
            if after and not await self._is_there(after, user_id):
                raise no_such_page()
            found = await self._pool.fetch(_PAGE, user_id, after, page_max + 1)
        carts = [rows.to_cart(row) for row in found[:page_max]]
        shown = [(cart.id, asdict(cart)) for cart in carts]
        return Held(shown, count, has_more=len(found) > page_max)

    async def _is_there(self, cart_id: str, user_id: str) -> bool:
        try:
            found: bool = await self._pool.fetchval(_IS_THERE, cart_id, user_id)
        except DataError:
            return False  # no id at all
        return found
