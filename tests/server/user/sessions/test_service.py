"""Sessions through the gRPC door: going on, seeing them, ending them, and what errors say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import grpc
import jwt
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from emporium.type.v1 import role_pb2
from emporium.user.v1 import auth_service_pb2
from emporium.user.v1 import session_service_pb2 as pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit import auth, errors
from server.kit import mongo as kit_mongo
from server.kit.context import Device, Role
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.kit.standing import Standings
from server.settings import Mongo, Tokens
from server.user.accounts.rules import Status
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.app import registrations
from server.user.app.callers import standings
from server.user.app.destinations import session_ends
from server.user.logins.provisioning import ensure_account
from server.user.passwords.hashing import hashing
from server.user.sessions.granting import Granting
from server.user.sessions.rules import Lifetime, Session
from server.user.sessions.store import MongoSessionStore
from tests.server.conftest import Serve, Token
from tests.server.refusals import refused
from tests.server.user.conftest import CHEAPEST_BCRYPT, SignedIn, unheard, unreachable_mongo
from tests.server.user.doors import PASSWORD, Door, create, new_email
from tests.server.user.samples import ERASING, become, end, opened

Login = auth_service_pb2.LoginResponse
SignIn = Callable[..., Awaitable[Login]]
MINUTE = Lifetime(idle=timedelta(minutes=1), whole=timedelta(minutes=1))


@pytest.fixture
def sign_in(anyone: Door) -> SignIn:
    """`await sign_in()`: a new account's login; `await sign_in(email)`: another of that one."""

    async def login(email: str = "", *headers: tuple[str, str]) -> Login:
        email = email or (await anyone("CreateUser", create())).email
        request = auth_service_pb2.LoginRequest(email=email, password=PASSWORD)
        answer: Login = await anyone("Login", request, *headers)
        return answer

    return login


def refresh(token: str) -> pb.RefreshRequest:
    return pb.RefreshRequest(refresh_token=token)


async def listed(door: Door) -> list[pb.Session]:
    return list((await door("ListSessions", pb.ListSessionsRequest())).sessions)


async def test_a_refresh_goes_on_with_the_session(
    anyone: Door, user_channel: grpc.aio.Channel, sign_in: SignIn
) -> None:
    login = await sign_in()
    for _ in range(3):
        given = await anyone("Refresh", refresh(login.refresh_token))
        assert (given.token_type, given.expires_in) == ("Bearer", 600)
        assert (given.user, given.session_id) == (login.user, login.session_id)
        assert given.refresh_token != login.refresh_token
        claims = jwt.decode(given.access_token, options={"verify_signature": False})
        assert (claims["sub"], claims["sid"]) == (login.user.id, login.session_id)
        owner = Door(user_channel, given.access_token)
        request = user_pb.GetUserRequest(user_id=login.user.id)
        assert await owner("GetUser", request) == login.user
        login = given


async def test_a_lost_reply_is_repeated_and_a_reuse_ends_the_session(
    anyone: Door, sign_in: SignIn
) -> None:
    login = await sign_in()
    second = await anyone("Refresh", refresh(login.refresh_token))
    again = await anyone("Refresh", refresh(login.refresh_token))
    assert again.refresh_token == second.refresh_token

    third = await anyone("Refresh", refresh(second.refresh_token))
    with capture_logs() as logs:
        reuse = await refused(anyone("Refresh", refresh(login.refresh_token)))
    assert (reuse.code, reuse.reason) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "REFRESH_TOKEN_REUSED",
    )
    (warning,) = [line for line in logs if line["event"] == "session.refresh_token_reused"]
    assert (warning["session"], warning["user"]) == (login.session_id, login.user.id)
    assert login.refresh_token not in str(logs)
    late = await refused(anyone("Refresh", refresh(third.refresh_token)))
    assert late.reason == "SESSION_ENDED"


async def test_what_is_no_refresh_token_is_refused(anyone: Door, sign_in: SignIn) -> None:
    login = await sign_in()
    other = "A" if login.refresh_token[50] != "A" else "B"
    changed = login.refresh_token[:50] + other + login.refresh_token[51:]
    padded = f"{login.refresh_token}="
    for token in ("nonsense", login.session_id, changed, padded):
        found = await refused(anyone("Refresh", refresh(token)))
        assert (found.code, found.reason) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_TOKEN")
    # None of them was a use of the true one.
    await anyone("Refresh", refresh(login.refresh_token))


