"""How often promotions were used by their counts and by their uses, to compare and to mend."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from server.kit.postgres import Pool, translated
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Write
from server.order.pricing.store.promotions import PROMOTIONS

_PAGE = 1_000

_COUNTED = """
    SELECT id::text, code, uses, uses_max, (
        SELECT count(*) FROM promotion_uses WHERE promotion_id = promotions.id
    ) AS count
    FROM promotions
"""
_ALL = f"""
    {_COUNTED} WHERE $1::uuid IS NULL OR id > $1 ORDER BY promotions.id LIMIT {_PAGE}
"""
_ONE = f"{_COUNTED} WHERE id = $1"
_LOCK = "SELECT id FROM promotions WHERE id = $1 ORDER BY id FOR NO KEY UPDATE"
_SET = "UPDATE promotions SET uses = $2 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class PromotionFact:
    """A promotion, and how many uses of it there are."""

    id: str
    code: str
    uses: int
    uses_max: int | None
    count: int

    @property
    def can_be_set(self) -> bool:
        """Whether it was used no more often than it may be."""
        return self.uses_max is None or self.count <= self.uses_max


class PostgresPromotionFacts:
    """The promotions of `emporium_order`. Errors as in `CatalogStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def promotions(self) -> AsyncIterator[PromotionFact]:
        """All of them by rising ids, a page in memory."""
        after: str | None = None
        while True:
            with translated():
                page = await self._pool.fetch(_ALL, after)
            for row in page:
                yield PromotionFact(**row)
            if len(page) < _PAGE:
                return
            after = page[-1]["id"]

    async def set(self, promotion_id: str) -> bool:
        """Counts the uses again; False: there are more than there may be."""

        async def work(unit: UnitOfWork) -> bool:
            # Read after the lock, which whoever uses it has.
            if not await unit.lock(PROMOTIONS, _LOCK, promotion_id):
                return True  # it is deleted
            [row] = await unit.fetch(_ONE, promotion_id)
            fact = PromotionFact(**row)
            if fact.can_be_set:
                unit.write(Write(_SET, (promotion_id, fact.count)))
            return fact.can_be_set

        return await transaction(self._pool, work)
