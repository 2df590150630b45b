"""Tax rates in PostgreSQL."""

from collections.abc import Callable, Sequence
from dataclasses import fields

import asyncpg

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import Pool, Record, UniqueViolationError, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write
from server.order.catalog.rules import CategoryNotFound
from server.order.pricing.rules import (
    TaxRate,
    TaxRateExists,
    TaxRateFilters,
    TaxRateNotFound,
    check_room,
)
from server.order.pricing.store import SORTABLE_RATES

_RATES = Table("tax_rates", tuple(field.name for field in fields(TaxRate)), lock_rank=6)

_LISTING = Listing("tax_rates", _RATES.columns, SORTABLE_RATES, filtered_by="country_code")

_GET = f"SELECT {_RATES.columns} FROM tax_rates WHERE id = $1"

_LOCK = f"{_GET} FOR UPDATE"

_ALL = f"SELECT {_RATES.columns} FROM tax_rates"

# One at a time is added: so there are never more than there may be.
_TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('tax_rates', 0))"

_COUNT = "SELECT count(*) AS count FROM tax_rates"

_DELETE = "DELETE FROM tax_rates WHERE id = $1"


class PostgresTaxRateStore:
    """A `TaxRateStore` on a pool of connections; `changed` is called after each commit."""

    def __init__(self, pool: Pool, changed: Callable[[], None] = lambda: None) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)
        self._changed = changed

    async def create(self, rate: TaxRate, key: Key | None, answer: bytes) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            await unit.fetch(_TAKE_TURN)
            [row] = await unit.fetch(_COUNT)
            check_room(row["count"])
            unit.write(_RATES.insert([rate]))
            return answer

        with translated():
            try:
                given = await change_once(self._pool, work, key)
            except UniqueViolationError as error:
                raise _named(error, rate) from error
            except asyncpg.ForeignKeyViolationError as error:
                raise CategoryNotFound(
                    "category_id: no such category", field="category_id"
                ) from error
        self._changed()
        return given

    async def get(self, rate_id: str) -> TaxRate:
        with translated():
            row = await self._pool.fetchrow(_GET, rate_id)
        if row is None:
            raise _not_found()
        return _rate(row)

    async def list(self, filters: TaxRateFilters, query: PageQuery) -> Page[TaxRate]:
        where = Where.of(
            equal={"country_code": filters.country_code, "category_id": filters.category_id}
        )
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([_rate(row) for row in page.rows])

    async def update(self, rate_id: str, change: Callable[[TaxRate], TaxRate]) -> TaxRate:
        async def work(unit: UnitOfWork) -> TaxRate:
            before = await _locked(unit, rate_id)
            after = change(before)
            if after != before:
                unit.write(_RATES.update([after]))
            return after

        rate = await transaction(self._pool, work, completes_call=True)
        self._changed()
        return rate

    async def delete(self, rate_id: str, check: Callable[[TaxRate], None]) -> None:
        async def work(unit: UnitOfWork) -> None:
            check(await _locked(unit, rate_id))
            unit.write(Write(_DELETE, (rate_id,)))

        await transaction(self._pool, work, completes_call=True)
        self._changed()

    async def all(self) -> Sequence[TaxRate]:
        with translated():
            return [_rate(row) for row in await self._pool.fetch(_ALL)]


async def _locked(unit: UnitOfWork, rate_id: str) -> TaxRate:
    found = await unit.lock(_RATES, _LOCK, rate_id)
    if not found:
        raise _not_found()
    return _rate(found[0])


def _not_found() -> TaxRateNotFound:
    return TaxRateNotFound("no such tax rate")


def _named(error: UniqueViolationError, rate: TaxRate) -> Exception:
    if error.constraint_name != "tax_rates_are_one":
        return error
    if rate.category_id:
        said = "category_id: the category has a tax rate in that country"
        return TaxRateExists(said, field="category_id")
    return TaxRateExists("country_code: the country has a tax rate", field="country_code")


def _rate(row: Record) -> TaxRate:
    return TaxRate(
        id=str(row["id"]),
        country_code=row["country_code"],
        category_id=str(row["category_id"]) if row["category_id"] else None,
        name=row["name"],
        rate=row["rate"],
        included=row["included"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )
