"""Changes that happen once, however often they are sent.

The first answer is stored in the same unit of work as its change. A repeat gets that
answer; the same key with another body is refused.

An answer may hold personal data. So each is deleted after 30 days (see
`expiry.py`), and a store that deletes a person for good deletes the answers about that `subject`
in the same transaction.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from server.kit import errors
from server.kit.context import Key
from server.kit.postgres.bounded_pool import Pool
from server.kit.postgres.transaction import UnitOfWork, transaction, write
from server.kit.postgres.translation import UniqueViolationError, translated
from server.kit.postgres.writes import Table, Write, hexadecimal

_KEYS = Table(
    "idempotency_keys",
    ("caller", "method", "key", "body_hash", "answer", "subject"),
    key=("caller", "method", "key"),
)

_FIND = """
    SELECT body_hash, answer FROM idempotency_keys
    WHERE caller = $1 AND method = $2 AND key = $3
"""

# Each by an index: of subjects, and the primary key, which begins with the caller.
_ERASE = """
    WITH gone AS (
        DELETE FROM idempotency_keys WHERE subject = $1::uuid OR caller = $2 RETURNING 1
    )
    SELECT count(*) AS count FROM gone
"""


async def erase_answers(unit: UnitOfWork, user_id: str) -> int:
    """Deletes the answers about a person, and those to the person's own calls; their number."""
    [row] = await unit.fetch(_ERASE, user_id, user_id)
    count: int = row["count"]
    return count


def answers(given: Sequence[tuple[Key, bytes, str | None]]) -> Write:
    """Keeps answers under their keys; the third is whom an answer is about, when that is a person.

    Raises the driver's `UniqueViolationError` when one of the keys was used before.
    """
    return _KEYS.insert(
        [
            {
                "caller": key.caller,
                "method": key.method,
                "key": key.key,
                "body_hash": hexadecimal(key.body_hash),
                "answer": hexadecimal(answer),
                "subject": subject,
            }
            for key, answer, subject in given
        ]
    )


async def write_once(
    pool: Pool,
    writes: Sequence[Write],
    key: Key | None,
    answer: bytes,
    *,
    subject: str | None = None,
) -> bytes:
    """Writes, and keeps `answer` under `key`, as one statement; gives the answer to send.

    That is `answer`, or the first one when `key` was used before with the same body; then nothing
    is changed. Without a key there are only the writes. `subject` is whom the answer is about.

    Raises `IdempotencyKeyReused` when the body was another, and the driver's error when a write
    itself violates a constraint.
    """
    if key is None:
        await write(pool, writes, completes_call=True)
        return answer
    try:
        kept = answers([(key, answer, subject)])
        await write(pool, [*writes, kept], completes_call=True)
    except UniqueViolationError:
        # Whether the key or a write violated a constraint, the key is looked up first: a repeated
        # create also conflicts with its own e-mail, or whatever else must be unique.
        first = await first_answer(pool, key)
        if first is None:
            raise
        return first
    return answer


async def change_once(
    pool: Pool,
    work: Callable[[UnitOfWork], Awaitable[bytes]],
    key: Key | None,
    *,
    subject: str | None = None,
) -> bytes:
    """Runs `work` as `transaction` does, and keeps the answer that it gives under `key`.

    Gives that answer, or the first one, as `write_once` does. Of two calls at once with one key,
    one waits for the other's rows, and is rolled back when it finds the key used.
    """
    if key is None:
        return await transaction(pool, work, completes_call=True)

    async def once(unit: UnitOfWork) -> bytes:
        first = _checked(await unit.fetch(_FIND, key.caller, key.method, key.key), key)
        if first is not None:
            return first
        answer = await work(unit)
        unit.write(answers([(key, answer, subject)]))
        return answer

    try:
        return await transaction(pool, once, completes_call=True)
    except UniqueViolationError:
        first = await first_answer(pool, key)
        if first is None:
            raise
        return first


async def first_answer(pool: Pool, key: Key) -> bytes | None:
    """The serialised answer to the first call with `key`; None when there was none.

    Raises `IdempotencyKeyReused` when that call had another body, and `Unavailable`.
    """
    with translated():
        rows = await pool.fetch(_FIND, key.caller, key.method, key.key)
    return _checked(rows, key)


def _checked(rows: Sequence[Any], key: Key) -> bytes | None:
    for row in rows:
        if row["body_hash"] != key.body_hash:
            raise errors.IdempotencyKeyReused(
                "this key was used before with another body; use a new one", field="request_id"
            )
        answer: bytes = row["answer"]
        return answer
    return None
