"""Whether the reports count what was ordered."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from typing import Any

from server.analytics.sales.rules import Figures, OrderEvent, SalesKey, State
from server.analytics.sales.store.verifying import MongoSalesFacts
from server.kit import currencies
from server.ops.verify.report import BETWEEN_LOOKS_SECONDS, Drift, Mend, Report
from server.order.orders.rules import Status
from server.order.orders.store.facts import OrderFact, PostgresOrderFacts

_TOGETHER = 100  # looked at again at once

_DESTINATION = "analytics"
_STATES = {Status.CANCELLED: State.CANCELLED, Status.REFUNDED: State.REFUNDED}


class Sales:
    """Compares PostgreSQL's orders with analytics' MongoDB, and writes the `report`."""

    def __init__(
        self, orders: PostgresOrderFacts, sales: MongoSalesFacts, report: Report, looks_max: int
    ) -> None:
        self._orders = orders
        self._sales = sales
        self._looks_max = looks_max
        self._counted: dict[SalesKey, Figures] = {}  # as many as there are days and currencies
        self.report = report

    async def compare_orders(self) -> None:
        """All orders, each by what the reports count of it."""
        suspects: list[str] = []
        async for fact, known in self._pairs():
            self.report.orders += 1
            if known:
                self._count(known)
            if drifts(fact, known):
                suspects.append(fact.id if fact else known.order_id if known else "")
            if len(suspects) == _TOGETHER:
                await self._look_again(suspects)
                suspects = []
        await self._look_again(suspects)

    async def compare_days(self) -> None:
        """The figures of each day with what its orders, as analytics knows them, add up to."""
        suspects = []
        async for key, figures in self._sales.days():
            self.report.days += 1
            if self._counted.pop(key, Figures()) != figures:
                suspects.append(key)
        suspects += [key for key, figures in self._counted.items() if figures]
        for key in suspects:  # orders may have come between the two looks; this one is of a moment
            if not await self._sales.recount(key, repair=self.report.repairs):
                day = f"{key.currency}:{key.day.isoformat()}"
                said = "are not what its orders add up to"
                self.report.drifts.append(Drift(day, "figures", said, self._mend))

    async def _pairs(self) -> AsyncIterator[tuple[OrderFact | None, OrderEvent | None]]:
        """Each order as both sides have it, by rising ids, which both keep in the same order."""
        facts, known = self._orders.orders(), self._sales.orders()
        fact, event = await anext(facts, None), await anext(known, None)
        while fact or event:
            here = uuid.UUID(fact.id) if fact else None
            there = uuid.UUID(event.order_id) if event else None
            is_first = there is None or (here is not None and here <= there)
            is_second = here is None or (there is not None and there <= here)
            yield fact if is_first else None, event if is_second else None
            if is_first:
                fact = await anext(facts, None)
            if is_second:
                event = await anext(known, None)

    def _count(self, known: OrderEvent) -> None:
        self._counted[known.key] = self._counted.get(known.key, Figures()) + known.figures

    async def _look_again(self, order_ids: Sequence[str]) -> None:
        """Keeps what still differs once nothing is on its way any more."""
        left, waiting = [*order_ids], set[str]()
        found: dict[str, list[Drift]] = {}
        for look in range(self._looks_max):
            if not left:
                break
            if look:
                await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
            # Asked first: what arrives meanwhile is on both sides then.
            waiting = await self._orders.waiting(_DESTINATION, left)
            facts, known = await self._orders.those(left), await self._sales.those(left)
            found = {each: drifts(facts.get(each), known.get(each)) for each in left}
            left = [each for each in left if found[each]]
            if look and not waiting:
                break
        self.report.waiting += len(waiting.intersection(left))
        drifted = [each for each in left if each not in waiting]
        if self.report.repairs and drifted:
            await self._repair(drifted)
        self.report.drifts += [
            drift._replace(mend=self._mend) for each in drifted for drift in found[each]
        ]

    @property
    def _mend(self) -> Mend:
        return Mend.DONE if self.report.repairs else Mend.POSSIBLE

    async def _repair(self, order_ids: Sequence[str]) -> None:
        facts, known = await self._orders.those(order_ids), await self._sales.those(order_ids)
        await self._sales.set(
            [told for each in order_ids if (told := _truth(facts.get(each), known.get(each)))]
        )


def drifts(fact: OrderFact | None, known: OrderEvent | None) -> list[Drift]:
    """What of an order analytics does not know, or knows otherwise."""
    if fact is None:
        if known is None or known.state is State.DELETED:
            return []
        return [Drift(known.order_id, "extra", "there is no such order")]
    if known is None:
        return [Drift(fact.id, "missing", "analytics does not know the order")]
    pairs: dict[str, tuple[Any, ...]] = {
        "status": (_state(fact), known.state),
        "total": _amounts("total_price", fact, known),
        "captured in reports": _amounts("captured", fact, known),
        "given back in reports": _amounts("refunded", fact, known),
        "currency": (fact.currency, known.currency),
        "order date": (fact.order_date.astimezone(UTC), known.order_date.astimezone(UTC)),
        "units": (fact.units, known.units),
    }
    return [
        Drift(fact.id, kind, f"{is_} is counted as {counted}")
        for kind, (is_, counted) in pairs.items()
        if is_ != counted
    ]


def _amounts(name: str, *sides: OrderFact | OrderEvent) -> tuple[Decimal, ...]:
    return tuple(currencies.in_full(getattr(each, name), each.currency) for each in sides)


def _state(fact: OrderFact) -> State:
    return _STATES.get(fact.status, State.PLACED)


def _truth(fact: OrderFact | None, known: OrderEvent | None) -> OrderEvent | None:
    """What analytics should know of the order."""
    if fact:
        return OrderEvent(
            id=known.id if known else str(uuid.uuid4()),
            order_id=fact.id,
            version=fact.version,
            state=_state(fact),
            user_id=fact.user_id or "",
            order_date=fact.order_date,
            total_price=fact.total_price,
            currency=fact.currency,
            units=fact.units,
            occurred_at=fact.updated_at,
            captured=fact.captured,
            refunded=fact.refunded,
        )
    return known and _deleted(known)


def _deleted(known: OrderEvent) -> OrderEvent:
    return replace(known, state=State.DELETED, version=known.version + 1)
