"""Checks access tokens against a key set."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol
from uuid import UUID

import jwt
import msgspec
from jwt.types import Options

from server.kit import base64url, errors
from server.kit.auth.following import Followed
from server.kit.auth.keys import (
    ALGORITHM,
    AUDIENCE,
    ISSUER,
    SERVICE_KEY_PREFIX,
    TYPE,
    public_key,
    retired_at,
)
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
        `SessionEnded`, `ApiKeyDeleted` and `AccountInactive`.
        """

    async def follow(self) -> None:
        """Takes the keys as they are now; to be called every second or so."""


class _KeySet:
    """A JWK set that is sound: each key is of our one algorithm, and has an id of its own."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.public: list[Mapping[str, Any]] = list(content["keys"])
        self.keys = {str(key["kid"]): public_key(key) for key in self.public}
        self.ends = {str(key["kid"]): retired_at(key) for key in self.public}
        if len(self.keys) != len(self.public):
            raise ValueError("two keys have one id")


class Verifier:
    """Checks tokens against a key set, and remembers the ones it has found good.

    With `follow`, the set is that file's, also when it is replaced.
    """

    def __init__(self, key_set: Mapping[str, Any], follow: Followed[_KeySet] | None = None) -> None:
        self._follow = follow
        self._callers: dict[str, Caller] = {}
        self._accept(follow.content if follow else _KeySet(key_set))

    @classmethod
    def from_file(cls, path: Path) -> "Verifier":
        """Reads the JWK set at `path`, and follows it. Raises `SettingsError`."""
        return cls({}, Followed("JWKS_FILE", path, lambda text: _KeySet(json.loads(text))))

    @property
    def public_keys(self) -> list[Mapping[str, Any]]:
        """The keys that tokens are taken of now, as JWKs."""
        now = time.time()
        return [key for key in self._set.public if retired_at(key) > now]

    async def follow(self) -> None:
        """Takes the key set as it is now; to be called every second or so."""
        if (self._follow and self._follow.look()) or self._next_end <= time.time():
            self._accept(self._follow.content if self._follow else self._set)

    def _accept(self, key_set: _KeySet) -> None:
        """Those found good by a key that has gone are forgotten with it."""
        now = time.time()
        self._set = key_set
        self._keys = {kid: key for kid, key in key_set.keys.items() if key_set.ends[kid] > now}
        self._next_end = min((end for end in key_set.ends.values() if end > now), default=math.inf)
        self._callers.clear()

    def _key(self, kid: str) -> Any:
        """Raises `KeyError`. A key that nobody knows may have been published just now."""
        if kid not in self._keys and self._follow and self._follow.look():
            self._accept(self._follow.content)
        return self._keys[kid]

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
            key = self._key(header["kid"])
            if header.get("typ") != TYPE:
                raise errors.InvalidToken("the token is not an access token")
            content = jwt.decode(
                token, key, algorithms=[ALGORITHM], issuer=ISSUER, audience=AUDIENCE, options=_READ
            )
            claims = msgspec.convert(content, _Claims)
            # Of all else the signature has seen each character.
            base64url.decode(token.rpartition(".")[2])
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
