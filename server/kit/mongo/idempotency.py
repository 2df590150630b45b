"""Changes in MongoDB that happen once, however often they are sent.

As in PostgreSQL (`kit/postgres/idempotency.py`): the first answer is stored in the transaction of
its change, a repeat gets that answer, and the same key with another body is refused. A
service's migrations create the collection, with an index that deletes each answer after 30 days.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from pymongo.errors import DuplicateKeyError

from server.kit import errors
from server.kit.context import Key
from server.kit.mongo.database import Database, Document
from server.kit.mongo.transactions import Session

KEYS = "idempotency_keys"


async def change_once(
    database: Database,
    work: Callable[[Session], Awaitable[bytes]],
    key: Key | None,
    *,
    subject: str | None = None,
) -> bytes:
    """Runs `work` as `Database.transaction` does, and keeps the answer that it gives under `key`.

    Gives that answer, or the first one when `key` was used before with the same body; then nothing
    is changed. Without a key there is only the work. `subject` is whom the answer is about, when
    that is a person.

    Raises `IdempotencyKeyReused` when the body was another.
    """
    if key is None:
        return await database.transaction(work)
    keys = database.collection(KEYS)

    async def once(session: Session) -> bytes:
        first = await keys.find_one({"_id": _id(key)}, session=session)
        if first is not None:
            return _checked(first, key)
        answer = await work(session)
        kept = {"body_hash": key.body_hash, "answer": answer, "created_at": datetime.now(UTC)}
        about = {"subject": subject} if subject else {}
        await keys.insert_one({"_id": _id(key), **kept, **about}, session=session)
        return answer

    try:
        return await database.transaction(once)
    except DuplicateKeyError:
        # Either a concurrent call used the key, or a unique index of the work's own refuses it.
        first = await keys.find_one({"_id": _id(key)})
        if first is None:
            raise
        return _checked(first, key)


class Answers:
    """The first answers, as a part of what is erased with a person: see `erasing.py`."""

    def __init__(self, database: Database) -> None:
        self._keys = database.collection(KEYS)

    async def erase(self, user_id: str, count_max: int, session: Session) -> Mapping[str, int]:
        """Deletes answers about the person, and those to the person's own calls."""
        # A document is compared member by member, and its first one is the caller.
        own = {"_id": {"$gte": {"caller": user_id}, "$lt": {"caller": f"{user_id}\0"}}}
        wanted = {"$or": [{"subject": user_id}, own]}
        found = self._keys.find(wanted, {"_id": True}, session=session).limit(count_max)
        if ids := [each["_id"] async for each in found]:
            await self._keys.delete_many({"_id": {"$in": ids}}, session=session)
        return {"first_answers": len(ids)}


def _id(key: Key) -> Document:
    """MongoDB compares documents member by member, in this order."""
    return {"caller": key.caller, "method": key.method, "key": key.key}


def _checked(first: Document, key: Key) -> bytes:
    if first["body_hash"] != key.body_hash:
        raise errors.IdempotencyKeyReused(
            "this key was used before with another body; use a new one", field="request_id"
        )
    answer: bytes = first["answer"]
    return answer
