"""Price breaks in PostgreSQL."""

from collections.abc import Callable, Sequence

from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write
from server.order.catalog.rules import Break, ProductNotFound
from server.order.pricing.rules import PriceBreaks

_PRODUCTS = Table("products", ("id",), lock_rank=50)
_BREAKS = Table(
    "price_breaks",
    ("product_id", "min_quantity", "unit_price"),
    key=("product_id", "min_quantity"),
)

_GET = """
    SELECT unit_price, currency, ARRAY(
        SELECT ROW(min_quantity, unit_price) FROM price_breaks
        WHERE product_id = products.id ORDER BY min_quantity
    ) AS breaks
    FROM products WHERE id = $1
"""

_GET_SEEN = f"{_GET} AND (status = 'ACTIVE' OR NOT $2)"

# The breaks are read after it: whoever waits for the lock has not seen what was written meanwhile.
_LOCK = "SELECT id FROM products WHERE id = $1 FOR NO KEY UPDATE"

_DELETE_OTHERS = "DELETE FROM price_breaks WHERE product_id = $1 AND min_quantity <> ALL($2::int[])"


class PostgresPriceStore:
    """A `PriceStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, product_id: str, *, only_active: bool) -> PriceBreaks:
        with translated():
            row = await self._pool.fetchrow(_GET_SEEN, product_id, only_active)
        return _breaks(product_id, [row] if row else [])

    async def update(
        self, product_id: str, change: Callable[[PriceBreaks], PriceBreaks]
    ) -> PriceBreaks:
        async def work(unit: UnitOfWork) -> PriceBreaks:
            await unit.lock(_PRODUCTS, _LOCK, product_id)
            before = _breaks(product_id, await unit.fetch(_GET, product_id))
            after = change(before)
            if after != before:
                kept = [each.min_quantity for each in after.breaks]
                unit.write(Write(_DELETE_OTHERS, (product_id, kept)))
                unit.write(_BREAKS.upsert([_row(product_id, each) for each in after.breaks]))
            return after

        return await transaction(self._pool, work, completes_call=True)


def _row(product_id: str, each: Break) -> dict[str, object]:
    return {"product_id": product_id, **each._asdict()}


def _breaks(product_id: str, rows: Sequence[Record]) -> PriceBreaks:
    if not rows:
        raise ProductNotFound("no such product")
    [row] = rows
    breaks = tuple(Break(*each) for each in row["breaks"])
    return PriceBreaks(product_id, row["unit_price"], row["currency"], breaks)
