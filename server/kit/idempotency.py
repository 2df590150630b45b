"""Creates that happen once, however often they are sent.

The first answer is stored in the same transaction as the change it tells of. A repeat gets that
answer; the same key with another body is refused. Each service's history creates the table with
`CREATE_TABLE`, and its store writes the row with `INSERT` inside the creating statement.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from server.kit import errors
from server.kit.postgres import Pool

CREATE_TABLE = """
    CREATE TABLE idempotency_keys (
        caller     text        NOT NULL,
        method     text        NOT NULL,
        key        text        NOT NULL,
        body_hash  bytea       NOT NULL,
        answer     bytea       NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (caller, method, key)
    )
"""

CONSTRAINT = "idempotency_keys_pkey"

_FIND = """
    SELECT body_hash, answer FROM idempotency_keys
    WHERE caller = $1 AND method = $2 AND key = $3
"""


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a create known again: who sent it, to which rpc, under which key, saying what."""

    caller: str
    method: str
    key: str
    body_hash: bytes


def key_of(request: Any, caller: str, method: str, *, secret: str = "") -> Key | None:
    """The key of a request message with a `request_id`; None when the caller sent none.

    `caller` is empty for callers without a token. The field named `secret` is left out of the
    hash, because a plain hash of a password would be a gift to whoever steals the table.
    """
    if not request.request_id:
        return None
    if secret:
        request = type(request).FromString(request.SerializeToString())
        request.ClearField(secret)
    return Key(caller, method, request.request_id, _hash(request))


def _hash(request: Message) -> bytes:
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


async def first_answer(pool: Pool, key: Key) -> bytes | None:
    """The serialised answer to the first call with `key`; None when there was none.

    Raises `IdempotencyKeyReused` when that call had another body.
    """
    row = await pool.fetchrow(_FIND, key.caller, key.method, key.key)
    if row is None:
        return None
    if row["body_hash"] != key.body_hash:
        raise errors.IdempotencyKeyReused(
            "this key was used before with another body; use a new one", field="request_id"
        )
    answer: bytes = row["answer"]
    return answer
