"""Page tokens: where a list goes on, in our own words and under our own signature.

A token holds the sort, a digest of the filters, the last row's sort value and id, the number of the
next page and the total as it was counted on the first page. It is signed with a secret of the
service, so nothing in it can be changed, and what an answer repeats from it is what we said before.
It is no secret: callers may read what it holds, which they were shown.

It holds the whole sort value, because a place between two rows cannot be told by less. So how long
it can become follows from the longest value that a list can be sorted by, and what the contract
lets `page_token` be from that; `tests/server/test_limits.py` checks that the two agree.
"""

import hashlib
import hmac

import msgspec

from server.kit import base64url, errors

UNREADABLE_TOKEN = "the token cannot be read; start again without it"  # noqa: S105 - no secret

_SIGNATURE_BYTES = 16


class Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Where a page begins, and in which list."""

    field: str
    descending: bool
    filters: str  # a digest
    value: str  # of the last row before, as text
    id: str  # of the same row
    page: int
    total: int
    estimated: bool


class PageTokens:
    """Makes and reads tokens with a `secret`, the same in every process of a service.

    With another secret, after the service's key was changed, tokens from before are refused.
    """

    def __init__(self, secret: bytes) -> None:
        if not secret:
            raise ValueError("page tokens need a secret")
        self._secret = secret

    def write(self, place: Place) -> str:
        """The token for `place`."""
        signed = msgspec.msgpack.encode(place)
        return base64url.encode(self._sign(signed) + signed)

    def read(self, token: str) -> Place:
        """The place that `token` stands for. Raises `InvalidPageToken` for any but our own."""
        try:
            raw = base64url.decode(token)
            signature, signed = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
            if not hmac.compare_digest(signature, self._sign(signed)):
                raise ValueError("not signed by us")
            return msgspec.msgpack.decode(signed, type=Place)
        except (ValueError, msgspec.MsgspecError) as error:
            raise errors.InvalidPageToken(UNREADABLE_TOKEN, field="page_token") from error

    def _sign(self, signed: bytes) -> bytes:
        return hashlib.blake2b(signed, digest_size=_SIGNATURE_BYTES, key=self._secret).digest()
