"""Logins: verifies a password, and answers with tokens."""

from emporium.user.v1 import auth_service_pb2 as pb
from server.kit.context import Context
from server.user.accounts.rules import Status
from server.user.logins.rules import BadCredentials
from server.user.logins.store import CredentialStore
from server.user.passwords.hashing import PasswordHasher
from server.user.sessions import wire
from server.user.sessions.granting import Granting


class AuthService:
    """`emporium.user.v1.AuthService`."""

    def __init__(self, store: CredentialStore, hasher: PasswordHasher, granting: Granting) -> None:
        self._store = store
        self._hasher = hasher
        self._granting = granting

    async def Login(self, request: pb.LoginRequest, context: Context) -> pb.LoginResponse:
        found = await self._store.find(request.email)
        user, password_hash = (found.user, found.password_hash) if found else (None, None)
        matches = await self._hasher.matches(request.password, password_hash)
        if user is None or not matches or user.status is not Status.ACTIVE:
            raise BadCredentials
        return wire.to_login(await self._granting.begin(user, wire.from_context(context)))
