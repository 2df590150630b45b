"""Notices of providers: which of them are believed to be one."""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime

from server.kit import errors

HEADER = "payment-signature"
"""The header that a notice is signed in."""

BYTES_MAX = 65_536
TOLERANCE_SECONDS = 300
"""How long a signature is good: what somebody has recorded cannot be sent again later."""

_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_IS_ID = re.compile(r"[!-~]{1,128}").fullmatch
_IS_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


class NoticeNotSigned(errors.Invalid):
    """The notice has not the signature of its provider."""

    reason = "NOTICE_NOT_SIGNED"


class ProviderNotFound(errors.NotFound):
    """No such payment provider."""

    reason = "PAYMENT_PROVIDER_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice is good for: it says that something has become of an operation."""

    id: str
    operation_id: str


def signature(body: bytes, secret: bytes, at: int) -> str:
    """What the header says of `body`, signed at that second of Unix time."""
    signed = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def check_signature(header: str, body: bytes, secret: bytes, now: datetime) -> None:
    """Raises `NoticeNotSigned`."""
    found = _SIGNATURE.fullmatch(header)
    if not found:
        raise NoticeNotSigned(f"sign the notice, in the header {HEADER}: t=TIME,v1=SIGNATURE")
    at = int(found[1])
    if abs(now.timestamp() - at) > TOLERANCE_SECONDS:
        raise NoticeNotSigned("the signature is too old, or a clock is wrong")
    if not hmac.compare_digest(signature(body, secret, at), header):
        raise NoticeNotSigned("the signature is not this provider's")


def read_notice(body: bytes) -> Notice:
    """The notice in `body`. Raises `Malformed`."""
    try:
        told = json.loads(body)
        notice_id, key = told["id"], told["key"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise errors.Malformed("the notice is no JSON with id and key", field="notice") from error
    if not isinstance(notice_id, str) or not _IS_ID(notice_id):
        raise errors.Malformed("the notice has no id", field="notice")
    if not isinstance(key, str) or not _IS_UUID(key):
        raise errors.Malformed("the notice has no key of ours", field="notice")
    return Notice(notice_id, key)
