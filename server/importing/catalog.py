"""Sends a file's products through the services' own API, or says what that would change.

Each row is compared with what is there by then, so an import that was interrupted goes on when it
is run again, and repeating one that is whole changes nothing.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import uuid4

from emporium import (
    Emporium,
    EmporiumError,
    PermissionDenied,
    Product,
    Unauthenticated,
)
from server.importing.products import (
    Known,
    Reason,
    Refused,
    Tally,
    Wanted,
    changes,
    missing,
)
from server.importing.retries import retried

_TOGETHER = 1_000
_NEW = "new: "  # what stands for the id of a category that a dry run does not make


class Catalog:
    """The catalogue of a running shop, where `shop` is signed in as staff."""

    def __init__(
        self,
        shop: Emporium,
        currency: str,
        concurrency: int,
        refused: Callable[[Refused], None],
        *,
        dry_run: bool,
    ) -> None:
        self._shop = shop
        self._currency = currency
        self._concurrency = concurrency
        self._refused = refused
        self._dry_run = dry_run
        self._categories: dict[tuple[str, str], str] = {}  # by parent's id and name
        self._making = asyncio.Lock()
        self.tally = Tally()

    async def send(self, rows: Iterator[Wanted | Refused]) -> Tally:
        """What has become of all `rows`, of which so many are in memory at a time.

        Raises `RetriesExhausted` when a service stays away, and `PermissionDenied`.
        """
        async for category in self._shop.categories.list(per_page=100):
            self._categories[category.parent_id, category.name.lower()] = category.id
        while some := list(islice(rows, _TOGETHER)):
            await self._each(iter(some))
        return self.tally

    async def _each(self, rows: Iterator[Wanted | Refused]) -> None:
        async def sender() -> None:
            for row in rows:
                await self._row(row)

        try:
            async with asyncio.TaskGroup() as senders:
                for _ in range(self._concurrency):
                    senders.create_task(sender())
        except ExceptionGroup as group:
            # All senders fail for the same reason, so the first error stands for all.
            raise group.exceptions[0] from None

    async def _row(self, row: Wanted | Refused) -> None:
        if isinstance(row, Refused):
            self._refuse(row)
            return
        try:
            await self._product(row)
        except (PermissionDenied, Unauthenticated):
            raise
        except EmporiumError as error:
            said = "; ".join(": ".join(filter(None, each)) for each in error.violations)
            self._refuse(Refused(row.line, Reason.REFUSED, said or str(error), row.cells))

    async def _product(self, row: Wanted) -> None:
        page = await retried(self._shop.products.list(sku=row.sku).first_page)
        there = page.items[0] if page.items else None
        if there is None and (lacking := missing(row)):
            self._refuse(lacking)
            return
        categories = None
        if row.categories is not None:
            categories = [await self._category(path) for path in row.categories]
        if there is None:
            there = await self._add(row, categories)
            self.tally.added += 1
        elif changed := changes(_known(there), row, categories):
            await self._change(there, changed)
            self.tally.changed += 1
            for name in changed:
                self.tally.fields[name] = self.tally.fields.get(name, 0) + 1
        else:
            self.tally.unchanged += 1
        if row.on_hand is not None:
            await self._count(there, row.on_hand)

    async def _add(self, row: Wanted, categories: Sequence[str] | None) -> Product | None:
        details: dict[str, Any] = {
            "currency": row.currency or self._currency,
            "description": row.description,
            "status": row.status,
            "weight_grams": row.weight_grams,
            "categories": categories,
        }
        if self._dry_run:
            return None
        key = str(uuid4())
        return await retried(
            lambda: self._shop.products.create(
                row.sku,
                str(row.name),
                row.unit_price or Decimal(0),
                idempotency_key=key,
                **details,
            )
        )

    async def _change(self, there: Product, changed: dict[str, Any]) -> None:
        if not self._dry_run:
            # What the file says is set, so a repeat after a lost answer does no harm.
            await retried(lambda: self._shop.products.update(there.id, **changed))

    async def _count(self, there: Product | None, on_hand: int) -> None:
        if there is None:  # in a dry run
            self.tally.adjusted += 1
            return
        stock = await retried(lambda: self._shop.stock.get(there.id))
        if stock.tracked and stock.on_hand == on_hand:
            return
        self.tally.adjusted += 1
        if self._dry_run:
            return
        delta = on_hand - stock.on_hand
        if not delta:
            await retried(lambda: self._shop.stock.update(there.id, tracked=True))
            return
        key = str(uuid4())
        await retried(
            lambda: self._shop.stock.adjust(there.id, delta, "counted", idempotency_key=key)
        )

    async def _category(self, path: Sequence[str]) -> str:
        """The category of that path, which is made where it is not there."""
        parent = ""
        for name in path:
            async with self._making:
                known = self._categories.get((parent, name.lower()))
                if known is None:
                    known = await self._make(name, parent)
                    self._categories[parent, name.lower()] = known
                    self.tally.categories += 1
            parent = known
        return parent

    async def _make(self, name: str, parent: str) -> str:
        if self._dry_run:
            return f"{_NEW}{parent}/{name}"
        key = str(uuid4())
        made = await retried(
            lambda: self._shop.categories.create(name, parent_id=parent, idempotency_key=key)
        )
        return made.id

    def _refuse(self, row: Refused) -> None:
        self.tally.refused[row.reason] = self.tally.refused.get(row.reason, 0) + 1
        self._refused(row)


def _known(product: Product) -> Known:
    return Known(
        name=product.name,
        unit_price=Decimal(product.unit_price),
        currency=product.currency,
        description=product.description,
        status=Product.Status.Name(product.status).lower(),
        weight_grams=product.weight_grams if product.HasField("weight_grams") else None,
        categories=[*product.categories],
    )
