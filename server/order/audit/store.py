"""Where audit records wait for the user service: in PostgreSQL."""

from collections.abc import Collection, Sequence

from server.kit.audit.record import AuditRecord
from server.kit.audit.wire import from_bytes, to_bytes
from server.kit.postgres import Pool, translated
from server.kit.postgres.transaction import write
from server.kit.postgres.writes import Write, hexadecimal, to_json

# The same record may come again: whoever stored it may not have heard that it was.
_INSERT = """
    INSERT INTO audit_waiting (id, event)
    SELECT id, event FROM json_populate_recordset(NULL::audit_waiting, $1) ON CONFLICT DO NOTHING
"""

_FIRST = "SELECT event FROM audit_waiting WHERE refused IS NULL ORDER BY id LIMIT $1"

_FORGET = "DELETE FROM audit_waiting WHERE id = ANY($1)"

_SET_ASIDE = "UPDATE audit_waiting SET refused = $2, event = $3 WHERE id = $1"

_TAKE_UP = "UPDATE audit_waiting SET refused = NULL WHERE refused IS NOT NULL"


def inserting(records: Sequence[AuditRecord]) -> Write:
    """Lets `records` wait."""
    rows = [{"id": each.id, "event": hexadecimal(to_bytes(each))} for each in records]
    return Write(_INSERT, (to_json(rows),))


class PostgresWaiting:
    """`kit.audit.forwarding.Waiting`, on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def append(self, records: Sequence[AuditRecord]) -> None:
        """Lets `records` wait, all or none; one that waits already stays as it is."""
        await write(self._pool, [inserting(records)])

    async def first(self, count_max: int) -> Sequence[AuditRecord]:
        with translated():
            rows = await self._pool.fetch(_FIRST, count_max)
        return [from_bytes(row["event"]) for row in rows]

    async def forget(self, record_ids: Collection[str]) -> None:
        with translated():
            await self._pool.execute(_FORGET, list(record_ids))

    async def set_aside(self, record: AuditRecord, error: str) -> None:
        with translated():
            await self._pool.execute(_SET_ASIDE, record.id, error, to_bytes(record))

    async def take_up(self) -> None:
        with translated():
            await self._pool.execute(_TAKE_UP)
