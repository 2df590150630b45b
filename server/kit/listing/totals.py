"""How many rows a list has in all.

Counting stops at `EXACT_TOTAL_MAX` rows, and beyond that the planner's estimate is the answer. Of a
filter that a million rows of two million matched, an exact count took 100 ms, the bounded one 0.8,
and the estimate 0.1 (PostgreSQL 18 on two cores of an AMD EPYC, November 2026). That is still
three times a page, so an estimate is given again for a while: some seconds make it no worse.
"""

import time
from collections.abc import Callable

import msgspec

from server.kit.listing.paging import EXACT_TOTAL_MAX, Total
from server.kit.listing.statements import Where
from server.kit.postgres import Pool

KEEP_SECONDS = 10.0  # as the contract says of `total`
_KEEP_MAX = 1_000  # different filters
_INT32_MAX = 2**31 - 1  # what the contract's `total` can hold

_Asked = tuple[str, str]


class Totals:
    """The totals of the lists of one table."""

    def __init__(self, pool: Pool, table: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._table = table
        self._clock = clock
        self._estimates: dict[_Asked, tuple[Total, float]] = {}  # until when; oldest first

    async def of(self, where: Where) -> Total:
        """How many rows match: exactly, when they are few."""
        asked = (str(where), repr(where.arguments))
        known = self._estimates.get(asked)
        if known is not None and self._clock() < known[1]:
            return known[0]
        total = await self._counted(where)
        if total.is_estimate:
            self._keep(asked, total)
        return total

    def _keep(self, asked: _Asked, total: Total) -> None:
        self._estimates.pop(asked, None)
        if len(self._estimates) >= _KEEP_MAX:
            del self._estimates[next(iter(self._estimates))]
        self._estimates[asked] = (total, self._clock() + KEEP_SECONDS)

    # The statements are put together from what is ours, see `statements.py`. So S608 is off.

    async def _counted(self, where: Where) -> Total:
        if where.parts:
            return await self._counted_apart(where)
        counted = await self._pool.fetchval(
            f"SELECT count(*) FROM (SELECT 1 FROM {self._table} {where}"
            f" LIMIT {EXACT_TOTAL_MAX + 1}) AS counted",
            *where.arguments,
        )
        if counted <= EXACT_TOTAL_MAX:
            return Total(counted, is_estimate=False)
        return await self._estimated(where, counted)

    async def _counted_apart(self, where: Where) -> Total:
        """As many rows as match among few, or else what the planner thinks."""
        for part in where.parts:
            few = f"SELECT * FROM {self._table} {part.where} LIMIT {EXACT_TOTAL_MAX + 1}"
            all_of_it = await self._pool.fetchval(
                f"SELECT count(*) FROM ({few}) AS few", *part.where.arguments
            )
            if all_of_it <= EXACT_TOTAL_MAX:
                arguments = part.where.arguments
                counted = await self._pool.fetchval(
                    f"SELECT count(*) FROM ({few}) AS few {where.behind(len(arguments))}",
                    *arguments,
                    *where.arguments,
                )
                return Total(counted, is_estimate=False)
        return await self._estimated(where, 0)

    async def _estimated(self, where: Where, counted: int) -> Total:
        plan = await self._pool.fetchval(
            f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {self._table} {where}",
            *where.arguments,
        )
        estimate = int(msgspec.json.decode(plan)[0]["Plan"]["Plan Rows"])
        return Total(min(max(estimate, counted), _INT32_MAX), is_estimate=True)
