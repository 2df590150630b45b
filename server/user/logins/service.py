"""Logins: verifies a password and answers with tokens, or changes it."""

from datetime import UTC, datetime

import structlog
from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.user.v1 import auth_service_pb2 as pb
from server.kit import errors
from server.kit.context import Context
from server.user.accounts.rules import Status, password_changed
from server.user.accounts.store import UserStore
from server.user.logins.rules import BadCredentials, WrongPassword
from server.user.logins.store import CredentialStore
from server.user.passwords.common import is_common
from server.user.passwords.hashing import PasswordHasher
from server.user.passwords.rules import chosen
from server.user.sessions import wire
from server.user.sessions.granting import Granting

_log = structlog.get_logger()


class AuthService:
    """`emporium.user.v1.AuthService`."""

    def __init__(
        self,
        store: CredentialStore,
        accounts: UserStore,
        hasher: PasswordHasher,
        granting: Granting,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._hasher = hasher
        self._granting = granting

    async def Login(self, request: pb.LoginRequest, context: Context) -> pb.LoginResponse:
        found = await self._store.find(request.email)
        user, password_hash = (found.user, found.password_hash) if found else (None, None)
        context.subject = user.id if user else ""
        checked = await self._hasher.check(request.password, password_hash)
        if user is None or not checked.matches or user.status is not Status.ACTIVE:
            raise BadCredentials
        if checked.is_outdated and password_hash:
            await self._renew(user.id, request.password, password_hash)
        return wire.to_login(await self._granting.begin(user, context.device))

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> Empty:
        caller, event_id, now = context.signed_in, str(uuid7()), datetime.now(UTC)
        password = chosen(request.password, is_common)
        was = (await self._store.get(caller.id)).password_hash
        checked = await self._hasher.check(request.current_password, was)
        if was is None or not checked.matches:
            raise WrongPassword
        await self._accounts.change_password(
            caller.id,
            was,
            await self._hasher.hash(password),
            lambda user: password_changed(
                user, caller.session_id, event_id, now, context.traceparent
            ),
        )
        return Empty()

    async def _renew(self, user_id: str, password: str, outdated: bytes) -> None:
        """Hashes the password again, as it is done now; where that fails, the next login will."""
        try:
            renewed = await self._hasher.hash(password)
            await self._store.replace_password(user_id, outdated, renewed)
        except errors.Unavailable as error:
            _log.warning("password_not_rehashed", user_id=user_id, reason=error.reason)
