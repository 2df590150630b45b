"""Access tokens: EdDSA-signed JWTs, who may sign them, and how they are checked.

Claims: `iss` and `aud` are `emporium`, `sub` is the user id (or `service:<name>`), `role` one name
of `emporium.type.v1.Role`, `iat` and `exp` Unix seconds, `jti` the token's own id. The header says
`typ: at+jwt`, so that no other kind of token passes for an access token, and `kid`, the key.

A key whose id begins with `service:` vouches for that service and for nobody else: whoever steals
a service's key cannot make an admin of himself.
"""

import hmac
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from uuid_utils import uuid4

from server.kit import errors
from server.kit.context import Caller, Role
from server.settings import SettingsError

ISSUER = AUDIENCE = "emporium"
ALGORITHM = "EdDSA"
TYPE = "at+jwt"
SERVICE_KEY_PREFIX = "service:"

_REQUIRED = ["iss", "aud", "sub", "role", "iat", "exp", "jti"]
_CACHE_SIZE_MAX = 10_000
_LEEWAY_SECONDS = 5  # for clocks that differ a little


def new_key(kid: str) -> dict[str, Any]:
    """A fresh private Ed25519 key as a JWK with the id `kid`. Keep it secret."""
    jwk: dict[str, Any] = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True)
    return {**jwk, "kid": kid, "alg": ALGORITHM, "use": "sig"}


def jwks(keys: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The public halves of `keys`, as a JWK set for verifiers and for Envoy."""
    return {"keys": [{k: v for k, v in key.items() if k != "d"} for key in keys]}


class Signer:
    """Makes tokens with one private key."""

    def __init__(self, key: Mapping[str, Any], lifetime_seconds: int) -> None:
        self.kid = str(key["kid"])
        self.lifetime_seconds = lifetime_seconds
        self.public_key = {name: part for name, part in key.items() if name != "d"}
        self._key = jwt.PyJWK(dict(key), ALGORITHM).key

    @classmethod
    def from_file(cls, path: Path, lifetime_seconds: int) -> "Signer":
        """Reads the private JWK at `path`. Raises `SettingsError`."""
        with _readable(path):
            return cls(json.loads(path.read_text()), lifetime_seconds)

    def sign(self, subject: str, role: Role) -> str:
        """A token for `subject`, good for `lifetime_seconds` from now."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "role": role.value,
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "jti": str(uuid4()),
        }
        headers = {"kid": self.kid, "typ": TYPE}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers=headers)

    def secret(self, purpose: str) -> bytes:
        """32 bytes that only holders of the key can know, others for each `purpose`."""
        return hmac.digest(self._key.private_bytes_raw(), purpose.encode(), "sha256")


class ServiceToken:
    """A service's own token for its calls to neighbours, renewed before it runs out."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._token = ""
        self._renew_at = 0.0  # Unix seconds

    async def __call__(self) -> str:
        """The token to send now."""
        if time.time() >= self._renew_at:
            service = SERVICE_KEY_PREFIX + self._signer.kid.split(":")[1].rsplit("-", 1)[0]
            self._token = self._signer.sign(service, Role.SERVICE)
            self._renew_at = time.time() + self._signer.lifetime_seconds / 2
        return self._token


class Verifier:
    """Checks tokens against a key set, and remembers the ones it has found good."""

    def __init__(self, key_set: Mapping[str, Any]) -> None:
        self._keys = {key["kid"]: jwt.PyJWK(key, ALGORITHM).key for key in key_set["keys"]}
        self._callers: dict[str, Caller] = {}

    @classmethod
    def from_file(cls, path: Path) -> "Verifier":
        """Reads the JWK set at `path`. Raises `SettingsError`."""
        with _readable(path):
            return cls(json.loads(path.read_text()))

    def verify(self, token: str) -> Caller:
        """Whom `token` stands for. Raises `InvalidToken` or `TokenExpired`."""
        caller = self._callers.get(token)
        if caller is None:
            caller = self._check(token)
            if len(self._callers) >= _CACHE_SIZE_MAX:
                # Tokens live for minutes, so all of them are soon dead weight. Starting over is
                # cheaper than keeping an order of use, and costs one verification each.
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
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=_LEEWAY_SECONDS,
                options={"require": _REQUIRED},
            )
            role = Role(claims["role"])
        except jwt.ExpiredSignatureError as error:
            raise errors.TokenExpired("the token has expired; sign in again") from error
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, RecursionError) as error:
            raise errors.InvalidToken("the token is not valid; sign in again") from error
        _check_authority(header["kid"], claims["sub"], role)
        return Caller(claims["sub"], role, float(claims["exp"]))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
        raise SettingsError(f"{path} holds no usable key: {error}") from error


def _check_authority(kid: str, subject: str, role: Role) -> None:
    """A service's key vouches for its service; the user service's key for users."""
    service = kid.rsplit("-", 1)[0] if kid.startswith(SERVICE_KEY_PREFIX) else None
    if service is None and role is Role.SERVICE:
        raise errors.InvalidToken("the token's key cannot vouch for a service")
    if service is not None and (role is not Role.SERVICE or subject != service):
        raise errors.InvalidToken("the token's key can only vouch for its own service")
