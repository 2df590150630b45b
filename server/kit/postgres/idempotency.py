"""Creates that happen once, however often they are sent.

The first answer is stored in the same transaction as the change it tells of. A repeat gets that
answer; the same key with another body is refused. Each service's history creates the table (see
`tables/`), and its store writes the row inside the creating statement: see `insert_once`.

An answer may hold what people told us of themselves. So each is forgotten after 30 days (see
`expiry.py`), and a store that deletes somebody for good deletes the answers whose `subject`
that was in the same transaction.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.kit import errors
from server.kit.postgres import Pool, UniqueViolationError

# In front of an insert whose own parameters come first; six more follow them.
_FIRST = """
    WITH first AS (
        INSERT INTO idempotency_keys (caller, method, key, body_hash, answer, subject)
        VALUES ({})
    )
"""

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


def key_of(request: Any, caller: str, method: str, *, secret: bytes = b"") -> Key | None:
    """The key of a request message with a `request_id`; None when the caller sent none.

    A request that holds a password needs a `secret` of 16 to 64 bytes, always the same one: a
    plain hash of a password would be a gift to whoever steals the table.
    """
    if not request.request_id:
        return None
    body = request.SerializeToString(deterministic=True)
    body_hash = hashlib.blake2b(body, digest_size=32, key=secret).digest()
    return Key(caller, method, request.request_id, body_hash)


async def insert_once(
    pool: Pool,
    insert: str,
    values: Sequence[Any],
    key: Key | None,
    answer: bytes,
    *,
    subject: UUID | None = None,
) -> bytes:
    """Runs `insert` with `values`, and keeps `answer` under `key`; gives the answer to send.

    That is `answer`, or the first one when `key` was used before with the same body; then nothing
    is changed. Without a key there is only the insert. `subject` is whom the answer is about.

    Raises `IdempotencyKeyReused` when the body was another, and the driver's error when the insert
    itself meets a row that is there.
    """
    if key is None:
        await pool.execute(insert, *values)
        return answer
    more = range(len(values) + 1, len(values) + 7)
    statement = _FIRST.format(", ".join(f"${n}" for n in more)) + insert
    once = (key.caller, key.method, key.key, key.body_hash, answer, subject)
    try:
        await pool.execute(statement, *values, *once)
    except UniqueViolationError:
        # Whichever of the two it was, the key has the first word: a repeat of a create finds its
        # own e-mail, or whatever else must be unique, taken as well.
        first = await first_answer(pool, key)
        if first is None:
            raise
        return first
    return answer


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
