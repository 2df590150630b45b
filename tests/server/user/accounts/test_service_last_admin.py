"""The last admin through the gRPC door: what is refused names the field that asked for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from emporium.type.v1.role_pb2 import STAFF
from emporium.user.v1 import user_service_pb2 as pb
from server.kit import auth, postgres
from server.kit.context import Role
from server.kit.mongo import Database
from server.settings import Tokens
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.app import registrations
from server.user.app.callers import standings
from server.user.events.encoding import to_outbox
from server.user.passwords.hashing import hashing
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.refusals import refused
from tests.server.user.conftest import unheard
from tests.server.user.doors import Door
from tests.server.user.samples import HASH, opened

DISABLED = pb.User.DISABLED


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def last(
    new_database: NewDatabase,
    user_mongo: Database,
    signer: auth.Signer,
    serve: Serve,
    token: Token,
) -> AsyncIterator[Door]:
    """The only admin of a service."""
    settings = await new_database("user")
    async with (
        postgres.connected(settings) as pool,
        hashing(4, 1) as hasher,
        standings(pool, unheard(pool)) as accounts,
        serve(
            registrations(pool, user_mongo, hasher, signer, lambda: None, accounts, Tokens()),
            accounts,
        ) as channel,
    ):
        admin = opened(role=Role.ADMIN)
        await PostgresUserStore(pool, to_outbox, lambda: None).create(admin, HASH, None, b"")
        yield Door(channel, token("ADMIN", admin.user.id), admin.user.id)


@pytest.mark.parametrize(
    ("rpc", "request_type", "fields", "named"),
    [
        ("UpdateUser", pb.UpdateUserRequest, {"role": STAFF}, ["role"]),
        ("UpdateUser", pb.UpdateUserRequest, {"status": DISABLED, "age": 7}, ["status"]),
        (
            "UpdateUser",
            pb.UpdateUserRequest,
            {"status": DISABLED, "role": STAFF},
            ["role", "status"],
        ),
        ("SetUserRole", pb.SetUserRoleRequest, {"role": STAFF}, ["role"]),
        ("SuspendUser", pb.SuspendUserRequest, {}, ["status"]),
        ("DeleteUser", pb.DeleteUserRequest, {}, []),
    ],
)
async def test_the_field_that_takes_the_last_admin_away_is_named(
    last: Door, rpc: str, request_type: Any, fields: dict[str, Any], named: list[str]
) -> None:
    answer = await refused(last(rpc, request_type(user_id=last.user_id, **fields)))
    assert (answer.reason, answer.fields) == ("LAST_ADMIN", named)
