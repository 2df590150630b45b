"""Bytes as text in tokens: base64 of RFC 4648, section 5, without padding. Pure.

A text is good in the one spelling that was given out. Decoders take several for the same bytes:
with padding, in the other alphabet, with strange characters in between, or with other bits behind
the last byte. What has many spellings is not known again by one of them.
"""

import base64


def encode(raw: bytes) -> str:
    """The text of `raw`."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(text: str) -> bytes:
    """What `encode` made `text` of. Raises `ValueError` for any text that it never makes."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(raw) != text:
        raise ValueError("not as it was written")
    return raw
