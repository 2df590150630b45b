"""What orders are priced by: promotions are read each time, taxes are kept for some seconds."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from server.kit.batching import Batcher
from server.kit.postgres import Pool, translated
from server.order.pricing.rules import Promotion, TaxTable, Terms
from server.order.pricing.store import Categories, TaxRateStore
from server.order.pricing.store.promotions import COLUMNS, to_promotion

TAXES_KEPT_SECONDS = 5.0

# How often each buyer has used them is asked of those alone where it matters.
_FIND = f"""
    SELECT {COLUMNS}, ARRAY(
        SELECT ROW(user_id::text, count(*)) FROM promotion_uses
        WHERE uses_max_per_person IS NOT NULL
          AND promotion_id = promotions.id AND user_id = ANY($2)
        GROUP BY user_id
    ) AS used
    FROM promotions WHERE lower(code) = ANY($1)
"""

_CALLERS_MAX = 256  # that share one read of promotions
_CODES_MAX = 1_000  # that one read asks for


class KeptTaxes:
    """All tax rates, as they were at most `TAXES_KEPT_SECONDS` ago.

    They are few, they change once in a year, and each order needs them: so it waits for them once
    in some seconds, and not for a statement each time.
    """

    def __init__(self, rates: TaxRateStore, categories: Categories) -> None:
        self._rates = rates
        self._categories = categories
        self._kept: TaxTable | None = None
        self._until = 0.0
        self._reading = asyncio.Lock()

    def forget(self) -> None:
        """Whoever asks from now on gets what is there now."""
        self._kept = None

    async def read(self) -> TaxTable:
        """The rates, with the tree of their categories."""
        if self._kept is not None and monotonic() < self._until:
            return self._kept
        async with self._reading:
            if self._kept is not None and monotonic() < self._until:
                return self._kept
            self._kept = placeholder = TaxTable()
            self._until = 0.0
            found = await self._all()
            if self._kept is placeholder:  # nothing has been changed since it was read
                self._kept, self._until = found, monotonic() + TAXES_KEPT_SECONDS
            return found

    async def _all(self) -> TaxTable:
        rates = await self._rates.all()
        has_categories = any(rate.category_id for rate in rates)
        tree = await self._categories.tree() if has_categories else {}
        return TaxTable({(rate.country_code, rate.category_id): rate for rate in rates}, tree)


_Found = tuple[Mapping[str, Promotion], Mapping[str, int]]


class _Asked(NamedTuple):
    codes: Sequence[str]  # in lower case
    buyer_id: str


class PostgresTerms:
    """A `TermsStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool, taxes: KeptTaxes) -> None:
        self._pool = pool
        self._taxes = taxes
        self._promotions = Batcher(
            self._read_promotions, _CALLERS_MAX, lambda asked: len(asked.codes), _CODES_MAX
        )

    async def read(
        self, codes: Sequence[str], buyer_id: str, now: datetime, *, taxed: bool
    ) -> Terms:
        taxes = await self._taxes.read() if taxed else TaxTable()
        if not codes:
            return Terms(now, taxes=taxes)
        asked = _Asked([code.lower() for code in codes], buyer_id)
        promotions, used = await self._promotions.do(asked)
        return Terms(at=now, promotions=promotions, used=used, taxes=taxes)

    async def _read_promotions(self, asked: Sequence[_Asked]) -> Sequence[_Found]:
        codes = {code for each in asked for code in each.codes}
        with translated():
            rows = await self._pool.fetch(_FIND, codes, {each.buyer_id for each in asked})
        promotions = {each.code.lower(): each for each in map(to_promotion, rows)}
        used: dict[str, dict[str, int]] = {}
        for row in rows:
            for buyer_id, count in row["used"]:
                used.setdefault(buyer_id, {})[str(row["id"])] = count
        return [(promotions, used.get(each.buyer_id, {})) for each in asked]
