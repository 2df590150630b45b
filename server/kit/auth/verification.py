"""Checks access tokens against a key set."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol
from uuid import UUID

import jwt
import msgspec
from jwt.types import Options

from server.kit import errors
from server.kit.auth.keys import ALGORITHM, AUDIENCE, ISSUER, SERVICE_KEY_PREFIX, TYPE, readable
from server.kit.context import Caller, Role
from server.settings import TOKEN_SECONDS_MAX

_REQUIRED = ["iss", "aud", "sub", "sid", "role", "iat", "exp", "jti"]
_LAST_SECOND = 253_402_300_799  # of the year 9999
# The times are checked by ourselves, as whole numbers; the library takes whatever `int` takes.
_READ: Options = {
    "require": _REQUIRED,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
_CACHE_SIZE_MAX = 10_000
_LEEWAY_SECONDS = 5  # for clocks that differ a little


_Moment = Annotated[int, msgspec.Meta(ge=0, le=_LAST_SECOND)]  # Unix time in seconds
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Claims(msgspec.Struct):
    """What a token says, each claim of its one type: a number in quotes is no number.

    A signature vouches for who wrote a claim and not for its sense. Only claims of the right kind
    may be computed with.
    """

    sub: _Text
    sid: UUID
    role: Role
    iat: _Moment
    exp: _Moment
    jti: _Text
    nbf: _Moment = 0
    account_version: Annotated[int, msgspec.Meta(ge=0)] = 0
    scope: str | msgspec.UnsetType = msgspec.UNSET


class Tokens(Protocol):
    """What finds out who calls."""

    def verify(self, token: str) -> Caller:
        """Whom `token` stands for.

        Raises `InvalidToken` or `TokenExpired`; where more is known of it than it says itself, also
        `SessionEnded` and `AccountInactive`.
        """


class Verifier:
    """Checks tokens against a key set, and remembers the ones it has found good."""

    def __init__(self, key_set: Mapping[str, Any]) -> None:
        self._keys = {key["kid"]: jwt.PyJWK(key, ALGORITHM).key for key in key_set["keys"]}
        self._callers: dict[str, Caller] = {}

    @classmethod
    def from_file(cls, path: Path) -> "Verifier":
        """Reads the JWK set at `path`. Raises `SettingsError`."""
        with readable("JWKS_FILE"):
            return cls(json.loads(path.read_text()))

    def verify(self, token: str) -> Caller:
        """Whom `token` stands for. Raises `InvalidToken` or `TokenExpired`."""
        caller = self._callers.get(token)
        if caller is None:
            caller = self._check(token)
            if len(self._callers) >= _CACHE_SIZE_MAX:
                # Tokens live for minutes, so most of a full cache has expired. Clearing it costs
                # one verification for each token in use; an order of use would cost something at
                # every call.
                self._callers.clear()
            self._callers[token] = caller
        if caller.expires_at + _LEEWAY_SECONDS < time.time():
            raise errors.TokenExpired("the token has expired; sign in again")
        return caller

    def _check(self, token: str) -> Caller:
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys[header["kid"]]
            if header.get("typ") != TYPE:
                raise errors.InvalidToken("the token is not an access token")
            content = jwt.decode(
                token, key, algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE, options=_READ
            )
            claims = msgspec.convert(content, _Claims)
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, RecursionError) as error:
            raise errors.InvalidToken("the token is not valid; sign in again") from error
        _check_times(claims)
        _check_authority(header["kid"], claims.sub, claims.role)
        scopes = None if claims.scope is msgspec.UNSET else frozenset(claims.scope.split())
        return Caller(
            claims.sub,
            claims.role,
            float(claims.exp),
            str(claims.sid),
            claims.account_version,
            scopes,
        )


def _check_times(claims: _Claims) -> None:
    now = time.time()
    if claims.exp - claims.iat > TOKEN_SECONDS_MAX:
        raise errors.InvalidToken("the token lives too long; sign in again")
    if max(claims.iat, claims.nbf) > now + _LEEWAY_SECONDS:
        raise errors.InvalidToken("the token is not valid yet; look at the clocks")
    if claims.exp + _LEEWAY_SECONDS < now:
        raise errors.TokenExpired("the token has expired; sign in again")


def _check_authority(kid: str, subject: str, role: Role) -> None:
    """A service's key vouches for that service alone, any other key for people alone."""
    service = kid.rsplit("-", 1)[0] if kid.startswith(SERVICE_KEY_PREFIX) else None
    if service is None and role is Role.SERVICE:
        raise errors.InvalidToken("the token's key cannot vouch for a service")
    if service is not None and (role is not Role.SERVICE or subject != service):
        raise errors.InvalidToken("the token's key can only vouch for its own service")