async def test_a_refresh_token_is_no_access_token(
    user_channel: grpc.aio.Channel, sign_in: SignIn
) -> None:
    login = await sign_in()
    door = Door(user_channel, login.refresh_token)
    assert (await refused(listed(door))).reason == "INVALID_TOKEN"


async def test_people_see_their_own_sessions(
    user_channel: grpc.aio.Channel, sign_in: SignIn
) -> None:
    await sign_in()  # somebody else's
    first = await sign_in("", ("x-forwarded-for", "10.0.0.1, 192.0.2.7"))
    second = await sign_in(first.user.email)
    found = await listed(Door(user_channel, first.access_token))
    assert [each.id for each in found] == [second.session_id, first.session_id]
    assert [each.current for each in found] == [False, True]
    assert [each.address for each in found] == ["", "192.0.2.7"]
    assert all(each.device.startswith("grpc-python") for each in found)
    age = datetime.now(UTC) - found[1].created_at.ToDatetime(UTC)
    assert timedelta(0) <= age + timedelta(milliseconds=1)
    assert age < timedelta(minutes=1)
    assert found[1].created_at == found[1].last_seen_at


async def test_a_logout_ends_the_session_it_is_made_with_and_no_other(
    anyone: Door, user_channel: grpc.aio.Channel, sign_in: SignIn
) -> None:
    leaving = await sign_in()
    staying = await sign_in(leaving.user.email)
    door = Door(user_channel, leaving.access_token)
    for _ in range(2):
        await door("Logout", pb.LogoutRequest())
    ended = await refused(anyone("Refresh", refresh(leaving.refresh_token)))
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAUTHENTICATED, "SESSION_ENDED")
    await anyone("Refresh", refresh(staying.refresh_token))


async def test_a_session_is_ended_by_its_owner_alone(
    anyone: Door, user_channel: grpc.aio.Channel, sign_in: SignIn, signed_in: SignedIn
) -> None:
    lost = await sign_in()
    at_hand = await sign_in(lost.user.email)
    request = pb.DeleteSessionRequest(session_id=lost.session_id)
    for stranger in (await signed_in(Role.CUSTOMER), await signed_in(Role.ADMIN)):
        found = await refused(stranger("DeleteSession", request))
        assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
    owner = Door(user_channel, at_hand.access_token)
    await owner("DeleteSession", request)
    assert (await refused(owner("DeleteSession", request))).reason == "SESSION_NOT_FOUND"
    assert [each.id for each in await listed(owner)] == [at_hand.session_id]
    ended = await refused(anyone("Refresh", refresh(lost.refresh_token)))
    assert ended.reason == "SESSION_ENDED"


async def test_services_have_no_sessions(user_channel: grpc.aio.Channel, token: Token) -> None:
    door = Door(user_channel, token("SERVICE"))
    assert (await refused(listed(door))).reason == "PERMISSION_DENIED"


async def test_a_refresh_asks_the_account(
    anyone: Door, admin_door: Door, sign_in: SignIn, user_pool: Pool
) -> None:
    disabled, deleted = [await sign_in() for _ in range(2)]
    email = new_email()
    await ensure_account(user_pool, email, "Ann", Role.CUSTOMER, PASSWORD, cost=CHEAPEST_BCRYPT)
    promoted = await sign_in(email)
    change = user_pb.UpdateUserRequest(user_id=disabled.user.id, status=user_pb.User.DISABLED)
    await admin_door("UpdateUser", change)
    await admin_door("DeleteUser", user_pb.DeleteUserRequest(user_id=deleted.user.id))
    change = user_pb.UpdateUserRequest(user_id=promoted.user.id, role=role_pb2.STAFF)
    await admin_door("UpdateUser", change)
    for gone in (disabled, deleted):
        found = await refused(anyone("Refresh", refresh(gone.refresh_token)))
        assert (found.code, found.reason) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "ACCOUNT_INACTIVE",
        )
    given = await anyone("Refresh", refresh(promoted.refresh_token))
    claims = jwt.decode(given.access_token, options={"verify_signature": False})
    assert claims["role"] == "STAFF"


