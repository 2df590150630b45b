"""The user service through its gRPC door: roles that nobody has without a second factor."""

import jwt
import pytest

from emporium.type.v1 import role_pb2
from emporium.user.v1 import api_key_service_pb2 as keys_pb
from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import session_service_pb2 as session_pb
from emporium.user.v1 import totp_service_pb2 as pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit.context import Role
from server.kit.postgres import Pool
from server.settings import Tokens
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.passwords.hashing import hashed
from server.user.totp.provisioning import remove_totp
from tests.server.refusals import refused
from tests.server.user.api_keys.test_exchange import asking
from tests.server.user.conftest import CHEAPEST_BCRYPT, Clock, Served
from tests.server.user.doors import PASSWORD, Door
from tests.server.user.samples import opened
from tests.server.user.totp.conftest import Owner

BOTH = Tokens(totp_required_roles=frozenset({"staff", "admin"}))
STAFF_ALONE = Tokens(totp_required_roles=frozenset({"staff"}))


async def made(store: PostgresUserStore, role: Role) -> str:
    """The e-mail of a new account with `PASSWORD`."""
    new = opened(role=role)
    await store.create(new, hashed(PASSWORD, CHEAPEST_BCRYPT), None, b"")
    return new.user.email


async def sign_in(anyone: Door, email: str) -> auth_pb.LoginResponse:
    login = auth_pb.LoginRequest(email=email, password=PASSWORD)
    answer: auth_pb.LoginResponse = await anyone("Login", login)
    return answer


def role_in(answer: auth_pb.LoginResponse) -> str:
    claims = jwt.decode(answer.access_token, options={"verify_signature": False})
    return str(claims["role"])


@pytest.mark.parametrize(
    ("tokens", "role", "is_required"),
    [
        (BOTH, Role.ADMIN, True),
        (BOTH, Role.STAFF, True),
        (BOTH, Role.CUSTOMER, False),
        (STAFF_ALONE, Role.ADMIN, False),
        (Tokens(), Role.ADMIN, False),
    ],
)
async def test_who_has_none_is_a_customer_where_the_role_needs_it(
    served: Served,
    store: PostgresUserStore,
    user_pool: Pool,
    tokens: Tokens,
    role: Role,
    is_required: bool,
) -> None:
    email = await made(store, role)
    async with served(tokens) as anyone:
        login = await sign_in(anyone, email)
        assert role_in(login) == (Role.CUSTOMER if is_required else role)
        assert login.totp_enrolment_required == is_required
        assert login.user.role == role_pb2.Role.Value(role)


async def test_an_admin_without_one_reaches_nothing_of_others_until_it_is_there(
    served: Served, store: PostgresUserStore, user_pool: Pool, clock: Clock
) -> None:
    email = await made(store, Role.ADMIN)
    somebody = opened()
    await store.create(somebody, None, None, b"")
    listing = user_pb.ListUsersRequest(per_page=1)
    update = user_pb.UpdateUserRequest(user_id=somebody.user.id, full_name="Another")
    async with served(BOTH) as anyone:
        login = await sign_in(anyone, email)
        door = anyone.with_token(login.access_token, login.user.id)
        assert (await refused(door("ListUsers", listing))).reason == "PERMISSION_DENIED"
        assert (await refused(door("UpdateUser", update))).reason == "USER_NOT_FOUND"
        mine = user_pb.UpdateUserRequest(user_id=login.user.id, role=role_pb2.STAFF)
        assert (await refused(door("UpdateUser", mine))).reason == "ROLE_NOT_ALLOWED"

        owner = Owner(door, login.user, clock)
        await owner.enable()
        given = await anyone(
            "Refresh", session_pb.RefreshRequest(refresh_token=login.refresh_token)
        )
        assert (role_in(given), given.totp_enrolment_required) == ("ADMIN", False)
        door = anyone.with_token(given.access_token, login.user.id)
        await door("ListUsers", listing)
        assert (await door("UpdateUser", update)).full_name == "Another"

        await door("DeleteTotp", pb.DeleteTotpRequest(totp_code=owner.code()))
        assert (await refused(door("UpdateUser", update))).reason == "USER_NOT_FOUND"
        again = await anyone(
            "Refresh", session_pb.RefreshRequest(refresh_token=given.refresh_token)
        )
        assert (role_in(again), again.totp_enrolment_required) == ("CUSTOMER", True)


