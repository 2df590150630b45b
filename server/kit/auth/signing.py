"""Makes access tokens: a user's at a login, and a service's own for its calls to neighbours."""

import hmac
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from uuid_utils import uuid4

from server.kit.auth.keys import ALGORITHM, AUDIENCE, ISSUER, TYPE, readable
from server.kit.context import Role
from server.settings import Tokens


class Signer:
    """Makes tokens with one private key."""

    def __init__(self, key: Mapping[str, Any], lifetime_seconds: int) -> None:
        self.kid = str(key["kid"])
        self.lifetime_seconds = lifetime_seconds
        self.public_key = {name: part for name, part in key.items() if name != "d"}
        self._key = jwt.PyJWK(dict(key), ALGORITHM).key

    @classmethod
    def for_people(cls, settings: Tokens) -> "Signer":
        """Signs the tokens of accounts. Raises `SettingsError`."""
        return cls._read("SIGNING_KEY_FILE", settings.signing_key_file, settings.token_seconds)

    @classmethod
    def for_neighbours(cls, settings: Tokens) -> "Signer":
        """Signs what the service shows its neighbours. Raises `SettingsError`."""
        seconds = settings.service_token_seconds
        return cls._read("SERVICE_KEY_FILE", settings.service_key_file, seconds)

    @classmethod
    def _read(cls, variable: str, path: Path, lifetime_seconds: int) -> "Signer":
        with readable(variable):
            return cls(json.loads(path.read_text()), lifetime_seconds)

    def sign(self, subject: str, role: Role, session_id: str | None = None) -> str:
        """A token for `subject`, good for `lifetime_seconds` from now.

        It belongs to the session, or else is one of its own, which nothing can refresh.
        """
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "role": role.value,
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "sid": session_id or str(uuid4()),
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
        self._service = signer.kid.rpartition("-")[0]
        self._session_id = str(uuid4())  # as long as the process
        self._token = ""
        self._renew_at = 0.0  # Unix seconds

    async def __call__(self) -> str:
        """The token to send now."""
        if time.time() >= self._renew_at:
            self._token = self._signer.sign(self._service, Role.SERVICE, self._session_id)
            self._renew_at = time.time() + self._signer.lifetime_seconds / 2
        return self._token
