"""A shop under load: staff who place orders, buyers who never pause, and books to compare."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import httpx

from tests.e2e.conftest import Rest, error_of

DAY = "2020-02-20"
DAY_AFTER = "2020-02-21"
PRICE = Decimal("1.25")
BUYERS = 8
LOAD_TIMEOUT_SECONDS = 90.0


class Shop:
    """Staff who place historical orders on `DAY`, and compare the books with the report."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    async def place(self) -> httpx.Response:
        """Orders one lantern."""
        item = {"product_name": "Lantern", "unit_price": str(PRICE), "quantity": 1}
        body = {"items": [item], "order_date": f"{DAY}T10:00:00Z"}
        return await self.rest(
            "POST", "/orders", body, headers={"idempotency-key": str(uuid.uuid4())}
        )

    async def report(self) -> httpx.Response:
        """The sales of `DAY`."""
        return await self.rest("GET", f"/reports/sales?from={DAY}&to={DAY}")

    async def accepts_orders(self) -> bool:
        """Whether an order just placed was taken."""
        return (await self.place()).status_code == 201

    async def orders_kept(self) -> int:
        """How many orders of `DAY` the order service holds."""
        answer = await self.rest(
            "GET", f"/orders?placed_after={DAY}&placed_before={DAY_AFTER}&per_page=1"
        )
        assert answer.status_code == 200, answer.text
        total: int = answer.json()["meta"]["total"]
        return total

    async def report_agrees(self) -> bool:
        """Whether the report has counted every order once, to the penny."""
        answer = await self.report()
        if answer.status_code != 200:
            return False
        total = answer.json()["data"]["total"]
        kept = await self.orders_kept()
        return (total["orders"], Decimal(total["gross"])) == (kept, kept * PRICE)


def worth_trying_again(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which must say that something is away or too slow."""
    code = error_of(answer, answer.status_code)["code"]
    refusal = (answer.status_code, code)
    assert refusal in {(503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED")}, answer.text
    return refusal


class Load:
    """What became of the orders of buyers who order without a pause."""

    def __init__(self, shop: Shop) -> None:
        self.accepted = 0
        self.refused = 0
        self.refusals: set[tuple[int, str]] = set()  # status and code
        self.slowest_seconds = 0.0
        self.is_over = False
        self._shop = shop
        self._news = asyncio.Condition()

    async def keep_ordering(self) -> None:
        """One buyer, until the load is over. A refusal must say that it is worth trying again."""
        while not self.is_over:
            began = time.monotonic()
            answer = await self._shop.place()
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
            if answer.status_code != 201:
                self.refusals.add(worth_trying_again(answer))
            async with self._news:
                self.accepted += answer.status_code == 201
                self.refused += answer.status_code != 201
                self._news.notify_all()

    async def until_accepted(self, more: int) -> None:
        """Waits until so many more orders than now have been taken."""
        count = self.accepted + more
        async with asyncio.timeout(LOAD_TIMEOUT_SECONDS), self._news:
            await self._news.wait_for(lambda: self.accepted >= count)

    async def until_refused(self, more: int) -> None:
        """Waits until so many more orders than now have been refused."""
        count = self.refused + more
        async with asyncio.timeout(LOAD_TIMEOUT_SECONDS), self._news:
            await self._news.wait_for(lambda: self.refused >= count)


@asynccontextmanager
async def under_load(shop: Shop) -> AsyncIterator[Load]:
    """Buyers order while the block runs, begun before it and answered after it.

    What was accepted must have been kept. An answer that was lost with its connection may stand for
    an order that was kept too, so there may be more orders than answers.
    """
    kept = await shop.orders_kept()
    load = Load(shop)
    async with asyncio.TaskGroup() as buyers:
        for _ in range(BUYERS):
            buyers.create_task(load.keep_ordering())
        await load.until_accepted(BUYERS)
        yield load
        load.is_over = True
    kept = await shop.orders_kept() - kept
    assert load.accepted <= kept <= load.accepted + load.refused
