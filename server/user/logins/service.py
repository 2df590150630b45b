"""Logins: verifies a password and answers with tokens, or changes it."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog
from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.user.v1 import auth_service_pb2 as pb
from server.kit import errors
from server.kit.context import Context
from server.user.accounts.rules import Status, User
from server.user.accounts.rules.credentials import password_changed
from server.user.accounts.store import UserStore
from server.user.devices.rules import ID_BYTES, DeviceTokens
from server.user.logins.proving import CurrentPassword
from server.user.logins.rules import BadCredentials, BadSecondFactor, Code, TotpRequired
from server.user.logins.store import CredentialStore
from server.user.passwords.common import is_common
from server.user.passwords.hashing import PasswordHasher
from server.user.passwords.rules import chosen
from server.user.sessions import wire
from server.user.sessions.granting import Granting
from server.user.throttling.rules import Source, sources_of_login
from server.user.throttling.throttle import Throttle

_log = structlog.get_logger()


class SecondFactor(Protocol):
    """Looks at the codes that accounts need beside their passwords."""

    async def accepts(self, user: User, code: Code, traceparent: str | None) -> bool:
        """Whether the code is the account's, which it is once."""


class AuthService:
    """`emporium.user.v1.AuthService`."""

    def __init__(
        self,
        store: CredentialStore,
        accounts: UserStore,
        hasher: PasswordHasher,
        granting: Granting,
        devices: DeviceTokens,
        throttle: Throttle,
        second_factor: SecondFactor,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._current = CurrentPassword(store, hasher, throttle)
        self._accounts = accounts
        self._hasher = hasher
        self._granting = granting
        self._devices = devices
        self._throttle = throttle
        self._second_factor = second_factor
        self._now = now

    async def Login(self, request: pb.LoginRequest, context: Context) -> pb.LoginResponse:
        found = await self._store.find(request.email)
        user, password_hash = (found.user, found.password_hash) if found else (None, None)
        context.subject = user.id if user else ""
        now, origin = self._now(), context.device
        user_id = user.id if user else None
        known = self._devices.read(request.device_token, user_id, password_hash, now)
        sources = sources_of_login(request.email, origin.address, known)
        await self._throttle.check(sources)
        checked = await self._hasher.check(request.password, password_hash)
        if not (user and password_hash and checked.matches) or user.status is not Status.ACTIVE:
            await self._throttle.failed(sources)
            raise BadCredentials
        await self._throttle.check(sources)
        if user.totp_enabled:
            await self._require_code(user, _code(request), sources, context)
        if checked.is_outdated:
            password_hash = await self._renew(user.id, request.password, password_hash)
        grant = await self._granting.begin(user, origin)
        await self._throttle.passed(sources)
        device = known or secrets.token_bytes(ID_BYTES)
        return wire.to_login(grant, self._devices.write(device, user.id, password_hash, now))

    async def _require_code(
        self, user: User, code: Code, sources: Sequence[Source], context: Context
    ) -> None:
        if not code:
            raise TotpRequired
        if not await self._second_factor.accepts(user, code, context.traceparent):
            await self._throttle.failed(sources)
            raise BadSecondFactor
        await self._throttle.check(sources)

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> Empty:
        caller, now = context.signed_in, self._now()
        event_id, mail_id, trace = str(uuid7()), str(uuid7()), context.traceparent
        user, was = await self._current.prove(caller.id, request.current_password)
        password = chosen(request.password, (user.email, user.full_name), is_common)
        await self._accounts.change_password(
            caller.id,
            was,
            await self._hasher.hash(password),
            lambda user: password_changed(user, caller, event_id, mail_id, now, trace),
        )
        return Empty()

    async def _renew(self, user_id: str, password: str, outdated: bytes) -> bytes:
        """Hashes the password again, as it is done now; gives the hash that the account has.

        Where that fails, the next login will.
        """
        try:
            renewed = await self._hasher.hash(password)
            if await self._store.replace_password(user_id, outdated, renewed):
                return renewed
        except errors.Unavailable as error:
            _log.warning("password_not_rehashed", user_id=user_id, reason=error.reason)
        return outdated


def _code(request: pb.LoginRequest) -> Code:
    return Code(request.totp_code, request.recovery_code)
