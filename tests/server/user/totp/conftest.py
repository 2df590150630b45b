"""Somebody with an authenticator app, and the service at a time that tests move."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pyotp
import pytest_asyncio

from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import totp_service_pb2 as pb
from emporium.user.v1 import user_service_pb2
from server.kit.postgres import Pool
from server.settings import Tokens
from tests.server.user.conftest import Clock, Served
from tests.server.user.doors import PASSWORD, Door, create

FAILURES_MAX = 4
TOKENS = Tokens(login_failures_max=FAILURES_MAX)


@dataclass
class Owner:
    """An account's holder, signed in."""

    door: Door
    user: user_service_pb2.User
    clock: Clock
    secret: str = ""
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, step: int = 0) -> str:
        """What the app shows now, or so many steps later."""
        return pyotp.TOTP(self.secret).at(self.clock(), counter_offset=step)

    async def begin(self) -> None:
        request = pb.BeginTotpRequest(current_password=PASSWORD)
        self.secret = (await self.door("BeginTotp", request)).secret

    async def enable(self) -> None:
        """Begins and confirms; the next code is 30 seconds later."""
        await self.begin()
        answer = await self.door("ConfirmTotp", pb.ConfirmTotpRequest(totp_code=self.code()))
        self.recovery_codes = list(answer.recovery_codes)
        self.clock.forward(seconds=30)

    def login(
        self, *, password: str = PASSWORD, totp: str | None = None, recovery: str | None = None
    ) -> auth_pb.LoginRequest:
        request = auth_pb.LoginRequest(email=self.user.email, password=password)
        if totp is not None:
            request.totp_code = totp
        if recovery is not None:
            request.recovery_code = recovery
        return request

    async def account(self) -> user_service_pb2.User:
        request = user_service_pb2.GetUserRequest(user_id=self.user.id)
        found: user_service_pb2.User = await self.door("GetUser", request)
        return found


async def signed_up(anyone: Door, clock: Clock, pool: Pool) -> Owner:
    """Somebody who has shown that the e-mail is theirs."""
    user = await anyone("CreateUser", create())
    shown = "UPDATE users SET email_verified = true, owner_proven = true WHERE id = $1"
    await pool.execute(shown, user.id)
    user.email_verified = True
    login = auth_pb.LoginRequest(email=user.email, password=PASSWORD)
    token = (await anyone("Login", login)).access_token
    return Owner(anyone.with_token(token, user.id), user, clock)


@pytest_asyncio.fixture
async def anyone(served: Served) -> AsyncIterator[Door]:
    async with served(TOKENS) as door:
        yield door


@pytest_asyncio.fixture
async def owner(anyone: Door, clock: Clock, user_pool: Pool) -> Owner:
    """Without a second factor yet."""
    return await signed_up(anyone, clock, user_pool)


@pytest_asyncio.fixture
async def guarded(owner: Owner) -> Owner:
    """With one."""
    await owner.enable()
    return owner
