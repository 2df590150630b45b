"""What orders are priced by: promotions are read each time, taxes are kept for some seconds."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from time import monotonic

from server.kit.postgres import Pool, translated
from server.order.pricing.rules import TaxTable, Terms
from server.order.pricing.store import Categories, TaxRateStore
from server.order.pricing.store.promotions import COLUMNS, to_promotion

TAXES_KEPT_SECONDS = 5.0

_FIND = f"""
    SELECT {COLUMNS}, (
        SELECT count(*) FROM promotion_uses
        WHERE promotion_id = promotions.id AND user_id = $2
    ) AS used
    FROM promotions WHERE lower(code) = ANY($1)
"""


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


class PostgresTerms:
    """A `TermsStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool, taxes: KeptTaxes) -> None:
        self._pool = pool
        self._taxes = taxes

    async def read(
        self, codes: Sequence[str], buyer_id: str, now: datetime, *, taxed: bool
    ) -> Terms:
        taxes = await self._taxes.read() if taxed else TaxTable()
        if not codes:
            return Terms(now, taxes=taxes)
        with translated():
            found = await self._pool.fetch(_FIND, [code.lower() for code in codes], buyer_id)
        promotions = [to_promotion(row) for row in found]
        return Terms(
            at=now,
            promotions={each.code.lower(): each for each in promotions},
            used={str(row["id"]): row["used"] for row in found},
            taxes=taxes,
        )
