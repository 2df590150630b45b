"""Where sessions are stored: the interface of a store, and MongoDB's, one document a session.

That a session was ended stands in PostgreSQL first, with an event that ends the document.

A document holds the hash of the one token that is good, and of the one that was spent for it. What
a process leaves that is killed in between:

- **`begin`**: inserted or not. If it is, and nobody was told its token, it expires by itself. Those
  that give way to it are not ended yet; the next login of the account names them again.
- **`rotate`, first step** (the token is good: it is replaced by its successor): done or not. If it
  is and the answer was lost, the caller repeats its token, and the second step gives the same
  successor. Not acknowledged by a majority, it counts for nobody: either it comes through, or it is
  rolled back and the token is still good.
- **second step** (the token was spent, its successor was not): changes nothing but `last_seen_at`.
- **third step** (any other use of a token that was spent): changes nothing. Whoever is told ends
  the session, in PostgreSQL first; if not, the next use of any spent token tells again.
- **`end`**: done or not, and repeatable.

Where a change of an account ends its sessions, the account says which, in PostgreSQL and from that
moment on: `rotate` is told so, and none of them goes on while its document is still there.

The steps of `rotate` need no lock between them. A token that was spent is never good again, and a
successor that was used is never unused again: what a step has found out stays true. Of two uses at
the same moment the server lets one be first; the other meets the second step. What is given between
a third step and the end of its session, ends with it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from asyncpg import UniqueViolationError
from pymongo import DESCENDING
from pymongo.write_concern import WriteConcern

from server.kit import errors
from server.kit.mongo import Database, Document
from server.kit.mongo import Session as Transaction
from server.kit.outbox import Event, append
from server.kit.postgres import Pool
from server.kit.postgres.transaction import write
from server.user.revocations import rows as revocations
from server.user.revocations.rules import session_ended
from server.user.sessions.rules import (
    REPEAT_SECONDS,
    SESSIONS_MAX,
    RefreshTokenReused,
    Rotation,
    Session,
    SessionEnd,
)

# On disk at a majority before anybody is told.
_FOR_GOOD = WriteConcern("majority", j=True)
_NEWEST_FIRST = [("last_seen_at", DESCENDING), ("_id", DESCENDING)]
_ID_ONLY = {"_id": True}
_BEGUN_ONLY = {"created_at": True}


class SessionStore(Protocol):
    """Sessions, and the hashes of their refresh tokens.

    Every method raises `Unavailable` when the database is unreachable and `DeadlineExceeded` when
    it is too slow. A change may have been made then; the module says what follows.
    """

    async def begin(self, session: Session, token_hash: bytes) -> Sequence[str]:
        """Stores a new session; names those of the account beyond `SESSIONS_MAX`, to be ended."""

    async def rotate(self, rotation: Rotation) -> datetime:
        """Spends a token for its successor, or finds that this was done just before.

        Gives the moment at which the session began. Raises `SessionEnded`, and `RefreshTokenReused`
        when the session is to be ended.
        """

    async def list(
        self, user_id: str, now: datetime, begun_after: datetime | None = None
    ) -> Sequence[Session]:
        """The account's sessions that began after that moment, the one that was used last first."""

    async def ids(
        self, user_id: str, begun_until: datetime | None = None, but_for: str = ""
    ) -> Sequence[str]:
        """The account's sessions that had begun at that moment, or all, except one."""

    async def end(self, user_id: str, *session_ids: str) -> bool:
        """Ends those of the account's sessions; whether there was one."""


class SessionEnds(Protocol):
    """The ends of sessions, in PostgreSQL: what counts, and is told to all services.

    Errors as in `UserStore`.
    """

    async def end(self, end: SessionEnd) -> None:
        """Ends a session for good: in the feed of revocations, and by an event in MongoDB."""

    async def tell(self, user_id: str, session_ids: Sequence[str]) -> None:
        """Puts the ends of sessions into the feed, whose events there are."""


