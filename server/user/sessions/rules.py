"""Sessions and their refresh tokens. Pure: time, ids and random bytes are arguments.

A refresh token is 80 bytes in base64: the ids of its session and of its account, 32 secret bytes,
and a tag by which we know our own. The secret of a session's first token is random; that of each
next one is an HMAC of the one before, under a key that only the service has. So whoever spends a
token twice gets the same successor, and nothing but hashes has to be stored for that.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from server.kit import base64url, errors
from server.user.accounts.rules import User

REPEAT_SECONDS = 10
"""How long a spent token is answered with its successor, for callers whose answer was lost."""

SESSIONS_MAX = 100
"""The sessions of one account; a login beyond that ends the one that was used longest ago."""

SECRET_BYTES = 32

_ID_BYTES = 16
_TAG_BYTES = 16
_BODY_BYTES = 2 * _ID_BYTES + SECRET_BYTES


class RefreshTokenReused(errors.Unauthenticated):
    """The refresh token was spent before, and its session has ended for that."""

    reason = "REFRESH_TOKEN_REUSED"

    def __init__(self) -> None:
        super().__init__("the refresh token was used before; sign in again")


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lasts."""

    idle: timedelta  # after its last use
    whole: timedelta  # after it began, however it is used

    def seconds_of_token(self, begun_at: datetime, now: datetime, seconds_max: int) -> int:
        """How long a token is good that a session is given which began then: never longer than it.

        Such a token can make what lasts, as an API key does.
        """
        left = int(min(self.idle, begun_at + self.whole - now).total_seconds())
        return max(1, min(seconds_max, left))


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """That a session was ended, as an event."""

    id: str
    session_id: str
    user_id: str
    occurred_at: datetime
    traceparent: str | None = None


class SessionNotFound(errors.NotFound):
    """No such session, or not the caller's."""

    reason = "SESSION_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no such session")


@dataclass(frozen=True, slots=True)
class Session:
    """One device that is signed in."""

    id: str
    user_id: str
    device: str
    address: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    account_version: int = 0  # that the account had


@dataclass(frozen=True, slots=True)
class Rotation:
    """A refresh token in exchange for the next; both are hashes here."""

    session_id: str
    user_id: str
    spent: bytes
    successor: bytes
    at: datetime
    address: str
    expires_at: datetime
    # A session has ended that began with an earlier version of the account, or before that moment.
    sessions_since: int = 0
    begun_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody who signs in, or goes on, is given."""

    access_token: str
    expires_in_seconds: int
    refresh_token: str
    session_id: str
    user: User
    lacks_totp: bool = False  # and has the role of a customer until it has one


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token of ours, read."""

    session_id: str
    user_id: str
    body: bytes  # all of it but the tag

    @property
    def hash(self) -> bytes:
        """What is stored of it. It has 256 random bits, so no salt and no slow hash are needed."""
        return hashlib.sha256(self.body).digest()


class RefreshTokens:
    """Makes and reads refresh tokens with a `secret`, the same in every process of the service.

    With another secret, after the service's key was changed, tokens from before are refused.
    """

    def __init__(self, secret: bytes) -> None:
        if not secret:
            raise ValueError("refresh tokens need a secret")
        self._secret = secret

    def first(self, session_id: str, user_id: str, random: bytes) -> RefreshToken:
        """A new session's token, of 32 `random` bytes."""
        return _of(UUID(session_id).bytes + UUID(user_id).bytes + random)

    def successor(self, token: RefreshToken) -> RefreshToken:
        """What `token` is exchanged for; the same every time."""
        ids = token.body[: 2 * _ID_BYTES]
        return _of(ids + hmac.digest(self._secret, b"successor" + token.body, "sha256"))

    def write(self, token: RefreshToken) -> str:
        """The token as its owner gets it."""
        return base64url.encode(token.body + self._tag(token.body))

    def read(self, text: str) -> RefreshToken:
        """The token that `text` is. Raises `InvalidToken` for any but our own, as we write them."""
        try:
            raw = base64url.decode(text)
        except ValueError as error:
            raise _invalid() from error
        body, tag = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)):
            raise _invalid()
        return _of(body)

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, b"tag" + body, "sha256")[:_TAG_BYTES]


def sessions_since(user: User, session_id: str) -> int:
    """The version of the account with which that session must have begun, or a later one."""
    return 0 if session_id == user.spared_session else user.sessions_since


def _of(body: bytes) -> RefreshToken:
    session_id, user_id = body[:_ID_BYTES], body[_ID_BYTES : 2 * _ID_BYTES]
    return RefreshToken(str(UUID(bytes=session_id)), str(UUID(bytes=user_id)), body)


def _invalid() -> errors.InvalidToken:
    return errors.InvalidToken("the refresh token is not valid; sign in again")
