"""The audit log in PostgreSQL: what is kept stays, and for how long."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from server.kit import errors
from server.kit.audit.record import AuditRecord
from server.kit.listing.paging import PageQuery, Sort
from server.kit.listing.tokens import PageTokens
from server.kit.postgres import Pool
from server.kit.postgres.transaction import write
from server.user.audit.rules import Filters
from server.user.audit.store import PostgresAuditStore, inserting
from tests.server.kit.audit.records import record


@pytest.mark.parametrize("table", ["audit_logs", "audit_origins", "audit_keys"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {}", "TRUNCATE {} CASCADE"])
async def test_the_service_itself_cannot_change_what_is_kept(
    user_pool: Pool, table: str, statement: str
) -> None:
    column = "holder = holder" if table != "audit_logs" else "outcome = 'OK'"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await user_pool.execute(statement.format(table, column))


async def test_what_the_service_may_do_it_can(user_pool: Pool) -> None:
    """The control: the same statements, of a table of which it keeps the rows."""
    await user_pool.execute("UPDATE users SET full_name = full_name")
    await user_pool.execute("DELETE FROM one_time_tokens")


async def kept(pool: Pool, action: str) -> set[str]:
    rows = await pool.fetch("SELECT id::text FROM audit_logs WHERE action = $1", action)
    return {row["id"] for row in rows}


async def test_what_is_too_old_goes_and_the_last_30_days_stay(user_pool: Pool) -> None:
    store = PostgresAuditStore(user_pool)
    now, action = datetime.now(UTC), f"retention/{uuid.uuid4().hex}"
    ages = {
        days: record(
            action=action,
            first_at=now - timedelta(days=days),
            last_at=now - timedelta(days=days),
            actor_id="",
        )
        for days in (400, 300, 29, 0)
    }
    await store.append([*ages.values()])

    await store.delete_before(now - timedelta(days=365))
    assert await kept(user_pool, action) == {ages[days].id for days in (300, 29, 0)}
    await store.delete_before(now + timedelta(days=365))
    assert await kept(user_pool, action) == {ages[days].id for days in (29, 0)}
    origins = await user_pool.fetch(
        "SELECT id::text FROM audit_origins WHERE id = ANY($1)", [each.id for each in ages.values()]
    )
    assert {row["id"] for row in origins} == {ages[days].id for days in (29, 0)}


async def test_a_record_that_is_sent_again_changes_nothing(user_pool: Pool) -> None:
    store = PostgresAuditStore(user_pool)
    first = record(actor_id="", action=f"again/{uuid.uuid4().hex}")
    await store.append([first])
    await store.append([first.with_another(first), record(actor_id="", action=first.action)])
    rows = await user_pool.fetch(
        "SELECT id::text, count FROM audit_logs WHERE action = $1 ORDER BY id", first.action
    )
    assert [(row["id"] == first.id, row["count"]) for row in rows] == [(True, 1), (False, 1)]


async def test_of_somebody_who_was_erased_no_origin_is_added(user_pool: Pool) -> None:
    store = PostgresAuditStore(user_pool)
    late = record(actor_id=str(uuid.uuid4()))
    await store.append([late])
    assert not await user_pool.fetch("SELECT FROM audit_origins WHERE id = $1", late.id)
    assert not await user_pool.fetch("SELECT FROM audit_keys WHERE holder = $1", late.actor_id)
    assert await user_pool.fetch("SELECT FROM audit_logs WHERE id = $1", late.id)


@pytest.mark.parametrize("held_by", ["an account", "strangers"])
async def test_a_record_is_shown_when_its_origin_has_come_or_comes_no_more(
    user_pool: Pool, held_by: str
) -> None:
    """After a second the process that was to add it has been killed."""
    actor, began = await account(user_pool) if held_by == "an account" else "", datetime.now(UTC)
    of_change = record(actor_id=actor, first_at=began, action=f"change/{uuid.uuid4().hex}")
    await write(user_pool, [inserting([of_change])])

    async def shown(seconds: float) -> list[str]:
        store = PostgresAuditStore(user_pool, lambda: began + timedelta(seconds=seconds))
        return [each.address for each in await listed(store, of_change.action)]

    assert (await shown(0.9), await shown(1.0)) == ([], [""])
    await PostgresAuditStore(user_pool).append([of_change])
    assert await shown(0.0) == [of_change.address]


async def listed(store: PostgresAuditStore, action: str) -> Sequence[AuditRecord]:
    newest_first = Sort("first_at", descending=True)
    query = PageQuery(newest_first, 20, 1, None, None, "", PageTokens(b"secret"))
    return (await store.list(Filters(None, None, action, None, None, None), query)).rows


async def test_an_export_does_without_the_same(user_pool: Pool) -> None:
    person = await account(user_pool)
    of_change = record(actor_id=person, first_at=datetime.now(UTC))
    await write(user_pool, [inserting([of_change])])
    store = PostgresAuditStore(user_pool, lambda: of_change.first_at)
    assert (await store.export(person, "")).count == 0
    await store.append([of_change])
    held = await store.export(person, "")
    assert (held.count, [each.address for _, each in held.rows]) == (1, [of_change.address])


async def account(pool: Pool) -> str:
    """The id of an account that there is."""
    return str(
        await pool.fetchval(
            "INSERT INTO users"
            " (id, email, full_name, role, status, created_at, updated_at, version)"
            " VALUES (gen_random_uuid(), gen_random_uuid() || '@example.com', 'Ann', 'CUSTOMER',"
            " 'ACTIVE', now(), now(), 1) RETURNING id"
        )
    )


async def test_accounts_that_were_there_have_keys_too(user_pool: Pool) -> None:
    """Every account has one of its own, however it was made."""
    await user_pool.execute(
        "INSERT INTO users (id, email, full_name, role, status, created_at, updated_at, version)"
        " SELECT gen_random_uuid(), gen_random_uuid() || '@example.com', 'Ann', 'CUSTOMER',"
        " 'ACTIVE', now(), now(), 1 FROM generate_series(1, 3)"
    )
    row = await user_pool.fetchrow(
        "SELECT count(*) AS accounts, count(DISTINCT key) AS keys"
        " FROM users LEFT JOIN audit_keys ON user_id = users.id"
    )
    assert row is not None
    assert row["accounts"] == row["keys"] >= 3


@pytest.mark.parametrize(
    ("outcome", "address"), [("OK", record().address), ("BAD_CREDENTIALS", "")]
)
async def test_a_person_gets_whence_they_signed_in_and_not_whence_others_tried(
    user_pool: Pool, outcome: str, address: str
) -> None:
    store, ann = PostgresAuditStore(user_pool), await account(user_pool)
    login = record(actor_id="", actor_role=None, subject_id=ann, outcome=outcome)
    await store.append([login])
    [(_, shown)] = (await store.export(ann, "")).rows
    assert (shown.address, bool(shown.device)) == (address, bool(address))


async def test_a_person_gets_what_the_log_has_on_them_and_nothing_of_others(
    user_pool: Pool,
) -> None:
    store, ann = PostgresAuditStore(user_pool), str(uuid.uuid4())
    admin, begun = str(uuid.uuid4()), datetime.now(UTC)
    own = record(actor_id=ann, subject_id="", first_at=begun, last_at=begun)
    later = begun + timedelta(seconds=1)
    to_her = record(actor_id=admin, subject_id=ann, first_at=later, last_at=later)
    await store.append([to_her, own, record(actor_id=admin, subject_id="")])
    held = await store.export(ann, "")
    assert (held.count, held.has_more) == (2, False)
    first, second = (each for _, each in held.rows)
    assert (first.id, first.actor_id) == (own.id, ann)
    assert (second.id, second.actor_id, second.address, second.device) == (to_her.id, "", "", "")
    assert [each.id for _, each in (await store.export(ann, own.id)).rows] == [to_her.id]
    for unknown in ("none", str(uuid.uuid4())):
        with pytest.raises(errors.InvalidPageToken):
            await store.export(ann, unknown)
