"""Erases people in PostgreSQL, for good: the interface of a store, and PostgreSQL's.

A tombstone, a row of `erasures`, says who was erased, what so far, and when nothing was left. It
stays: it holds an id that leads nowhere, and refuses whatever would bring the person back, by a
trigger of `orders`.

What a process leaves that is killed: before the tombstone nothing has happened. After it, each step
erases some and counts them on the tombstone in one transaction, so a repeat goes on and counts
nothing twice.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from server.kit.postgres import Pool, translated
from server.kit.postgres.idempotency import erase_answers
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write
from server.kit.receipts import Receipt

STORE = "order/postgres"

_STEP_MAX = 500  # orders in one transaction

_ERASURES = Table(
    "erasures", ("user_id", "erased_at", "erased", "completed_at"), key=("user_id",), lock_rank=20
)

_IS_BURIED = "SELECT 1 FROM erasures WHERE user_id = $1"

# Whoever has placed an order and not committed it has read this table, by the trigger, and is
# waited for; who places one meanwhile waits, for as long as a commit takes, and then sees the
# tombstone. So an order is either found by the erasure or refused. A lock of `orders` would do too,
# and would wait for their vacuum.
_WAIT_FOR_WRITERS = "LOCK TABLE erasures IN ACCESS EXCLUSIVE MODE"

_BURY = """
    INSERT INTO erasures (user_id, erased_at, erased) VALUES ($1, $2, '{}') ON CONFLICT DO NOTHING
"""

_LOCK = "SELECT erased FROM erasures WHERE user_id = $1 FOR UPDATE"

_COUNT = "UPDATE erasures SET erased = $2::text::jsonb WHERE user_id = $1"

_COMPLETE = """
    UPDATE erasures SET completed_at = coalesce(completed_at, $2) WHERE user_id = $1
    RETURNING erased, completed_at
"""

_RECENT = "SELECT user_id FROM erasures WHERE erased_at > $1"
# For how long something may come late that no trigger refuses, such as the first answer to a call
# that was under way: the longest life of a token.
_SWEPT_FOR = timedelta(days=1)

_decode = msgspec.json.Decoder(dict[str, int]).decode


class ErasureStore(Protocol):
    """What is held of people, to be erased. Errors as in `CatalogStore`."""

    async def erase(self, user_id: str, erased_at: datetime, now: datetime) -> Receipt:
        """Leaves nothing of the person. Repeatable: gives what was erased in all."""


class Part(Protocol):
    """Something that is kept of people in this database."""

    async def erase(self, unit: UnitOfWork, user_id: str, count_max: int) -> Mapping[str, int]:
        """Erases that many at most of each kind, and gives the numbers, zeros too."""


class PostgresErasureStore:
    """An `ErasureStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool, *parts: Part) -> None:
        self._pool = pool
        self._parts = parts

    async def erase(self, user_id: str, erased_at: datetime, now: datetime) -> Receipt:
        await self._bury(user_id, erased_at)
        while await self._step_of(user_id):
            pass
        with translated():
            row: Any = await self._pool.fetchrow(_COMPLETE, user_id, now)
        return Receipt(STORE, _decode(row["erased"]), row["completed_at"])

    async def sweep(self, now: datetime) -> None:
        """Erases again what has come late of those who were erased lately."""
        with translated():
            recent = await self._pool.fetch(_RECENT, now - _SWEPT_FOR)
        for [user_id] in recent:
            while await self._step_of(str(user_id)):
                pass

    async def _step_of(self, user_id: str) -> int:
        return await transaction(self._pool, lambda unit: self._step(unit, user_id))

    async def _bury(self, user_id: str, erased_at: datetime) -> None:
        """Leaves the tombstone. What follows is made up for by `sweep`, so the call is done."""

        async def bury(unit: UnitOfWork) -> None:
            if not await unit.fetch(_IS_BURIED, user_id):
                await unit.fetch(_WAIT_FOR_WRITERS)
                unit.write(Write(_BURY, (user_id, erased_at)))

        await transaction(self._pool, bury, completes_call=True)

    async def _step(self, unit: UnitOfWork, user_id: str) -> int:
        """Erases some; how many, and 0 when nothing is left."""
        [row] = await unit.lock(_ERASURES, _LOCK, user_id)
        erased = {"first_answers": await erase_answers(unit, user_id)}
        for part in self._parts:
            erased |= await part.erase(unit, user_id, _STEP_MAX)
        so_far = _decode(row["erased"])
        counts = {kind: so_far.get(kind, 0) + count for kind, count in erased.items()}
        unit.write(Write(_COUNT, (user_id, msgspec.json.encode(counts).decode())))
        return sum(erased.values())
