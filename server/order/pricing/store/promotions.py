"""Promotions in PostgreSQL. How often each is used the database counts itself, with each use."""

from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal

from server.kit import currencies
from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.outbox import Event, append
from server.kit.postgres import Pool, Record, UniqueViolationError, translated
from server.kit.postgres.idempotency import write_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write
from server.order.pricing.rules import (
    Promotion,
    PromotionCodeTaken,
    PromotionEvent,
    PromotionFilters,
    PromotionNotFound,
    Stacking,
    promotion_told,
)
from server.order.pricing.store import SORTABLE_PROMOTIONS

PROMOTIONS = Table(
    "promotions",
    tuple(field.name for field in fields(Promotion) if field.name != "uses"),
    lock_rank=35,
)
COLUMNS = f"{PROMOTIONS.columns}, uses"

_LISTING = Listing("promotions", COLUMNS, SORTABLE_PROMOTIONS, filtered_by="code")

_GET = f"SELECT {COLUMNS} FROM promotions WHERE id = $1"

_LOCK = f"{_GET} FOR UPDATE"

_DELETE = "DELETE FROM promotions WHERE id = $1"


class PostgresPromotionStore:
    """A `PromotionStore` on a pool of connections to `emporium_order`.

    `encode` puts an event into the outbox's envelope. `wake` is called after each commit that may
    have left one there.
    """

    def __init__(
        self, pool: Pool, encode: Callable[[PromotionEvent], Event], wake: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._encode = encode
        self._wake = wake
        self._totals = Totals(pool, _LISTING.table)

    async def create(self, event: PromotionEvent, key: Key | None, answer: bytes) -> bytes:
        writes = [PROMOTIONS.insert([event.promotion]), append([self._encode(event)])]
        with translated():
            try:
                given = await write_once(self._pool, writes, key, answer)
            except UniqueViolationError as error:
                raise _named(error) from error
        self._wake()
        return given

    async def get(self, promotion_id: str) -> Promotion:
        with translated():
            row = await self._pool.fetchrow(_GET, promotion_id)
        if row is None:
            raise _not_found()
        return to_promotion(row)

    async def list(self, filters: PromotionFilters, query: PageQuery) -> Page[Promotion]:
        code = filters.code.lower() if filters.code else None
        where = Where.of(("lower(code) = {}", code), equal={"active": filters.active})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([to_promotion(row) for row in page.rows])

    async def update(
        self,
        promotion_id: str,
        change: Callable[[Promotion], Promotion],
        traceparent: str | None = None,
    ) -> Promotion:
        async def work(unit: UnitOfWork) -> Promotion:
            before = await _locked(unit, promotion_id)
            after = change(before)
            if after != before:
                unit.write(PROMOTIONS.update([after]))
                unit.write(append([self._encode(promotion_told(before, after, traceparent))]))
            return after

        with translated():
            try:
                promotion = await transaction(self._pool, work, completes_call=True)
            except UniqueViolationError as error:
                raise _named(error) from error
        self._wake()
        return promotion

    async def delete(
        self, promotion_id: str, change: Callable[[Promotion], PromotionEvent]
    ) -> None:
        async def work(unit: UnitOfWork) -> None:
            event = change(await _locked(unit, promotion_id))
            unit.write(append([self._encode(event)]))
            unit.write(Write(_DELETE, (promotion_id,)))

        await transaction(self._pool, work, completes_call=True)
        self._wake()


async def _locked(unit: UnitOfWork, promotion_id: str) -> Promotion:
    found = await unit.lock(PROMOTIONS, _LOCK, promotion_id)
    if not found:
        raise _not_found()
    return to_promotion(found[0])


def _not_found() -> PromotionNotFound:
    return PromotionNotFound("no such promotion")


def _named(error: UniqueViolationError) -> Exception:
    if error.constraint_name != "promotions_code":
        return error
    return PromotionCodeTaken("code: another promotion has this code", field="code")


def to_promotion(row: Record) -> Promotion:
    """A promotion from a row with `COLUMNS`."""
    return Promotion(
        id=str(row["id"]),
        code=row["code"],
        name=row["name"],
        percentage=row["percentage"],
        amount=_in_full(row["amount"], row["currency"]),
        currency=row["currency"],
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        min_subtotal=_in_full(row["min_subtotal"], row["currency"]),
        uses_max=row["uses_max"],
        uses_max_per_person=row["uses_max_per_person"],
        stacking=Stacking(row["stacking"]),
        active=row["active"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        uses=row["uses"],
    )


def _in_full(amount: Decimal | None, currency: str | None) -> Decimal | None:
    """As it was written: the column has more decimals than the currency."""
    return None if amount is None else currencies.in_full(amount, currency or "")
