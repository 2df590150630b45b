"""API keys and their secrets. Pure: time, ids and random bytes are arguments.

A secret is `emp_` and 70 letters and digits: 52 bytes, written to the base 62, so that a double
click takes all of it. They are the id of its key, 32 random bytes, and the CRC-32 of both, by which
a scanner knows a secret from what merely looks like one.
"""

import hashlib
import hmac
import string
import zlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from server.kit import errors
from server.kit.context import Role, lesser
from server.user.accounts.rules import User
from server.user.accounts.rules.acting import role_of_tokens
from server.user.mail.rules import MailKind, MailRequest

KEYS_MAX = 50
"""The API keys of one account."""

SECRET_BYTES = 32

TOKEN_SECONDS = 300
"""How long a token is good that a key was exchanged for, at most."""

USE_NOTED_EVERY = timedelta(minutes=1)

PREFIX = "emp_"
_DAYS_DEFAULT = 90
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_LENGTH = 70  # of 52 bytes to the base 62

_NO_HASH = bytes(32)  # which no secret has


class ApiKeyNotFound(errors.NotFound):
    """No such API key, or not the caller's."""

    reason = "API_KEY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no such API key")


class TooManyApiKeys(errors.Conflict):
    """The account has as many API keys as one may have."""

    reason = "TOO_MANY_API_KEYS"

    def __init__(self) -> None:
        super().__init__(f"an account may have {KEYS_MAX} API keys; delete one first")


class InvalidClient(errors.Unauthenticated):
    """There is no such API key, it has ended, its secret is another, or its account is inactive."""

    reason = "INVALID_CLIENT"

    def __init__(self, problem: str = "the API key is not valid") -> None:
        super().__init__(problem)


class UnsupportedGrantType(errors.Malformed):
    """A token is asked for by another way than OAuth's client credentials."""

    reason = "UNSUPPORTED_GRANT_TYPE"

    def __init__(self) -> None:
        super().__init__("grant_type must be client_credentials", field="data")


class InvalidScope(errors.Malformed):
    """A token is asked for with a scope that the API key has not."""

    reason = "INVALID_SCOPE"

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__(f"the key reaches no further than {' '.join(scopes)}", field="data")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a program signs in with, in the name of the account that made it."""

    id: str
    user_id: str
    name: str
    scopes: tuple[str, ...]  # in alphabetical order
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    with_second_factor: bool = False  # that the account had when the key was made
    role: Role = Role.CUSTOMER  # that it had then


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """What somebody asks for."""

    name: str
    scopes: tuple[str, ...]
    days: int | None  # until it ends


@dataclass(frozen=True, slots=True)
class Known:
    """A key, and the hash of its secret."""

    key: ApiKey
    secret_hash: bytes


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a program asks a token with: its key's id and secret, and how far it shall reach."""

    client_id: str
    secret: str
    scope: str  # with spaces in between; empty: all that the key has

    @property
    def key_id(self) -> str:
        """The key's id. Raises `InvalidClient` for what is none.

        A wrong secret, whatever it looks like, is looked up all the same: the audit log names the
        account that was tried.
        """
        with suppress(ValueError):
            if (key_id := str(UUID(self.client_id))) == self.client_id.lower():
                return key_id
        raise InvalidClient


def make(new: NewApiKey, owner: User, key_id: str, now: datetime) -> ApiKey:
    """The key that the account is given."""
    return ApiKey(
        id=key_id,
        user_id=owner.id,
        name=new.name,
        scopes=tuple(sorted(new.scopes)),
        created_at=now,
        expires_at=now + timedelta(days=_DAYS_DEFAULT if new.days is None else new.days),
        with_second_factor=owner.totp_enabled,
        role=owner.role,
    )


def told_of(key: ApiKey, owner: User, mail_id: str, traceparent: str | None = None) -> MailRequest:
    """What the owner of a new key is told."""
    return MailRequest(
        id=mail_id,
        kind=MailKind.API_KEY_CREATED,
        user_id=owner.id,
        email=owner.email,
        occurred_at=key.created_at,
        traceparent=traceparent,
        api_key_name=key.name,
    )


def check_room(count: int) -> None:
    """Raises `TooManyApiKeys` when an account with so many keys may have no more."""
    if count >= KEYS_MAX:
        raise TooManyApiKeys


def secret_of(key_id: str, random: bytes) -> str:
    """The secret of a key, of 32 `random` bytes."""
    body = UUID(key_id).bytes + random
    number = int.from_bytes(body + zlib.crc32(body).to_bytes(4))
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return PREFIX + "".join(reversed(digits))


def hash_of(secret: str) -> bytes:
    """What is stored of a secret. A fast hash will do: nobody guesses 256 bits."""
    return hashlib.sha256(secret.encode()).digest()


def check_secret(known: Known | None, secret: str, now: datetime) -> ApiKey:
    """The key, if that is its secret and it has not ended. Raises `InvalidClient`.

    The same work for a key that there is not.
    """
    is_right = hmac.compare_digest(hash_of(secret), known.secret_hash if known else _NO_HASH)
    if known is None or not is_right or known.key.expires_at <= now:
        raise InvalidClient
    return known.key


def granted(key: ApiKey, asked: str) -> tuple[str, ...]:
    """The scopes of a token: those of `asked`, with spaces in between, or all that the key has.

    Raises `InvalidScope`.
    """
    wanted = {*asked.split()}
    if not wanted <= {*key.scopes}:
        raise InvalidScope(key.scopes)
    return tuple(sorted(wanted)) or key.scopes


def role_in_token(key: ApiKey, owner: User, totp_required_of: Collection[Role]) -> Role:
    """The role that tokens of the key say: never more than the account had when it was made.

    Whoever opened an account in somebody's name, and made a key, gains nothing by its promotion.
    Where the account's role needs a second factor, the account must have had one when the key was
    made: whoever makes a key with less than that role reaches no further by it later.
    """
    if owner.role in totp_required_of and not key.with_second_factor:
        return Role.CUSTOMER
    return lesser(key.role, role_of_tokens(owner, totp_required_of))


def seconds_of_token(key: ApiKey, now: datetime, seconds_max: int) -> int:
    """How long a token of the key is good: never longer than the key itself."""
    left = int((key.expires_at - now).total_seconds())
    return max(1, min(TOKEN_SECONDS, seconds_max, left))


def is_use_to_note(key: ApiKey, now: datetime) -> bool:
    """Whether a use is written down: not each one, or every exchange would be a write."""
    return key.last_used_at is None or now - key.last_used_at >= USE_NOTED_EVERY
