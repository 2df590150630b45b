"""What of shipments is a person's: taken from them when the person is erased, and exported."""

from collections.abc import Callable, Mapping
from dataclasses import fields

from server.kit.exporting import RECORDS_MAX, Held, no_such_page
from server.kit.outbox import Event, of_aggregates, replacing
from server.kit.postgres import DataError, Pool, translated
from server.kit.postgres.transaction import UnitOfWork
from server.order.shipping.rules import Shipment
from server.order.shipping.store import rows

# Whoever writes a shipment has locked its order, and the erasure has locked the person's orders
# before this.
_ANONYMISE = """
    UPDATE shipments SET user_id = NULL, tracking_number = '', updated_at = now()
    WHERE id IN (SELECT id FROM shipments WHERE user_id = $1 LIMIT $2)
    RETURNING id
"""

_SILENCE = """
    WITH silenced AS (
        UPDATE tracking_events SET location = '', note = ''
        WHERE shipment_id = ANY($1) AND (location <> '' OR note <> '') RETURNING 1
    )
    SELECT count(*) AS count FROM silenced
"""

_COUNT = "SELECT count(*) FROM shipments WHERE user_id = $1"

# A shipment has a thousand items at most.
_PAGE_MAX = 20
_PAGE = f"""
    {rows.WHOLE} WHERE user_id = $1 AND id > coalesce(
        $2::uuid, '00000000-0000-0000-0000-000000000000'
    )
    ORDER BY id LIMIT $3
"""

_IS_THERE = "SELECT EXISTS (SELECT FROM shipments WHERE id = $1 AND user_id = $2)"


class PersonalShipments:
    """The shipments of persons; `anonymous` gives an event without what is theirs."""

    def __init__(
        self, pool: Pool, aggregate_type: str, anonymous: Callable[[Event], Event]
    ) -> None:
        self._pool = pool
        self._aggregate_type = aggregate_type
        self._anonymous = anonymous

    async def erase(self, unit: UnitOfWork, user_id: str, count_max: int) -> Mapping[str, int]:
        """Leaves that many shipments of the person nobody's, with what was heard of them."""
        found = await unit.fetch(_ANONYMISE, user_id, count_max)
        ids = [row["id"] for row in found]
        silenced, changed = 0, []
        if ids:
            [row] = await unit.fetch(_SILENCE, ids)
            silenced = row["count"]
            waiting = await of_aggregates(unit, self._aggregate_type, ids)
            after = [self._anonymous(event) for event in waiting]
            changed = [event for event, was in zip(after, waiting, strict=True) if event != was]
        if changed:
            unit.write(replacing(changed))
        return {
            "shipments": len(ids),
            "tracking_events": silenced,
            "waiting_shipment_events": len(changed),
        }

    async def export(self, user_id: str, page_token: str) -> Held:
        """The person's shipments, oldest first. Raises `InvalidPageToken`."""
        after = page_token or None
        with translated():
            count = await self._pool.fetchval(_COUNT, user_id)
            if after and not await self._is_there(after, user_id):
                raise no_such_page()
            page_max = min(RECORDS_MAX, _PAGE_MAX)
            found = await self._pool.fetch(_PAGE, user_id, after, page_max + 1)
        shipments = [rows.to_shipment(row) for row in found[:page_max]]
        shown = [(shipment.id, _record(shipment)) for shipment in shipments]
        return Held(shown, count, has_more=len(found) > page_max)

    async def _is_there(self, shipment_id: str, user_id: str) -> bool:
        try:
            found: bool = await self._pool.fetchval(_IS_THERE, shipment_id, user_id)
        except DataError:
            return False  # no id at all
        return found


def _record(shipment: Shipment) -> Mapping[str, object]:
    record = {field.name: getattr(shipment, field.name) for field in fields(shipment)}
    return {**record, "items": [part._asdict() for part in shipment.items]}
