"""Where the audit log is stored: the interface of a store, and PostgreSQL's.

The service's role may add rows and read them, and neither change nor delete any. What is too old
goes by a function of the database, which keeps the last 30 days whoever asks.

A record's address and device stand apart from it, sealed. An account's key comes and goes with the
account, by the database itself; once it is gone they cannot be read, nor any be added.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from server.kit.audit.record import OK, AuditRecord
from server.kit.context import OPERATOR, Device, Role
from server.kit.exporting import RECORDS_MAX, Held, no_such_page
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import DataError, Pool, Record, translated
from server.kit.postgres.transaction import write
from server.kit.postgres.writes import Write, hexadecimal, to_json
from server.user.audit.rules import Filters, holder_of, is_by, is_strangers, may_lack_origin
from server.user.audit.sealing import seal, unseal

SORTABLE: Mapping[str, type] = {"first_at": datetime}
"""The columns that `AuditStore.list` can sort by, with their types."""

_EXPIRED_BATCH_MAX = 1_000
_now = partial(datetime.now, UTC)


class AuditStore(Protocol):
    """The audit log. Errors as in `UserStore`."""

    async def append(self, records: Sequence[AuditRecord]) -> None:
        """Adds `records`, all or none; one whose id is known changes nothing."""

    async def list(self, filters: Filters, query: PageQuery) -> Page[AuditRecord]:
        """One page in the query's order, ties broken by id.

        Without records of which address and device are not known yet: some that have just begun.
        """

    async def export(self, user_id: str, page_token: str) -> Held:
        """What the log has on a person, oldest first, as `list` does. Raises `InvalidPageToken`.

        Of what others did to them it tells neither who nor from where: that is the others'.
        """

    async def delete_before(self, moment: datetime) -> int:
        """Deletes records of before that moment, but none of the last 30 days; their number."""


_COLUMNS = (
    "id, service, action, actor_id, actor_role, subject_id, resource, request_id, outcome, count,"
    " first_at, last_at"
)

_LISTING = Listing(
    table="audit_logs",
    columns=_COLUMNS,
    sortable=SORTABLE,
    filtered_by="first_at",
    ranges=(("actor_id",), ("subject_id",), ("action", "outcome"), ("action",), ("outcome",)),
)

_INSERT = f"""
    INSERT INTO audit_logs ({_COLUMNS})
    SELECT {_COLUMNS} FROM json_populate_recordset(NULL::audit_logs, $1) ON CONFLICT DO NOTHING
"""

_INSERT_ORIGINS = """
    INSERT INTO audit_origins (id, holder, sealed)
    SELECT id, holder, sealed FROM json_populate_recordset(NULL::audit_origins, $1)
    ON CONFLICT DO NOTHING
"""

_ADD_STRANGERS = """
    INSERT INTO audit_keys (holder) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING
"""

_GET_KEYS = "SELECT holder, key FROM audit_keys WHERE holder = ANY($1)"

_GET_ORIGINS = """
    SELECT id, sealed, key FROM audit_origins JOIN audit_keys USING (holder) WHERE id = ANY($1)
"""

_COUNT_OF_PERSON = """
    SELECT count(*) FROM audit_logs WHERE actor_id = $1::text OR subject_id = $1::text::uuid
"""

_OF_PERSON = f"""
    SELECT {_COLUMNS} FROM audit_logs
    WHERE (actor_id = $1::text OR subject_id = $1::text::uuid) AND (first_at, id) > (
        coalesce((SELECT first_at FROM audit_logs WHERE id = $2), '-infinity'),
        coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
    )
    ORDER BY first_at, id LIMIT $3
