"""Payments in PostgreSQL."""

from collections.abc import Callable, Sequence
from datetime import datetime

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import Pool, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction, write
from server.kit.postgres.writes import Write
from server.order.orders.rules import Order
from server.order.payments.rules import Operation, Payment, PaymentNotFound, Progress, Step
from server.order.payments.store import SORTABLE, Encode, Orders, Returns, rows

_LISTING = Listing("payments", rows.PAYMENTS.columns, SORTABLE, filtered_by="created_at")

_GET = f"SELECT {rows.PAYMENTS.columns} FROM payments WHERE id = $1"
_OPERATION = f"SELECT {rows.OPERATIONS.columns} FROM payment_operations WHERE id = $1"
_OF_ORDER = f"SELECT {rows.PAYMENTS.columns} FROM payments WHERE order_id = $1 ORDER BY id"
_COUNT = "SELECT count(*) AS count FROM payments WHERE order_id = $1"

_DUE = f"""
    SELECT {rows.OPERATIONS.columns} FROM payment_operations
    WHERE status = 'OPEN' AND due_at <= $1 ORDER BY due_at, id LIMIT $2
"""
_POSTPONE = "UPDATE payment_operations SET due_at = $2 WHERE id = $1 AND status = 'OPEN'"

# A notice that came before makes nothing due.
_NOTICE = """
    WITH kept AS (
        INSERT INTO payment_notices (provider, id, received_at) VALUES ($1, $2, $4)
        ON CONFLICT DO NOTHING RETURNING 1
    ), due AS (
        UPDATE payment_operations SET due_at = $4
        WHERE id = $3 AND provider = $1 AND status = 'OPEN' AND due_at > $4
            AND EXISTS (SELECT FROM kept)
    )
    SELECT count(*) FROM kept
"""
_FORGET = "DELETE FROM payment_notices WHERE received_at < $1"


class PostgresPaymentStore:
    """A `PaymentStore` on a pool of connections to `emporium_order`, with the `orders` in it."""

    def __init__(self, pool: Pool, orders: Orders, encode: Encode, returns: Returns) -> None:
        self._pool = pool
        self._returns = returns
        self._orders = orders
        self._encode = encode
        self._totals = Totals(pool, _LISTING.table)

    async def begin(
        self,
        order_id: str,
        owner_scope: str | None,
        begin: Callable[[Order, int], Step],
        key: Key | None,
        answer: Callable[[Payment], bytes],
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            order = await self._orders.lock(unit, order_id, owner_scope)
            [found] = await unit.fetch(_COUNT, order_id)
            step = begin(order, found["count"])
            await self.keep(unit, order, step)
            return answer(step.payment)

        buyer = await self._orders.user_of(order_id, owner_scope) if key else None
        given = await change_once(self._pool, work, key, subject=buyer)
        self._orders.told(order_id)
        return given

    async def ask(
        self,
        payment_id: str,
        ask: Callable[[Order, Payment], Step],
        key: Key | None,
        answer: Callable[[Payment], bytes],
    ) -> bytes:
        order_id = (await self.get(payment_id, None)).order_id

        async def work(unit: UnitOfWork) -> bytes:
            order = await self._orders.lock(unit, order_id, None)
            step = ask(order, await self._payment(unit, payment_id))
            await self.keep(unit, order, step)
            return answer(step.payment)

        buyer = await self._orders.user_of(order_id, None) if key else None
        given = await change_once(self._pool, work, key, subject=buyer)
        self._orders.told(order_id)
        return given

    async def settle(
        self, operation_id: str, settle: Callable[[Order, Payment, Operation], Step]
    ) -> Payment:
        with translated():
            row = await self._pool.fetchrow(_OPERATION, operation_id)
        if row is None:
            raise _not_found()
        known = rows.to_operation(row)

        async def work(unit: UnitOfWork) -> Payment:
            order = await self._orders.lock(unit, known.order_id, None)
            payment = await self._payment(unit, known.payment_id)
            [found] = await unit.fetch(_OPERATION, operation_id)
            operation = rows.to_operation(found)
            if operation.status is not Progress.OPEN:
                return payment  # somebody else has heard of it first
            step = settle(order, payment, operation)
            await self.keep(unit, order, step)
            return step.payment

        payment = await transaction(self._pool, work)
        self._orders.told(known.order_id)
        return payment

    async def postpone(self, operation_id: str, due_at: datetime) -> None:
        await write(self._pool, [Write(_POSTPONE, (operation_id, due_at))])

    async def get(self, payment_id: str, owner_scope: str | None) -> Payment:
        with translated():
            row = await self._pool.fetchrow(_GET, payment_id)
        if row is None:
            raise _not_found()
        payment = rows.to_payment(row)
        if owner_scope is not None and owner_scope != await self._orders.user_of(
            payment.order_id, None
        ):
            raise _not_found()
        return payment

    async def operation(self, operation_id: str) -> Operation | None:
        with translated():
            row = await self._pool.fetchrow(_OPERATION, operation_id)
        return rows.to_operation(row) if row else None

    async def list(self, order_id: str, owner_scope: str | None, query: PageQuery) -> Page[Payment]:
        await self._orders.user_of(order_id, owner_scope)
        where = Where.of(equal={"order_id": order_id})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([rows.to_payment(row) for row in page.rows])

    async def due(self, now: datetime, count_max: int) -> Sequence[Operation]:
        with translated():
            found = await self._pool.fetch(_DUE, now, count_max)
        return [rows.to_operation(row) for row in found]

    async def notice(self, provider: str, notice_id: str, operation_id: str, now: datetime) -> bool:
        with translated():
            count = await self._pool.fetchval(_NOTICE, provider, notice_id, operation_id, now)
        return bool(count)

    async def forget_notices(self, before: datetime) -> None:
        await write(self._pool, [Write(_FORGET, (before,))])

    async def _payment(self, unit: UnitOfWork, payment_id: str) -> Payment:
        """Read after its order's row is locked, which nobody else has then."""
        found = await unit.fetch(_GET, payment_id)
        if not found:
            raise _not_found()
        return rows.to_payment(found[0])

    async def of_order(self, unit: UnitOfWork, order_id: str) -> Sequence[Payment]:
        """The payments of an order that `unit` has locked, oldest first."""
        return [rows.to_payment(row) for row in await unit.fetch(_OF_ORDER, order_id)]

    async def keep(self, unit: UnitOfWork, before: Order, step: Step) -> None:
        """Writes what a payment has become, with its order, which `unit` has locked, and return."""
        for each in rows.writes([step], self._encode):
            unit.write(each)
        if step.order.order != before:
            await self._orders.keep(unit, before, step.order)
        if step.operation.return_id and step.operation.status is not Progress.OPEN:
            await self._returns.follow(unit, step.operation)


def _not_found() -> PaymentNotFound:
    return PaymentNotFound("no such payment")
