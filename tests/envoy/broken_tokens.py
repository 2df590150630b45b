"""What is sent as an `Authorization` header, and that nobody may believe."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.kit import auth
from server.settings import TOKEN_SECONDS_MAX
from tests.envoy.conftest import signed
from tests.spellings import other_spellings

Key = Mapping[str, Any]

_FAR = 10**6
SPELLINGS = ("padding", "other bits at the end", "a strange character in it")


@dataclass(frozen=True)
class Keys:
    """The private keys that are believed: one of people's, and one of a service's."""

    user: Key
    service: Key


Forge = Callable[[Keys], str]


def now() -> int:
    return int(time.time())


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def handmade(key: Key, header: Mapping[str, Any], **claims: Any) -> str:
    """An admin's token, but for what is given, with a good signature by `key`."""
    good_header, good_claims, _ = signed(dict(key), role="ADMIN").split(".")
    head = json.loads(base64.urlsafe_b64decode(good_header + "==")) | header
    said = json.loads(base64.urlsafe_b64decode(good_claims + "==")) | claims
    text = f"{encoded(json.dumps(head).encode())}.{encoded(json.dumps(said).encode())}"
    private: Any = jwt.PyJWK(dict(key), "EdDSA").key
    return f"{text}.{encoded(private.sign(text.encode()))}"


def by_hmac(secret: bytes, kid: str, algorithm: str = "HS256") -> str:
    header = {"alg": algorithm, "kid": kid, "typ": "at+jwt"}
    claims = jwt.decode(signed(role="ADMIN"), options={"verify_signature": False})
    text = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), digest))}"


def public(key: Key) -> dict[str, Any]:
    return {name: part for name, part in key.items() if name != "d"}


def pem(key: Key) -> bytes:
    """The public key as verifiers are often given it, by which HS256 would then be checked."""
    private: Any = jwt.PyJWK(dict(key), "EdDSA").key
    assert isinstance(private, Ed25519PrivateKey)
    text: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text


def good(keys: Keys) -> str:
    """What all others are made of."""
    return signed(dict(keys.user), role="ADMIN")


def unsigned(keys: Keys, algorithm: str) -> str:
    head, claims, _ = handmade(keys.user, {"alg": algorithm}, role="ADMIN").split(".")
    return f"{head}.{claims}."


def by_a_stranger(keys: Keys, **header: Any) -> str:
    """Signed by a key of one's own, under the name of a good one."""
    own = auth.new_key(keys.user["kid"])
    named = {name: public(own) if value == "own" else value for name, value in header.items()}
    return handmade(own, named, role="ADMIN")