@pytest.mark.parametrize("ending", ["deleted", "disabled"])
async def test_a_login_that_an_end_of_the_account_overtakes_leaves_no_session(
    ending: str,
    user_mongo: Database,
    user_pool: Pool,
    store: PostgresUserStore,
    signer: auth.Signer,
) -> None:
    class Overtaken(MongoSessionStore):
        async def begin(self, session: Session, token_hash: bytes) -> Sequence[str]:
            if ending == "deleted":
                await store.delete(session.user_id, end, ERASING)
            else:
                await store.update(session.user_id, lambda was: become(was, status=Status.DISABLED))
            return await super().begin(session, token_hash)

    account = opened()
    await store.create(account, None, None, b"")
    sessions = Overtaken(user_mongo)
    ends = session_ends(user_pool, lambda: None)
    granting = Granting(sessions, ends, store, signer, MINUTE)
    with pytest.raises(errors.AccountInactive):
        await granting.begin(account.user, Device("", ""))
    assert await sessions.list(account.user.id, datetime.now(UTC)) == []


@pytest_asyncio.fixture(loop_scope="session")
async def second_instance(
    user_mongo_settings: Mongo, user_pool: Pool, signer: auth.Signer, serve: Serve
) -> AsyncIterator[grpc.aio.Channel]:
    """The same service once more, with a server and a connection to MongoDB of its own."""
    async with (
        hashing(CHEAPEST_BCRYPT, 1) as hasher,
        kit_mongo.connected(user_mongo_settings) as database,
        standings(user_pool, unheard(user_pool)) as accounts,
        serve(
            registrations(user_pool, database, hasher, signer, lambda: None, accounts, Tokens()),
            accounts,
        ) as channel,
    ):
        yield channel


async def test_of_two_uses_at_one_moment_on_two_instances_comes_one_child(
    user_channel: grpc.aio.Channel, second_instance: grpc.aio.Channel, sign_in: SignIn
) -> None:
    doors = [Door(user_channel), Door(second_instance)]
    spent = [(await sign_in()).refresh_token]
    for _ in range(50):
        answers = await asyncio.gather(*(door("Refresh", refresh(spent[-1])) for door in doors))
        (child,) = {answer.refresh_token for answer in answers}
        spent.append(child)
    # The one before the last was used by two, and its child by nobody: any older one is a reuse.
    reused = await refused(doors[1]("Refresh", refresh(spent[-3])))
    assert reused.reason == "REFRESH_TOKEN_REUSED"
    ended = await refused(doors[0]("Refresh", refresh(spent[-1])))
    assert ended.reason == "SESSION_ENDED"


@pytest_asyncio.fixture(loop_scope="session")
async def without_mongo(
    user_pool: Pool, signer: auth.Signer, serve: Serve, sign_in: SignIn
) -> AsyncIterator[grpc.aio.Channel]:
    """A service whose MongoDB cannot be reached."""
    nobody = Standings(lambda ids: asyncio.sleep(0, {}), lambda caller: caller, batch_max=1)
    async with (
        hashing(CHEAPEST_BCRYPT, 1) as hasher,
        unreachable_mongo() as database,
        serve(
            registrations(user_pool, database, hasher, signer, lambda: None, nobody, Tokens()),
            nobody,
        ) as channel,
    ):
        yield channel
    await nobody.close()


async def test_without_mongodb_sessions_say_so_and_all_else_goes_on(
    without_mongo: grpc.aio.Channel, anyone: Door, sign_in: SignIn
) -> None:
    login = await sign_in()
    alone, owner = Door(without_mongo), Door(without_mongo, login.access_token)
    request = auth_service_pb2.LoginRequest(email=login.user.email, password=PASSWORD)
    for call in (
        alone("Login", request),
        alone("Refresh", refresh(login.refresh_token)),
        owner("Logout", pb.LogoutRequest()),
        owner("ListSessions", pb.ListSessionsRequest()),
    ):
        found = await refused(call)
        assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
    request.password = "a wrong one"
    assert (await refused(alone("Login", request))).reason == "BAD_CREDENTIALS"
    assert await owner("GetUser", user_pb.GetUserRequest(user_id=login.user.id)) == login.user
    await alone("CreateUser", create())
    # No token was spent meanwhile.
    await anyone("Refresh", refresh(login.refresh_token))
