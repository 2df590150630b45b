"""Deliveries in PostgreSQL, as callers see them."""

from collections.abc import Awaitable, Callable

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.outbox import Event
from server.kit.postgres import Pool, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Write
from server.order.webhooks.rules import Delivery, DeliveryNotFound, DeliveryStatus, Webhook
from server.order.webhooks.store import SORTABLE, rows
from server.order.webhooks.store.webhooks import locked

_LISTING = Listing("webhook_deliveries", rows.DELIVERY_COLUMNS, SORTABLE, filtered_by="created_at")

_LOCK = f"""
    SELECT {rows.DELIVERY_COLUMNS} FROM webhook_deliveries
    WHERE webhook_id = $1 AND id = $2 AND id IN (SELECT id FROM webhook_messages WHERE id = $2)
    FOR UPDATE
"""

_REDELIVER = """
    UPDATE webhook_deliveries
    SET status = $3, attempts = $4, due_at = $5, in_order = $6
    WHERE webhook_id = $1 AND id = $2
"""

_KEEP = """
    INSERT INTO webhook_messages (
        id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, occurred_at,
        created_at
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
"""

_DELIVER = """
    INSERT INTO webhook_deliveries (
        webhook_id, id, event_type, aggregate_id, in_order, due_at, created_at
    ) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


class PostgresDeliveryStore:
    """A `DeliveryStore` on a pool; `tell` is called after each commit that left work."""

    def __init__(self, pool: Pool, tell: Callable[[], None]) -> None:
        self._pool = pool
        self._tell = tell
        self._totals = Totals(pool, _LISTING.table)

    async def list(
        self, webhook_id: str, status: DeliveryStatus | None, query: PageQuery
    ) -> Page[Delivery]:
        where = Where.of(equal={"webhook_id": webhook_id, "status": status})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([rows.to_delivery(row) for row in page.rows])

    async def ping(
        self,
        webhook_id: str,
        check: Callable[[Webhook], None],
        event: Event,
        key: Key | None,
        answer: Callable[[Delivery], bytes],
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            check(await locked(unit, webhook_id))
            now = event.occurred_at
            pending = DeliveryStatus.PENDING
            delivery = Delivery(
                webhook_id, event.id, event.type, event.aggregate_id, pending, 0, now, now
            )
            values = (event.id, event.aggregate_type, event.aggregate_id, event.aggregate_version)
            unit.write(Write(_KEEP, (*values, event.type, event.payload, now)))
            in_order = False  # a test waits for nothing
            given = (webhook_id, event.id, event.type, event.aggregate_id, in_order, now, now)
            unit.write(Write(_DELIVER, given))
            return answer(delivery)

        return await self._once(work, key)

    async def redeliver(
        self,
        webhook_id: str,
        delivery_id: str,
        check: Callable[[Webhook], None],
        change: Callable[[Delivery], Delivery],
        key: Key | None,
        answer: Callable[[Delivery], bytes],
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            check(await locked(unit, webhook_id))
            found = await unit.lock(rows.DELIVERIES, _LOCK, webhook_id, delivery_id)
            if not found:
                raise DeliveryNotFound("no such delivery of this webhook; they are kept for 7 days")
            after = change(rows.to_delivery(found[0]))
            values = (after.webhook_id, after.id, after.status, after.attempts, after.due_at)
            unit.write(Write(_REDELIVER, (*values, after.in_order)))
            return answer(after)

        return await self._once(work, key)

    async def _once(self, work: Callable[[UnitOfWork], Awaitable[bytes]], key: Key | None) -> bytes:
        with translated():
            given = await change_once(self._pool, work, key)
        self._tell()
        return given
