"""Tokens of devices. Pure: time and random bytes are arguments.

A token is 56 bytes in base64: the device's id, when it was made, and a tag. The tag covers the
account and the hash of its password as well, so a token of another account or of another password
is none, and nothing has to be stored.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from server.kit import base64url

LIFETIME = timedelta(days=180)
"""How long a token is good; each login gives a new one."""

ID_BYTES = 16

_MOMENT_BYTES = 8  # of Unix time in seconds
_BODY_BYTES = ID_BYTES + _MOMENT_BYTES


class DeviceTokens:
    """Makes and reads tokens with a `secret`, the same in every process of the service."""

    def __init__(self, secret: bytes) -> None:
        if not secret:
            raise ValueError("device tokens need a secret")
        self._secret = secret

    def write(self, device: bytes, user_id: str, password_hash: bytes, now: datetime) -> str:
        """A token for the device with that id, from which the account has just signed in."""
        body = device + int(now.timestamp()).to_bytes(_MOMENT_BYTES)
        tag = self._tag(body, user_id, password_hash)
        return base64url.encode(body + tag)

    def read(
        self, text: str, user_id: str | None, password_hash: bytes | None, now: datetime
    ) -> bytes | None:
        """The id of the device, if the account has signed in from it; None for anything else.

        The same work for an account as for none.
        """
        try:
            raw = base64url.decode(text)
        except ValueError:
            raw = b""
        body = raw[:_BODY_BYTES].ljust(_BODY_BYTES, b"\0")
        tag = self._tag(body, user_id or "", password_hash or b"")
        is_ours = hmac.compare_digest(raw[_BODY_BYTES:], tag)
        if not is_ours or not user_id or not password_hash:
            return None
        made_at = datetime.fromtimestamp(int.from_bytes(body[ID_BYTES:]), UTC)
        return body[:ID_BYTES] if now < made_at + LIFETIME else None

    def _tag(self, body: bytes, user_id: str, password_hash: bytes) -> bytes:
        account = hashlib.sha256(user_id.encode() + b"\0" + password_hash).digest()
        return hmac.digest(self._secret, body + account, "sha256")
