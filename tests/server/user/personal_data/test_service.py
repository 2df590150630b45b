"""What is left of a person whose account was deleted, and what is handed out of one who stays."""

import asyncio
import signal
import sys
import uuid
from typing import Any

import pytest

from emporium.type.v1.personal_data_pb2 import ErasureReceipt
from emporium.user.v1 import auth_service_pb2, email_link_service_pb2
from emporium.user.v1 import personal_data_service_pb2 as pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.settings import Mongo
from tests.server.refusals import refused
from tests.server.user.doors import PASSWORD, Door, create, new_email
from tests.server.user.personal_data.conftest import Running

PENDING, COMPLETE = ErasureReceipt.PENDING, ErasureReceipt.COMPLETE
STORES = ["user/postgres", "user/mongodb", "order/postgres", "analytics/mongodb"]


def delete(user_id: str) -> user_pb.DeleteUserRequest:
    return user_pb.DeleteUserRequest(user_id=user_id)


async def signed_up(running: Running, **fields: Any) -> Door:
    """Somebody with an account and a session."""
    account = await running.anyone("CreateUser", create(**fields))
    request = auth_service_pb2.LoginRequest(email=account.email, password=PASSWORD)
    login = await running.anyone("Login", request)
    return running.anyone.with_token(login.access_token, account.id)


def export(door: Door, user_id: str = "", **fields: str) -> Any:
    return door("ExportUser", pb.ExportUserRequest(user_id=user_id or door.user_id, **fields))


async def test_an_erasure_is_pending_until_every_store_is_done(running: Running) -> None:
    ann = await signed_up(running)
    await ann("DeleteUser", delete(ann.user_id))
    begun = await running.erasure(ann.user_id)
    assert [(each.store, each.state) for each in begun.receipts] == [
        (STORES[0], COMPLETE),
        *((store, PENDING) for store in STORES[1:]),
    ]
    assert not begun.complete
    assert not begun.receipts[1].HasField("completed_at")

    running.order.is_away = True
    async with running.relaying():
        running.order.is_away = False
        done = await running.erased(ann.user_id.upper())
    assert [(each.store, each.state) for each in done.receipts] == [
        (store, COMPLETE) for store in STORES
    ]
    assert done.erased_at == begun.erased_at
    assert all(each.HasField("completed_at") for each in done.receipts)
    own, sessions, *others = done.receipts
    assert own.erased == {
        "accounts": 1, "api_keys": 0, "first_answers": 0, "mailed_links": 0, "waiting_events": 2,
        "second_factors": 0, "recovery_codes": 0,
    }  # fmt: skip
    assert sessions.erased == {"sessions": 1}
    assert [each.erased for each in others] == [{"things": 3}] * 2
    assert running.order.erased.count(ann.user_id) == 1


async def test_only_admins_see_it_and_only_of_who_was_erased(running: Running) -> None:
    ann = await signed_up(running)
    missing = pb.GetErasureRequest(user_id=ann.user_id)
    assert (await refused(running.admin("GetErasure", missing))).reason == "ERASURE_NOT_FOUND"
    assert (await refused(ann("GetErasure", missing))).reason == "PERMISSION_DENIED"
    assert (await refused(running.anyone("GetErasure", missing))).reason == "UNAUTHENTICATED"


async def everything(running: Running) -> dict[str, list[str]]:
    """Every row and every document of both databases, as text in lower case, by where it is."""
    found = {}
    tables = await running.pool.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    for [table] in tables:
        rows = await running.pool.fetch(f'SELECT * FROM "{table}"')
        found[table] = [" ".join(map(_shown, row.values())).lower() for row in rows]
    for name in ("sessions", "erasures"):
        documents = running.mongo.collection(name).find({})
        found[f"mongodb {name}"] = [str(each).lower() async for each in documents]
    return found


