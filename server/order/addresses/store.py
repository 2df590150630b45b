"""Saved addresses: the interface of a store, and PostgreSQL's.

A person's book says which address is the default, and how many there are. Whoever changes any of
them has locked it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

import asyncpg
import msgspec

from server.kit.context import Key
from server.kit.exporting import Held, no_such_page
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write
from server.order.addresses.rules import (
    Address,
    AddressNotFound,
    Book,
    OwnerErased,
    SavedAddress,
    next_default,
)

SORTABLE: Mapping[str, type] = {"created_at": datetime}
"""The columns that `AddressStore.list` can sort by, with their types."""

_COLUMNS = ("id", "user_id", "label", "address", "created_at", "updated_at", "version")
_ADDRESSES = Table("addresses", _COLUMNS)
_BOOKS = Table("address_books", ("user_id", "default_id", "count"), key=("user_id",), lock_rank=25)
_LISTING = Listing("addresses", _ADDRESSES.columns, SORTABLE, filtered_by="created_at")

_LOCK_BOOK = "SELECT default_id, count FROM address_books WHERE user_id = $1 FOR UPDATE"
_GET = f"SELECT {_ADDRESSES.columns} FROM addresses WHERE user_id = $1 AND id = $2"
_DEFAULT = "SELECT default_id FROM address_books WHERE user_id = $1"
_GET_WHOLE = f"""
    SELECT {", ".join(f"addresses.{each}" for each in _COLUMNS)}, default_id
    FROM addresses JOIN address_books USING (user_id) WHERE user_id = $1 AND addresses.id = $2
"""
# Of two that open a person's book at once the second finds it open.
_TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('address_books ' || $1::text, 0))"
_LEFT = "SELECT created_at, id::text FROM addresses WHERE user_id = $1 AND id <> $2"
_OF = f"SELECT {_ADDRESSES.columns} FROM addresses WHERE user_id = $1 ORDER BY created_at, id"
_DELETE = "DELETE FROM addresses WHERE id = $1"
_DELETE_ALL = "DELETE FROM addresses WHERE user_id = $1"
_CLOSE = "DELETE FROM address_books WHERE user_id = $1"

# Of a trigger: migration 0024.
_NOT_ERASED = "addresses_owner_is_not_erased"

_decode_address = msgspec.json.Decoder(Address).decode

Save = Callable[[Book | None], SavedAddress]


class AddressStore(Protocol):
    """The addresses that people have saved. Errors as in `CatalogStore`."""

    async def create(
        self,
        user_id: str,
        save: Save,
        key: Key | None,
        answer: Callable[[SavedAddress], bytes],
    ) -> bytes:
        """Adds the address that `save` makes beside the others; returns its answer.

        Raises `TooManyAddresses`, `OwnerErased` and `IdempotencyKeyReused`.
        """

    async def get(self, user_id: str, address_id: str) -> SavedAddress:
        """Raises `AddressNotFound`."""

    async def list(self, user_id: str, query: PageQuery) -> Page[SavedAddress]:
        """One page of a person's addresses."""

    async def update(
        self, user_id: str, address_id: str, change: Callable[[SavedAddress], SavedAddress]
    ) -> SavedAddress:
        """Stores what `change` makes of an address. Raises `AddressNotFound`."""

    async def delete(
        self, user_id: str, address_id: str, check: Callable[[SavedAddress], None]
    ) -> None:
        """Deletes an address, unless `check` raises. Raises `AddressNotFound`."""


