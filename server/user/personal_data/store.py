"""Where erasures and their receipts are stored: the interface of a store, and PostgreSQL's.

The account, what this database holds of its owner, the event that tells the other stores, and a
receipt of each, pending but for this one's, are one transaction: all of it happens, or nothing. The
rest is a repeat of what is idempotent (`sending.py`), until every receipt is complete. An erasure
stays: it is the proof.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import msgspec

from server.kit.outbox import Event, containing, withdrawn
from server.kit.postgres import Pool, translated
from server.kit.postgres.idempotency import erase_answers
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table
from server.kit.receipts import Receipt
from server.user.accounts.rules import User
from server.user.personal_data.rules import OWN_POSTGRES, STORES, Erasure, ErasureNotFound

_ERASURES = Table("erasures", ("user_id", "erased_at"), key=("user_id",))
_RECEIPTS = Table(
    "erasure_receipts",
    ("user_id", "store", "erased", "completed_at"),
    key=("user_id", "store"),
)

_GET = """
    SELECT user_id, erased_at, store, erased, completed_at
    FROM erasures JOIN erasure_receipts USING (user_id) WHERE user_id = $1
"""

_DONE = """
    SELECT user_id FROM erasure_receipts
    WHERE user_id = ANY($1) AND store = $2 AND completed_at IS NOT NULL
"""

_COMPLETE = """
    UPDATE erasure_receipts SET erased = $3::text::jsonb, completed_at = $4
    WHERE user_id = $1 AND store = $2 AND completed_at IS NULL
"""

_RECENT = "SELECT user_id FROM erasures WHERE erased_at > $1"
# For how long the first answer to a call that was under way may come late, with room.
_SWEPT_FOR = timedelta(days=1)

_decode = msgspec.json.Decoder(dict[str, int]).decode


class ErasureStore(Protocol):
    """Erasures and their receipts. Errors as in `UserStore`."""

    async def get(self, user_id: str) -> Erasure:
        """The erasure. Raises `ErasureNotFound`."""

    async def done(self, user_ids: Collection[str], store: str) -> set[str]:
        """Those of whom that store's receipt is complete."""

    async def complete(self, user_id: str, receipt: Receipt) -> None:
        """Keeps a receipt that is complete; a second one changes nothing."""


class Part(Protocol):
    """Something that is kept of people in this database."""

    async def erase(self, unit: UnitOfWork, user: User) -> Mapping[str, int]:
        """Erases all of it, and gives the numbers by kind, zeros too."""


class WaitingEvents:
    """A `Part`: events and mails that wait, also as dead letters; `is_about` knows whose."""

    def __init__(self, is_about: Callable[[Event, User], bool]) -> None:
        self._is_about = is_about

    async def erase(self, unit: UnitOfWork, user: User) -> Mapping[str, int]:
        """See `Part`."""
        found = await containing(unit, [user.id, user.email])
        theirs = [event for event in found if self._is_about(event, user)]
        if theirs:
            for each in withdrawn(theirs):
                unit.write(each)
            await unit.flush()  # before what is appended in their place
        return {"waiting_events": len(theirs)}


class FirstAnswers:
    """A `Part`: the first answers to keyed calls."""

    async def erase(self, unit: UnitOfWork, user: User) -> Mapping[str, int]:
        """See `Part`."""
        return {"first_answers": await erase_answers(unit, user.id)}


class PostgresErasureStore:
    """An `ErasureStore` on a pool of connections to `emporium_user`."""

    def __init__(self, pool: Pool, parts: Sequence[Part] = ()) -> None:
        self._pool = pool
        self._parts = parts

    async def erase(self, unit: UnitOfWork, user: User, at: datetime) -> None:
        """Erases what this database holds of `user` beside the account, and begins the receipts."""
        erased = {"accounts": 1}
        for part in self._parts:
            erased |= await part.erase(unit, user)
        unit.write(_ERASURES.insert([{"user_id": user.id, "erased_at": at}]))
        receipts = [Receipt(store, {}, None) for store in STORES]
        receipts[STORES.index(OWN_POSTGRES)] = Receipt(OWN_POSTGRES, erased, at)
        unit.write(_RECEIPTS.insert([_row(user.id, receipt) for receipt in receipts]))

    async def sweep(self, now: datetime) -> None:
        """Erases the answers to calls that were under way when their caller was erased."""
        with translated():
            recent = await self._pool.fetch(_RECENT, now - _SWEPT_FOR)
        for [user_id] in recent:
            await transaction(self._pool, partial(erase_answers, user_id=str(user_id)))

    async def get(self, user_id: str) -> Erasure:
        with translated():
            rows = await self._pool.fetch(_GET, user_id)
        if not rows:
            raise ErasureNotFound("no account with this id was deleted")
        receipts = {row["store"]: _receipt(row) for row in rows}
        shown = [receipts[store] for store in STORES if store in receipts]
        return Erasure(str(rows[0]["user_id"]), rows[0]["erased_at"], shown)

    async def done(self, user_ids: Collection[str], store: str) -> set[str]:
        with translated():
            rows = await self._pool.fetch(_DONE, user_ids, store)
        return {str(row["user_id"]) for row in rows}

    async def complete(self, user_id: str, receipt: Receipt) -> None:
        erased = msgspec.json.encode(receipt.erased).decode()
        with translated():
            await self._pool.execute(
                _COMPLETE, user_id, receipt.store, erased, receipt.completed_at
            )


def _row(user_id: str, receipt: Receipt) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "store": receipt.store,
        "erased": receipt.erased,
        "completed_at": receipt.completed_at,
    }


def _receipt(row: Any) -> Receipt:
    return Receipt(row["store"], _decode(row["erased"]), row["completed_at"])
