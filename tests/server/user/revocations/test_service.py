"""The feed through the gRPC door: what acts leave in it, who is told, and who is refused."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import grpc
import pytest
import pytest_asyncio

from emporium.type.v1 import role_pb2
from emporium.type.v1.revocation_pb2 import Revocation
from emporium.user.v1 import auth_service_pb2, revocation_service_pb2_grpc
from emporium.user.v1 import revocation_service_pb2 as pb
from emporium.user.v1 import session_service_pb2 as session_pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit import auth
from server.kit.context import Role
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.kit.revocations import Revocations
from server.settings import Tokens
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.app import registrations
from server.user.app.callers import feed_in, feed_registration, standings
from server.user.events.encoding import to_outbox
from server.user.logins.provisioning import ensure_account
from server.user.passwords.hashing import hashing
from server.user.revocations.feed import Feed, reading
from tests.server.conftest import Serve, Token
from tests.server.refusals import Refused, refused
from tests.server.user.conftest import CHEAPEST_BCRYPT, unheard
from tests.server.user.doors import PASSWORD, Door, create, new_email
from tests.server.user.samples import opened
from tests.waiting import until

Login = auth_service_pb2.LoginResponse
Stream: TypeAlias = (
    "grpc.aio.UnaryStreamCall[pb.WatchRevocationsRequest, pb.WatchRevocationsResponse]"
)
SECONDS_MAX = 5.0  # as it is promised
KEEP_SECONDS = 660.0


@dataclass
class Replica:
    """One process of the service."""

    channel: grpc.aio.Channel
    feed: Feed
    token: str  # of a service

    def watch(self, after_position: int = 0) -> Stream:
        stub = revocation_service_pb2_grpc.RevocationServiceStub(self.channel)
        request = pb.WatchRevocationsRequest(after_position=after_position or None)
        return stub.WatchRevocations(request, metadata=[("authorization", f"Bearer {self.token}")])

    async def sign_in(self, email: str = "") -> Login:
        anyone = Door(self.channel)
        email = email or (await anyone("CreateUser", create())).email
        answer: Login = await anyone(
            "Login", auth_service_pb2.LoginRequest(email=email, password=PASSWORD)
        )
        return answer

    def door(self, login: Login) -> Door:
        return Door(self.channel, login.access_token, login.user.id)


@asynccontextmanager
async def replica(
    pool: Pool, mongo: Database, signer: auth.Signer, token: Token, serve: Serve
) -> AsyncIterator[Replica]:
    """A process whose feed is woken by its own acts alone, and by time."""
    revocations = Revocations()
    feed = feed_in(pool, revocations, KEEP_SECONDS)
    async with (
        hashing(CHEAPEST_BCRYPT, 1) as hasher,
        standings(pool, feed) as accounts,
        reading(feed),
        serve(
            [
                *registrations(pool, mongo, hasher, signer, feed.wake, accounts, Tokens()),
                feed_registration(feed),
            ],
            accounts,
            revocations=revocations,
        ) as channel,
    ):
        yield Replica(channel, feed, token("SERVICE"))
        feed.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def here(
    pool: Pool, user_mongo: Database, signer: auth.Signer, token: Token, serve: Serve
) -> AsyncIterator[Replica]:
    async with replica(pool, user_mongo, signer, token, serve) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def there(
    pool: Pool, user_mongo: Database, signer: auth.Signer, token: Token, serve: Serve
) -> AsyncIterator[Replica]:
    async with replica(pool, user_mongo, signer, token, serve) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def admin(here: Replica, pool: Pool, token: Token) -> Door:
    made = opened(role=Role.ADMIN)
    store = PostgresUserStore(pool, encode=to_outbox, wake=lambda: None)
    await store.create(made, None, None, b"")
    return Door(here.channel, token("ADMIN", made.user.id), made.user.id)


async def heard(call: Stream) -> pb.WatchRevocationsResponse:
    """The next part."""
    async with asyncio.timeout(SECONDS_MAX):
        part = await call.read()
    assert isinstance(part, pb.WatchRevocationsResponse)
    return part


async def told(call: Stream, session_id: str) -> int:
    """How often the end of that session was told, once it was."""
    while True:
        told = list((await heard(call)).revocations)
        if count := told.count(Revocation(session_id=session_id)):
            return count


async def reason(door: Door, user_id: str) -> str:
    """Why somebody who reads his own account is refused; empty when he is not."""
    try:
        await door("GetUser", user_pb.GetUserRequest(user_id=user_id))
    except grpc.aio.AioRpcError as error:
        return Refused(error).reason
    return ""


async def act(name: str, here: Replica, admin: Door, login: Login) -> None:
    """Ends what the login opens, in the way that `name` says."""
    own, user_id = here.door(login), login.user.id
    if name == "logout":
        await own("Logout", session_pb.LogoutRequest())
    elif name == "another device":
        other = here.door(await here.sign_in(login.user.email))
        request = session_pb.DeleteSessionRequest(session_id=login.session_id)
        await other("DeleteSession", request)
    elif name == "password":
        other = here.door(await here.sign_in(login.user.email))
        change = auth_service_pb2.ChangePasswordRequest(
            current_password=PASSWORD, password="battery staple horse"
        )
        await other("ChangePassword", change)
        assert await reason(other, user_id) == ""
    elif name == "suspension":
        await admin("SuspendUser", user_pb.SuspendUserRequest(user_id=user_id))
    elif name == "deletion":
        await admin("DeleteUser", user_pb.DeleteUserRequest(user_id=user_id))


ENDS = {
    "logout": "SESSION_ENDED",
    "another device": "SESSION_ENDED",
    "password": "SESSION_ENDED",
    "suspension": "ACCOUNT_INACTIVE",
    "deletion": "ACCOUNT_INACTIVE",
}


@pytest.mark.parametrize("name", ENDS)
async def test_an_act_ends_access_in_every_process(
    here: Replica, there: Replica, admin: Door, name: str
) -> None:
    login = await here.sign_in()
    doors = [each.door(login) for each in (here, there)]
    assert [await reason(door, login.user.id) for door in doors] == ["", ""]
    await act(name, here, admin, login)

    for door in doors:

        async def is_refused(door: Door = door) -> bool:
            return await reason(door, login.user.id) == ENDS[name]

        await until(is_refused, timeout_seconds=SECONDS_MAX)


async def test_who_was_demoted_goes_on_as_what_he_is_now(
    here: Replica, there: Replica, admin: Door, pool: Pool
) -> None:
    email = new_email()
    user_id = await ensure_account(pool, email, "Ann", Role.STAFF, PASSWORD, cost=CHEAPEST_BCRYPT)
    login = await here.sign_in(email)
    doors = [each.door(login) for each in (here, there)]
    demotion = user_pb.SetUserRoleRequest(user_id=user_id, role=role_pb2.CUSTOMER)
    await admin("SetUserRole", demotion)

    for door in doors:

        async def is_customer(door: Door = door) -> bool:
            return await reason(door, admin.user_id) == "USER_NOT_FOUND"

        await until(is_customer, timeout_seconds=SECONDS_MAX)
        assert await reason(door, user_id) == ""


async def test_a_stream_tells_of_each_act_once_and_goes_on_where_it_was(
    here: Replica, there: Replica
) -> None:
    call = there.watch()
    position = (await heard(call)).position
    login = await here.sign_in()
    await here.door(login)("Logout", session_pb.LogoutRequest())
    assert await told(call, login.session_id) == 1
    call.cancel()

    again = there.watch(position)
    assert await told(again, login.session_id) == 1
    again.cancel()


async def test_who_is_ahead_of_a_process_is_told_all_that_it_keeps(here: Replica) -> None:
    login = await here.sign_in()
    await here.door(login)("Logout", session_pb.LogoutRequest())
    call = here.watch(2**62)
    assert await told(call, login.session_id) == 1
    call.cancel()


async def test_a_stream_has_a_message_each_second_that_says_how_old_it_is(here: Replica) -> None:
    began = time.monotonic()
    call = here.watch()
    ages = []
    for _ in range(3):
        part = await heard(call)
        ages.append(part.read_after.ToTimedelta().total_seconds())
        assert ages[-1] <= time.monotonic() - began
    assert ages == sorted(ages)
    assert part.keep_for.ToTimedelta().total_seconds() == KEEP_SECONDS
    call.cancel()


@pytest.mark.parametrize("role", ["CUSTOMER", "ADMIN"])
async def test_people_are_not_told(here: Replica, token: Token, role: str) -> None:
    here_as = Replica(here.channel, here.feed, token(role))
    assert (await refused(here_as.watch().read())).reason == "PERMISSION_DENIED"


async def test_streams_end_when_the_process_stops(
    pool: Pool, user_mongo: Database, signer: auth.Signer, token: Token, serve: Serve
) -> None:
    async with replica(pool, user_mongo, signer, token, serve) as stopping:
        call = stopping.watch()
        await heard(call)
        stopping.feed.close()
        async with asyncio.timeout(SECONDS_MAX):
            while await call.read() is not grpc.aio.EOF:
                pass
        assert await call.code() == grpc.StatusCode.OK
        answer = await refused(stopping.watch().read())
        assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")


async def test_without_a_copy_tokens_would_be_believed(
    pool: Pool, user_mongo: Database, signer: auth.Signer, here: Replica, serve: Serve
) -> None:
    """What the tests above would find if nothing were checked."""
    login = await here.sign_in()
    async with (
        hashing(CHEAPEST_BCRYPT, 1) as hasher,
        standings(pool, unheard(pool)) as accounts,
        serve(
            registrations(pool, user_mongo, hasher, signer, lambda: None, accounts, Tokens()),
            accounts,
        ) as channel,
    ):
        await here.door(login)("Logout", session_pb.LogoutRequest())
        door = Door(channel, login.access_token)
        assert await reason(door, login.user.id) == ""


async def test_a_session_of_nobody_is_never_told(here: Replica) -> None:
    login = await here.sign_in()
    request = session_pb.DeleteSessionRequest(session_id=str(uuid.uuid4()))
    assert (await refused(here.door(login)("DeleteSession", request))).reason == "SESSION_NOT_FOUND"
    assert await reason(here.door(login), login.user.id) == ""
