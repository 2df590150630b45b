"""From when an act has answered, no fresh rpc and no refresh goes on with what it has ended.

No process of these tests hears the feed of revocations, and nothing leaves the outbox: what refuses
is what PostgreSQL said when it was asked.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pyotp
import pytest
import pytest_asyncio

from emporium.type.v1 import role_pb2
from emporium.user.v1 import api_key_service_pb2 as keys_pb
from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import session_service_pb2 as pb
from emporium.user.v1 import totp_service_pb2 as totp_pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit import auth
from server.kit.call.method import Fresh, Method, methods
from server.kit.context import Role
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.settings import Tokens
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.app import registrations
from server.user.app.callers import standings
from server.user.passwords.hashing import hashed, hashing
from server.user.totp.provisioning import remove_totp
from tests.discovery import contract, served_by
from tests.server.conftest import Serve
from tests.server.refusals import refused
from tests.server.user.conftest import CHEAPEST_BCRYPT, unheard
from tests.server.user.doors import PASSWORD, Door, new_email
from tests.server.user.samples import opened

FRESH = [
    method
    for service in contract()
    if service.full_name in served_by("user")
    for method in methods(service)
    if method.access.fresh == Fresh.ALWAYS
]

# What their requests must hold before anybody is asked for; a new rpc may need a line.
ID = str(uuid.uuid4())
FIELDS: dict[str, dict[str, Any]] = {
    "CreateApiKey": {"name": "ERP", "scopes": ["orders.read"]},
    "DeleteApiKey": {"api_key_id": ID},
    "ChangePassword": {"current_password": PASSWORD, "password": "battery staple"},
    "DeleteSession": {"session_id": ID},
    "BeginTotp": {"current_password": PASSWORD},
    "ConfirmTotp": {"totp_code": "123456"},
    "CreateUser": {"email": new_email(), "full_name": "Ann", "password": PASSWORD},
    "SetUserRole": {"role": role_pb2.STAFF},
}


@dataclass
class Device:
    """Where somebody is signed in."""

    anyone: Door
    login: auth_pb.LoginResponse

    @property
    def door(self) -> Door:
        return self.anyone.with_token(self.login.access_token, self.login.user.id)

    async def refresh(self) -> auth_pb.LoginResponse:
        request = pb.RefreshRequest(refresh_token=self.login.refresh_token)
        answer: auth_pb.LoginResponse = await self.anyone("Refresh", request)
        return answer

    async def fresh(self, method: Method) -> str:
        """Why a call is refused that asks for a fresh caller."""
        fields = dict(FIELDS.get(method.name, {}))
        if "user_id" in method.request.DESCRIPTOR.fields_by_name:
            fields["user_id"] = self.login.user.id
        return (await refused(self.door(method.name, method.request(**fields)))).reason


@pytest_asyncio.fixture
async def devices(anyone: Door, store: PostgresUserStore) -> tuple[Device, Device]:
    """An admin, whom every rpc lets in, on two devices."""
    made = opened(role=Role.ADMIN)
    await store.create(made, hashed(PASSWORD, CHEAPEST_BCRYPT), None, b"")
    request = auth_pb.LoginRequest(email=made.user.email, password=PASSWORD)
    return Device(anyone, await anyone("Login", request)), Device(
        anyone, await anyone("Login", request)
    )


async def logout(mine: Device, other: Device, pool: Pool) -> None:
    await other.door("Logout", pb.LogoutRequest())


async def from_another_device(mine: Device, other: Device, pool: Pool) -> None:
    await mine.door("DeleteSession", pb.DeleteSessionRequest(session_id=other.login.session_id))


async def new_password(mine: Device, other: Device, pool: Pool) -> None:
    change = auth_pb.ChangePasswordRequest(current_password=PASSWORD, password="battery staple")
    await mine.door("ChangePassword", change)


async def second_factor(mine: Device, other: Device, pool: Pool) -> None:
    begin = totp_pb.BeginTotpRequest(current_password=PASSWORD)
    secret = (await mine.door("BeginTotp", begin)).secret
    code = pyotp.TOTP(secret).now()
    await mine.door("ConfirmTotp", totp_pb.ConfirmTotpRequest(totp_code=code))


async def no_second_factor(mine: Device, other: Device, pool: Pool) -> None:
    """As the operator does, who has no session: the one that acted before is spared no more."""
    await second_factor(mine, other, pool)
    assert await remove_totp(pool, mine.login.user.email)


Act = Callable[[Device, Device, Pool], Awaitable[None]]
ACTS: list[Act] = [logout, from_another_device, new_password, second_factor, no_second_factor]


@pytest.mark.parametrize("act", ACTS)
async def test_what_has_ended_opens_nothing_that_is_fresh(
    devices: tuple[Device, Device], user_pool: Pool, act: Act
) -> None:
    mine, other = devices
    await act(mine, other, user_pool)
    assert len(FRESH) > 10
    assert {await other.fresh(method) for method in FRESH} == {"SESSION_ENDED"}
    # What may be a second old goes by the copy, which has heard nothing here.
    request = user_pb.GetUserRequest(user_id=other.login.user.id)
    assert (await other.door("GetUser", request)).id == other.login.user.id


@pytest.mark.parametrize("act", ACTS)
async def test_what_has_ended_is_not_refreshed(
    devices: tuple[Device, Device], user_pool: Pool, act: Act
) -> None:
    mine, other = devices
    await act(mine, other, user_pool)
    assert (await refused(other.refresh())).reason == "SESSION_ENDED"


@pytest.mark.parametrize("act", [new_password, second_factor])
async def test_the_session_that_acts_goes_on_and_so_does_one_that_begins_after(
    devices: tuple[Device, Device], user_pool: Pool, act: Act
) -> None:
    mine, other = devices
    await act(mine, other, user_pool)
    mine = Device(mine.anyone, await mine.refresh())
    change = user_pb.UpdateUserRequest(user_id=mine.login.user.id, full_name="Ann Other")
    await mine.door("UpdateUser", change)
    if act is new_password:
        request = auth_pb.LoginRequest(email=mine.login.user.email, password="battery staple")
        await Device(mine.anyone, await mine.anyone("Login", request)).refresh()


async def test_a_session_that_one_act_spared_is_ended_by_the_next(
    devices: tuple[Device, Device], user_pool: Pool
) -> None:
    mine, other = devices
    await new_password(mine, other, user_pool)
    request = auth_pb.LoginRequest(email=mine.login.user.email, password="battery staple")
    late = Device(mine.anyone, await mine.anyone("Login", request))
    change = auth_pb.ChangePasswordRequest(
        current_password="battery staple", password="a third horse"
    )
    await late.door("ChangePassword", change)
    for ended in (mine, other):
        assert (await refused(ended.refresh())).reason == "SESSION_ENDED"
    await late.refresh()


@pytest_asyncio.fixture
async def unasked(
    user_pool: Pool, user_mongo: Database, signer: auth.Signer, serve: Serve
) -> AsyncIterator[Door]:
    """The service with its defence off: it asks for nothing that was told."""
    feed = unheard(user_pool)
    feed._position = 2**62
    async with (
        hashing(CHEAPEST_BCRYPT, 1) as hasher,
        standings(user_pool, feed) as accounts,
        serve(
            registrations(user_pool, user_mongo, hasher, signer, lambda: None, accounts, Tokens()),
            accounts,
        ) as channel,
    ):
        yield Door(channel)


@pytest.mark.parametrize("act", [logout, new_password])
async def test_a_service_that_did_not_ask_would_let_them_in(
    devices: tuple[Device, Device], user_pool: Pool, unasked: Door, act: Act
) -> None:
    mine, other = devices
    await act(mine, other, user_pool)
    request = keys_pb.DeleteApiKeyRequest(api_key_id=ID)
    assert (await refused(other.door("DeleteApiKey", request))).reason == "SESSION_ENDED"
    let_in = await refused(Device(unasked, other.login).door("DeleteApiKey", request))
    assert let_in.reason == "API_KEY_NOT_FOUND"


@pytest.mark.parametrize("act", [new_password, second_factor])
async def test_but_for_what_the_account_says_the_session_would_go_on(
    devices: tuple[Device, Device], user_pool: Pool, act: Act
) -> None:
    mine, other = devices
    await act(mine, other, user_pool)
    user_id = mine.login.user.id
    await user_pool.execute("UPDATE users SET sessions_since = 0 WHERE id = $1", user_id)
    await other.refresh()
