"""Keys as JWKs: making them, publishing their public halves, reading them from files."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from server.settings import SettingsError

ISSUER = AUDIENCE = "emporium"
ALGORITHM = "EdDSA"
TYPE = "at+jwt"
SERVICE_KEY_PREFIX = "service:"


def new_key(kid: str) -> dict[str, Any]:
    """A fresh private Ed25519 key as a JWK with the id `kid`. Keep it secret."""
    jwk: dict[str, Any] = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True)
    return {**jwk, "kid": kid, "alg": ALGORITHM, "use": "sig"}


def jwks(keys: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The public halves of `keys`, as a JWK set for verifiers and for Envoy."""
    return {"keys": [{k: v for k, v in key.items() if k != "d"} for key in keys]}


@contextmanager
def readable(variable: str) -> Iterator[None]:
    """Raises `SettingsError` naming `variable` when the file that it names holds no key."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{variable} names no file to read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
        raise SettingsError(f"{variable} names a file without a usable key") from error
