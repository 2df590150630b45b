"""What orders do to stocks, within the unit of work that changes the orders.

Rows of stocks are locked by one statement, in the order of their products, after those of orders.
"""

from collections.abc import Mapping, Sequence

from server.kit.postgres.transaction import UnitOfWork
from server.order.stock.rules import (
    Cause,
    Change,
    Claim,
    Held,
    OutOfStock,
    Step,
    Stock,
    adjusted,
    reserved,
    settled,
)
from server.order.stock.store.rows import STOCK, Encode, to_stock, write

_LOCK = f"SELECT {STOCK.columns} FROM stock WHERE product_id = ANY($1) ORDER BY product_id"
_LOCK_ALL = f"{_LOCK} FOR UPDATE"
_LOCK_TRACKED = _LOCK.replace("ORDER BY", "AND tracked ORDER BY") + " FOR UPDATE"

_HELD = """
    SELECT order_id, product_id, sum(reserved_delta) AS reserved, -sum(on_hand_delta) AS committed
    FROM stock_movements WHERE order_id = ANY($1)
    GROUP BY order_id, product_id
    HAVING sum(reserved_delta) <> 0 OR sum(on_hand_delta) <> 0
    ORDER BY order_id, product_id
"""


class StockMoves:
    """Moves stocks for orders; `encode` puts an event into the outbox's envelope."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    async def reserve(
        self, unit: UnitOfWork, claims: Sequence[Claim]
    ) -> Sequence[OutOfStock | None]:
        """Reserves what new orders ask for, one after the other, each in full or not at all.

        Gives for each why it was refused. Products that are not tracked are left alone.
        """
        wanted = set[str]().union(*(claim.wanted for claim in claims))
        stocks = await self._locked(unit, _LOCK_TRACKED, wanted) if wanted else {}
        changes: list[Change] = []
        refusals: list[OutOfStock | None] = []
        for claim in claims:
            try:
                changes += (moves := reserved(stocks, claim))
            except OutOfStock as error:
                refusals.append(error)
            else:
                refusals.append(None)
                stocks.update({change.stock.product_id: change.stock for change in moves})
        write(unit, changes, self._encode)
        return refusals

    async def settle(self, unit: UnitOfWork, claims: Sequence[tuple[Claim, Step]]) -> None:
        """Moves what the orders of `claims`, which `unit` has locked, have of the stocks.

        Raises `OutOfStock` where a step needs in full what is not there.
        """
        held = await self._held(unit, [str(claim.cause.order_id) for claim, _ in claims])
        if not held:
            return
        products = {each.product_id for of_order in held.values() for each in of_order}
        stocks = await self._locked(unit, _LOCK_ALL, products)
        changes: list[Change] = []
        for claim, step in claims:
            moves = settled(stocks, held.get(str(claim.cause.order_id), ()), claim, step)
            stocks.update({change.stock.product_id: change.stock for change in moves})
            changes += moves
        write(unit, changes, self._encode)

    async def take_back(self, unit: UnitOfWork, counts: Mapping[str, int], cause: Cause) -> None:
        """Puts so many of each product into the stock, where it is tracked.

        It is no movement of the order that had them: that still holds what it had.
        """
        stocks = await self._locked(unit, _LOCK_TRACKED, {*counts})
        changes = [adjusted(stock, counts[id_], cause) for id_, stock in stocks.items()]
        write(unit, changes, self._encode)

    async def _locked(
        self, unit: UnitOfWork, statement: str, product_ids: set[str]
    ) -> dict[str, Stock]:
        rows = await unit.lock(STOCK, statement, product_ids)
        return {stock.product_id: stock for stock in map(to_stock, rows)}

    async def _held(
        self, unit: UnitOfWork, order_ids: Sequence[str]
    ) -> Mapping[str, Sequence[Held]]:
        found: dict[str, list[Held]] = {}
        for row in await unit.fetch(_HELD, order_ids):
            held = Held(str(row["product_id"]), row["reserved"], row["committed"])
            found.setdefault(str(row["order_id"]), []).append(held)
        return found
