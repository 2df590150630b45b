"""The user service through its gRPC door: who changes a password, and what comes of it."""

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from emporium.user.v1 import auth_service_pb2, events_pb2
from emporium.user.v1 import user_service_pb2 as pb
from server.kit.postgres import Pool
from server.user.logins.store import PostgresCredentialStore
from tests.server.conftest import Token
from tests.server.refusals import Refused, refused
from tests.server.user.doors import PASSWORD, Door, create
from tests.server.user.samples import set_hash

NEW = "battery staple"
Owner = Callable[..., Awaitable[tuple[Door, pb.User]]]


@pytest.fixture
def owner(anyone: Door, user_channel: grpc.aio.Channel, token: Token) -> Owner:
    """`await owner()`: somebody with a token and an account with `PASSWORD`, and the account."""

    async def make(**fields: Any) -> tuple[Door, pb.User]:
        user = await anyone("CreateUser", create(**fields))
        return Door(user_channel, token("CUSTOMER", user.id), user.id), user

    return make


def change(current: str = PASSWORD, new: str = NEW) -> auth_service_pb2.ChangePasswordRequest:
    return auth_service_pb2.ChangePasswordRequest(current_password=current, password=new)


def login(user: pb.User, password: str) -> auth_service_pb2.LoginRequest:
    return auth_service_pb2.LoginRequest(email=user.email, password=password)


async def test_who_knows_the_current_password_changes_it(anyone: Door, owner: Owner) -> None:
    door, user = await owner()
    await door("ChangePassword", change())
    assert (await refused(anyone("Login", login(user, PASSWORD)))).reason == "BAD_CREDENTIALS"
    signed_in = (await anyone("Login", login(user, NEW))).user
    assert signed_in.id == user.id
    assert signed_in.etag != user.etag
    assert await door("GetUser", pb.GetUserRequest(user_id=user.id)) == signed_in


async def test_a_wrong_current_password_changes_nothing(anyone: Door, owner: Owner) -> None:
    door, user = await owner()
    found = await refused(door("ChangePassword", change("not the one")))
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "WRONG_PASSWORD")
    assert found.fields == ["current_password"]
    assert (await anyone("Login", login(user, PASSWORD))).user == user


async def test_an_account_without_a_password_gets_none_so(
    admin_door: Door, user_channel: grpc.aio.Channel, token: Token
) -> None:
    user = await admin_door("CreateUser", create(password=None))
    door = Door(user_channel, token("CUSTOMER", user.id), user.id)
    assert (await refused(door("ChangePassword", change()))).reason == "WRONG_PASSWORD"


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("short", "VALIDATION_FAILED"),
        ("x" * 73, "VALIDATION_FAILED"),
        ("\u0958" * 24, "VALIDATION_FAILED"),
        ("Password1", "PASSWORD_TOO_COMMON"),
        ("\u2003" * 8, "VALIDATION_FAILED"),
        ("ann example", "VALIDATION_FAILED"),
    ],
)
async def test_a_new_password_that_may_not_be_is_refused_by_name(
    owner: Owner, new: str, reason: str
) -> None:
    door, _ = await owner()
    found = await refused(door("ChangePassword", change(new=new)))
    assert (found.reason, set(found.fields)) == (reason, {"password"})


async def test_both_passwords_are_their_letters(anyone: Door, owner: Owner) -> None:
    door, user = await owner(password="correct h\u00f6rse")
    await door("ChangePassword", change("correct ho\u0308rse", "batte\u0301ry staple"))
    normalised = unicodedata.normalize("NFKC", "batte\u0301ry staple")
    assert (await anyone("Login", login(user, normalised))).user.id == user.id


async def test_nobody_changes_a_password_without_an_account(
    anyone: Door, user_channel: grpc.aio.Channel, token: Token, admin_door: Door, owner: Owner
) -> None:
    assert (await refused(anyone("ChangePassword", change()))).reason == "UNAUTHENTICATED"
    service = Door(user_channel, token("SERVICE"))
    assert (await refused(service("ChangePassword", change()))).reason == "PERMISSION_DENIED"
    door, user = await owner()
    await admin_door("SuspendUser", pb.SuspendUserRequest(user_id=user.id))
    assert (await refused(door("ChangePassword", change()))).reason == "ACCOUNT_INACTIVE"


async def test_of_two_changes_at_once_one_counts(
    anyone: Door, owner: Owner, user_pool: Pool
) -> None:
    door, user = await owner()
    changes = [door("ChangePassword", change(new=f"{NEW} {n}")) for n in range(2)]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    lost = [Refused(each) for each in outcomes if isinstance(each, grpc.aio.AioRpcError)]
    assert [each.reason for each in lost] in (["CONFLICT"], ["WRONG_PASSWORD"])
    won = next(n for n, each in enumerate(outcomes) if not isinstance(each, Exception))
    assert (await anyone("Login", login(user, f"{NEW} {won}"))).user.etag == "2"


async def test_a_change_of_a_hash_that_was_replaced_meanwhile_is_refused(
    owner: Owner, user_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, user = await owner()
    credentials = PostgresCredentialStore(user_pool)
    get = PostgresCredentialStore.get

    async def overtaken(self: PostgresCredentialStore, user_id: str) -> Any:
        found = await get(self, user_id)
        await set_hash(user_pool, user_id, b"another")
        return found

    monkeypatch.setattr(PostgresCredentialStore, "get", overtaken)
    assert (await refused(door("ChangePassword", change()))).reason == "CONFLICT"
    found = await credentials.find(user.email)
    assert found is not None
    assert (found.password_hash, found.user.etag) == (b"another", user.etag)


async def test_a_change_leaves_an_event_that_holds_no_password(
    owner: Owner, user_pool: Pool
) -> None:
    door, user = await owner()
    await door("ChangePassword", change())
    await refused(door("ChangePassword", change("not the one")))
    rows = await user_pool.fetch(
        "SELECT event_type, aggregate_version, payload FROM outbox"
        " WHERE aggregate_id = $1::uuid ORDER BY position",
        user.id,
    )
    assert [(row["event_type"], row["aggregate_version"]) for row in rows] == [
        ("emporium.user.v1.UserCreated", 1),
        ("emporium.user.v1.PasswordChanged", 2),
    ]
    told = events_pb2.PasswordChanged.FromString(rows[1]["payload"])
    assert told == events_pb2.PasswordChanged(user_id=user.id, session_id=told.session_id)
