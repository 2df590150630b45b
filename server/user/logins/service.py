"""Logins: verifies a password and answers with tokens, or changes it."""

import secrets
from collections.abc import Callable
from datetime import datetime

import structlog
from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.user.v1 import auth_service_pb2 as pb
from server.kit import errors
from server.kit.context import Context
from server.user.accounts.rules import Status, password_changed
from server.user.accounts.store import UserStore
from server.user.devices.rules import ID_BYTES, DeviceTokens
from server.user.logins.rules import BadCredentials, WrongPassword
from server.user.logins.store import CredentialStore
from server.user.passwords.common import is_common
from server.user.passwords.hashing import PasswordHasher
from server.user.passwords.rules import chosen
from server.user.sessions import wire
from server.user.sessions.granting import Granting
from server.user.throttling.rules import sources_of_caller, sources_of_login
from server.user.throttling.throttle import Throttle

_log = structlog.get_logger()


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
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._hasher = hasher
        self._granting = granting
        self._devices = devices
        self._throttle = throttle
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
        if checked.is_outdated:
            password_hash = await self._renew(user.id, request.password, password_hash)
        grant = await self._granting.begin(user, origin)
        await self._throttle.passed(sources)
        device = known or secrets.token_bytes(ID_BYTES)
        return wire.to_login(grant, self._devices.write(device, user.id, password_hash, now))

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> Empty:
        caller, event_id, now = context.signed_in, str(uuid7()), self._now()
        password = chosen(request.password, is_common)
        sources = sources_of_caller(caller.id)
        await self._throttle.check(sources)
        was = (await self._store.get(caller.id)).password_hash
        checked = await self._hasher.check(request.current_password, was)
        if was is None or not checked.matches:
            await self._throttle.failed(sources)
            raise WrongPassword
        await self._throttle.check(sources)
        await self._accounts.change_password(
            caller.id,
            was,
            await self._hasher.hash(password),
            lambda user: password_changed(
                user, caller.session_id, event_id, now, context.traceparent
            ),
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