"""

_IS_THERE = "SELECT EXISTS (SELECT FROM audit_logs WHERE id = $1)"

_EXPIRE = "SELECT audit_expire($1, $2)"


def inserting(records: Sequence[AuditRecord]) -> Write:
    """Adds `records` without address and device."""
    return Write(_INSERT, (to_json([_row(each) for each in records]),))


class PostgresAuditStore:
    """An `AuditStore` on a pool of connections to `emporium_user`."""

    def __init__(self, pool: Pool, now: Callable[[], datetime] = _now) -> None:
        self._pool = pool
        self._now = now
        self._totals = Totals(pool, _LISTING.table)

    async def append(self, records: Sequence[AuditRecord]) -> None:
        located = {each: _holder(each) for each in records if each.address or each.device}
        keys = await self._keys(set(located.values()))
        origins = [
            {
                "id": each.id,
                "holder": holder,
                "sealed": hexadecimal(
                    seal(keys[holder], each.id, Device(each.device, each.address))
                ),
            }
            for each, holder in located.items()
            if holder in keys
        ]
        writes = [inserting(records)]
        if origins:
            writes.append(Write(_INSERT_ORIGINS, (to_json(origins),)))
        await write(self._pool, writes)

    async def _keys(self, holders: Iterable[str]) -> Mapping[str, bytes]:
        """The keys that there are: none of accounts that were erased."""
        wanted = [*holders]
        if strangers := [each for each in wanted if is_strangers(each)]:
            with translated():
                await self._pool.execute(_ADD_STRANGERS, strangers)
        with translated():
            rows = await self._pool.fetch(_GET_KEYS, wanted) if wanted else []
        return {row["holder"]: row["key"] for row in rows}

    async def list(self, filters: Filters, query: PageQuery) -> Page[AuditRecord]:
        where = Where.of(
            ("first_at >= {}", filters.created_after),
            ("first_at < {}", filters.created_before),
            equal={
                "actor_id": filters.actor,
                "subject_id": filters.subject,
                "action": filters.action,
                "outcome": filters.outcome,
            },
        )
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows(await self._records(page.rows))

    async def export(self, user_id: str, page_token: str) -> Held:
        after = page_token or None
        with translated():
            count = await self._pool.fetchval(_COUNT_OF_PERSON, user_id)
            if after and not await self._is_there(after):
                raise no_such_page()
            rows = await self._pool.fetch(_OF_PERSON, user_id, after, RECORDS_MAX + 1)
        found = rows[:RECORDS_MAX]
        records = await self._records(found)
        shown = [(each.id, shown_to(user_id, each)) for each in records]
        unfinished = len(found) - len(records)
        return Held(shown, count - unfinished, has_more=len(rows) > RECORDS_MAX)

    async def _is_there(self, record_id: str) -> bool:
        try:
            found: bool = await self._pool.fetchval(_IS_THERE, record_id)
        except DataError:
            return False  # no id at all
        return found

    async def _records(self, rows: Sequence[Record]) -> Sequence[AuditRecord]:
        """With address and device where their key is still there; none that may get them yet."""
        ids = [row["id"] for row in rows]
        with translated():
            found = await self._pool.fetch(_GET_ORIGINS, ids) if ids else []
        origins = {row["id"]: unseal(row["key"], str(row["id"]), row["sealed"]) for row in found}
        nowhere = Device("", "")
        records = [_record(row, origins.get(row["id"], nowhere)) for row in rows]
        unfinished = await self._unfinished(
            [each for each, row in zip(records, rows, strict=True) if row["id"] not in origins]
        )
        return [each for each in records if each.id not in unfinished]

    async def _unfinished(self, records: Sequence[AuditRecord]) -> Collection[str]:
        """Of records without address and device, the ids of those that get them in a moment."""
        now = self._now()
        holders = {
            each.id: _holder(each)
            for each in records
            # What the operator does on the machine has none, ever.
            if each.actor_id != OPERATOR and may_lack_origin(each.first_at, now)
        }
        if not holders:
            return ()
        accounts = {each for each in holders.values() if not is_strangers(each)}
        erased = accounts - {*await self._keys(accounts)}
        return [id_ for id_, holder in holders.items() if holder not in erased]

    async def delete_before(self, moment: datetime) -> int:
        total = 0
        while True:
            with translated():
                count: int = await self._pool.fetchval(_EXPIRE, moment, _EXPIRED_BATCH_MAX)
            total += count
            if count < _EXPIRED_BATCH_MAX:
                return total


def shown_to(user_id: str, record: AuditRecord) -> AuditRecord:
    """`record` as the person may have it who is its actor or its subject."""
    succeeded = record.outcome == OK
    if is_by(user_id, record.actor_id, record.subject_id, has_succeeded=succeeded):
        return record
    return record.without_actor()


def _holder(record: AuditRecord) -> str:
    return holder_of(record.actor_id, record.subject_id, record.first_at)


def _row(record: AuditRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "service": record.service,
        "action": record.action,
        "actor_id": record.actor_id,
        "actor_role": record.actor_role,
        "subject_id": record.subject_id or None,
        "resource": record.resource,
        "request_id": record.request_id,
        "outcome": record.outcome,
        "count": record.count,
        "first_at": record.first_at,
        "last_at": record.last_at,
    }


def _record(row: Record, device: Device) -> AuditRecord:
    return AuditRecord(
        id=str(row["id"]),
        service=row["service"],
        action=row["action"],
        actor_id=row["actor_id"],
        actor_role=Role(row["actor_role"]) if row["actor_role"] else None,
        subject_id=str(row["subject_id"] or ""),
        resource=row["resource"],
        request_id=row["request_id"],
        outcome=row["outcome"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        address=device.address,
        device=device.label,
        count=row["count"],
    )
