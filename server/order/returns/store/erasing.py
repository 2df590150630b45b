"""What of returns is a person's: taken from them when the person is erased, and exported."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from server.kit.exporting import RECORDS_MAX, Held, no_such_page
from server.kit.outbox import Event, of_aggregates, replacing
from server.kit.postgres import DataError, Pool, translated
from server.kit.postgres.transaction import UnitOfWork
from server.order.returns.rules import Return
from server.order.returns.store import rows

# Whoever writes a return has locked its order, and the erasure has locked the person's orders
# before this.
_ANONYMISE = """
    UPDATE returns SET user_id = NULL, comment = '', updated_at = now()
    WHERE id IN (SELECT id FROM returns WHERE user_id = $1 LIMIT $2)
    RETURNING id
"""

_SILENCE = """
    WITH silenced AS (
        UPDATE return_moves SET reason = '' WHERE return_id = ANY($1) AND reason <> '' RETURNING 1
    )
    SELECT count(*) AS count FROM silenced
"""

# Of whoever has worked in the shop: what was done stays.
_UNNAME = """
    WITH unnamed AS (
        UPDATE return_moves SET actor = NULL WHERE id IN (
            SELECT id FROM return_moves WHERE actor_kind = 'STAFF' AND actor = $1 LIMIT $2
        )
        RETURNING 1
    )
    SELECT count(*) AS count FROM unnamed
"""

_COUNT = "SELECT count(*) FROM returns WHERE user_id = $1"

# A return has a thousand items at most.
_PAGE_MAX = 20
_PAGE = f"""
    {rows.WHOLE} WHERE user_id = $1 AND id > coalesce(
        $2::uuid, '00000000-0000-0000-0000-000000000000'
    )
    ORDER BY id LIMIT $3
"""

_IS_THERE = "SELECT EXISTS (SELECT FROM returns WHERE id = $1 AND user_id = $2)"


class PersonalReturns:
    """The returns of persons; `anonymous` gives an event without what is theirs."""

    def __init__(
        self, pool: Pool, aggregate_type: str, anonymous: Callable[[Event], Event]
    ) -> None:
        self._pool = pool
        self._aggregate_type = aggregate_type
        self._anonymous = anonymous

    async def erase(self, unit: UnitOfWork, user_id: str, count_max: int) -> Mapping[str, int]:
        """Leaves that many returns of the person nobody's, with what was said of them.

        And as many moves of others' returns, which the person has made as staff.
        """
        [unnamed] = await unit.fetch(_UNNAME, user_id, count_max)
        found = await unit.fetch(_ANONYMISE, user_id, count_max)
        ids = [row["id"] for row in found]
        silenced, changed = 0, list[Event]()
        if ids:
            [row] = await unit.fetch(_SILENCE, ids)
            silenced = row["count"]
            waiting = await of_aggregates(unit, self._aggregate_type, ids)
            after = [self._anonymous(event) for event in waiting]
            changed = [event for event, was in zip(after, waiting, strict=True) if event != was]
        if changed:
            unit.write(replacing(changed))
        return {
            "returns": len(ids),
            "return_moves": unnamed["count"] + silenced,
            "waiting_return_events": len(changed),
        }

    async def export(self, user_id: str, page_token: str) -> Held:
        """The person's returns, oldest first. Raises `InvalidPageToken`."""
        after = page_token or None
        with translated():
            count = await self._pool.fetchval(_COUNT, user_id)
            if after and not await self._is_there(after, user_id):
                raise no_such_page()
            page_max = min(RECORDS_MAX, _PAGE_MAX)
            found = await self._pool.fetch(_PAGE, user_id, after, page_max + 1)
        returns = [rows.to_return(row) for row in found[:page_max]]
        shown = [(returned.id, _record(returned)) for returned in returns]
        return Held(shown, count, has_more=len(found) > page_max)

    async def _is_there(self, return_id: str, user_id: str) -> bool:
        try:
            found: bool = await self._pool.fetchval(_IS_THERE, return_id, user_id)
        except DataError:
            return False  # no id at all
        return found


def _record(returned: Return) -> Mapping[str, object]:
    """The return, with whether the person has moved it; not who else has."""
    record = asdict(returned)
    for move in record["history"]:
        move["actor"] = move["actor"]["kind"]
    return record
