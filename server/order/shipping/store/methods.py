"""Shipping methods in PostgreSQL."""

from collections.abc import Callable
from dataclasses import fields

import msgspec

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.idempotency import write_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write
from server.order.shipping.rules import Method, MethodNotFound, Zone
from server.order.shipping.store import SORTABLE_METHODS

_METHODS = Table("shipping_methods", tuple(field.name for field in fields(Method)), lock_rank=8)

_LISTING = Listing(
    "shipping_methods",
    _METHODS.columns,
    SORTABLE_METHODS,
    filtered_by="name",
    sorted_within=("active",),
)

_GET = f"SELECT {_METHODS.columns} FROM shipping_methods WHERE id = $1"
_GET_SEEN = f"{_GET} AND (active OR NOT $2)"
_LOCK = f"{_GET} FOR UPDATE"
_DELETE = "DELETE FROM shipping_methods WHERE id = $1"

_decode_zones = msgspec.json.Decoder(tuple[Zone, ...]).decode


class PostgresMethodStore:
    """A `MethodStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)

    async def create(self, method: Method, key: Key | None, answer: bytes) -> bytes:
        with translated():
            return await write_once(self._pool, [_METHODS.insert([method])], key, answer)

    async def get(self, method_id: str, *, only_active: bool) -> Method:
        with translated():
            row = await self._pool.fetchrow(_GET_SEEN, method_id, only_active)
        if row is None:
            raise _not_found()
        return _method(row)

    async def list(self, query: PageQuery, *, only_active: bool) -> Page[Method]:
        where = Where.of(equal={"active": True if only_active else None})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([_method(row) for row in page.rows])

    async def update(self, method_id: str, change: Callable[[Method], Method]) -> Method:
        async def work(unit: UnitOfWork) -> Method:
            before = await _locked(unit, method_id)
            after = change(before)
            if after != before:
                unit.write(_METHODS.update([after]))
            return after

        return await transaction(self._pool, work, completes_call=True)

    async def delete(self, method_id: str, check: Callable[[Method], None]) -> None:
        async def work(unit: UnitOfWork) -> None:
            check(await _locked(unit, method_id))
            unit.write(Write(_DELETE, (method_id,)))

        await transaction(self._pool, work, completes_call=True)


async def _locked(unit: UnitOfWork, method_id: str) -> Method:
    found = await unit.lock(_METHODS, _LOCK, method_id)
    if not found:
        raise _not_found()
    return _method(found[0])


def _not_found() -> MethodNotFound:
    return MethodNotFound("no such shipping method", field="shipping_method_id")


def _method(row: Record) -> Method:
    return Method(
        id=str(row["id"]),
        name=row["name"],
        currency=row["currency"],
        zones=_decode_zones(row["zones"]),
        active=row["active"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )
