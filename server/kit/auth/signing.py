"""Makes access tokens: a user's at a login, and a service's own for its calls to neighbours."""

import hmac
import json
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import jwt
from jwt.utils import base64url_decode
from uuid_utils import uuid4

from server.kit.auth.following import Followed
from server.kit.auth.keys import ALGORITHM, AUDIENCE, ISSUER, SECRET_BYTES, TYPE, readable
from server.kit.context import Role
from server.settings import Tokens


class Signer:
    """Makes tokens with one private key, and has a secret beside it, which outlives the key.

    With `source` it looks, at each token, whether there is a newer key. Without a `secret` of its
    own, its secrets follow from the key.
    """

    def __init__(
        self,
        key: Mapping[str, Any],
        lifetime_seconds: int,
        secret: bytes | None = None,
        source: Followed[dict[str, Any]] | None = None,
    ) -> None:
        self.lifetime_seconds = lifetime_seconds
        self._source = source
        self._take(key)
        self._secret = secret or self._key.private_bytes_raw()

    @classmethod
    def for_people(cls, settings: Tokens) -> "Signer":
        """Signs the tokens of accounts. Raises `SettingsError`."""
        file = Followed("SIGNING_KEY_FILE", settings.signing_key_file, _private_key)
        secret = _secret_in(settings.secret_file)
        return cls(file.content, settings.token_seconds, secret, file)

    @classmethod
    def for_neighbours(cls, settings: Tokens) -> "Signer":
        """Signs what the service shows its neighbours. Raises `SettingsError`."""
        file = Followed("SERVICE_KEY_FILE", settings.service_key_file, _private_key)
        secret = _secret_in(settings.secret_file)
        return cls(file.content, settings.service_token_seconds, secret, file)

    @property
    def service(self) -> str:
        """The service that a key of its own stands for, such as `service:order`."""
        return self.kid.rpartition("-")[0]

    def follow(self) -> None:
        """Takes the key that signs now; a few us."""
        if self._source and self._source.look():
            self._take(self._source.content)

    def _take(self, key: Mapping[str, Any]) -> None:
        self.kid = str(key["kid"])
        self.public_key = {name: part for name, part in key.items() if name != "d"}
        self._key = jwt.PyJWK(dict(key), ALGORITHM).key

    def sign(
        self,
        subject: str,
        role: Role,
        session_id: str | None = None,
        account_version: int = 0,
        *,
        scopes: Collection[str] | None = None,
        lifetime_seconds: int | None = None,
    ) -> str:
        """A token for `subject`, good for that long from now, `self.lifetime_seconds` unless given.

        It belongs to the session, or else is one of its own, which nothing can refresh. Without the
        version of the account it counts as older than every change. It reaches as far as `scopes`;
        None: it is not limited.
        """
        self.follow()
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "role": role.value,
            "iat": now,
            "exp": now + (lifetime_seconds or self.lifetime_seconds),
            "sid": session_id or str(uuid4()),
            "jti": str(uuid4()),
            "account_version": account_version,
        }
        if scopes is not None:
            claims["scope"] = " ".join(sorted(scopes))
        headers = {"kid": self.kid, "typ": TYPE}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers=headers)

    def secret(self, purpose: str) -> bytes:
        """32 bytes that only this service can know, others for each `purpose`."""
        return hmac.digest(self._secret, purpose.encode(), "sha256")


def _private_key(text: str) -> dict[str, Any]:
    key: dict[str, Any] = json.loads(text)
    Signer(key, 0)  # raises for what cannot sign
    return key


def _secret_in(path: Path) -> bytes:
    """Raises `SettingsError`."""
    with readable("SECRET_FILE"):
        secret = base64url_decode(json.loads(path.read_text(encoding="utf-8"))["secret"])
        if len(secret) < SECRET_BYTES:
            raise ValueError("too short")
    return secret


class ServiceToken:
    """A service's own token for its calls to neighbours.

    It is renewed before it runs out, and as soon as another key signs: the one before may have been
    stolen, and be taken no more.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._session_id = str(uuid4())  # as long as the process
        self._token = ""
        self._key: Mapping[str, Any] = {}  # that has signed it
        self._renew_at = 0.0  # Unix seconds

    async def __call__(self) -> str:
        """The token to send now."""
        self._signer.follow()
        if self._key is not self._signer.public_key or time.time() >= self._renew_at:
            self._token = self._signer.sign(self._signer.service, Role.SERVICE, self._session_id)
            self._key = self._signer.public_key
            self._renew_at = time.time() + self._signer.lifetime_seconds / 2
        return self._token
