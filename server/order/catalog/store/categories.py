"""Categories in PostgreSQL."""

from collections.abc import Callable
from dataclasses import fields

import asyncpg

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write
from server.order.catalog.rules import (
    Category,
    CategoryFilters,
    CategoryNotEmpty,
    CategoryNotFound,
    Inside,
    Tree,
    check_new,
)
from server.order.catalog.store import SORTABLE_CATEGORIES

_CATEGORIES = Table("categories", tuple(field.name for field in fields(Category)), lock_rank=5)

_LISTING = Listing("categories", _CATEGORIES.columns, SORTABLE_CATEGORIES, filtered_by="name")

_GET = f"SELECT {_CATEGORIES.columns} FROM categories WHERE id = $1"

_LOCK = f"{_GET} FOR UPDATE"

# One at a time may change the tree: each sees what the one before has left.
_TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('categories.tree', 0))"

_TREE = "SELECT id::text, parent_id::text FROM categories"

# Read after the row is locked: who puts something in has to wait for it, or has committed.
_INSIDE = """
    SELECT EXISTS (SELECT FROM categories WHERE parent_id = $1) AS categories,
           EXISTS (SELECT FROM product_categories WHERE category_id = $1) AS products
"""

_DELETE = "DELETE FROM categories WHERE id = $1"


class PostgresCategoryStore:
    """A `CategoryStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)

    async def create(self, category: Category, key: Key | None, answer: bytes) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            check_new(category, await _tree(unit))
            unit.write(_CATEGORIES.insert([category]))
            return answer

        return await change_once(self._pool, work, key)

    async def get(self, category_id: str) -> Category:
        with translated():
            row = await self._pool.fetchrow(_GET, category_id)
        if row is None:
            raise _not_found()
        return _category(row)

    async def list(self, filters: CategoryFilters, query: PageQuery) -> Page[Category]:
        where = Where.of(equal={"parent_id": filters.parent_id})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([_category(row) for row in page.rows])

    async def tree(self) -> Tree:
        with translated():
            return {row["id"]: row["parent_id"] for row in await self._pool.fetch(_TREE)}

    async def update(
        self, category_id: str, change: Callable[[Category, Tree], Category]
    ) -> Category:
        async def work(unit: UnitOfWork) -> Category:
            tree = await _tree(unit)
            before = await _locked(unit, category_id)
            after = change(before, tree)
            if after != before:
                unit.write(_CATEGORIES.update([after]))
            return after

        return await transaction(self._pool, work, completes_call=True)

    async def delete(self, category_id: str, check: Callable[[Category, Inside], None]) -> None:
        async def work(unit: UnitOfWork) -> None:
            await unit.fetch(_TAKE_TURN)
            category = await _locked(unit, category_id)
            [inside] = await unit.fetch(_INSIDE, category_id)
            check(category, Inside(inside["categories"], inside["products"]))
            unit.write(Write(_DELETE, (category_id,)))

        try:
            await transaction(self._pool, work, completes_call=True)
        except asyncpg.ForeignKeyViolationError as error:
            raise CategoryNotEmpty("something was put in meanwhile") from error


async def _tree(unit: UnitOfWork) -> Tree:
    """The whole tree, which nobody else changes until the transaction ends."""
    await unit.fetch(_TAKE_TURN)
    return {row["id"]: row["parent_id"] for row in await unit.fetch(_TREE)}


async def _locked(unit: UnitOfWork, category_id: str) -> Category:
    found = await unit.lock(_CATEGORIES, _LOCK, category_id)
    if not found:
        raise _not_found()
    return _category(found[0])


def _not_found() -> CategoryNotFound:
    return CategoryNotFound("no such category")


def _category(row: Record) -> Category:
    return Category(
        id=str(row["id"]),
        name=row["name"],
        parent_id=str(row["parent_id"]) if row["parent_id"] else None,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )
