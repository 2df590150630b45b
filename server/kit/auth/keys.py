"""Keys as JWKs: making them, publishing their public halves, reading them from files."""

import math
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
SECRET_BYTES = 32  # at least
SERVICE_KEY_PREFIX = "service:"
_KIND = {"kty": "OKP", "crv": "Ed25519", "alg": ALGORITHM, "use": "sig"}


def new_key(kid: str) -> dict[str, Any]:
    """A fresh private Ed25519 key as a JWK with the id `kid`. Keep it secret."""
    jwk: dict[str, Any] = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True)
    return {**jwk, "kid": kid, "alg": ALGORITHM, "use": "sig"}


def retired_at(key: Mapping[str, Any]) -> float:
    """When no verifier takes the public key any more, in Unix seconds; infinity: that is open."""
    return float(key.get("exp", math.inf))


def public_key(key: Mapping[str, Any]) -> Any:
    """What verifies with the public JWK. Raises `ValueError` unless it is for our algorithm alone.

    A key that could be taken for one of another algorithm is a key that somebody may misuse.
    """
    if any(key.get(name) != wanted for name, wanted in _KIND.items()) or "d" in key:
        raise ValueError(f"not a public key for {ALGORITHM}")
    retired_at(key)
    return jwt.PyJWK(dict(key), ALGORITHM).key


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
