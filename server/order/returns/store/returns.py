"""Returns in PostgreSQL. Whoever writes one has locked its order."""

from collections.abc import Callable, Sequence

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.outbox import new_id
from server.kit.postgres import Pool, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.turns import in_turns
from server.order.orders.rules import Act, Order
from server.order.payments.rules import Operation, Progress
from server.order.returns.rules import (
    ListedReturn,
    Received,
    Return,
    ReturnChanged,
    ReturnNotFound,
    Sent,
    answered,
    listed_items,
)
from server.order.returns.store import SORTABLE, Belongings, Encode, Moves, rows

_LISTING = Listing("returns", "id, created_at", SORTABLE, filtered_by="created_at")

_GET = f"{rows.WHOLE} WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)"
_ORDER = """
    SELECT order_id FROM returns WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)
"""
_COUNT = "SELECT count(*) AS count FROM returns WHERE order_id = $1"


class FollowingReturns:
    """`payments.store.Returns`: what becomes of returns when a refund for them is over."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    async def follow(self, unit: UnitOfWork, operation: Operation) -> None:
        await unit.flush()  # what the same unit has written of the return is read here
        before = await _read(unit, str(operation.return_id))
        at = operation.settled_at or before.updated_at
        act = Act(new_id(), at, operation.by, None, operation.reason)
        _write(unit, before, answered(before, operation, act), self._encode)
        await unit.flush()  # another may be over in the same unit


class PostgresReturnStore:
    """A `ReturnStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool, belongings: Belongings, encode: Encode) -> None:
        self._pool = pool
        self._belongings = belongings
        self._encode = encode
        self._totals = Totals(pool, _LISTING.table)

    async def create(
        self,
        order_id: str,
        owner_scope: str | None,
        begin: Callable[[Order, Sent], ReturnChanged],
        key: Key | None,
        answer: Callable[[Return], bytes],
    ) -> bytes:
        orders, shipped = self._belongings.orders, self._belongings.shipped

        async def work(unit: UnitOfWork) -> bytes:
            order = await orders.lock(unit, order_id, owner_scope)
            [found] = await unit.fetch(_COUNT, order_id)
            left = await shipped.left(unit, order_id)
            sent = Sent(left, await shipped.delivered_at(unit, order_id), found["count"])
            changed = begin(order, sent)
            _write(unit, None, changed, self._encode)
            return answer(changed.returned)

        buyer = await orders.user_of(order_id, owner_scope) if key else None
        given = await change_once(self._pool, work, key, subject=buyer)
        orders.told(order_id)
        return given

    async def get(self, return_id: str, owner_scope: str | None) -> Return:
        with translated():
            row = await self._pool.fetchrow(_GET, return_id, owner_scope)
        if row is None:
            raise _not_found()
        return rows.to_return(row)

    async def list(
        self, order_id: str, owner_scope: str | None, query: PageQuery
    ) -> Page[ListedReturn]:
        await self._belongings.orders.user_of(order_id, owner_scope)
        where = Where.of(equal={"order_id": order_id})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
            ids = [row["id"] for row in page.rows]
            shown = listed_items(query.per_page)
            read = await self._pool.fetch(rows.LISTED, ids, shown) if ids else []
        found = {row["id"]: row for row in read}
        there = [found[each] for each in ids if each in found]
        return page.with_rows(await in_turns(there, rows.to_listed, lambda row: len(row["items"])))

    async def move(
        self, return_id: str, owner_scope: str | None, moves: Moves
    ) -> Sequence[Operation]:
        with translated():
            order_id = await self._pool.fetchval(_ORDER, return_id, owner_scope)
        if order_id is None:
            raise _not_found()
        orders = self._belongings.orders

        async def work(unit: UnitOfWork) -> Sequence[Operation]:
            order = await orders.lock(unit, str(order_id), None)
            before = await _read(unit, return_id)
            moved = moves.moved(order, before)
            if moved is None:
                return await self._give_back(unit, order, before, moves)
            if isinstance(moved, Received):
                _write(unit, before, ReturnChanged(moved.returned, moved.event), self._encode)
                if moved.order.event:
                    await orders.keep(unit, order, moved.order)
                if moved.restocked:
                    cause = moves.cause(order, before)
                    await self._belongings.stocks.take_back(unit, moved.restocked, cause)
            else:
                _write(unit, before, moved, self._encode)
            return []

        operations = await transaction(self._pool, work, completes_call=True)
        orders.told(str(order_id))
        return operations

    async def _give_back(
        self, unit: UnitOfWork, order: Order, before: Return, moves: Moves
    ) -> Sequence[Operation]:
        """Writes down what is asked of payments, each of which may be done at once."""
        payments = await self._belongings.payments.of_order(unit, order.id)
        refund = moves.refund(order, before, payments)
        _write(unit, before, refund.changed, self._encode)
        await unit.flush()
        operations = []
        for (payment, _), asked in zip(refund.parts, moves.asked(order, refund), strict=True):
            step = asked(order, payment)
            await self._belongings.payments.keep(unit, order, step)
            await unit.flush()  # the next part writes the order again
            order = step.order.order
            if step.operation.status is Progress.OPEN:
                operations.append(step.operation)
        return operations


async def _read(unit: UnitOfWork, return_id: str) -> Return:
    """Read after its order's row is locked, which nobody else has then."""
    [row] = await unit.fetch(_GET, return_id, None)
    return rows.to_return(row)


def _write(unit: UnitOfWork, before: Return | None, changed: ReturnChanged, encode: Encode) -> None:
    if changed.event:
        for each in rows.writes(before, changed.event, encode):
            unit.write(each)


def _not_found() -> ReturnNotFound:
    return ReturnNotFound("no such return")
