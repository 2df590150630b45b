"""Webhooks in PostgreSQL."""

from collections.abc import Callable
from dataclasses import asdict

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.outbox import Event, append
from server.kit.postgres import Pool, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Write, hexadecimal
from server.order.webhooks.rules import (
    Webhook,
    WebhookNotFound,
    WebhookPaused,
    WebhookStatus,
    check_room,
)
from server.order.webhooks.store import SORTABLE, rows

_LISTING = Listing("webhooks", rows.WEBHOOK_COLUMNS, SORTABLE, filtered_by="created_at")

_GET = f"SELECT {rows.WEBHOOK_COLUMNS} FROM webhooks WHERE id = $1"

# One at a time is added: so there are never more than there may be.
_TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks', 0))"

_COUNT = "SELECT count(*) AS count FROM webhooks"

_ROUTE = """
    INSERT INTO webhook_routes (webhook_id, event_type) SELECT $1, unnest($2::text[])
"""

_UNROUTE = "DELETE FROM webhook_routes WHERE webhook_id = $1 AND event_type = ANY($2::text[])"

_DUE_NOW = """
    UPDATE webhook_deliveries SET due_at = now() WHERE webhook_id = $1 AND status = 'PENDING'
"""

_ROTATE = """
    UPDATE webhooks
    SET previous_secret = CASE WHEN $3::timestamptz IS NOT NULL THEN secret END,
        secret = $2, previous_until = $3, updated_at = $4, version = $5
    WHERE id = $1
"""

_DELETE = "DELETE FROM webhooks WHERE id = $1"


class PostgresWebhookStore:
    """A `WebhookStore` on a pool of connections to `emporium_order`.

    `encode` puts an event into the outbox's envelope. `wake` is called after each commit that left
    one there, and `tell` after each that left something to post.
    """

    def __init__(
        self,
        pool: Pool,
        encode: Callable[[WebhookPaused], Event],
        wake: Callable[[], None],
        tell: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._encode = encode
        self._wake = wake
        self._tell = tell
        self._totals = Totals(pool, _LISTING.table)

    async def create(
        self, webhook: Webhook, secret: bytes, key: Key | None, answer: bytes
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            await unit.fetch(_TAKE_TURN)
            [row] = await unit.fetch(_COUNT)
            check_room(row["count"])
            unit.write(
                rows.NEW_WEBHOOKS.insert([{**asdict(webhook), "secret": hexadecimal(secret)}])
            )
            unit.write(Write(_ROUTE, (webhook.id, [*webhook.routes])))
            return answer

        with translated():
            return await change_once(self._pool, work, key)

    async def get(self, webhook_id: str) -> Webhook:
        with translated():
            row = await self._pool.fetchrow(_GET, webhook_id)
        if row is None:
            raise not_found()
        return rows.to_webhook(row)

    async def list(self, status: WebhookStatus | None, query: PageQuery) -> Page[Webhook]:
        where = Where.of(equal={"status": status})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([rows.to_webhook(row) for row in page.rows])

    async def update(self, webhook_id: str, change: Callable[[Webhook], Webhook]) -> Webhook:
        async def work(unit: UnitOfWork) -> Webhook:
            before = await locked(unit, webhook_id)
            after = change(before)
            if after != before:
                unit.write(rows.WEBHOOKS.update([after]))
                _reroute(unit, before, after)
                if after.status is WebhookStatus.ACTIVE and before.status is not after.status:
                    unit.write(Write(_DUE_NOW, (webhook_id,)))
            return after

        after = await transaction(self._pool, work, completes_call=True)
        self._tell()
        return after

    async def rotate(
        self,
        webhook_id: str,
        change: Callable[[Webhook], Webhook],
        secret: bytes,
        key: Key | None,
        answer: Callable[[Webhook], bytes],
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            after = change(await locked(unit, webhook_id))
            values = (after.id, secret, after.previous_until, after.updated_at, after.version)
            unit.write(Write(_ROTATE, values))
            return answer(after)

        with translated():
            return await change_once(self._pool, work, key)

    async def delete(self, webhook_id: str, check: Callable[[Webhook], None]) -> None:
        async def work(unit: UnitOfWork) -> None:
            check(await locked(unit, webhook_id))
            unit.write(Write(_DELETE, (webhook_id,)))

        await transaction(self._pool, work, completes_call=True)

    async def pause(
        self,
        webhook_id: str,
        change: Callable[[Webhook], tuple[Webhook, WebhookPaused] | None],
    ) -> None:
        async def work(unit: UnitOfWork) -> None:
            found = await unit.lock(rows.WEBHOOKS, rows.LOCK_WEBHOOK, webhook_id)
            changed = change(rows.to_webhook(found[0])) if found else None
            if changed:
                unit.write(rows.WEBHOOKS.update([changed[0]]))
                unit.write(append([self._encode(changed[1])]))

        await transaction(self._pool, work)
        self._wake()


def _reroute(unit: UnitOfWork, before: Webhook, after: Webhook) -> None:
    had, has = set(before.routes), set(after.routes)
    if had - has:
        unit.write(Write(_UNROUTE, (after.id, sorted(had - has))))
    if has - had:
        unit.write(Write(_ROUTE, (after.id, sorted(has - had))))


async def locked(unit: UnitOfWork, webhook_id: str) -> Webhook:
    """The webhook, locked. Raises `WebhookNotFound`."""
    found = await unit.lock(rows.WEBHOOKS, rows.LOCK_WEBHOOK, webhook_id)
    if not found:
        raise not_found()
    return rows.to_webhook(found[0])


def not_found() -> WebhookNotFound:
    """What is raised where there is none."""
    return WebhookNotFound("no such webhook")
