"""Notes on orders, in PostgreSQL."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write
from server.order.orders.rules import (
    Actor,
    ActorKind,
    Note,
    OrderNotFound,
    check_deletable,
    check_room,
)
from server.order.orders.store import rows

NOTES_SORTABLE: Mapping[str, type] = {"created_at": datetime}

_COLUMNS = "id, order_id, author_kind, author, text, is_internal, created_at"
_NOTES = Table("order_notes", _COLUMNS.split(", "))
_LISTING = Listing(
    table="order_notes", columns=_COLUMNS, sortable=NOTES_SORTABLE, filtered_by="created_at"
)

# Whoever writes or deletes a note has the order's turn, so that there are never too many.
_LOCK = """
    SELECT user_id FROM orders WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)
    FOR NO KEY UPDATE
"""
_BUYER = "SELECT user_id FROM orders WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)"
_COUNT = "SELECT count(*) AS count FROM order_notes WHERE order_id = $1"
_FIND = f"SELECT {_COLUMNS} FROM order_notes WHERE id = $1 AND order_id = $2"
_DELETE = "DELETE FROM order_notes WHERE id = $1"


class NoteStore(Protocol):
    """Notes. `owner_scope` and errors as in `OrderStore`."""

    async def create(
        self,
        order_id: str,
        owner_scope: str | None,
        write: Callable[[str], Note],
        key: Key | None,
        answer: Callable[[Note], bytes],
    ) -> bytes:
        """Adds the note that `write` makes for the order of that buyer; returns its answer.

        Raises `OrderNotFound`, `OrderAnonymous`, `TooManyNotes` and `IdempotencyKeyReused`.
        """

    async def list(self, order_id: str, query: PageQuery, *, for_staff: bool) -> Page[Note]:
        """One page of the notes on an order, without internal ones unless for staff."""

    async def delete(self, order_id: str, owner_scope: str | None, note_id: str) -> None:
        """Deletes a note. Raises `OrderNotFound` and `NoteNotFound`."""


class PostgresNoteStore:
    """A `NoteStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)

    async def create(
        self,
        order_id: str,
        owner_scope: str | None,
        write: Callable[[str], Note],
        key: Key | None,
        answer: Callable[[Note], bytes],
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            buyer = await _locked(unit, order_id, owner_scope)
            [found] = await unit.fetch(_COUNT, order_id)
            check_room(found["count"], buyer)
            note = write(buyer or "")
            unit.write(_NOTES.insert([_row(note)]))
            return answer(note)

        with translated():
            subject = await self._pool.fetchval(_BUYER, order_id, owner_scope) if key else None
        return await change_once(self._pool, work, key, subject=str(subject) if subject else None)

    async def list(self, order_id: str, query: PageQuery, *, for_staff: bool) -> Page[Note]:
        shown = {} if for_staff else {"is_internal": False}
        where = Where.of(equal={"order_id": order_id, **shown})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([_note(row) for row in page.rows])

    async def delete(self, order_id: str, owner_scope: str | None, note_id: str) -> None:
        async def work(unit: UnitOfWork) -> None:
            await _locked(unit, order_id, owner_scope)
            found = await unit.fetch(_FIND, note_id, order_id)
            check_deletable(_note(found[0]) if found else None, by_staff=owner_scope is None)
            unit.write(Write(_DELETE, (note_id,)))

        await transaction(self._pool, work, completes_call=True)


async def _locked(unit: UnitOfWork, order_id: str, owner_scope: str | None) -> str | None:
    """The buyer of the order, whose row is locked."""
    found = await unit.lock(rows.ORDERS, _LOCK, order_id, owner_scope)
    if not found:
        raise OrderNotFound("no such order")
    return str(found[0]["user_id"]) if found[0]["user_id"] else None


def _row(note: Note) -> dict[str, object]:
    return {
        "id": note.id,
        "order_id": note.order_id,
        "author_kind": note.author.kind,
        "author": note.author.name,
        "text": note.text,
        "is_internal": note.is_internal,
        "created_at": note.created_at,
    }


def _note(row: Record) -> Note:
    return Note(
        id=str(row["id"]),
        order_id=str(row["order_id"]),
        author=Actor(ActorKind(row["author_kind"]), row["author"]),
        text=row["text"],
        is_internal=row["is_internal"],
        created_at=row["created_at"],
    )
