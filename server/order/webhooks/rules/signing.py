"""Signatures of Standard Webhooks: https://www.standardwebhooks.com."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

SECRET_BYTES = 32
_PREFIX = "whsec_"


def secret_of(chance: bytes) -> str:
    """A secret as receivers take it."""
    return _PREFIX + base64.b64encode(chance).decode()


def headers(
    message_id: str, now: datetime, body: bytes, secrets: Sequence[str]
) -> Mapping[str, str]:
    """The headers that a receiver knows the post by: one signature for each secret that is good."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = " ".join(_signature(secret, signed) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signatures,
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