async def test_the_operator_removes_what_was_lost(
    served: Served, store: PostgresUserStore, user_pool: Pool, clock: Clock
) -> None:
    email = await made(store, Role.ADMIN)
    async with served(BOTH) as anyone:
        login = await sign_in(anyone, email)
        await Owner(
            anyone.with_token(login.access_token, login.user.id), login.user, clock
        ).enable()
        wanted = auth_pb.LoginRequest(email=email, password=PASSWORD)
        assert (await refused(anyone("Login", wanted))).reason == "TOTP_REQUIRED"
        assert await remove_totp(user_pool, email.upper())
        assert role_in(await sign_in(anyone, email)) == "CUSTOMER"
        assert not await remove_totp(user_pool, email)


@pytest.mark.parametrize("tokens", [BOTH, Tokens()])
async def test_a_key_that_was_made_without_one_never_gains_what_needs_it(
    served: Served, store: PostgresUserStore, clock: Clock, tokens: Tokens
) -> None:
    """Whoever had the password alone could have made it. Where none is needed all is as ever."""
    email = await made(store, Role.ADMIN)
    async with served(tokens) as anyone:
        login = await sign_in(anyone, email)
        owner = Owner(anyone.with_token(login.access_token, login.user.id), login.user, clock)
        request = keys_pb.CreateApiKeyRequest(name="ERP", scopes=["users.read"])
        before = await owner.door("CreateApiKey", request)
        await owner.enable()
        after = await owner.door("CreateApiKey", request)
        roles = [
            role_of_key(await anyone("ExchangeApiKey", asking(key))) for key in (before, after)
        ]
        assert roles == (["CUSTOMER", "ADMIN"] if tokens is BOTH else ["ADMIN", "ADMIN"])

        await owner.door("DeleteTotp", pb.DeleteTotpRequest(totp_code=owner.code()))
        given = await anyone("ExchangeApiKey", asking(after))
        assert role_of_key(given) == ("CUSTOMER" if tokens is BOTH else "ADMIN")


def role_of_key(given: keys_pb.ExchangeApiKeyResponse) -> str:
    return str(jwt.decode(given.access_token, options={"verify_signature": False})["role"])


@pytest.mark.parametrize("tokens", [BOTH, Tokens()])
async def test_who_removes_it_has_no_more_than_a_customer_by_the_token_there_is(
    served: Served, store: PostgresUserStore, user_pool: Pool, clock: Clock, tokens: Tokens
) -> None:
    """Nor once something else of the account has changed, such as the password."""
    email = await made(store, Role.ADMIN)
    somebody = opened()
    await store.create(somebody, None, None, b"")
    update = user_pb.UpdateUserRequest(user_id=somebody.user.id, full_name="Another")
    told = "SELECT role FROM revocations WHERE user_id = $1 ORDER BY position DESC LIMIT 1"
    async with served(tokens) as anyone:
        login = await sign_in(anyone, email)
        owner = Owner(anyone.with_token(login.access_token, login.user.id), login.user, clock)
        await owner.enable()
        given = await anyone(
            "Refresh", session_pb.RefreshRequest(refresh_token=login.refresh_token)
        )
        door = anyone.with_token(given.access_token, login.user.id)
        await door("UpdateUser", update)
        change = auth_pb.ChangePasswordRequest(current_password=PASSWORD, password="a new horse")
        for call in (
            door("DeleteTotp", pb.DeleteTotpRequest(totp_code=owner.code())),
            door("ChangePassword", change),
        ):
            await call
            is_left = tokens is not BOTH
            assert await user_pool.fetchval(told, login.user.id) == (
                "ADMIN" if is_left else "CUSTOMER"
            )
            if is_left:
                await door("UpdateUser", update)
            else:
                assert (await refused(door("UpdateUser", update))).reason == "USER_NOT_FOUND"
