"""Gives people their tokens: those that a session begins with, and the next ones."""

import secrets
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import structlog
from uuid_utils import uuid4, uuid7

from server.kit import errors
from server.kit.auth import Signer
from server.kit.context import Device, Role
from server.user.accounts.rules import Status, User, UserNotFound
from server.user.accounts.rules.acting import lacks_totp, role_of_tokens
from server.user.accounts.store import UserStore
from server.user.sessions.rules import (
    SECRET_BYTES,
    Grant,
    Lifetime,
    RefreshToken,
    RefreshTokenReused,
    RefreshTokens,
    Rotation,
    Session,
    SessionEnd,
    sessions_since,
)
from server.user.sessions.store import SessionEnds, SessionStore

_log = structlog.get_logger()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Granting:
    """Begins sessions, which have a `lifetime`, and goes on with them.

    Whose role is among `totp_required_of` gets tokens of a customer until a second factor is there.
    """

    def __init__(
        self,
        sessions: SessionStore,
        ends: SessionEnds,
        accounts: UserStore,
        signer: Signer,
        lifetime: Lifetime,
        now: Callable[[], datetime] = _utc_now,
        totp_required_of: Collection[Role] = (),
    ) -> None:
        self._sessions = sessions
        self._ends = ends
        self._accounts = accounts
        self._signer = signer
        self._tokens = RefreshTokens(signer.secret("refresh tokens"))
        self._lifetime = lifetime
        self._now = now
        self._totp_required_of = totp_required_of

    async def begin(self, user: User, device: Device) -> Grant:
        """Signs `user` in. Raises `AccountInactive`, `SessionEnded`, and what the stores do.

        Whoever ends the account from now on finds the session; whoever did so since `user` was read
        may have been too early for that, so the account is asked once more.
        """
        now = self._now()
        session = Session(
            id=str(uuid4()),
            user_id=user.id,
            device=device.label,
            address=device.address,
            created_at=now,
            last_seen_at=now,
            expires_at=now + min(self._lifetime.idle, self._lifetime.whole),
            account_version=user.version,
        )
        token = self._tokens.first(session.id, user.id, secrets.token_bytes(SECRET_BYTES))
        if beyond := await self._sessions.begin(session, token.hash):
            await self._ends.tell(user.id, beyond)
            await self._sessions.end(user.id, *beyond)
        try:
            account = await self._active(user.id)
            if user.version < account.sessions_since:
                raise errors.SessionEnded
            return self._grant(account, token, now, now)
        except (errors.AccountInactive, errors.SessionEnded):
            await self._sessions.end(user.id, session.id)
            raise

    def begun_after(self) -> datetime:
        """When the oldest session began that has not had its whole time yet."""
        return self._now() - self._lifetime.whole

    def holder_of(self, refresh_token: str) -> str:
        """The id of the account that `refresh_token` was given to. Raises `InvalidToken`."""
        return self._tokens.read(refresh_token).user_id

    async def refresh(self, refresh_token: str, device: Device) -> Grant:
        """Spends `refresh_token` for the next ones.

        The account is asked first, also which of its sessions have ended: while it cannot be, no
        token is spent. Raises `InvalidToken`, `AccountInactive`, and what the stores do.
        """
        spent = self._tokens.read(refresh_token)
        user = await self._active(spent.user_id)
        successor = self._tokens.successor(spent)
        now = self._now()
        rotation = Rotation(
            session_id=spent.session_id,
            user_id=spent.user_id,
            spent=spent.hash,
            successor=successor.hash,
            at=now,
            address=device.address,
            expires_at=now + self._lifetime.idle,
            sessions_since=sessions_since(user, spent.session_id),
            begun_after=now - self._lifetime.whole,
        )
        try:
            begun_at = await self._sessions.rotate(rotation)
        except RefreshTokenReused:
            _log.warning(
                "session.refresh_token_reused", session=spent.session_id, user=spent.user_id
            )
            # In this order: whoever is killed in between has ended nothing, or all of it.
            await self._ends.end(SessionEnd(str(uuid7()), spent.session_id, spent.user_id, now))
            await self._sessions.end(spent.user_id, spent.session_id)
            raise
        return self._grant(user, successor, begun_at, now)

    async def _active(self, user_id: str) -> User:
        try:
            user = await self._accounts.get(user_id)
        except UserNotFound as error:
            raise _inactive() from error
        if user.status is not Status.ACTIVE:
            raise _inactive()
        return user

    def _grant(self, user: User, token: RefreshToken, begun_at: datetime, now: datetime) -> Grant:
        role = role_of_tokens(user, self._totp_required_of)
        seconds = self._lifetime.seconds_of_token(begun_at, now, self._signer.lifetime_seconds)
        return Grant(
            access_token=self._signer.sign(
                user.id, role, token.session_id, user.version, lifetime_seconds=seconds
            ),
            expires_in_seconds=seconds,
            refresh_token=self._tokens.write(token),
            session_id=token.session_id,
            user=user,
            lacks_totp=lacks_totp(user, self._totp_required_of),
        )


def _inactive() -> errors.AccountInactive:
    return errors.AccountInactive("the account was deleted or disabled")
