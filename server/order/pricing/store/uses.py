"""What orders do to promotions, within the unit of work that changes the orders.

Rows of promotions are locked by one statement, in the order of their ids, after those of orders and
before those of stocks.
"""

from collections.abc import Mapping, Sequence

from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Table, Write
from server.order.pricing.rules import Counted, Uses
from server.order.pricing.store.promotions import COLUMNS, PROMOTIONS, to_promotion

_USES = Table("promotion_uses", ("promotion_id", "order_id", "user_id"))

_LOCK = f"SELECT {COLUMNS} FROM promotions WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"

# Read after the lock: whoever waits for it has not seen what was written meanwhile.
_BY_PERSON = """
    SELECT promotion_id, user_id, count(*) AS count FROM promotion_uses
    WHERE promotion_id = ANY($1) AND user_id = ANY($2) GROUP BY promotion_id, user_id
"""

_LOCK_OF_ORDERS = """
    SELECT id FROM promotions
    WHERE id IN (SELECT promotion_id FROM promotion_uses WHERE order_id = ANY($1))
    ORDER BY id FOR NO KEY UPDATE
"""

_GIVE_BACK = "DELETE FROM promotion_uses WHERE order_id = ANY($1)"

_ERASE = """
    WITH erased AS (
        UPDATE promotion_uses SET user_id = NULL
        WHERE (order_id, promotion_id) IN (
            SELECT order_id, promotion_id FROM promotion_uses WHERE user_id = $1 LIMIT $2
        )
        RETURNING 1
    )
    SELECT count(*) AS count FROM erased
"""


class PromotionUses:
    """Uses of promotions by orders; `promotions.uses` follows by a trigger."""

    async def lock(self, unit: UnitOfWork, wanted: Sequence[Uses]) -> Counted:
        """Locks what new orders want to use, and says how often it is used."""
        ids = {each.id for uses in wanted for each in uses.promotions}
        found = await unit.lock(PROMOTIONS, _LOCK, ids)
        promotions = {each.id: each for each in map(to_promotion, found)}
        limited = [each.id for each in promotions.values() if each.uses_max_per_person is not None]
        persons = {uses.user_id for uses in wanted if uses.user_id}
        counts = await unit.fetch(_BY_PERSON, limited, persons) if limited else []
        return Counted(
            promotions,
            {each.id: each.uses for each in promotions.values()},
            {(str(row["promotion_id"]), str(row["user_id"])): row["count"] for row in counts},
        )

    def write(self, unit: UnitOfWork, taken: Sequence[Uses]) -> None:
        """Adds the uses of new orders to what `unit` writes."""
        if rows := [
            {"promotion_id": each.id, "order_id": uses.order_id, "user_id": uses.user_id}
            for uses in taken
            for each in uses.promotions
        ]:
            unit.write(_USES.insert(rows))

    async def give_back(self, unit: UnitOfWork, order_ids: Sequence[str]) -> None:
        """Ends the uses of orders that `unit` has locked."""
        await unit.lock(PROMOTIONS, _LOCK_OF_ORDERS, order_ids)
        unit.write(Write(_GIVE_BACK, (order_ids,)))

    async def erase(self, unit: UnitOfWork, user_id: str, count_max: int) -> Mapping[str, int]:
        """Makes that many uses of the person nobody's; they stay uses."""
        [row] = await unit.fetch(_ERASE, user_id, count_max)
        return {"promotion_uses": row["count"]}