def _shown(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


async def holding(running: Running, *texts: str) -> list[str]:
    """Where one of the texts stands."""
    return sorted(
        name
        for name, rows in (await everything(running)).items()
        if any(text.lower() in row for text in texts for row in rows)
    )


async def test_nothing_of_a_person_is_left_but_the_proof(running: Running) -> None:
    name = uuid.uuid4().hex
    email, other = f"{name}@Example.com", f"x{name}@example.com"
    ann = await signed_up(running, email=email, full_name="Xq Canary", request_id=uuid.uuid4().hex)
    # Not hers, though it ends like hers.
    near = await running.anyone("CreateUser", create(email=other, full_name="Near"))
    forgot = email_link_service_pb2.ForgotPasswordRequest
    for address in (email.upper(), email, other):
        await running.anyone("ForgotPassword", forgot(email=address))
    new = user_pb.UpdateUserRequest(user_id=ann.user_id, email="canary-new@example.com", age=44)
    await ann("UpdateUser", new)
    # A dead letter, of an SMTP server that says whom it will not have.
    await running.pool.execute(
        """
        INSERT INTO outbox_blocks (destination, aggregate_id, event_id, state, attempts, error)
        SELECT 'mail', aggregate_id, id, 'DEAD', 1, 'no such mailbox: ' || $1
        FROM outbox WHERE aggregate_type = 'mail' AND strpos(encode(payload, 'escape'), $1) > 0
        """,
        "canary-new@example.com",
    )
    await running.pool.execute(
        "INSERT INTO one_time_tokens (id, kind, token_hash, user_id, email, expires_at)"
        " VALUES (gen_random_uuid(), 'VERIFY_EMAIL', $1, $2, $3, now() + interval '1 day')",
        uuid.uuid4().bytes, ann.user_id, email,
    )  # fmt: skip
    await running.pool.execute(
        "INSERT INTO totp_secrets (user_id, sealed, created_at) VALUES ($1, '', now())", ann.user_id
    )
    await running.pool.execute(
        "INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, 'a'), ($1, 'b')", ann.user_id
    )
    keyed = user_pb.SuspendUserRequest(user_id=ann.user_id, request_id=uuid.uuid4().hex)
    await running.admin("SuspendUser", keyed)
    canaries = (f" {email}", f"\x1a,{email}", ann.user_id, "canary")
    before = await holding(running, *canaries)
    assert {"users", "outbox", "outbox_blocks", "one_time_tokens", "idempotency_keys"} <= {*before}
    assert "mongodb sessions" in before

    await running.admin("DeleteUser", delete(ann.user_id))
    async with running.relaying():
        done = await running.erased(ann.user_id)
    assert done.receipts[0].erased == {
        "accounts": 1, "api_keys": 0, "first_answers": 2, "mailed_links": 2, "waiting_events": 7,
        "second_factors": 1, "recovery_codes": 2,
    }  # fmt: skip
    assert await holding(running, *canaries) == [
        "erasure_receipts",
        "erasures",
        "mongodb erasures",
        "outbox",  # that the account was erased, for the mailer that is away
        "outbox_deliveries",
        "revocations",  # until the last of the account's tokens has run out
    ]
    told = "SELECT event_type FROM outbox WHERE strpos(encode(payload, 'escape'), $1) > 0"
    assert [row[0] for row in await running.pool.fetch(told, ann.user_id)] == [
        "emporium.user.v1.UserErased"
    ]
    assert "outbox" in await holding(running, other)  # whose mails wait still
    assert (await running.admin("GetUser", user_pb.GetUserRequest(user_id=near.id))).email == other


async def test_whoever_is_killed_before_the_receipt_is_kept_counts_nothing_twice(
    running: Running, user_mongo_settings: Mongo
) -> None:
    ann = await signed_up(running)
    await ann("DeleteUser", delete(ann.user_id))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.server.user.personal_data.erasing_process"),
        *(running.dsn, user_mongo_settings.mongodb_uri, user_mongo_settings.mongodb_database),
    )
    assert await process.wait() == -signal.SIGKILL
    begun = await running.erasure(ann.user_id)
    assert begun.receipts[1].state == PENDING
    assert "mongodb sessions" not in await holding(running, ann.user_id)
    # Its lease has some seconds to go, which no test waits for.
    await running.pool.execute("UPDATE outbox_destinations SET lease_until = now()")
    async with running.relaying():
        done = await running.erased(ann.user_id)
    assert done.receipts[1].erased == {"sessions": 1}


