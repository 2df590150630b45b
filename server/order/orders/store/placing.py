"""Keeps new orders in PostgreSQL: all that are placed at one moment, by one statement."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import asyncpg

from server.kit.batching import Gathering
from server.kit.postgres import Pool, idempotency, translated
from server.kit.postgres.idempotency import Key
from server.order.orders.rules import OrderEvent, Placed
from server.order.orders.store import rows

_TOGETHER_MAX = 64

# Orders, items, events and first answers: one statement, which is a transaction of its own.
_INSERT = """
    WITH placed AS (
        INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price, tax,
                            total_price, shipping_address, order_date, created_at, updated_at,
                            version)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::numeric[],
                             $6::numeric[], $7::numeric[], $8::numeric[], $9::numeric[],
                             $10::jsonb[], $11::timestamptz[], $12::timestamptz[],
                             $13::timestamptz[], $14::bigint[])
    ), items AS (
        INSERT INTO order_items (order_id, position, product_id, product_name, unit_price, quantity)
        SELECT * FROM unnest($15::uuid[], $16::smallint[], $17::uuid[], $18::text[],
                             $19::numeric[], $20::integer[])
    ), first AS (
        INSERT INTO idempotency_keys (caller, method, key, body_hash, answer)
        SELECT * FROM unnest($21::text[], $22::text[], $23::text[], $24::bytea[], $25::bytea[])
    )
    INSERT INTO outbox (id, payload) SELECT * FROM unnest($26::uuid[], $27::bytea[])
"""

# What may be the fault of one order among many.
_ONE_AT_FAULT = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)


class _New(NamedTuple):
    placed: Placed
    key: Key | None
    answer: bytes


class Placing:
    """Keeps orders as `OrderStore.create` promises."""

    def __init__(
        self, pool: Pool, encode: Callable[[OrderEvent], bytes], ring: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._encode = encode
        self._ring = ring
        self._gathering = Gathering(self._keep, _TOGETHER_MAX)

    async def create(self, placed: Placed, key: Key | None, answer: bytes) -> bytes:
        """See `OrderStore.create`."""
        return await self._gathering.do(_New(placed, key, answer))

    async def _keep(self, batch: Sequence[_New]) -> Sequence[bytes | Exception]:
        if len(batch) == 1:
            return [await self._keep_alone(batch[0])]
        parts: Sequence[Sequence[_New]]
        with translated():
            try:
                await self._insert(batch)
            except asyncpg.LockNotAvailableError:
                # Halving would wait for the same lock again at every step.
                parts = [[new] for new in batch]
            except _ONE_AT_FAULT:
                # Halving finds one among 64 in six rounds, of two statements each.
                middle = len(batch) // 2
                parts = [batch[:middle], batch[middle:]]
            else:
                return [new.answer for new in batch]
        return [outcome for part in parts for outcome in await self._settled(part)]

    async def _settled(self, part: Sequence[_New]) -> Sequence[bytes | Exception]:
        try:
            return await self._keep(part)
        except Exception as error:  # noqa: BLE001 - handed to those whose orders they are
            return [error] * len(part)

    async def _keep_alone(self, new: _New) -> bytes:
        with translated():
            try:
                await self._insert([new])
            except asyncpg.UniqueViolationError:
                first = await idempotency.first_answer(self._pool, new.key) if new.key else None
                if first is None:
                    raise
                return first
        return new.answer

    async def _insert(self, batch: Sequence[_New]) -> None:
        orders = [new.placed.order for new in batch]
        keyed = [(*_columns(new.key), new.answer) for new in batch if new.key]
        events = [new.placed.event for new in batch]
        await self._pool.execute(
            _INSERT,
            *rows.of_orders(orders),
            *rows.of_items(orders),
            *rows.transposed(keyed, width=5),
            [event.id for event in events],
            [self._encode(event) for event in events],
        )
        self._ring()


def _columns(key: Key) -> tuple[Any, ...]:
    return key.caller, key.method, key.key, key.body_hash
