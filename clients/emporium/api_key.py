"""API keys as a program has them: what they look like, and the form that exchanges one."""

import string
import zlib
from urllib.parse import urlencode
from uuid import UUID

from google.api.httpbody_pb2 import HttpBody

_PREFIX = "emp_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_LENGTH = 70
_BYTES = 52  # an id, a secret, and the checksum of both
_CHECKSUM_BYTES = 4


def form_of(api_key: str, scope: str = "") -> HttpBody:
    """The form of RFC 6749 that asks for a token. Raises `ValueError` for what is no API key."""
    fields = {
        "grant_type": "client_credentials",
        "client_id": _id_in(api_key),
        "client_secret": api_key,
        "scope": scope,
    }
    form = urlencode({name: value for name, value in fields.items() if value})
    return HttpBody(content_type="application/x-www-form-urlencoded", data=form.encode())


def _id_in(api_key: str) -> str:
    digits = api_key.removeprefix(_PREFIX)
    if len(digits) != _LENGTH or not api_key.startswith(_PREFIX) or not set(_DIGITS) >= set(digits):
        raise ValueError(f"an API key is '{_PREFIX}' and {_LENGTH} letters and digits")
    number = 0
    for digit in digits:
        number = number * len(_DIGITS) + _DIGITS.index(digit)
    raw = number.to_bytes(_BYTES + 1)[1:]
    body, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if zlib.crc32(body).to_bytes(_CHECKSUM_BYTES) != checksum:
        raise ValueError("the API key is mistyped or cut off: its checksum is another")
    return str(UUID(bytes=body[:16]))