class MongoSessionStore:
    """A `SessionStore` on the user service's MongoDB."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sessions = database.collection("sessions").with_options(write_concern=_FOR_GOOD)

    async def begin(self, session: Session, token_hash: bytes) -> Sequence[str]:
        with self._database.limited():
            await self._sessions.insert_one(_document(session, token_hash))
            beyond = self._sessions.find({"user_id": session.user_id}, _ID_ONLY)
            beyond = beyond.sort(_NEWEST_FIRST).skip(SESSIONS_MAX)
            return [str(found["_id"]) async for found in beyond]

    async def rotate(self, rotation: Rotation) -> datetime:
        session = {"_id": UUID(rotation.session_id), "user_id": rotation.user_id}
        alive = session | {"expires_at": {"$gt": rotation.at}}
        if rotation.sessions_since:  # what says no version is older than all
            alive["account_version"] = {"$gte": rotation.sessions_since}
        if rotation.begun_after:
            alive["created_at"] = {"$gt": rotation.begun_after}
        with self._database.limited():
            found = await self._spend(alive, rotation) or await self._repeat(alive, rotation)
            if found:
                begun_at: datetime = found["created_at"]
                return begun_at
            there = await self._sessions.find_one(session)
        if there is None or not _is_alive(_session(there), rotation):
            raise errors.SessionEnded
        raise RefreshTokenReused

    async def _spend(self, alive: Document, rotation: Rotation) -> Document | None:
        found: Document | None = await self._sessions.find_one_and_update(
            alive | {"token_hash": rotation.spent},
            {
                "$set": {
                    "token_hash": rotation.successor,
                    "spent_hash": rotation.spent,
                    "spent_at": rotation.at,
                    "last_seen_at": rotation.at,
                    "expires_at": rotation.expires_at,
                    "address": rotation.address,
                }
            },
            projection=_BEGUN_ONLY,
        )
        return found

    async def _repeat(self, alive: Document, rotation: Rotation) -> Document | None:
        just_before = rotation.at - timedelta(seconds=REPEAT_SECONDS)
        # The token that was spent last is the one whose successor has not been used.
        found: Document | None = await self._sessions.find_one_and_update(
            alive | {"spent_hash": rotation.spent, "spent_at": {"$gt": just_before}},
            {"$max": {"last_seen_at": rotation.at}},
            projection=_BEGUN_ONLY,
        )
        return found

    async def list(
        self, user_id: str, now: datetime, begun_after: datetime | None = None
    ) -> Sequence[Session]:
        begun = {"created_at": {"$gt": begun_after}} if begun_after else {}
        wanted = {"user_id": user_id, "expires_at": {"$gt": now}} | begun
        with self._database.limited():
            found = self._sessions.find(wanted).sort(_NEWEST_FIRST).limit(SESSIONS_MAX)
            return [_session(each) async for each in found]

    async def ids(
        self, user_id: str, begun_until: datetime | None = None, but_for: str = ""
    ) -> Sequence[str]:
        begun = {"created_at": {"$lte": begun_until}} if begun_until else {}
        others = {"_id": {"$ne": UUID(but_for)}} if but_for else {}
        with self._database.limited():
            found = self._sessions.find({"user_id": user_id} | begun | others, _ID_ONLY)
            return [str(each["_id"]) async for each in found]

    async def end(self, user_id: str, *session_ids: str) -> bool:
        ids = [UUID(each) for each in session_ids]
        with self._database.limited():
            ended = await self._sessions.delete_many({"_id": {"$in": ids}, "user_id": user_id})
        return bool(ended.deleted_count)

    async def erase(self, user_id: str, count_max: int, session: Transaction) -> Mapping[str, int]:
        """Deletes the person's sessions: see `kit/mongo/erasing.py`."""
        found = self._sessions.find({"user_id": user_id}, _ID_ONLY, session=session)
        if ids := [each["_id"] async for each in found.limit(count_max)]:
            await self._sessions.delete_many({"_id": {"$in": ids}}, session=session)
        return {"sessions": len(ids)}


class PostgresSessionEnds:
    """`SessionEnds` on a pool of connections to `emporium_user`.

    `encode` puts an event into the outbox's envelope. `wake` is called after each commit that left
    one there.
    """

    def __init__(
        self, pool: Pool, encode: Callable[[SessionEnd], Event], wake: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._encode = encode
        self._wake = wake

    async def end(self, end: SessionEnd) -> None:
        told = revocations.append([session_ended(end.user_id, end.session_id)])
        with suppress(UniqueViolationError):  # somebody was first, and the event is under way
            await write(self._pool, [append([self._encode(end)]), told])
        self._wake()

    async def tell(self, user_id: str, session_ids: Sequence[str]) -> None:
        told = [session_ended(user_id, each) for each in session_ids]
        await write(self._pool, [revocations.append(told)])
        self._wake()


def _is_alive(session: Session, rotation: Rotation) -> bool:
    is_of_now = session.account_version >= rotation.sessions_since
    is_young = rotation.begun_after is None or session.created_at > rotation.begun_after
    return is_of_now and is_young and session.expires_at > rotation.at


def _document(session: Session, token_hash: bytes) -> Document:
    return {
        "_id": UUID(session.id),
        "user_id": session.user_id,
        "device": session.device,
        "address": session.address,
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "expires_at": session.expires_at,
        "token_hash": token_hash,
        "account_version": session.account_version,
    }


def _session(found: Document) -> Session:
    return Session(
        id=str(found["_id"]),
        user_id=found["user_id"],
        device=found["device"],
        address=found["address"],
        created_at=found["created_at"],
        last_seen_at=found["last_seen_at"],
        expires_at=found["expires_at"],
        account_version=found.get("account_version", 0),
    )
