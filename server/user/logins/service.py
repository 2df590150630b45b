"""Logins: verifies a password, and answers with a token."""

import structlog

from emporium.user.v1 import auth_service_pb2 as pb
from server.kit import errors
from server.kit.auth import Signer
from server.kit.context import Context
from server.user.accounts.rules import Status
from server.user.logins import wire
from server.user.logins.rules import BadCredentials
from server.user.logins.store import CredentialStore
from server.user.passwords.hashing import PasswordHasher

_log = structlog.get_logger()


class AuthService:
    """`emporium.user.v1.AuthService`."""

    def __init__(self, store: CredentialStore, hasher: PasswordHasher, signer: Signer) -> None:
        self._store = store
        self._hasher = hasher
        self._signer = signer

    async def Login(self, request: pb.LoginRequest, context: Context) -> pb.LoginResponse:
        found = await self._store.find(request.email)
        user, password_hash = (found.user, found.password_hash) if found else (None, None)
        checked = await self._hasher.check(request.password, password_hash)
        if user is None or not checked.matches or user.status is not Status.ACTIVE:
            raise BadCredentials
        if checked.is_outdated and password_hash:
            await self._renew(user.id, request.password, password_hash)
        token = self._signer.sign(user.id, user.role)
        return wire.to_login(token, self._signer.lifetime_seconds, user)

    async def _renew(self, user_id: str, password: str, outdated: bytes) -> None:
        """Hashes the password again, as it is done now; where that fails, the next login will."""
        try:
            renewed = await self._hasher.hash(password)
            await self._store.replace_password(user_id, outdated, renewed)
        except errors.Unavailable as error:
            _log.warning("password_not_rehashed", user_id=user_id, reason=error.reason)
