"""What stocks and their movements say of the same goods, to compare; and what mends it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from server.kit.postgres import Pool, translated
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Write
from server.order.stock.store.rows import STOCK

_PAGE = 1_000

_COLUMNS = "product_id, on_hand, reserved, backorders, movements"
_MOVED = """
    SELECT page.product_id::text, page.on_hand, page.reserved, page.backorders, page.movements,
           moved.*
    FROM ({page}) AS page
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(on_hand_delta), 0) AS on_hand_moved,
               coalesce(sum(reserved_delta), 0) AS reserved_moved,
               count(*) AS count, coalesce(max(number), 0) AS last
        FROM stock_movements WHERE product_id = page.product_id
    ) AS moved ON true
    ORDER BY page.product_id
"""
_ALL = _MOVED.format(
    page=f"""SELECT {_COLUMNS} FROM stock WHERE $1::uuid IS NULL OR product_id > $1
    ORDER BY product_id LIMIT {_PAGE}"""
)
_ONE = _MOVED.format(page=f"SELECT {_COLUMNS} FROM stock WHERE product_id = $1")
_LOCK = "SELECT product_id FROM stock WHERE product_id = $1 ORDER BY product_id FOR UPDATE"
_SET = "UPDATE stock SET on_hand = $2, reserved = $3 WHERE product_id = $1"


@dataclass(frozen=True, slots=True)
class StockFact:
    """A stock, and what its movements add up to."""

    product_id: str
    on_hand: int
    reserved: int
    backorders: bool
    movements: int
    on_hand_moved: int
    reserved_moved: int
    count: int  # of the movements that there are
    last: int  # the number of the last one

    @property
    def is_whole(self) -> bool:
        """Whether all movements are there."""
        return self.count == self.last == self.movements

    @property
    def can_be_set(self) -> bool:
        """Whether the movements say what there is, and it can be."""
        owes = self.reserved_moved > self.on_hand_moved and not self.backorders
        return self.is_whole and self.on_hand_moved >= 0 and self.reserved_moved >= 0 and not owes


class PostgresStockFacts:
    """The stocks of `emporium_order`. Errors as in `StockStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def stocks(self) -> AsyncIterator[StockFact]:
        """All of them by rising products, a page in memory."""
        after: str | None = None
        while True:
            with translated():
                page = await self._pool.fetch(_ALL, after)
            for row in page:
                yield StockFact(**row)
            if len(page) < _PAGE:
                return
            after = page[-1]["product_id"]

    async def set(self, product_id: str) -> bool:
        """Sets a stock to what its movements add up to; False: they do not say."""

        async def work(unit: UnitOfWork) -> bool:
            # Read after the lock, which whoever moves it has.
            if not await unit.lock(STOCK, _LOCK, product_id):
                return True  # the product is deleted
            [row] = await unit.fetch(_ONE, product_id)
            fact = StockFact(**row)
            if fact.can_be_set:
                unit.write(Write(_SET, (product_id, fact.on_hand_moved, fact.reserved_moved)))
            return fact.can_be_set

        return await transaction(self._pool, work)