async def test_the_email_can_be_used_again_at_once(running: Running) -> None:
    email = new_email()
    ann = await signed_up(running, email=email, request_id="the-same-key")
    await ann("DeleteUser", delete(ann.user_id))
    again = await signed_up(running, email=email.upper(), request_id="the-same-key")
    assert again.user_id != ann.user_id
    async with running.relaying():
        await running.erased(ann.user_id)
    found = await running.admin("GetUser", user_pb.GetUserRequest(user_id=again.user_id))
    assert found.email == email.upper()


async def test_a_person_gets_all_that_is_held_of_them(running: Running) -> None:
    ann = await signed_up(running, age=44)
    running.order.records = [{"id": "7", "total_price": "10.00"}]
    answer = await export(ann)
    assert answer.user_id == ann.user_id
    assert not answer.missing
    parts = {part.name: part for part in answer.parts}
    assert [*parts] == [
        "account", "sessions", "mailed_links", "api_keys", "second_factor", "audit_events",
        "orders", "activity", "sales",
    ]  # fmt: skip
    [account] = parts["account"].records
    assert (account["id"], account["age"], account["role"]) == (ann.user_id, 44, "CUSTOMER")
    assert "password_hash" not in account
    [session] = parts["sessions"].records
    assert session["device"].startswith("grpc-python")
    assert parts["orders"].records[0]["total_price"] == "10.00"
    assert (await export(running.admin, ann.user_id)).parts == answer.parts


async def test_a_second_factor_is_shown_without_its_secret(running: Running) -> None:
    ann = await signed_up(running)
    await running.pool.execute(
        "INSERT INTO totp_secrets (user_id, sealed, created_at) VALUES ($1, 'x', now())",
        ann.user_id,
    )
    [part] = (await export(ann, part="second_factor")).parts
    assert {*part.records[0].fields} == {"created_at", "recovery_codes"}


async def test_a_part_that_is_away_is_named(running: Running) -> None:
    ann = await signed_up(running)
    running.analytics.is_away = True
    try:
        whole, asked = await export(ann), await export(ann, part="sales")
    finally:
        running.analytics.is_away = False
    reason = "the analytics service cannot be reached"
    missing = [(each.name, each.reason) for each in whole.missing]
    assert missing == [("activity", reason), ("sales", reason)]
    assert [part.name for part in whole.parts][-1] == "orders"
    assert [(each.name, each.reason) for each in asked.missing] == [("sales", reason)]


async def test_a_part_that_an_older_service_does_not_know_is_named(running: Running) -> None:
    ann = await signed_up(running)
    running.analytics.names = ("activity",)
    try:
        answer = await export(ann)
    finally:
        running.analytics.names = ("activity", "sales")
    assert [each.name for each in answer.missing] == ["sales"]


async def test_one_part_can_be_asked_for(running: Running) -> None:
    ann = await signed_up(running)
    assert [part.name for part in (await export(ann, part="sales")).parts] == ["sales"]
    found = await refused(export(ann, part="secrets"))
    assert (found.reason, found.fields) == ("INVALID_FILTER", ["part"])
    assert (await refused(export(ann, page_token="7"))).fields == ["page_token"]
    lost = await refused(export(ann, part="account", page_token="7"))
    assert lost.reason == "INVALID_PAGE_TOKEN"


async def test_nobody_elses_export_is_there(running: Running) -> None:
    ann, bob = await signed_up(running), await signed_up(running)
    theirs, missing = [
        await refused(export(bob, user_id)) for user_id in (ann.user_id, str(uuid.uuid4()))
    ]
    assert (theirs.reason, theirs.message) == (missing.reason, missing.message)
    assert theirs.reason == "USER_NOT_FOUND"
    gone = str(uuid.uuid4())
    assert (await refused(export(running.admin, gone))).reason == "USER_NOT_FOUND"


@pytest.mark.parametrize("role", ["SERVICE"])
async def test_services_have_no_export(running: Running, token: Any, role: str) -> None:
    service = running.anyone.with_token(token(role), "")
    assert (await refused(export(service, str(uuid.uuid4())))).reason == "PERMISSION_DENIED"