def changed(token: str, chance: Random) -> str:
    """The token with one bit changed, anywhere."""
    part = chance.randrange(3)
    return flipped(token, part, chance.randrange(len(token.split(".")[part]) * 6 // 8 * 8))


def flipped(token: str, part: int, bit: int) -> str:
    """The token with that bit of its header, claims or signature changed."""
    parts = token.split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4)))
    raw[bit // 8] ^= 1 << bit % 8
    parts[part] = encoded(bytes(raw))
    return ".".join(parts)


def spelt(name: str) -> Forge:
    """A good token with its signature in another spelling of the same bytes."""

    def forge(keys: Keys) -> str:
        said, _, signature = good(keys).rpartition(".")
        return f"{said}.{other_spellings(signature)[name]}"

    return forge


def claiming(**claims: Any) -> Forge:
    return lambda keys: handmade(keys.user, {}, **claims)


def without(*names: str) -> Forge:
    claims: dict[str, Any] = {"role": "ADMIN"} | dict.fromkeys(names)
    return lambda keys: signed(dict(keys.user), **claims)


def headed(**header: Any) -> Forge:
    return lambda keys: handmade(keys.user, header)


def long(size: int) -> Forge:
    return lambda keys: handmade(keys.user, {}, padding="x" * size)


# By what is wrong with them. All but the last group are tokens, sent as `Bearer`.
TOKENS: dict[str, Forge] = {
    # The signature, and whose it is.
    "not signed": lambda keys: unsigned(keys, "none"),
    "not signed, in capitals": lambda keys: unsigned(keys, "NONE"),
    "signed, it says, by nothing": lambda keys: unsigned(keys, "EdDSA"),
    "HS256 by the public key": lambda keys: by_hmac(
        base64.urlsafe_b64decode(keys.user["x"] + "=="), keys.user["kid"]
    ),
    "HS256 by the public key as text": lambda keys: by_hmac(
        keys.user["x"].encode(), keys.user["kid"]
    ),
    "HS256 by the public key as PEM": lambda keys: by_hmac(pem(keys.user), keys.user["kid"]),
    "HS512 by the public key as PEM": lambda keys: by_hmac(
        pem(keys.user), keys.user["kid"], "HS512"
    ),
    "HS256 by no secret": lambda keys: by_hmac(b"", keys.user["kid"]),
    "another algorithm": headed(alg="ES256"),
    "another key of that name": by_a_stranger,
    "another key, embedded": lambda keys: by_a_stranger(keys, jwk="own"),
    "another key, by address": lambda keys: by_a_stranger(keys, jku="http://127.0.0.1:1/jwks"),
    "another key, by certificate": lambda keys: by_a_stranger(keys, x5u="http://127.0.0.1:1/x"),
    "another key, by certificates": lambda keys: by_a_stranger(keys, x5c=["AAAA"]),
    "a key that nobody knows": lambda keys: signed(auth.new_key("user-99"), role="ADMIN"),
    "a key that is a path": headed(kid="../../../../dev/null"),
    "a key that is a statement": headed(kid="' OR '1'='1"),
    "a key that is no text": headed(kid=["user-1"]),
    "no key": lambda keys: signed(dict(keys.user), header={"kid": None}, role="ADMIN"),
    "a bit of the signature": lambda keys: flipped(good(keys), 2, 5),
    "a bit of the signature's end": lambda keys: flipped(good(keys), 2, 511),
    "a bit of the claims": lambda keys: flipped(good(keys), 1, 100),
    **{f"{name} of the signature": spelt(name) for name in SPELLINGS},
    "no signature": lambda keys: good(keys).rpartition(".")[0],
    "an empty signature": lambda keys: good(keys).rpartition(".")[0] + ".",
    # What kind of token it is.
    "of another kind": headed(typ="JWT"),
    "of the kind of refreshes": headed(typ="rt+jwt"),
    "of no kind": lambda keys: signed(dict(keys.user), header={"typ": None}, role="ADMIN"),
    "critical, unknown": headed(crit=["exp", "b64"], b64=True),
    "critical, made up": headed(crit=["x-emporium"]),
    "critical, nothing": headed(crit=[]),
    # Times.
    "expired": claiming(iat=now() - 700, exp=now() - 100),
    "expired long ago": claiming(iat=1, exp=601),
    "of tomorrow": claiming(iat=now() + 86_400, exp=now() + 87_000),
    "not before tomorrow": claiming(nbf=now() + 86_400),
    "without end": without("exp"),
    "that ends too late": claiming(exp=now() + TOKEN_SECONDS_MAX + _FAR),
    "an end in quotes": claiming(exp=str(now() + 600)),
    "an end in words": claiming(exp="never"),
    "an end of 1e300": claiming(exp=1e300),
    "an end of true": claiming(exp=True),
    "an end of nothing": claiming(exp=None),
    "an end before time": claiming(exp=-1),
    "a beginning in quotes": claiming(iat=str(now())),
    "a bound in quotes": claiming(nbf=str(now())),
    # For whom, by whom, and of whom.
    "for another API": claiming(aud="other"),
    "for several APIs": claiming(aud=["other", "another"]),
    "for nobody": without("aud"),
    "by another issuer": claiming(iss="https://emporium"),
    "by nobody": without("iss"),
    **{f"without {name}": without(name) for name in ("sub", "sid", "role", "iat", "jti")},
    "an empty subject": claiming(sub=""),
    "a subject that is a number": claiming(sub=7),
    "a session that is no id": claiming(sid="mine"),
    "a role that nobody has": claiming(role="ROOT"),
    "a role in small letters": claiming(role="admin"),
    "roles": claiming(role=["ADMIN"]),
    "a service by a person's key": claiming(role="SERVICE", sub="service:order"),
    "an admin by a service's key": lambda keys: handmade(keys.service, {}, role="ADMIN"),
    "another service by a service's key": lambda keys: handmade(
        keys.service, {}, role="SERVICE", sub="service:user"
    ),
    # No access tokens at all.
    "a refresh token": lambda keys: encoded(hashlib.sha512(b"refresh").digest() * 2)[:103],
    "nonsense": lambda keys: "nonsense",
    "much nonsense": lambda keys: "x" * 7_000,
    "dots": lambda keys: "..",
    "a token twice": lambda keys: f"{good(keys)} {good(keys)}",
    "nothing": lambda keys: "",
}
# Good but for their size; the edge takes less than a service.
OVERSIZED_AT_THE_EDGE: dict[str, Forge] = {"of 9 KB": long(9_000)}
OVERSIZED: dict[str, Forge] = {"of 40 KB": long(40_000)}


def bearers(keys: Keys) -> dict[str, str]:
    """The header's value for every token that is broken wherever it is sent."""
    return {name: f"Bearer {forge(keys)}" for name, forge in (TOKENS | OVERSIZED).items()}


def too_large_for_the_edge(keys: Keys) -> dict[str, str]:
    """The same for those that a service would still take."""
    return {name: f"Bearer {forge(keys)}" for name, forge in OVERSIZED_AT_THE_EDGE.items()}


def of_services(keys: Mapping[str, Key]) -> dict[str, str]:
    """Those of services, by whose keys they are: good among themselves, and not at the edge."""
    found = {}
    for name, key in keys.items():
        token = signed(dict(key), sub=f"service:{name}", role="SERVICE")
        found[f"of the {name} service"] = f"Bearer {token}"
    return found


def strangers(keys: Keys) -> dict[str, str | None]:
    """What is no bearer token, so that its sender is nobody; None: no header."""
    return {
        "none": None,
        "another scheme": f"Basic {good(keys)}",
        "no scheme": good(keys),
        "two schemes": f"Bearer Bearer {good(keys)}",
        "a scheme alone": "Bearer",
    }