class PostgresAddressStore:
    """An `AddressStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)

    async def create(
        self,
        user_id: str,
        save: Save,
        key: Key | None,
        answer: Callable[[SavedAddress], bytes],
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            await unit.fetch(_TAKE_TURN, user_id)
            book = await _locked_book(unit, user_id)
            address = save(book)
            unit.write(_ADDRESSES.insert([_row(address)]))
            default_id = address.id if address.is_default or book is None else book.default_id
            unit.write(_BOOKS.upsert([_book(user_id, default_id, (book.size if book else 0) + 1)]))
            return answer(address)

        with translated():
            try:
                return await change_once(self._pool, work, key, subject=user_id)
            except asyncpg.CheckViolationError as error:
                if error.constraint_name != _NOT_ERASED:
                    raise
                raise OwnerErased("the account was deleted", field="user_id") from error

    async def get(self, user_id: str, address_id: str) -> SavedAddress:
        with translated():
            row = await self._pool.fetchrow(_GET_WHOLE, user_id, address_id)
        if row is None:
            raise _not_found()
        return _address(row, row["default_id"])

    async def list(self, user_id: str, query: PageQuery) -> Page[SavedAddress]:
        where = Where.of(equal={"user_id": user_id})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
            default_id = await self._pool.fetchval(_DEFAULT, user_id)
        return page.with_rows([_address(row, default_id) for row in page.rows])

    async def update(
        self, user_id: str, address_id: str, change: Callable[[SavedAddress], SavedAddress]
    ) -> SavedAddress:
        async def work(unit: UnitOfWork) -> SavedAddress:
            book, before = await _locked(unit, user_id, address_id)
            after = change(before)
            if after.version != before.version:
                unit.write(_ADDRESSES.update([_row(after)]))
            if after.is_default and not before.is_default:
                unit.write(_BOOKS.update([_book(user_id, after.id, book.size)]))
            return after

        return await transaction(self._pool, work, completes_call=True)

    async def delete(
        self, user_id: str, address_id: str, check: Callable[[SavedAddress], None]
    ) -> None:
        async def work(unit: UnitOfWork) -> None:
            book, address = await _locked(unit, user_id, address_id)
            check(address)
            default_id: str | None = book.default_id
            if address.is_default:
                left = await unit.fetch(_LEFT, user_id, address_id)
                default_id = next_default([(row["created_at"], row["id"]) for row in left])
            unit.write(Write(_DELETE, (address_id,)))
            if default_id is None:
                unit.write(Write(_CLOSE, (user_id,)))
            else:
                unit.write(_BOOKS.update([_book(user_id, default_id, book.size - 1)]))

        await transaction(self._pool, work, completes_call=True)


class PersonalAddresses:
    """The addresses of persons: erased with them, and exported."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def erase(self, unit: UnitOfWork, user_id: str, count_max: int) -> Mapping[str, int]:
        """Deletes all of the person's: there are fewer than any `count_max`."""
        book = await _locked_book(unit, user_id)
        if book:
            unit.write(Write(_DELETE_ALL, (user_id,)))
            unit.write(Write(_CLOSE, (user_id,)))
        return {"addresses": book.size if book else 0}

    async def export(self, user_id: str, page_token: str) -> Held:
        """All of the person's, oldest first, on one page. Raises `InvalidPageToken`."""
        with translated():
            found = await self._pool.fetch(_OF, user_id)
            default_id = await self._pool.fetchval(_DEFAULT, user_id)
        saved = [_address(row, default_id) for row in found]
        ids = [each.id for each in saved]
        if page_token and page_token not in ids:
            raise no_such_page()
        after = ids.index(page_token) + 1 if page_token else 0
        return Held([(each.id, asdict(each)) for each in saved[after:]], len(saved))


async def _locked(unit: UnitOfWork, user_id: str, address_id: str) -> tuple[Book, SavedAddress]:
    """The person's book, which is locked, and one of the addresses in it."""
    book = await _locked_book(unit, user_id)
    found = await unit.fetch(_GET, user_id, address_id) if book else []
    if book is None or not found:
        raise _not_found()
    return book, _address(found[0], book.default_id)


async def _locked_book(unit: UnitOfWork, user_id: str) -> Book | None:
    found = await unit.lock(_BOOKS, _LOCK_BOOK, user_id)
    return Book(str(found[0]["default_id"]), found[0]["count"]) if found else None


def _not_found() -> AddressNotFound:
    return AddressNotFound("no such address")


def _book(user_id: str, default_id: str, count: int) -> dict[str, Any]:
    return {"user_id": user_id, "default_id": default_id, "count": count}


def _row(address: SavedAddress) -> dict[str, Any]:
    return {name: getattr(address, name) for name in _COLUMNS}


def _address(row: Record, default_id: object) -> SavedAddress:
    return SavedAddress(
        id=str(row["id"]),
        user_id=str(row["user_id"]),
        label=row["label"],
        address=_decode_address(row["address"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        is_default=str(row["id"]) == str(default_id),
    )
